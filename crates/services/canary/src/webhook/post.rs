//! One POST of JSON to a stranger: bounded in time and in what is read of the answer, over TLS where the URL says so.
//!
//! The stranger may hang, lie or never end. Nothing is followed, nothing is kept open, and one deadline stands over the
//! name, the connection, the handshake, the question and the answer together.

use std::{env, fs, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, InvalidDnsNameError, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::AbortHandle,
};
use tokio_rustls::TlsConnector;

/// The largest answer taken, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// The variable that names the file of authorities.
const AUTHORITIES_VARIABLE: &str = "SSL_CERT_FILE";
/// Where systems keep the authorities that they believe.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    /// It is no URL that can be asked.
    #[error("its URL can't be asked")]
    Url,
    /// A header has what a header can't have.
    #[error("the question can't be written: {0}")]
    Question(#[from] http::Error),
    /// Nobody is there.
    #[error("nobody answers: {0}")]
    Connection(#[from] io::Error),
    /// Not this kind of name.
    #[error("its name can't be in a certificate: {0}")]
    Name(#[from] InvalidDnsNameError),
    /// There is nobody to vouch for it.
    #[error("there are no authorities to believe: {0}")]
    Authorities(String),
    /// It does not speak HTTP, or stops in the middle.
    #[error("it does not speak HTTP to the end: {0}")]
    Protocol(#[from] hyper::Error),
    /// The answer broke off, or is too large.
    #[error("its answer can't be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// It takes too long.
    #[error("no answer within {} seconds", .0.as_secs())]
    Late(Duration),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) body: Bytes,
}

/// Posts `body` to `url`, and reads the answer, in `patience` at most.
pub(crate) async fn post(
    url: &str,
    body: Bytes,
    headers: Vec<(HeaderName, String)>,
    patience: Duration,
) -> Result<Answer, Silence> {
    let all = async {
        let uri: Uri = url.parse().map_err(|_| Silence::Url)?;
        let host = uri.host().ok_or(Silence::Url)?.trim_matches(['[', ']']).to_owned();
        let secured = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secured { 443 } else { 80 });
        let request = request(&uri, body, headers)?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if !secured {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(host)?;
        let stream = TlsConnector::from(trust()?).connect(name, stream).await?;
        exchange(stream, request).await
    };
    tokio::time::timeout(patience, all).await.unwrap_or(Err(Silence::Late(patience)))
}

fn request(uri: &Uri, body: Bytes, headers: Vec<(HeaderName, String)>) -> Result<Request<Full<Bytes>>, Silence> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().ok_or(Silence::Url)?.as_str();
    let mut builder = Request::post(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("serin/", env!("CARGO_PKG_VERSION")));
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    Ok(builder.body(Full::new(body))?)
}

/// Ends what drives a connection when its exchange is over, however that ended.
struct Driven(AbortHandle);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, Silence>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong with the connection shows in the exchange.
    let _driven = Driven(tokio::spawn(async move { drop(connection.await) }).abort_handle());
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await.map_err(Silence::Body)?;
    Ok(Answer { status, body: body.to_bytes() })
}

/// Whom the machine believes. Read each time: an authority that is added counts without a new start.
fn trust() -> Result<Arc<ClientConfig>, Silence> {
    let complaint = |error: &dyn std::fmt::Display| Silence::Authorities(error.to_string());
    let told = env::var(AUTHORITIES_VARIABLE).ok();
    let places: Vec<&str> = told.as_deref().map_or_else(|| AUTHORITIES.to_vec(), |path| vec![path]);
    let pem = places.iter().find_map(|path| fs::read(path).ok());
    let pem = pem.ok_or_else(|| complaint(&format!("{} can't be read", places.join(", "))))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| complaint(&error))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
