//! Connections that a relay on this machine carries on behalf of others, and says for whom.
//!
//! Tasks reach the port through a relay, so that all of them would seem to call from this machine. The relay therefore
//! begins each connection with the binary header of `HAProxy`'s *PROXY protocol* (version 2, TCP over IPv4), which names the
//! task's address, and in a field of our own the network that the address is in: networks may have the same addresses.
//! Only a connection from this machine may begin so; those of others would be lies.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
};

use tokio::{io::AsyncReadExt, net::TcpStream};

/// How a header begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, and the command `PROXY`.
const VERSION_AND_COMMAND: u8 = 0x21;
/// TCP over IPv4.
const FAMILY: u8 = 0x11;
/// Addresses and ports of both sides.
const ADDRESSES: usize = 12;
/// The type of the field that names the network, of those left to applications.
const NETWORK: u8 = 0xe0;
/// The longest part behind the length, in bytes.
const REST_MAX: usize = 512;

/// For whom a relay carries a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The network, such as a VPC's id.
    pub network: String,
    /// The caller's address in it.
    pub address: SocketAddrV4,
    /// The port that it called.
    pub port: u16,
}

/// Reads the header that `stream` begins with, if it does.
pub(crate) async fn origin(stream: &mut TcpStream) -> io::Result<Option<Origin>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 || first[0] != SIGNATURE[0] {
        return Ok(None);
    }
    let mut head = [0; SIGNATURE.len() + 4];
    stream.read_exact(&mut head).await?;
    let (signature, [command, family, high, low]) = head.split_at(SIGNATURE.len()) else { return Err(malformed()) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let sound = signature == SIGNATURE && *command == VERSION_AND_COMMAND && *family == FAMILY;
    if !sound || !(ADDRESSES..=REST_MAX).contains(&length) {
        return Err(malformed());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    parse(&rest).map(Some).ok_or_else(malformed)
}

fn parse(rest: &[u8]) -> Option<Origin> {
    let (addresses, mut fields) = rest.split_at_checked(ADDRESSES)?;
    let ip = Ipv4Addr::from(<[u8; 4]>::try_from(addresses.get(..4)?).ok()?);
    let port_at = |place: usize| Some(u16::from_be_bytes(addresses.get(place..place + 2)?.try_into().ok()?));
    let address = SocketAddrV4::new(ip, port_at(8)?);
    let port = port_at(10)?;
    while let [kind, high, low, behind @ ..] = fields {
        let (value, next) = behind.split_at_checked(u16::from_be_bytes([*high, *low]).into())?;
        if *kind == NETWORK {
            let network = std::str::from_utf8(value).ok()?.to_owned();
            return Some(Origin { network, address, port });
        }
        fields = next;
    }
    None
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a connection begins with a header of the PROXY protocol that makes no sense",
    )
}
