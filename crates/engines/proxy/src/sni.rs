//! The server name and the protocols in a TLS `ClientHello` (RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301, 3.1), read without
//! taking it from the socket.

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

/// What a connection that is secured begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The server that is asked for, in lower case.
    pub(crate) name: Option<String>,
    /// What is offered to be spoken.
    pub(crate) protocols: Vec<String>,
}

/// Looks at what `stream` begins with, and leaves it there. None: something else than a hello, or nothing in time.
pub(crate) async fn peek(stream: &TcpStream) -> Option<Hello> {
    let until = Instant::now() + HELLO_MAX;
    let mut bytes = vec![0; 1024];
    let mut before = 0;
    loop {
        let Ok(Ok(length)) = timeout_at(until, stream.peek(&mut bytes)).await else { return None };
        match hello(&bytes[..length]) {
            Parsed::Done(hello) => return hello,
            Parsed::More if length == 0 || Instant::now() >= until => return None,
            Parsed::More if length == bytes.len() && length < RECORD_MAX => bytes.resize(RECORD_MAX, 0),
            Parsed::More if length == RECORD_MAX => return None,
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
    Done(Option<Hello>),
    More,
}

/// Reads a hello, for fuzzers: whatever is there of it, more of it changes nothing that was decided.
#[cfg(feature = "fuzzing")]
pub(crate) fn try_hello(bytes: &[u8]) {
    if let Parsed::Done(whole) = hello(bytes) {
        let first = (0..bytes.len()).find_map(|length| match hello(&bytes[..length]) {
            Parsed::Done(hello) => Some(hello),
            Parsed::More => None,
        });
        assert!(first.is_none_or(|first| first == whole), "more bytes make it another hello");
    }
}

fn hello(bytes: &[u8]) -> Parsed {
    const HANDSHAKE: u8 = 22;
    if bytes.first().is_some_and(|kind| *kind != HANDSHAKE) || bytes.get(1).is_some_and(|major| *major != 3) {
        return Parsed::Done(None);
    }
    let Some((header, rest)) = bytes.split_at_checked(5) else { return Parsed::More };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    match rest.get(..length) {
        Some(record) => Parsed::Done(in_record(record)),
        None => Parsed::More,
    }
}

/// The hello in a complete record; none if it is something else.
fn in_record(record: &[u8]) -> Option<Hello> {
    const CLIENT_HELLO: u8 = 1;
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
    let mut hello = Hello::default();
    // What is broken from here on is for the handshake to refuse.
    if let Some(length) = reader.short()
        && let Some(extensions) = reader.take(usize::from(length))
    {
        read_extensions(Reader(extensions), &mut hello);
    }
    Some(hello)
}

fn read_extensions(mut extensions: Reader<'_>, hello: &mut Hello) -> Option<()> {
    const SERVER_NAME: u16 = 0;
    const PROTOCOLS: u16 = 16;
    loop {
        let (kind, length) = (extensions.short()?, extensions.short()?);
        let mut content = Reader(extensions.take(usize::from(length))?);
        if kind == SERVER_NAME {
            content.skip(2 + 1)?;
            let length = content.short()?;
            let name = content.take(usize::from(length))?;
            hello.name = String::from_utf8(name.to_ascii_lowercase()).ok();
        } else if kind == PROTOCOLS {
            content.skip(2)?;
            while let Some(length) = content.byte() {
                let protocol = content.take(usize::from(length))?;
                hello.protocols.push(String::from_utf8_lossy(protocol).into_owned());
            }
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

/// How well `name` fits one of `wanted`, where `*.example.com` is every name below it: the longer the part that is
/// alike, the better, and a whole name is best. None: not at all.
pub(crate) fn fit(name: &str, wanted: &[String]) -> Option<usize> {
    let fits = wanted.iter().filter_map(|wanted| match wanted.strip_prefix('*') {
        Some(suffix) => (name.len() > suffix.len() && name.ends_with(suffix)).then_some(suffix.len()),
        None => (name == wanted).then_some(usize::MAX),
    });
    fits.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> Vec<u8> {
        let short = |number: usize| u16::try_from(number).unwrap().to_be_bytes();
        let list = [&[0][..], &short(name.len()), name.as_bytes()].concat();
        let content = [&short(list.len())[..], &list].concat();
        let other = [&[0, 23][..], &[0, 0]].concat();
        let protocols = b"\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1";
        let extension = [&other[..], &[0, 0], &short(content.len()), &content, protocols].concat();
        let body =
            [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 0x01], &[1, 0], &short(extension.len()), &extension].concat();
        let handshake = [&[1, 0][..], &short(body.len()), &body].concat();
        [&[22, 3, 1][..], &short(handshake.len()), &handshake].concat()
    }

    #[test]
    fn the_name_is_found_once_all_of_the_hello_is_there() {
        let said = said("Sts.AmazonAWS.com");
        for length in 0..said.len() {
            assert!(matches!(hello(&said[..length]), Parsed::More), "{length}");
        }
        let Parsed::Done(Some(hello)) = hello(&said) else { panic!("not done") };
        assert_eq!(hello.name.as_deref(), Some("sts.amazonaws.com"));
        assert_eq!(hello.protocols, ["h2", "http/1.1"]);
    }

    #[test]
    fn anything_else_is_other_at_once_and_nothing_breaks_it() {
        assert!(matches!(hello(b"GET / HTTP/1.1"), Parsed::Done(None)));
        let said = said("a");
        for place in 5..said.len() {
            let mut broken = said.clone();
            broken[place] = 0xff;
            hello(&broken);
        }
    }

    #[test]
    fn a_wildcard_is_every_name_below() {
        let wanted = ["*.amazonaws.com".to_owned(), "exact.example".to_owned()];
        assert!(fit("sts.amazonaws.com", &wanted) < fit("exact.example", &wanted));
        assert!(fit("sts.amazonaws.com", &wanted).is_some());
        assert!(fit("amazonaws.com", &wanted).is_none() && fit(".amazonaws.com", &wanted).is_none());
    }
}
