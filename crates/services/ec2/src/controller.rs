//! Makes the VPCs true: tells the edge which there are, writes the rules of each, records what is in force.
//!
//! The edge takes its VPCs as one list, so there is one key for all of them. Wakes that come while it works become
//! one more round, so that a thousand interfaces made at once cost a few rounds and not a thousand.
//!
//! It holds each VPC's namespace open. Should the edge die, the namespaces and the tasks in them live on, and the next
//! edge is told where to find them.

use std::{collections::BTreeMap, path::PathBuf};

use edge::{Client, ClientError, protocol::Held};
use names::Scope;
use network::{egress::Reach, security::Policy};
use reconcile::{Controller, Next};
use store::{Change, Key, Row, Store};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::{
    plan::Asked,
    rows::{InternetGateway, NetworkInterface, RouteTable, SecurityGroup, Subnet, Vpc, VpcObserved},
};

/// Why the VPCs are not as they were asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The edge is not there, or does not answer.
    #[error(transparent)]
    Edge(#[from] ClientError),
    /// The kernel refused.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The namespace at the path that the edge told is another one; the edge was replaced meanwhile.
    #[error("the namespace of {0} is not the one that the edge holds")]
    Moved(String),
    /// Some VPCs are not as they should be; the others are.
    #[error("not all VPCs are as they were asked: {}", .0.join("; "))]
    Incomplete(Vec<String>),
}

/// The controller.
pub(crate) struct Vpcs {
    store: Store,
    edge: Client,
    reach: Reach,
    kept: Mutex<BTreeMap<String, Kept>>,
}

/// A VPC's namespace, held open.
struct Kept {
    vpc: network::Vpc,
    /// The rules last written into it. Nobody else writes there, so what was written is what is.
    written: Option<Policy>,
}

impl Vpcs {
    pub(crate) fn new(store: Store, edge: Client, reach: Reach) -> Self {
        Self { store, edge, reach, kept: Mutex::default() }
    }

    fn asked(&self) -> Result<Asked, store::Error> {
        Ok(Asked {
            vpcs: self.store.list_all()?.into_iter().collect(),
            subnets: self.store.list_all()?.into_iter().collect(),
            groups: self.store.list_all()?.into_iter().collect(),
            interfaces: self.store.list_all()?.into_iter().collect(),
            tables: self.store.list_all()?.into_iter().collect(),
            gateways: self.store.list_all()?.into_iter().collect(),
            reach: self.reach,
        })
    }

    /// Makes the VPCs true that can be; the others are named in the error.
    async fn settle(&self) -> Result<(), Error> {
        let asked = self.asked()?;
        let mut kept = self.kept.lock().await;
        kept.retain(|id, _| asked.vpcs.keys().any(|key| key.name == *id));
        let paths: BTreeMap<String, PathBuf> =
            kept.iter().map(|(id, kept)| (id.clone(), kept.vpc.namespace().path())).collect();
        let failed = self.edge.vpcs(asked.vpcs(&paths)).await?;
        let held = self.edge.hello().await?.vpcs;
        let mut failures: Vec<String> = failed.iter().map(|item| format!("{}: {}", item.item, item.error)).collect();
        for key in asked.vpcs.keys().filter(|key| !failed.iter().any(|item| item.item == key.name)) {
            let result = match held.get(&key.name) {
                Some(held) => self.enforce(&asked, key, held, &mut kept).await,
                None => Err(Error::Moved(key.name.clone())),
            };
            if let Err(error) = result {
                warn!(vpc = key.name, %error, "Security groups are not in force.");
                failures.push(format!("{}: {error}", key.name));
            }
        }
        self.forget(&asked)?;
        if failures.is_empty() { Ok(()) } else { Err(Error::Incomplete(failures)) }
    }

    /// Writes the rules of the VPC at `key` and records what is in force now.
    async fn enforce(
        &self,
        asked: &Asked,
        key: &Key,
        held: &Held,
        kept: &mut BTreeMap<String, Kept>,
    ) -> Result<(), Error> {
        let known = kept.get(&key.name).is_some_and(|kept| kept.vpc.namespace().identity().inode == held.inode);
        if !known {
            let vpc = network::Vpc::open(&held.namespace)?;
            if vpc.namespace().identity().inode != held.inode {
                return Err(Error::Moved(key.name.clone()));
            }
            info!(vpc = key.name, namespace = %vpc.namespace().identity(), "VPC has a namespace.");
            kept.insert(key.name.clone(), Kept { vpc, written: None });
        }
        let kept = kept.get_mut(&key.name).expect("it was known or has just been put there");
        let policy = asked.policy(key);
        if kept.written.as_ref() != Some(&policy) {
            kept.written = None;
            kept.vpc.secure(&policy).await?;
            kept.written = Some(policy);
        }
        let observed =
            VpcObserved { namespace: held.namespace.clone(), inode: held.inode, interfaces: asked.interface_ids(key) };
        Ok(self.store.write(|tx| tx.put(key, &observed))?)
    }

    /// Drops what was seen of VPCs that are no more.
    fn forget(&self, asked: &Asked) -> Result<(), store::Error> {
        for (key, _) in self.store.list_all::<VpcObserved>()? {
            if !asked.vpcs.contains_key(&key) {
                self.store.write(|tx| tx.delete::<VpcObserved>(&key))?;
            }
        }
        Ok(())
    }
}

/// The one key.
fn everything() -> Key {
    Key::new(&Scope::default(), "vpcs")
}

impl Controller for Vpcs {
    type Error = Error;

    const NAME: &'static str = "ec2/vpc";

    fn watches(&self) -> &'static [&'static str] {
        &[
            Vpc::KIND,
            Subnet::KIND,
            RouteTable::KIND,
            InternetGateway::KIND,
            SecurityGroup::KIND,
            NetworkInterface::KIND,
            "serin/edge",
        ]
    }

    fn keys_of(&self, _: &Change) -> Vec<Key> {
        vec![everything()]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![everything()])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        self.settle().await.map(|()| Next::Settled)
    }
}
