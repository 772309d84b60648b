//! The two dialects' messages on the wire, of *xds/service/discovery/v3/discovery.proto*.
//!
//! They are spelt here and not taken from the generated types for the sake of what is costly when thousands speak: a
//! request's node, which Envoy may send every time and which names each extension it was built with, is left undecoded
//! until it is needed, and a response is written from bytes that all streams share.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{BufMut, Bytes};
use envoy_types::pb::{envoy::config::core::v3 as core, google::rpc};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};
use tonic::Status;

use crate::{
    Kind, Node, Resource,
    session::{Dialect, Interest, Push, Request},
};

/// `DiscoveryRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WorldRequest {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    node: Option<Bytes>,
    #[prost(string, repeated, tag = "3")]
    resource_names: Vec<String>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    response_nonce: String,
    #[prost(message, optional, tag = "6")]
    error_detail: Option<rpc::Status>,
    #[prost(bytes = "bytes", repeated, tag = "7")]
    resource_locators: Vec<Bytes>,
}

/// `DeltaDiscoveryRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeltaRequest {
    #[prost(bytes = "bytes", optional, tag = "1")]
    node: Option<Bytes>,
    #[prost(string, tag = "2")]
    type_url: String,
    #[prost(string, repeated, tag = "3")]
    resource_names_subscribe: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    resource_names_unsubscribe: Vec<String>,
    #[prost(btree_map = "string, string", tag = "5")]
    initial_resource_versions: BTreeMap<String, String>,
    #[prost(string, tag = "6")]
    response_nonce: String,
    #[prost(message, optional, tag = "7")]
    error_detail: Option<rpc::Status>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    resource_locators: Vec<Bytes>,
}

/// What a request means.
pub(super) enum Heard {
    /// Something for the session.
    Request(Request),
    /// It asks for a kind that we have nothing of, and is to be told so once.
    Foreign(String),
    /// Nothing is to be done: it answers that we have nothing.
    Nothing,
}

/// A request of one of the dialects.
pub(super) trait Incoming: Message + Default + Send + 'static {
    /// Which one.
    const DIALECT: Dialect;

    /// Who sends it, if it says so.
    fn sender(&self) -> Result<Option<Node>, Status>;

    /// What it means.
    fn read(self) -> Result<Heard, Status>;
}

impl Incoming for WorldRequest {
    const DIALECT: Dialect = Dialect::World;

    fn sender(&self) -> Result<Option<Node>, Status> {
        node(self.node.as_ref())
    }

    fn read(self) -> Result<Heard, Status> {
        refuse_locators(&self.resource_locators)?;
        let Some(kind) = Kind::of_url(&self.type_url) else { return Ok(foreign(self.type_url, &self.response_nonce)) };
        let names = self.resource_names.into_iter().collect();
        Ok(Heard::Request(Request {
            kind,
            nonce: self.response_nonce,
            error: self.error_detail.map(|status| status.message),
            interest: Interest::World { names, version: self.version_info },
        }))
    }
}

impl Incoming for DeltaRequest {
    const DIALECT: Dialect = Dialect::Delta;

    fn sender(&self) -> Result<Option<Node>, Status> {
        node(self.node.as_ref())
    }

    fn read(self) -> Result<Heard, Status> {
        refuse_locators(&self.resource_locators)?;
        let Some(kind) = Kind::of_url(&self.type_url) else { return Ok(foreign(self.type_url, &self.response_nonce)) };
        Ok(Heard::Request(Request {
            kind,
            nonce: self.response_nonce,
            error: self.error_detail.map(|status| status.message),
            interest: Interest::Delta {
                more: self.resource_names_subscribe,
                less: self.resource_names_unsubscribe,
                known: self.initial_resource_versions,
            },
        }))
    }
}

fn node(bytes: Option<&Bytes>) -> Result<Option<Node>, Status> {
    let Some(bytes) = bytes else { return Ok(None) };
    let node = core::Node::decode(bytes.clone());
    node.map(|node| Some(node.into()))
        .map_err(|error| Status::invalid_argument(format!("the node is malformed: {error}")))
}

fn refuse_locators(locators: &[Bytes]) -> Result<(), Status> {
    if locators.is_empty() {
        return Ok(());
    }
    Err(Status::invalid_argument("resources are asked for by name here, not by resource_locators"))
}

/// An answer that there is nothing is not answered again, or the two would never end.
fn foreign(url: String, nonce: &str) -> Heard {
    if nonce.is_empty() { Heard::Foreign(url) } else { Heard::Nothing }
}

/// A response.
pub(super) enum Outgoing {
    /// Of a session.
    Push(Push),
    /// That there is nothing of the kind of this URL.
    Nothing(String),
}

/// The version and nonce of an answer that there is nothing.
const NOTHING: &str = "nothing";

impl Outgoing {
    /// Appends the message in `dialect`.
    pub(super) fn write(&self, dialect: Dialect, to: &mut impl BufMut) {
        match (self, dialect) {
            (Self::Push(push), Dialect::World) => {
                field(1, push.version.as_bytes(), to);
                push.resources.iter().for_each(|resource| field(2, resource.packed(), to));
                field(4, push.kind.url().as_bytes(), to);
                field(5, push.nonce.as_bytes(), to);
            }
            (Self::Push(push), Dialect::Delta) => {
                field(1, push.version.as_bytes(), to);
                push.resources.iter().for_each(|resource| versioned(resource, to));
                field(4, push.kind.url().as_bytes(), to);
                field(5, push.nonce.as_bytes(), to);
                push.removed.iter().for_each(|name| field(6, name.as_bytes(), to));
            }
            (Self::Nothing(url), _) => {
                field(1, NOTHING.as_bytes(), to);
                field(4, url.as_bytes(), to);
                field(5, NOTHING.as_bytes(), to);
            }
        }
    }

    /// About how many bytes the message takes.
    pub(super) fn size_hint(&self) -> usize {
        /// More than a field's key and length take, and the few strings that are always there.
        const EACH: usize = 64;
        let Self::Push(push) = self else { return 4 * EACH };
        let resources = push.resources.iter().map(|resource| resource.packed().len() + resource.name().len() + EACH);
        let removed = push.removed.iter().map(|name| name.len() + EACH);
        4 * EACH + resources.chain(removed).sum::<usize>()
    }
}

/// `Resource`, the second field of `DeltaDiscoveryResponse`.
fn versioned(resource: &Arc<Resource>, to: &mut impl BufMut) {
    let (version, packed, name) = (resource.version().as_bytes(), resource.packed(), resource.name().as_bytes());
    encode_key(2, WireType::LengthDelimited, to);
    encode_varint((field_len(1, version) + field_len(2, packed) + field_len(3, name)) as u64, to);
    field(1, version, to);
    field(2, packed, to);
    field(3, name, to);
}

/// A field of bytes, a string or a message; an empty one is still there.
fn field(tag: u32, bytes: &[u8], to: &mut impl BufMut) {
    encode_key(tag, WireType::LengthDelimited, to);
    encode_varint(bytes.len() as u64, to);
    to.put_slice(bytes);
}

fn field_len(tag: u32, bytes: &[u8]) -> usize {
    key_len(tag) + encoded_len_varint(bytes.len() as u64) + bytes.len()
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::{
        config::cluster::v3::Cluster,
        service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse},
    };

    use super::*;
    use crate::Snapshot;

    fn push() -> Push {
        let mut builder = Snapshot::builder();
        for name in ["a", "b"] {
            builder.cluster(&Cluster { name: name.to_owned(), ..Cluster::default() });
        }
        let resources = builder.build().resources(Kind::Cluster).values().cloned().collect();
        let (version, removed) = ("v".into(), vec!["gone".to_owned()]);
        Push { kind: Kind::Cluster, nonce: "7".to_owned(), version, resources, removed }
    }

    fn written(outgoing: &Outgoing, dialect: Dialect) -> Vec<u8> {
        let mut bytes = Vec::new();
        outgoing.write(dialect, &mut bytes);
        assert!(bytes.len() <= outgoing.size_hint());
        bytes
    }

    #[test]
    fn a_world_is_written_as_the_generated_type_reads_it() {
        let push = push();
        let resources: Vec<_> = push.resources.iter().map(|resource| resource.body()).collect();
        let read = DiscoveryResponse::decode(written(&Outgoing::Push(push), Dialect::World).as_slice()).unwrap();
        assert_eq!((read.version_info.as_str(), read.nonce.as_str()), ("v", "7"));
        assert_eq!((read.type_url.as_str(), read.resources), (Kind::Cluster.url(), resources));
    }

    #[test]
    fn a_difference_is_written_as_the_generated_type_reads_it() {
        let push = push();
        let first = Arc::clone(&push.resources[0]);
        let read = DeltaDiscoveryResponse::decode(written(&Outgoing::Push(push), Dialect::Delta).as_slice()).unwrap();
        assert_eq!((read.system_version_info.as_str(), read.nonce.as_str()), ("v", "7"));
        assert_eq!((read.removed_resources, read.resources.len()), (vec!["gone".to_owned()], 2));
        let resource = &read.resources[0];
        assert_eq!((resource.name.as_str(), resource.version.as_str()), (first.name(), first.version()));
        assert_eq!(resource.resource.as_ref().unwrap(), &first.body());
    }

    #[test]
    fn nothing_is_written_in_both() {
        let nothing = Outgoing::Nothing("url".to_owned());
        let world = DiscoveryResponse::decode(written(&nothing, Dialect::World).as_slice()).unwrap();
        let delta = DeltaDiscoveryResponse::decode(written(&nothing, Dialect::Delta).as_slice()).unwrap();
        assert_eq!((world.type_url.as_str(), delta.type_url.as_str()), ("url", "url"));
        assert_eq!((world.nonce, delta.nonce), (NOTHING.to_owned(), NOTHING.to_owned()));
    }

    fn a_node() -> core::Node {
        core::Node { id: "n".to_owned(), cluster: "c".to_owned(), ..core::Node::default() }
    }

    #[test]
    fn a_world_s_request_is_read_as_the_generated_type_writes_it() {
        let sent = DiscoveryRequest {
            version_info: "v".to_owned(),
            node: Some(a_node()),
            resource_names: vec!["a".to_owned()],
            type_url: Kind::Route.url().to_owned(),
            response_nonce: "7".to_owned(),
            error_detail: Some(rpc::Status { code: 3, message: "no".to_owned(), details: Vec::new() }),
            ..DiscoveryRequest::default()
        };
        let read = WorldRequest::decode(sent.encode_to_vec().as_slice()).unwrap();
        assert_eq!(read.sender().unwrap().unwrap().id, "n");
        let Ok(Heard::Request(request)) = read.read() else { panic!() };
        assert_eq!((request.kind, request.nonce.as_str(), request.error.as_deref()), (Kind::Route, "7", Some("no")));
        let Interest::World { names, version } = request.interest else { panic!() };
        assert_eq!((names.len(), version.as_str()), (1, "v"));
    }

    #[test]
    fn a_request_for_a_difference_is_read_as_the_generated_type_writes_it() {
        let sent = DeltaDiscoveryRequest {
            node: Some(a_node()),
            type_url: Kind::Route.url().to_owned(),
            resource_names_subscribe: vec!["a".to_owned()],
            resource_names_unsubscribe: vec!["b".to_owned(), "c".to_owned()],
            initial_resource_versions: [("d".to_owned(), "1".to_owned())].into(),
            response_nonce: "7".to_owned(),
            error_detail: Some(rpc::Status::default()),
            ..DeltaDiscoveryRequest::default()
        };
        let read = DeltaRequest::decode(sent.encode_to_vec().as_slice()).unwrap();
        assert_eq!(read.sender().unwrap().unwrap().cluster, "c");
        let Ok(Heard::Request(request)) = read.read() else { panic!() };
        assert_eq!((request.nonce.as_str(), request.error.as_deref()), ("7", Some("")));
        let Interest::Delta { more, less, known } = request.interest else { panic!() };
        assert_eq!((more.len(), less.len(), known["d"].as_str()), (1, 2, "1"));
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        let locators = WorldRequest { resource_locators: vec![Bytes::new()], ..WorldRequest::default() };
        assert!(locators.read().is_err_and(|status| status.message().contains("resource_locators")));
        let broken = WorldRequest { node: Some(Bytes::from_static(&[0xff])), ..WorldRequest::default() };
        assert!(broken.sender().is_err());
    }
}
