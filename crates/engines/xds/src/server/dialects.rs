//! The two dialects' messages, read into and written from what a session speaks.

use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource as Versioned,
};

use crate::{
    Kind, Node, Resource,
    session::{Interest, Push, Request},
};

/// A request on the wire.
pub(super) trait Heard: Send + 'static {
    /// Who sends it, if it says so.
    fn node(&self) -> Option<Node>;

    /// What it says; of a kind that we have nothing of, the type URL to answer with an empty response, if one is due.
    fn read(self) -> Result<Request, Option<String>>;
}

/// A response on the wire.
pub(super) trait Spoken: Send + 'static {
    /// The message of `push`.
    fn of(push: Push) -> Self;

    /// The message that there is nothing of the kind `url`.
    fn empty(url: String) -> Self;
}

/// The kind of `url`; else the empty answer that is due to a first request for it. One that answers that is not
/// answered again, or the two would never end.
fn kind_of(url: String, nonce: &str) -> Result<Kind, Option<String>> {
    Kind::of_url(&url).ok_or_else(|| nonce.is_empty().then_some(url))
}

impl Heard for DiscoveryRequest {
    fn node(&self) -> Option<Node> {
        self.node.clone().map(Node::from)
    }

    fn read(self) -> Result<Request, Option<String>> {
        let kind = kind_of(self.type_url, &self.response_nonce)?;
        let names = self.resource_names.into_iter().collect();
        Ok(Request {
            kind,
            nonce: self.response_nonce,
            error: self.error_detail.map(|status| status.message),
            interest: Interest::World { names, version: self.version_info },
        })
    }
}

impl Heard for DeltaDiscoveryRequest {
    fn node(&self) -> Option<Node> {
        self.node.clone().map(Node::from)
    }

    fn read(self) -> Result<Request, Option<String>> {
        let kind = kind_of(self.type_url, &self.response_nonce)?;
        Ok(Request {
            kind,
            nonce: self.response_nonce,
            error: self.error_detail.map(|status| status.message),
            interest: Interest::Delta {
                more: self.resource_names_subscribe,
                less: self.resource_names_unsubscribe,
                known: self.initial_resource_versions.into_iter().collect(),
            },
        })
    }
}

impl Spoken for DiscoveryResponse {
    fn of(push: Push) -> Self {
        Self {
            version_info: push.version,
            resources: push.resources.iter().map(|resource| resource.body().clone()).collect(),
            type_url: push.kind.url().to_owned(),
            nonce: push.nonce,
            ..Self::default()
        }
    }

    fn empty(url: String) -> Self {
        Self { type_url: url, version_info: NOTHING.to_owned(), nonce: NOTHING.to_owned(), ..Self::default() }
    }
}

impl Spoken for DeltaDiscoveryResponse {
    fn of(push: Push) -> Self {
        Self {
            system_version_info: push.version,
            resources: push.resources.iter().map(versioned).collect(),
            type_url: push.kind.url().to_owned(),
            removed_resources: push.removed,
            nonce: push.nonce,
            ..Self::default()
        }
    }

    fn empty(url: String) -> Self {
        Self { type_url: url, system_version_info: NOTHING.to_owned(), nonce: NOTHING.to_owned(), ..Self::default() }
    }
}

/// The version and nonce of an answer that there is nothing.
const NOTHING: &str = "nothing";

fn versioned(resource: &Arc<Resource>) -> Versioned {
    Versioned {
        name: resource.name().to_owned(),
        version: resource.version().to_owned(),
        resource: Some(resource.body().clone()),
        ..Versioned::default()
    }
}
