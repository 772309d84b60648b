//! One transfer: look the host up, connect, send, and follow where the answer points.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, options::Settings, status};

/// The most bytes of an answer.
const BODY_MAX: usize = 256 * 1024 * 1024;

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// The status line and headers as text.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) redirects: u32,
    pub(super) url: String,
    pub(super) content_type: String,
    pub(super) remote: String,
    /// Why the body is not whole, if it is not.
    pub(super) broken_off: Option<Failure>,
}

/// Fetches `url` and, if asked to, what its answer redirects to.
pub(super) async fn follow(settings: &Settings, url: &str) -> Result<Answer, Failure> {
    let mut target = parse(url)?;
    let mut method = first_method(settings)?;
    let mut data = settings.data.clone();
    let mut redirects = 0;
    loop {
        let (response, remote) = send(settings, &target, &method, data.as_deref()).await?;
        let code = response.status();
        let next = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        match next.filter(|_| settings.location && code.is_redirection()) {
            None => return collect(response, &target, remote, redirects).await,
            Some(location) => {
                redirects += 1;
                if redirects > settings.redirects_max {
                    let message = format!("Maximum ({}) redirects followed", settings.redirects_max);
                    return Err(Failure::new(status::REDIRECTS, message));
                }
                target = join(&target, location)?;
                // As browsers do: what was posted is not posted again, unless the status says to.
                let changes =
                    code == StatusCode::SEE_OTHER || (method == Method::POST && matches!(code.as_u16(), 301 | 302));
                if changes && method != Method::HEAD {
                    (method, data) = (Method::GET, None);
                }
            }
        }
    }
}

fn first_method(settings: &Settings) -> Result<Method, Failure> {
    match &settings.method {
        Some(name) => Method::from_bytes(name.as_bytes())
            .map_err(|_| Failure::new(status::USAGE, format!("`{name}` is no request method"))),
        None if settings.head => Ok(Method::HEAD),
        None if settings.data.is_some() => Ok(Method::POST),
        None => Ok(Method::GET),
    }
}

/// A URL; without a scheme it is HTTP.
fn parse(url: &str) -> Result<Uri, Failure> {
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let malformed = || Failure::new(status::MALFORMED_URL, "URL using bad/illegal format or missing URL");
    let without_fragment = whole.split('#').next().unwrap_or(&whole);
    let uri: Uri = without_fragment.parse().map_err(|_| malformed())?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(malformed());
    }
    match uri.scheme_str() {
        Some("http") => Ok(uri),
        other => {
            let message = format!("Protocol \"{}\" not supported", other.unwrap_or(""));
            Err(Failure::new(status::UNSUPPORTED_PROTOCOL, message))
        }
    }
}

/// Where a `Location` points, seen from `base`.
fn join(base: &Uri, location: &str) -> Result<Uri, Failure> {
    if location.contains("://") {
        return parse(location);
    }
    let authority = base.authority().map_or("", |authority| authority.as_str());
    if let Some(rest) = location.strip_prefix("//") {
        return parse(rest);
    }
    let directory = base.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    if location.starts_with('/') {
        parse(&format!("{authority}{location}"))
    } else {
        parse(&format!("{authority}{directory}/{location}"))
    }
}

async fn send(
    settings: &Settings,
    target: &Uri,
    method: &Method,
    data: Option<&[u8]>,
) -> Result<(Response<Incoming>, SocketAddr), Failure> {
    let stream = connect(settings, target).await?;
    let remote = stream.peer_addr().map_err(|error| Failure::new(status::CONNECT, error.to_string()))?;
    let broken = |error: hyper::Error| {
        let code = if error.is_parse() {
            status::WEIRD_REPLY
        } else if error.is_incomplete_message() || error.is_canceled() {
            status::EMPTY_REPLY
        } else {
            status::RECEIVE
        };
        let message =
            if code == status::EMPTY_REPLY { "Empty reply from server".to_owned() } else { error.to_string() };
        Failure::new(code, message)
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    let request = request(settings, target, method, data)?;
    Ok((sender.send_request(request).await.map_err(broken)?, remote))
}

fn request(
    settings: &Settings,
    target: &Uri,
    method: &Method,
    data: Option<&[u8]>,
) -> Result<Request<Full<Bytes>>, Failure> {
    let wrong = |error: http::Error| Failure::new(status::USAGE, error.to_string());
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(Bytes::copy_from_slice(data.unwrap_or_default())))
        .map_err(wrong)?;
    let headers = request.headers_mut();
    let host = target.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    set(headers, "Host", host)?;
    set(headers, "User-Agent", concat!("curl/8.0 (serin ", env!("CARGO_PKG_VERSION"), ")"))?;
    set(headers, "Accept", "*/*")?;
    if data.is_some() {
        set(headers, "Content-Type", "application/x-www-form-urlencoded")?;
    }
    let mut added = HeaderMap::new();
    for (name, value) in &settings.headers {
        let name = header_name(name)?;
        headers.remove(&name);
        if !value.is_empty() {
            added.append(name, header_value(value)?);
        }
    }
    headers.extend(added);
    Ok(request)
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Failure> {
    headers.insert(header_name(name)?, header_value(value)?);
    Ok(())
}

fn header_name(name: &str) -> Result<HeaderName, Failure> {
    name.parse().map_err(|_| Failure::new(status::USAGE, format!("`{name}` is no name of a header")))
}

fn header_value(value: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(value).map_err(|_| Failure::new(status::USAGE, format!("`{value}` can't be a header")))
}

async fn connect(settings: &Settings, target: &Uri) -> Result<TcpStream, Failure> {
    let host = target.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = target.port_u16().unwrap_or(80);
    let attempt = async {
        let addresses = resolve(host, port, settings.family).await?;
        let mut reason = "no address".to_owned();
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => reason = crate::files::reason(&error),
            }
        }
        let message = format!("Failed to connect to {host} port {port}: {reason}");
        Err(Failure::new(status::CONNECT, message))
    };
    match settings.connect_timeout {
        None => attempt.await,
        Some(most) => tokio::time::timeout(most, attempt).await.unwrap_or_else(|_| Err(connect_timeout(most))),
    }
}

fn connect_timeout(most: Duration) -> Failure {
    Failure::new(status::TIMEOUT, format!("Connection timed out after {} milliseconds", most.as_millis()))
}

async fn resolve(host: &str, port: u16, family: Option<u8>) -> Result<Vec<SocketAddr>, Failure> {
    let failed = || Failure::new(status::RESOLVE, format!("Could not resolve host: {host}"));
    let addresses: Vec<SocketAddr> = if let Ok(address) = host.parse::<IpAddr>() {
        vec![SocketAddr::new(address, port)]
    } else if host == "localhost" || host.ends_with(".localhost") {
        // Loopback by definition (RFC 6761), and so without a file or a server to ask.
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    } else {
        tokio::net::lookup_host((host, port)).await.map_err(|_| failed())?.collect()
    };
    let wanted = |address: &SocketAddr| match family {
        Some(4) => address.is_ipv4(),
        Some(_) => address.is_ipv6(),
        None => true,
    };
    let addresses: Vec<_> = addresses.into_iter().filter(wanted).collect();
    if addresses.is_empty() { Err(failed()) } else { Ok(addresses) }
}

async fn collect(
    response: Response<Incoming>,
    target: &Uri,
    remote: SocketAddr,
    redirects: u32,
) -> Result<Answer, Failure> {
    let (head, mut body) = response.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut answer = Answer {
        code: head.status.as_u16(),
        head: head_text(&head),
        redirects,
        url: target.to_string(),
        content_type: content_type.unwrap_or_default().to_owned(),
        remote: remote.ip().to_string(),
        ..Answer::default()
    };
    while let Some(frame) = body.frame().await {
        if let Ok(frame) = frame {
            answer.body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        } else {
            let message = "transfer closed with outstanding read data remaining";
            answer.broken_off = Some(Failure::new(status::PARTIAL, message));
            break;
        }
        if answer.body.len() > BODY_MAX {
            return Err(Failure::new(status::WRITE, format!("the answer is larger than {BODY_MAX} bytes")));
        }
    }
    Ok(answer)
}

fn head_text(head: &http::response::Parts) -> String {
    let reason = head.status.canonical_reason().unwrap_or_default();
    let mut text = format!("{:?} {} {reason}\r\n", head.version, head.status.as_u16());
    for (name, value) in &head.headers {
        text.extend([name.as_str(), ": ", &String::from_utf8_lossy(value.as_bytes()), "\r\n"]);
    }
    text + "\r\n"
}
