//! What of a client's word about itself is believed, by Envoy's rules.
//!
//! Who is inside may tell the proxy by `x-envoy-` fields how long to wait and when to try again; nobody is unless the
//! configuration says which addresses are. From others those fields are taken away before anybody looks at them. With
//! `use_remote_address` the proxy is at the edge: the client is whoever is at the other end of the connection.

use std::{
    borrow::Cow,
    io::Write as _,
    net::{IpAddr, SocketAddr},
};

use crate::{
    http::{Name, Peer, Request},
    model::Edge,
};

/// Fields by which only those inside may tell the proxy what to do.
const INSIDE: [&str; 14] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
];

/// Fields that no client at the edge may set.
const AT_EDGE: [&str; 5] = [
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-external-address",
    "x-envoy-original-path",
];

/// What is known of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// It may tell the proxy what to do.
    pub(super) inside: bool,
    /// Its request's id is not believed.
    pub(super) new_id: bool,
    /// Who it is, as far as anybody says.
    pub(super) client: SocketAddr,
}

/// Finds out about the client, takes away what it may not say, and adds what servers are told of it.
pub(super) fn admit(edge: &Edge, request: &mut Request, peer: &Peer) -> Standing {
    let standing = stand(edge, request, peer);
    let at_edge = edge.use_remote_address && !standing.inside;
    if request.has_seen(Name::XEnvoy) {
        let is_among =
            |names: &[&str], text: &[u8]| names.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()));
        request.remove_those(|name, text| {
            name == Name::XEnvoy
                && (is_among(&["x-envoy-internal"], text)
                    || (!standing.inside && is_among(&INSIDE, text))
                    || (at_edge && is_among(&AT_EDGE, text)))
        });
    }
    if edge.use_remote_address {
        tell(edge, request, peer, &standing, at_edge);
    }
    if standing.inside {
        request.append("x-envoy-internal", b"true");
    }
    if edge.forwards_port && request.value(Name::XForwardedPort).is_none() {
        request.append("x-forwarded-port", peer.destination.port().to_string().as_bytes());
    }
    if standing.new_id {
        request.remove("x-request-id");
    }
    standing
}

/// Adds what servers are told of a client at the edge.
fn tell(edge: &Edge, request: &mut Request, peer: &Peer, standing: &Standing, at_edge: bool) {
    if !edge.skip_forwarded_for {
        let client = AddressText::of(peer.address.ip());
        if request.has_seen(Name::XForwardedFor) {
            let mut chain: Vec<&[u8]> = request.values("x-forwarded-for").collect();
            chain.push(client.as_bytes());
            let chain = chain.join(&b","[..]);
            request.set("x-forwarded-for", &chain);
        } else {
            request.append("x-forwarded-for", client.as_bytes());
        }
    }
    if edge.trusted_hops == 0 {
        request.remove("x-forwarded-proto");
    }
    if at_edge {
        request.set("x-envoy-external-address", AddressText::of(standing.client.ip()).as_bytes());
    }
}

/// An address as text: every request at the edge says one, so that it has neither a place on the heap nor a formatter.
struct AddressText {
    text: [u8; Self::LENGTH_MAX],
    length: usize,
}

impl AddressText {
    /// An IPv6 address with an IPv4 address at its end.
    const LENGTH_MAX: usize = 45;

    fn of(address: IpAddr) -> Self {
        let mut new = Self { text: [0; Self::LENGTH_MAX], length: 0 };
        match address.to_canonical() {
            IpAddr::V4(four) => {
                for (place, octet) in four.octets().into_iter().enumerate() {
                    if place > 0 {
                        new.push(b'.');
                    }
                    new.push_number(octet);
                }
            }
            IpAddr::V6(six) => {
                let mut rest = &mut new.text[..];
                // The longest address has place.
                let _ = write!(rest, "{six}");
                new.length = Self::LENGTH_MAX - rest.len();
            }
        }
        new
    }

    fn push_number(&mut self, number: u8) {
        if number >= 100 {
            self.push(b'0' + number / 100);
        }
        if number >= 10 {
            self.push(b'0' + number / 10 % 10);
        }
        self.push(b'0' + number % 10);
    }

    fn push(&mut self, byte: u8) {
        self.text[self.length] = byte;
        self.length += 1;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

fn stand(edge: &Edge, request: &Request, peer: &Peer) -> Standing {
    // Most meshes believe nobody: then there is nothing to find out.
    let nobody = edge.inside.is_empty() && !edge.use_remote_address && !request.has_seen(Name::XForwardedFor);
    if nobody {
        return Standing { inside: false, new_id: false, client: peer.address };
    }
    let hops = usize::try_from(edge.trusted_hops).unwrap_or(usize::MAX);
    let (said, alone) = forwarded_for(request, if edge.use_remote_address { hops.wrapping_sub(1) } else { hops });
    let nobody_before = request.values("x-forwarded-for").next().is_none();
    let (address, alone) = match said {
        Some(address) if !edge.use_remote_address => (Some(address), alone),
        Some(address) if hops > 0 => (Some(address), nobody_before),
        _ if edge.use_remote_address => (Some(peer.address.ip()), nobody_before),
        _ => (None, false),
    };
    let is_inside = |address: IpAddr| edge.inside.iter().any(|net| net.contains(&address.to_canonical()));
    let inside = alone && address.is_some_and(is_inside);
    Standing {
        inside,
        new_id: edge.use_remote_address && !inside && !edge.keeps_ids,
        client: address.map_or(peer.address, |ip| if ip == peer.address.ip() { peer.address } else { (ip, 0).into() }),
    }
}

/// The address that is so many places before the last one in `x-forwarded-for`, and whether it is the only one.
fn forwarded_for(request: &Request, hops: usize) -> (Option<IpAddr>, bool) {
    let mut values = request.values("x-forwarded-for");
    let (first, second) = (values.next().unwrap_or_default(), values.next());
    let chain: Cow<'_, [u8]> = match second {
        None => first.into(),
        Some(second) => [first, second].into_iter().chain(values).collect::<Vec<_>>().join(&b","[..]).into(),
    };
    let mut places = chain.split(|byte| *byte == b',').rev();
    let found = places.nth(hops).and_then(|place| std::str::from_utf8(place.trim_ascii()).ok()?.parse().ok());
    (found, !chain.contains(&b','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_said_as_it_is_written() {
        for address in ["0.0.0.0", "10.9.99.100", "255.254.1.19", "::1", "2001:db8:1234:5678:9abc:def0:1234:5678"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(AddressText::of(address).as_bytes(), address.to_string().as_bytes());
        }
        assert_eq!(AddressText::of("::ffff:10.0.0.1".parse().unwrap()).as_bytes(), b"10.0.0.1");
    }
}
