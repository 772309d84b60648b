//! Operators about TLS: what was agreed on, and what certificates say of both sides.

use super::{Facts, operator::Value, time::TimeFormat};
use crate::{
    model::NameKind,
    tls::{Certificate, Session},
};

/// The format of a certificate's times where none is given.
const TIME: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

/// An operator about a connection that is secured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Secured {
    connection: Connection,
    what: What,
}

/// Which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Downstream,
    Upstream,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Version,
    Cipher,
    /// Of the certificate that the other side showed.
    Peer(Part),
    /// Of ours.
    Own(Part),
    /// The SHA-256 of the other side's certificate.
    Fingerprint,
    /// Those of all that it showed.
    Fingerprints,
    /// The numbers of all that it showed.
    Serials,
    /// The certificate itself, in PEM, encoded as in a URL.
    Whole,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Subject,
    Issuer,
    Serial,
    Names(NameKind),
    Begin(TimeFormat),
    End(TimeFormat),
}

impl Secured {
    /// The operator called `name`, if it is one of these: `DOWNSTREAM_TLS_VERSION`, `UPSTREAM_PEER_URI_SAN` and the
    /// like, as far as Envoy has them for that connection.
    pub(super) fn parse(name: &str, argument: Option<&str>) -> Result<Option<Self>, String> {
        let (connection, rest) = match (name.strip_prefix("DOWNSTREAM_"), name.strip_prefix("UPSTREAM_")) {
            (Some(rest), _) => (Connection::Downstream, rest),
            (_, Some(rest)) => (Connection::Upstream, rest),
            _ => return Ok(None),
        };
        let is_time = matches!(rest, "PEER_CERT_V_START" | "PEER_CERT_V_END");
        if argument.is_some() && !is_time {
            return Ok(None);
        }
        let time = || TimeFormat::parse(argument.filter(|text| !text.is_empty()).unwrap_or(TIME));
        let what = match rest {
            "PEER_CERT_V_START" => Some(What::Peer(Part::Begin(time()?))),
            "PEER_CERT_V_END" => Some(What::Peer(Part::End(time()?))),
            _ => of_both(rest).or_else(|| of_clients(rest).filter(|_| connection == Connection::Downstream)),
        };
        Ok(what.map(|what| Self { connection, what }))
    }

    pub(super) fn value(&self, facts: &Facts<'_>) -> Value {
        let session = match self.connection {
            Connection::Downstream => facts.session,
            Connection::Upstream => facts.upstream_session,
        };
        session.map_or(Value::Nothing, |session| self.what.value(session))
    }
}

fn of_both(name: &str) -> Option<What> {
    Some(match name {
        "TLS_VERSION" => What::Version,
        "TLS_CIPHER" => What::Cipher,
        "PEER_SUBJECT" => What::Peer(Part::Subject),
        "PEER_ISSUER" => What::Peer(Part::Issuer),
        "PEER_CERT" => What::Whole,
        "PEER_URI_SAN" => What::Peer(Part::Names(NameKind::Uri)),
        "PEER_DNS_SAN" => What::Peer(Part::Names(NameKind::Dns)),
        "PEER_IP_SAN" => What::Peer(Part::Names(NameKind::Ip)),
        "LOCAL_URI_SAN" => What::Own(Part::Names(NameKind::Uri)),
        "LOCAL_DNS_SAN" => What::Own(Part::Names(NameKind::Dns)),
        "LOCAL_IP_SAN" => What::Own(Part::Names(NameKind::Ip)),
        _ => return None,
    })
}

fn of_clients(name: &str) -> Option<What> {
    Some(match name {
        "PEER_SERIAL" => What::Peer(Part::Serial),
        "PEER_EMAIL_SAN" => What::Peer(Part::Names(NameKind::Email)),
        "PEER_FINGERPRINT_256" => What::Fingerprint,
        "PEER_CHAIN_FINGERPRINTS_256" => What::Fingerprints,
        "PEER_CHAIN_SERIALS" => What::Serials,
        "LOCAL_SUBJECT" => What::Own(Part::Subject),
        "LOCAL_EMAIL_SAN" => What::Own(Part::Names(NameKind::Email)),
        _ => return None,
    })
}

impl What {
    fn value(&self, session: &Session) -> Value {
        match self {
            Self::Version => Value::some(Some(session.version)),
            Self::Cipher => Value::some(Some(session.cipher)),
            Self::Peer(part) => session.peer().map_or(Value::Nothing, |peer| part.value(peer)),
            Self::Own(part) => session.own().map_or(Value::Nothing, |own| part.value(&own)),
            Self::Fingerprint => Value::some(session.peer_hash().as_deref()),
            Self::Fingerprints => Value::some(Some(&session.peer_hashes().join(","))),
            Self::Serials => {
                let read = session.peer.iter().filter_map(|der| Certificate::read(der).ok());
                Value::some(Some(&read.map(|certificate| certificate.serial).collect::<Vec<_>>().join(",")))
            }
            Self::Whole => Value::some(session.peer_pem().as_deref()),
        }
    }
}

impl Part {
    fn value(&self, certificate: &Certificate) -> Value {
        let moment = |seconds: i64| names::Timestamp::from_millis(seconds.saturating_mul(1000));
        match self {
            Self::Subject => Value::some(Some(&certificate.subject)),
            Self::Issuer => Value::some(Some(&certificate.issuer)),
            Self::Serial => Value::some(Some(&certificate.serial)),
            Self::Names(kind) => Value::some(Some(&certificate.names_of(*kind).collect::<Vec<_>>().join(","))),
            Self::Begin(format) => Value::text(format.write(moment(certificate.not_before))),
            Self::End(format) => Value::text(format.write(moment(certificate.not_after))),
        }
    }
}
