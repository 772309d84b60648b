//! A filter chain that passes connections on as they are, by weight, with another try if a server can't be reached.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc};

use names::Timestamp;

use super::{
    cluster::{Cluster, Member},
    gates::Admission,
    slot::Slot,
};
use crate::{
    access_log::Log,
    core::Core,
    format::Facts,
    http::{Connection, Failure, Peer, Upstream},
    model::TcpProxy,
    rotation::Rotation,
    stats::{Held, TcpCounters},
    tls::Session,
    transport::Transport,
    tunnel,
};

/// Passes connections on as they are.
pub(crate) struct Tcp {
    /// The name of its filter chain.
    pub(crate) chain: String,
    pub(crate) settings: TcpProxy,
    pub(crate) clusters: Vec<Rc<Slot<Cluster>>>,
    pub(crate) rotation: Rotation,
    pub(crate) counters: Arc<TcpCounters>,
    pub(crate) logs: Vec<Log>,
}

/// A connection to a server, and leave to have it.
struct Reached {
    connection: Connection,
    member: Option<Rc<Member>>,
    _admission: Admission,
}

impl Tcp {
    /// Passes a connection on, to its end.
    pub(crate) async fn pass(&self, core: &Core, mut stream: Transport, peer: Peer) -> io::Result<()> {
        self.counters.cx_total.increment();
        let _active = Held::new(Arc::clone(&self.counters), |counters| &counters.cx_active);
        let (start, begun) = (core.clock.now(), tokio::time::Instant::now());
        let mut line = Line { start, ..Line::default() };
        let turn = self.rotation.turn();
        let outcome = self.pass_on(core, &mut stream, &peer, turn, &mut line).await;
        for log in &self.logs {
            let cluster = turn.map(|turn| &*self.clusters[turn].name);
            let known = Facts { chain: Some(&self.chain), core: Some(core), ..line.facts(cluster, &peer) };
            log.write(&Facts { duration: Some(begun.elapsed()), ..known });
        }
        if outcome.is_err() {
            stream.set_zero_linger()?;
        }
        outcome
    }

    async fn pass_on(
        &self,
        core: &Core,
        stream: &mut Transport,
        peer: &Peer,
        turn: Option<usize>,
        line: &mut Line,
    ) -> io::Result<()> {
        let cluster = turn.and_then(|turn| self.clusters[turn].get());
        let Some(cluster) = cluster else {
            self.counters.cx_no_route.increment();
            line.flags.push("NC");
            return Err(io::ErrorKind::HostUnreachable.into());
        };
        let mut reached = self.reach(&cluster, peer, line).await?;
        let _at_server = reached.member.as_ref().map(|member| {
            Held::new(Arc::clone(&member.counters), |counters: &super::endpoint::EndpointCounters| &counters.rq_active)
        });
        let idle = self.settings.idle_timeout;
        let passed = tunnel::pass(core, stream, &mut reached.connection.stream, idle).await;
        (line.received, line.sent) = (passed.forth, passed.back);
        self.counters.rx_bytes.add(passed.forth);
        self.counters.tx_bytes.add(passed.back);
        match passed.end {
            tunnel::End::Closed => Ok(()),
            tunnel::End::Broken => Err(io::ErrorKind::ConnectionReset.into()),
            tunnel::End::Idle => {
                self.counters.idle_timeout.increment();
                Ok(())
            }
        }
    }

    /// Connects to a server of `cluster`, to another one if the first can't be reached, as often as may be.
    async fn reach(&self, cluster: &Rc<Cluster>, peer: &Peer, line: &mut Line) -> io::Result<Reached> {
        let admission = cluster.gates().connect(&cluster.counters).map_err(|_| {
            line.flags.push("UO");
            io::Error::from(io::ErrorKind::QuotaExceeded)
        })?;
        let attempts = self.settings.max_connect_attempts.max(1);
        let mut tried = Vec::new();
        let mut last = io::Error::from(io::ErrorKind::HostUnreachable);
        for _ in 0..attempts {
            let (upstream, member) = self.server(cluster, peer, &tried, line)?;
            let target = upstream.route.target;
            line.upstream = Some(target);
            tried.push(target);
            match upstream.connect().await {
                Ok(connection) => {
                    (line.local, line.session) = (connection.local, connection.stream.session().cloned());
                    return Ok(Reached { connection, member, _admission: admission });
                }
                Err(Failure::Connect(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        cluster.counters.cx_connect_attempts_exceeded.increment();
        line.flags.extend(["UF", "URX"]);
        Err(last)
    }

    /// The server of the next attempt.
    fn server(
        &self,
        cluster: &Cluster,
        peer: &Peer,
        tried: &[SocketAddr],
        line: &mut Line,
    ) -> io::Result<(Rc<Upstream>, Option<Rc<Member>>)> {
        if cluster.is_original_destination() {
            if peer.destination == peer.local {
                // It was not redirected but sent here: passing it on would go round in circles.
                return Err(io::ErrorKind::AddrNotAvailable.into());
            }
            return Ok((cluster.upstream_at(peer.destination), None));
        }
        let passes = self.settings.max_connect_attempts;
        let member = cluster.pick(tried, passes).ok_or_else(|| {
            cluster.counters.cx_none_healthy.increment();
            line.flags.push("UH");
            io::Error::from(io::ErrorKind::HostUnreachable)
        })?;
        Ok((Rc::clone(&member.upstream), Some(member)))
    }
}

/// What the access log will say of a connection.
#[derive(Default)]
struct Line {
    start: Timestamp,
    flags: Vec<&'static str>,
    received: u64,
    sent: u64,
    upstream: Option<SocketAddr>,
    /// Our end of the connection to it, and what secures that.
    local: Option<SocketAddr>,
    session: Option<Arc<Session>>,
}

impl Line {
    /// What is known of the connection with `peer` to `cluster`.
    fn facts<'a>(&'a self, cluster: Option<&'a str>, peer: &'a Peer) -> Facts<'a> {
        Facts {
            start: self.start,
            flags: &self.flags,
            received: self.received,
            sent: self.sent,
            cluster,
            upstream: self.upstream,
            upstream_local: self.local,
            upstream_session: self.session.as_deref(),
            downstream: Some(peer.address),
            downstream_direct: Some(peer.address),
            downstream_local: Some(peer.destination),
            downstream_direct_local: Some(peer.local),
            connection: Some(peer.number),
            session: peer.session.as_deref(),
            server_name: peer.session.as_ref().and_then(|session| session.server_name.as_deref()),
            ..Facts::default()
        }
    }
}
