//! Datagrams in: a header line, a line break, a document.

use std::{io, time::Duration};

use serde::Deserialize;
use tokio::net::UdpSocket;
use tracing::debug;

use super::buffer::{Buffer, Counts};

/// The longest datagram UDP carries.
const DATAGRAM_MAX: usize = 65_535;
/// Errors in a row after which the socket is given up.
const ERRORS_MAX: u32 = 1000;
/// The pause after an error, so that a socket that only fails does not keep a core busy.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// Takes datagrams until the socket fails for good.
pub(super) async fn receive(socket: UdpSocket, buffer: &Buffer) -> io::Result<()> {
    let (mut datagram, mut errors) = (vec![0; DATAGRAM_MAX], 0);
    loop {
        match socket.recv(&mut datagram).await {
            Ok(length) => {
                errors = 0;
                match document(&datagram[..length]) {
                    Some(document) => buffer.push(document),
                    None => Counts::add(&buffer.counts.rejected, 1),
                }
            }
            Err(error) if errors < ERRORS_MAX => {
                debug!(%error, "The socket had an error.");
                errors += 1;
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The document in a datagram, if its header says JSON of version 1.
fn document(datagram: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(datagram).ok()?;
    let (header, document) = text.split_once('\n')?;
    let header: Header = serde_json::from_str(header).ok()?;
    let document = document.trim();
    (header.format == "json" && header.version == 1 && document.starts_with('{')).then(|| document.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_its_header_is_taken() {
        let taken = |text: &str| document(text.as_bytes());
        assert_eq!(taken("{\"format\":\"json\",\"version\":1}\n{\"id\":1}\n").as_deref(), Some("{\"id\":1}"));
        assert_eq!(taken("{\"format\": \"json\", \"version\": 1}\n{}").as_deref(), Some("{}"));
        for noise in
            ["", "{}", "{\"format\":\"json\",\"version\":2}\n{}", "{\"format\":\"json\",\"version\":1}\n", "x\n{}"]
        {
            assert_eq!(taken(noise), None, "{noise}");
        }
        assert_eq!(document(&[0xff, 0x0a, 0x7b]), None);
    }
}
