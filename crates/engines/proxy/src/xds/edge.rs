//! What is believed of what clients say about themselves.

use envoy_types::pb::{
    envoy::{
        config::core::v3::CidrRange, extensions::filters::network::http_connection_manager::v3::HttpConnectionManager,
    },
    google::protobuf::BoolValue,
};
use ipnet::IpNet;

use crate::model::Edge;

pub(super) fn edge(proto: &HttpConnectionManager) -> Result<Edge, String> {
    // Whether clients that come by a socket in the file system are inside does not matter: none does.
    let inside = proto.internal_address_config.clone().unwrap_or_default();
    let on = |value: Option<BoolValue>, default: bool| value.map_or(default, |value| value.value);
    Ok(Edge {
        use_remote_address: on(proto.use_remote_address, false),
        trusted_hops: proto.xff_num_trusted_hops,
        skip_forwarded_for: proto.skip_xff_append,
        inside: inside.cidr_ranges.iter().map(net).collect::<Result<_, _>>()?,
        generates_ids: on(proto.generate_request_id, true),
        keeps_ids: proto.preserve_external_request_id,
        returns_ids: proto.always_set_request_id_in_response,
        forwards_port: proto.append_x_forwarded_port,
    })
}

fn net(range: &CidrRange) -> Result<IpNet, String> {
    let wrong = || format!("{} is no range of addresses", range.address_prefix);
    let address = range.address_prefix.parse().map_err(|_| wrong())?;
    let length = u8::try_from(range.prefix_len.map_or(0, |length| length.value)).map_err(|_| wrong())?;
    IpNet::new(address, length).map(|net| net.trunc()).map_err(|_| wrong())
}
