//! Which port is whose. The contest has a network of its own, so they are fixed, and configurations can name them.

/// The xDS server.
pub(crate) const CONTROL_PLANE: u16 = 9000;
/// The servers that speak HTTP/1.1, and those that speak HTTP/2.
const SERVERS: [[u16; 2]; 2] = [[9001, 9002], [9003, 9004]];

/// What a proxy's port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Door {
    /// HTTP/1.1 on both sides.
    Http1 = 0,
    /// HTTP/2 without TLS, on both sides where the proxy can.
    Http2 = 1,
    /// HTTP/1.1 within TLS.
    Http1Tls = 2,
    /// HTTP/2 within TLS.
    Http2Tls = 3,
}

/// The port of a proxy whose first is `base`.
pub(crate) fn of(base: u16, door: Door) -> u16 {
    base + door as u16
}

/// The two servers, of which the first gets two thirds.
pub(crate) fn servers(http2: bool) -> [u16; 2] {
    SERVERS[usize::from(http2)]
}
