//! The server name in a TLS `ClientHello` (RFC 8446, 4.1.2; RFC 6066, 3), read without taking it from the socket.

use std::time::Duration;

use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

/// How long a client may take to say hello, as Envoy waits.
const HELLO_MAX: Duration = Duration::from_secs(15);

/// A hello is within one record, and that has at most so many bytes and a header.
const RECORD_MAX: usize = 16 * 1024 + 5;

/// How often is looked for the rest of a hello that came in pieces: peeking can't be waited for.
const PIECES: Duration = Duration::from_millis(5);

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// A hello that names this server, in lower case.
    Named(String),
    /// Something else, or a hello without a name, or nothing in time.
    Other,
}

/// Looks at what `stream` begins with, and leaves it there.
pub(crate) async fn peek(stream: &TcpStream) -> Greeting {
    let until = Instant::now() + HELLO_MAX;
    let mut bytes = vec![0; 1024];
    let mut before = 0;
    loop {
        let Ok(Ok(length)) = timeout_at(until, stream.peek(&mut bytes)).await else { return Greeting::Other };
        match server_name(&bytes[..length]) {
            Parsed::Done(greeting) => return greeting,
            Parsed::More if length == 0 || Instant::now() >= until => return Greeting::Other,
            Parsed::More if length == bytes.len() && length < RECORD_MAX => bytes.resize(RECORD_MAX, 0),
            Parsed::More if length == RECORD_MAX => return Greeting::Other,
            Parsed::More => {
                if length == before {
                    sleep(PIECES).await;
                }
                before = length;
            }
        }
    }
}

enum Parsed {
    Done(Greeting),
    More,
}

fn server_name(bytes: &[u8]) -> Parsed {
    const HANDSHAKE: u8 = 22;
    if bytes.first().is_some_and(|kind| *kind != HANDSHAKE) || bytes.get(1).is_some_and(|major| *major != 3) {
        return Parsed::Done(Greeting::Other);
    }
    let Some((header, rest)) = bytes.split_at_checked(5) else { return Parsed::More };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    match rest.get(..length) {
        Some(record) => Parsed::Done(in_record(record).map_or(Greeting::Other, Greeting::Named)),
        None => Parsed::More,
    }
}

/// The name in a complete record; none if it is not a hello with a name.
fn in_record(record: &[u8]) -> Option<String> {
    const CLIENT_HELLO: u8 = 1;
    const SERVER_NAME: u16 = 0;
    let mut reader = Reader(record);
    if reader.byte()? != CLIENT_HELLO {
        return None;
    }
    reader.skip(3 + 2 + 32)?;
    let session = reader.byte()?;
    reader.skip(usize::from(session))?;
    let suites = reader.short()?;
    reader.skip(usize::from(suites))?;
    let compressions = reader.byte()?;
    reader.skip(usize::from(compressions))?;
    let length = reader.short()?;
    let mut extensions = Reader(reader.take(usize::from(length))?);
    loop {
        let (kind, length) = (extensions.short()?, extensions.short()?);
        let content = extensions.take(usize::from(length))?;
        if kind == SERVER_NAME {
            let mut names = Reader(content);
            names.skip(2 + 1)?;
            let length = names.short()?;
            let name = names.take(usize::from(length))?;
            return String::from_utf8(name.to_ascii_lowercase()).ok();
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }
}

/// Whether `name` is one of `wanted`, where `*.example.com` is every name below it.
pub(crate) fn is_among(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| match wanted.strip_prefix('*') {
        Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
        None => name == wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(name: &str) -> Vec<u8> {
        let short = |number: usize| u16::try_from(number).unwrap().to_be_bytes();
        let list = [&[0][..], &short(name.len()), name.as_bytes()].concat();
        let content = [&short(list.len())[..], &list].concat();
        let other = [&[0, 23][..], &[0, 0]].concat();
        let extension = [&other[..], &[0, 0], &short(content.len()), &content].concat();
        let body =
            [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 0x01], &[1, 0], &short(extension.len()), &extension].concat();
        let handshake = [&[1, 0][..], &short(body.len()), &body].concat();
        [&[22, 3, 1][..], &short(handshake.len()), &handshake].concat()
    }

    #[test]
    fn the_name_is_found_once_all_of_the_hello_is_there() {
        let hello = hello("Sts.AmazonAWS.com");
        for length in 0..hello.len() {
            assert!(matches!(server_name(&hello[..length]), Parsed::More), "{length}");
        }
        let Parsed::Done(greeting) = server_name(&hello) else { panic!("not done") };
        assert_eq!(greeting, Greeting::Named("sts.amazonaws.com".to_owned()));
    }

    #[test]
    fn anything_else_is_other_at_once_and_nothing_breaks_it() {
        assert!(matches!(server_name(b"GET / HTTP/1.1"), Parsed::Done(Greeting::Other)));
        let hello = hello("a");
        for place in 5..hello.len() {
            let mut broken = hello.clone();
            broken[place] = 0xff;
            server_name(&broken);
        }
    }

    #[test]
    fn a_wildcard_is_every_name_below() {
        let wanted = ["*.amazonaws.com".to_owned(), "exact.example".to_owned()];
        assert!(is_among("sts.amazonaws.com", &wanted));
        assert!(is_among("exact.example", &wanted));
        assert!(!is_among("amazonaws.com", &wanted));
        assert!(!is_among(".amazonaws.com", &wanted));
    }
}
