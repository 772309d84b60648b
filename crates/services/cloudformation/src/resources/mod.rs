//! Resource types: from properties to calls of the service that owns the resource.
//!
//! One file a service. A type is a table ([`Kind`]) and five functions ([`Resource`]): make a thing, find one that an
//! earlier try may have made, bring one to what is asked, take it away, and say whether it is ready. The functions are
//! called by the ledger, which has written down what it is about to do before it calls; so each of them may be called
//! again after a crash, and must then find what it did the first time instead of doing it twice.

mod acm;
mod acmpca;
mod appmesh;
mod call;
mod canary;
mod cloudwatch;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod iam;
mod kind;
mod logs;
mod read;
mod security_group;
mod servicediscovery;
mod xray;

pub use call::{Call, Failure, Judged, Made, Settled};
pub use kind::{Kind, Property, property};

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use serde_json::{Map, Value};

/// A resource type.
pub trait Resource: 'static {
    /// Its table.
    const KIND: Kind;

    /// Whether a new thing needs [`Self::update`] before it is all that was asked.
    const COMPLETED_BY_UPDATE: bool = false;

    /// How long a thing with these properties may take to become ready or to go away.
    fn patience(_properties: &Map<String, Value>) -> Duration {
        Self::KIND.patience
    }

    /// Makes a thing.
    fn create(call: &Call<'_>) -> impl Future<Output = Result<Made, Failure>> + Send;

    /// Finds the thing if [`Self::create`] has made it already, by its name or by its tags.
    fn find(call: &Call<'_>) -> impl Future<Output = Result<Option<Made>, Failure>> + Send;

    /// Brings the thing to what is asked, whatever it is now.
    fn update(call: &Call<'_>) -> impl Future<Output = Result<Made, Failure>> + Send;

    /// Takes the thing away; one that is gone already is taken away well.
    fn delete(call: &Call<'_>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Says whether the thing, made or updated, is ready.
    fn settle(call: &Call<'_>) -> impl Future<Output = Result<Settled, Failure>> + Send {
        let made = Made { id: call.thing.physical_id.clone(), attributes: call.thing.attributes.clone() };
        std::future::ready(Ok(Settled::Ready(made)))
    }

    /// Says what is still there of a thing that was taken away; `None` if nothing.
    fn remains(call: &Call<'_>) -> impl Future<Output = Result<Option<String>, Failure>> + Send {
        let _ = call;
        std::future::ready(Ok(None))
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A resource type, erased.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its table.
    pub kind: &'static Kind,
    /// Whether a new thing needs an update before it is all that was asked.
    pub completed_by_update: bool,
    /// [`Resource::patience`].
    pub patience: fn(&Map<String, Value>) -> Duration,
    /// [`Resource::create`].
    pub create: for<'a> fn(&'a Call<'a>) -> Answer<'a, Made>,
    /// [`Resource::find`].
    pub find: for<'a> fn(&'a Call<'a>) -> Answer<'a, Option<Made>>,
    /// [`Resource::update`].
    pub update: for<'a> fn(&'a Call<'a>) -> Answer<'a, Made>,
    /// [`Resource::delete`].
    pub delete: for<'a> fn(&'a Call<'a>) -> Answer<'a, ()>,
    /// [`Resource::settle`].
    pub settle: for<'a> fn(&'a Call<'a>) -> Answer<'a, Settled>,
    /// [`Resource::remains`].
    pub remains: for<'a> fn(&'a Call<'a>) -> Answer<'a, Option<String>>,
}

impl Entry {
    /// The row of `R` in the table of types.
    pub const fn of<R: Resource>() -> Self {
        Self {
            kind: &R::KIND,
            completed_by_update: R::COMPLETED_BY_UPDATE,
            patience: R::patience,
            create: |call| Box::pin(R::create(call)),
            find: |call| Box::pin(R::find(call)),
            update: |call| Box::pin(R::update(call)),
            delete: |call| Box::pin(R::delete(call)),
            settle: |call| Box::pin(R::settle(call)),
            remains: |call| Box::pin(R::remains(call)),
        }
    }

    /// Refuses properties that the type does not have and misses those that it needs.
    pub fn check(&self, properties: &Map<String, Value>) -> Result<(), Failure> {
        if let Some(name) = properties.keys().find(|name| self.kind.property(name).is_none()) {
            return Err(Failure::Wrong(format!("Encountered unsupported property {name}")));
        }
        let missing =
            self.kind.properties.iter().find(|property| property.required && !properties.contains_key(property.name));
        match missing {
            Some(property) => Err(Failure::Wrong(format!("Property {} cannot be empty.", property.name))),
            None => Ok(()),
        }
    }
}

/// The table of types.
#[derive(Clone)]
pub struct Catalogue(Arc<Vec<Entry>>);

impl Catalogue {
    /// A table of `entries`.
    pub fn new(entries: Vec<Entry>) -> Self {
        Self(Arc::new(entries))
    }

    /// The type called `name`.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.kind.name == name)
    }

    /// The table of the type called `name`.
    pub fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.get(name).map(|entry| entry.kind)
    }

    /// Every type.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }
}

/// The types of the house.
pub fn catalogue() -> Catalogue {
    Catalogue::new(vec![
        Entry::of::<acm::Certificate>(),
        Entry::of::<acmpca::Certificate>(),
        Entry::of::<acmpca::CertificateAuthority>(),
        Entry::of::<acmpca::CertificateAuthorityActivation>(),
        Entry::of::<acmpca::Permission>(),
        Entry::of::<appmesh::GatewayRoute>(),
        Entry::of::<appmesh::Mesh>(),
        Entry::of::<appmesh::Route>(),
        Entry::of::<appmesh::VirtualGateway>(),
        Entry::of::<appmesh::VirtualNode>(),
        Entry::of::<appmesh::VirtualRouter>(),
        Entry::of::<appmesh::VirtualService>(),
        Entry::of::<cloudwatch::Alarm>(),
        Entry::of::<ec2::GatewayAttachment>(),
        Entry::of::<ec2::InternetGateway>(),
        Entry::of::<ec2::Route>(),
        Entry::of::<ec2::RouteTable>(),
        Entry::of::<ec2::RouteTableAssociation>(),
        Entry::of::<ec2::Subnet>(),
        Entry::of::<ec2::Vpc>(),
        Entry::of::<ecr::Repository>(),
        Entry::of::<ecs::Cluster>(),
        Entry::of::<ecs::Service>(),
        Entry::of::<ecs::TaskDefinition>(),
        Entry::of::<elbv2::Listener>(),
        Entry::of::<elbv2::ListenerCertificate>(),
        Entry::of::<elbv2::ListenerRule>(),
        Entry::of::<elbv2::LoadBalancer>(),
        Entry::of::<elbv2::TargetGroup>(),
        Entry::of::<iam::Role>(),
        Entry::of::<logs::LogGroup>(),
        Entry::of::<security_group::SecurityGroup>(),
        Entry::of::<security_group::SecurityGroupIngress>(),
        Entry::of::<servicediscovery::PrivateDnsNamespace>(),
        Entry::of::<servicediscovery::Service>(),
        Entry::of::<xray::Group>(),
        Entry::of::<xray::SamplingRule>(),
    ])
}
