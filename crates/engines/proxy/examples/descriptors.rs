//! Cuts out of Envoy's descriptors those of the resources that the proxy understands, for `/config_dump`:
//!
//! ```text
//! cargo run -p proxy --example descriptors -- <envoy-types>/src/generated/types.bin crates/engines/proxy/src/sidecar/descriptors.bin.gz
//! ```
//!
//! `types.bin` is what the crate `envoy-types` was generated from. Comments, options, services and every message that no
//! resource refers to are left out, so that 3.4 MB become some 50 KB.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    io::Write as _,
};

use flate2::{Compression, write::GzEncoder};
use prost::Message as _;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, FileDescriptorProto, FileDescriptorSet, MessageOptions,
};

/// The resources, and what they carry as `Any`.
const ROOTS: [&str; 16] = [
    ".envoy.config.cluster.v3.Cluster",
    ".envoy.config.endpoint.v3.ClusterLoadAssignment",
    ".envoy.config.listener.v3.Listener",
    ".envoy.config.route.v3.RouteConfiguration",
    ".envoy.extensions.access_loggers.file.v3.FileAccessLog",
    ".envoy.extensions.filters.http.router.v3.Router",
    ".envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
    ".envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    ".envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    ".envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    ".envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    ".envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    ".envoy.extensions.transport_sockets.tls.v3.Secret",
    ".envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    ".envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    ".google.protobuf.Any",
];

/// Where a message or enumeration is: its file, and the names that it needs.
struct Place {
    file: String,
    needs: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return Err("usage: descriptors <types.bin> <descriptors.bin.gz>".into());
    };
    let all = FileDescriptorSet::decode(std::fs::read(from)?.as_slice())?;
    let mut places = BTreeMap::new();
    for file in &all.file {
        let scope = format!(".{}", file.package());
        for message in &file.message_type {
            place(&mut places, file.name(), &scope, message);
        }
        for one in &file.enum_type {
            place_enum(&mut places, file.name(), &scope, one);
        }
    }
    let reached = reach(&places);
    let file: Vec<FileDescriptorProto> = all.file.iter().filter_map(|file| cut_file(file, &reached, &places)).collect();
    let bytes = FileDescriptorSet { file }.encode_to_vec();
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(&bytes)?;
    let packed = gz.finish()?;
    println!("{} types, {} bytes, {} packed", reached.len(), bytes.len(), packed.len());
    std::fs::write(to, packed)?;
    Ok(())
}

fn place(places: &mut BTreeMap<String, Place>, file: &str, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    for nested in &message.nested_type {
        place(places, file, &name, nested);
    }
    for one in &message.enum_type {
        place_enum(places, file, &name, one);
    }
    let needs = message.field.iter().filter_map(|field| field.type_name.clone()).collect();
    places.insert(name, Place { file: file.to_owned(), needs });
}

fn place_enum(places: &mut BTreeMap<String, Place>, file: &str, scope: &str, one: &EnumDescriptorProto) {
    places.insert(format!("{scope}.{}", one.name()), Place { file: file.to_owned(), needs: Vec::new() });
}

/// All names that the roots lead to.
fn reach(places: &BTreeMap<String, Place>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<String> = ROOTS.iter().map(|root| (*root).to_owned()).collect();
    while let Some(name) = waiting.pop() {
        if let Some(place) = places.get(&name)
            && reached.insert(name)
        {
            waiting.extend(place.needs.iter().cloned());
        }
    }
    reached
}

fn cut_file(
    file: &FileDescriptorProto,
    reached: &BTreeSet<String>,
    places: &BTreeMap<String, Place>,
) -> Option<FileDescriptorProto> {
    let scope = format!(".{}", file.package());
    let message_type: Vec<_> = file.message_type.iter().filter_map(|one| cut(one, &scope, reached)).collect();
    let enum_type: Vec<_> = file.enum_type.iter().filter_map(|one| cut_enum(one, &scope, reached)).collect();
    if message_type.is_empty() && enum_type.is_empty() {
        return None;
    }
    let mut dependency = BTreeSet::new();
    for message in &message_type {
        depend(message, places, &mut dependency);
    }
    dependency.remove(file.name());
    Some(FileDescriptorProto {
        name: file.name.clone(),
        package: file.package.clone(),
        dependency: dependency.into_iter().collect(),
        message_type,
        enum_type,
        syntax: file.syntax.clone(),
        ..FileDescriptorProto::default()
    })
}

/// The message without what nobody needs; none if nobody needs it or anything in it.
fn cut(message: &DescriptorProto, scope: &str, reached: &BTreeSet<String>) -> Option<DescriptorProto> {
    let name = format!("{scope}.{}", message.name());
    let nested_type: Vec<_> = message.nested_type.iter().filter_map(|one| cut(one, &name, reached)).collect();
    let enum_type: Vec<_> = message.enum_type.iter().filter_map(|one| cut_enum(one, &name, reached)).collect();
    let own = reached.contains(&name);
    if !own && nested_type.is_empty() && enum_type.is_empty() {
        return None;
    }
    let mut kept = DescriptorProto { name: message.name.clone(), nested_type, enum_type, ..DescriptorProto::default() };
    if own {
        kept.field.clone_from(&message.field);
        for field in &mut kept.field {
            (field.options, field.json_name) = (None, None);
        }
        kept.oneof_decl.clone_from(&message.oneof_decl);
        for one in &mut kept.oneof_decl {
            one.options = None;
        }
        let map_entry = message.options.as_ref().and_then(|options| options.map_entry);
        kept.options = map_entry.map(|entry| MessageOptions { map_entry: Some(entry), ..MessageOptions::default() });
    }
    Some(kept)
}

fn cut_enum(one: &EnumDescriptorProto, scope: &str, reached: &BTreeSet<String>) -> Option<EnumDescriptorProto> {
    if !reached.contains(&format!("{scope}.{}", one.name())) {
        return None;
    }
    let mut kept =
        EnumDescriptorProto { name: one.name.clone(), value: one.value.clone(), ..EnumDescriptorProto::default() };
    for value in &mut kept.value {
        value.options = None;
    }
    let alias = one.options.as_ref().and_then(|options| options.allow_alias);
    kept.options = alias.map(|alias| EnumOptions { allow_alias: Some(alias), ..EnumOptions::default() });
    Some(kept)
}

/// The files that the fields of `message` need.
fn depend(message: &DescriptorProto, places: &BTreeMap<String, Place>, files: &mut BTreeSet<String>) {
    for nested in &message.nested_type {
        depend(nested, places, files);
    }
    let needed = message.field.iter().filter_map(|field| places.get(field.type_name()));
    files.extend(needed.map(|place| place.file.clone()));
}
