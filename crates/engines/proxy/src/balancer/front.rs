//! A listener: takes connections in and finds the balancer of each request.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{net::TcpStream, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Entry,
    answer::{SERVER, page},
    call::{Forwarding, Verdict},
    table::{Deed, Security, Stand, Table},
};
use crate::{
    core::{self, Closing, Core},
    http::{self, Answer, Application, Malformed, Patience, Peer, Request},
    intake::Intake,
    model::{Codec, Http2},
    sni,
    stats::TlsCounters,
    transport::Transport,
};

/// The most connections of a listener; more are closed at once.
const CONNECTIONS_MAX: u32 = 20_000;
/// How long to wait after a connection could not be taken in, for want of descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a client may take for the head of a request.
const HEAD_MAX: Duration = Duration::from_mins(1);
/// How long a client may wait with its next request: longer than clients keep connections, so that they close first.
const KEPT_ALIVE: Duration = Duration::from_hours(1);

/// A listener.
pub(crate) struct Front {
    core: Rc<Core>,
    table: Rc<Table>,
    entry: Entry,
    http2: Http2,
    tls: TlsCounters,
    open: Cell<u32>,
    closing: Closing,
}

impl Front {
    pub(crate) fn new(core: Rc<Core>, table: Rc<Table>, entry: Entry) -> Self {
        Self {
            core,
            table,
            entry,
            http2: Http2::default(),
            tls: TlsCounters::default(),
            open: Cell::new(0),
            closing: Closing::default(),
        }
    }

    /// Takes connections until `closed`.
    pub(crate) async fn accept(self: Rc<Self>, listener: std::net::TcpListener, closed: CancellationToken) {
        let mut intake = match Intake::new(listener, closed) {
            Ok(intake) => intake,
            Err(error) => return tracing::error!(%error, "a listener cannot be polled"),
        };
        while let Some(accepted) = intake.next().await {
            match accepted {
                Ok((stream, client)) if self.open.get() < CONNECTIONS_MAX => {
                    self.open.set(self.open.get() + 1);
                    let front = Rc::clone(&self);
                    core::spawn(async move {
                        let open = Rc::clone(&front);
                        if let Err(error) = front.connection(stream, client).await {
                            tracing::debug!(%client, %error, "a connection ended");
                        }
                        open.open.set(open.open.get() - 1);
                    });
                }
                Ok(_) => tracing::warn!(limit = CONNECTIONS_MAX, "a connection is one too many"),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken in");
                    sleep(PAUSE).await;
                }
            }
        }
        self.closing.set();
    }

    async fn connection(self: Rc<Self>, stream: TcpStream, client: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let destination = stream.local_addr()?;
        let stream = self.secured(stream).await?;
        let peer =
            Peer { address: client, destination, local: destination, number: 0, session: stream.session().cloned() };
        http::serve(self, stream, peer).await;
        Ok(())
    }

    /// Shakes hands with a client that begins with TLS, if anybody here speaks it.
    async fn secured(&self, stream: TcpStream) -> io::Result<Transport> {
        let (Entry::Own { port, .. } | Entry::Named { port }) = &self.entry else { return Ok(stream.into()) };
        if !self.table.has_secured(*port) {
            return Ok(stream.into());
        }
        let Some(hello) = sni::peek(&stream).await else { return Ok(stream.into()) };
        let stand = if let Entry::Own { balancer, .. } = &self.entry {
            self.table.balancer(balancer)
        } else {
            let named = hello.name.and_then(|name| self.table.named(name.as_bytes()));
            named.or_else(|| self.table.only_secured(*port))
        };
        let port = stand.and_then(|stand| stand.at(*port));
        match port.as_ref().map(|port| &port.security) {
            Some(Security::Secured(acceptor)) => acceptor.accept(stream, &self.tls).await,
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "nobody speaks TLS by that name")),
        }
    }

    /// The balancer a request is for, and at which of its ports.
    fn find(&self, request: &Request, peer: &Peer) -> Option<(Rc<Stand>, u16)> {
        match &self.entry {
            Entry::Own { balancer, port } => Some((self.table.balancer(balancer)?, *port)),
            Entry::Named { port } => {
                // Who has come by TLS may ask for any name that a certificate is for.
                let named = self.table.named(request.authority());
                let other = || peer.session.as_ref().and_then(|_| self.table.only_secured(*port));
                Some((named.or_else(other)?, *port))
            }
            Entry::Any => {
                let stand = self.table.named(request.authority())?;
                let port = stand.lowest()?;
                Some((stand, port))
            }
        }
    }

    fn decide(&self, request: &Request, peer: &Peer) -> (Option<Rc<Stand>>, Verdict, u16) {
        let Some((stand, port)) = self.find(request, peer) else { return (None, Verdict::Say(page(404)), 0) };
        let verdict = self.verdict(&stand, port, request, peer);
        (Some(stand), verdict, port)
    }

    /// What a balancer does with a request at a port.
    fn verdict(&self, stand: &Stand, port: u16, request: &Request, peer: &Peer) -> Verdict {
        if !stand.lets_in(peer.address.ip(), port) {
            return Verdict::Say(page(403));
        }
        let Some(listener) = stand.at(port) else { return Verdict::Say(page(404)) };
        let secured = !matches!(listener.security, Security::Bare);
        if secured != peer.session.is_some() && !matches!(self.entry, Entry::Any) {
            return Verdict::Say(page(400));
        }
        match listener.deed(request, peer) {
            Deed::Forward { groups, turns } => {
                turns.turn().map_or_else(|| Verdict::Say(page(503)), |turn| Verdict::Forward(Rc::clone(&groups[turn])))
            }
            Deed::Answer { status, content_type, body } => {
                Verdict::Say(super::answer::fixed(*status, content_type, body))
            }
            Deed::Redirect { status, location } => {
                Verdict::Say(super::answer::redirect(*status, located(location, request, port, peer.session.is_some())))
            }
        }
    }
}

/// A redirection's target, with what was asked in the place of its stand-ins.
fn located(template: &str, request: &Request, port: u16, secured: bool) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let host = text(request.authority());
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
    let (path, target) = (text(request.path()), text(request.target()));
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let location = template
        .replace("#{protocol}", if secured { "https" } else { "http" })
        .replace("#{host}", host)
        .replace("#{port}", &port.to_string())
        .replace("#{path}", path.trim_start_matches('/'))
        .replace("#{query}", query);
    location.trim_end_matches('?').to_owned()
}

impl Application for Front {
    type Call = Forwarding;

    fn core(&self) -> &Rc<Core> {
        &self.core
    }

    fn patience(&self) -> Patience {
        Patience { idle: Some(KEPT_ALIVE), head: HEAD_MAX }
    }

    fn closing(&self) -> bool {
        self.closing.get()
    }

    async fn drained(&self) {
        self.closing.wait().await;
    }

    fn codec(&self) -> Codec {
        // An application load balancer speaks HTTP/2 to whom it agreed on it with, which needs TLS.
        Codec::Agreed
    }

    fn http2(&self) -> &Http2 {
        &self.http2
    }

    fn server(&self) -> &'static str {
        SERVER
    }

    fn call(self: &Rc<Self>, request: &mut Request, peer: &Peer) -> Forwarding {
        let (stand, verdict, port) = self.decide(request, peer);
        Forwarding::new(&self.core, request, peer, stand, verdict, port)
    }

    fn refuse(&self, malformed: Option<Malformed>, peer: &Peer) -> Answer {
        tracing::debug!(client = %peer.address, error = malformed.map(tracing::field::display), "a request is refused");
        page(malformed.map_or(408, |_| 400))
    }
}
