//! The control plane's side of the conversation.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use crate::{
    ClientError, Hello, ItemError,
    protocol::{LINE_MAX, Observed, Reply, Request, Section, Vpc, Zones},
};

/// How long a reply may take. Making a VPC takes milliseconds; a loaded machine may take its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Speaks to the edge at a socket. It keeps no connection: an edge that was replaced is found by the next call.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the edge that serves `socket`. Whether there is one shows with the first call.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Who the edge is and what it holds.
    pub async fn hello(&self) -> Result<Hello, ClientError> {
        match self.ask(&Request::Hello).await? {
            Reply::Hello(hello) => Ok(hello),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes these the VPCs of the machine; answers with those that failed.
    pub async fn vpcs(&self, vpcs: Vec<Vpc>) -> Result<Vec<ItemError>, ClientError> {
        self.apply(Section::Vpcs(vpcs)).await
    }

    /// Makes these the names that `owner` gives, by VPC; answers with the VPCs whose names failed.
    pub async fn zones(&self, owner: &str, vpcs: BTreeMap<String, dns::Zones>) -> Result<Vec<ItemError>, ClientError> {
        self.apply(Section::Zones(Zones { owner: owner.to_owned(), vpcs })).await
    }

    /// Tells every VPC's relay where the control plane is.
    pub async fn relay(&self, control_plane: SocketAddr) -> Result<(), ClientError> {
        self.apply(Section::Relay(control_plane)).await.map(|_| ())
    }

    /// Makes `desired` the state of the plugged section `name`; answers with the items that failed.
    pub async fn plugged(&self, name: &str, desired: &impl Serialize) -> Result<Vec<ItemError>, ClientError> {
        let desired = serde_json::to_value(desired).map_err(|error| ClientError::Refused(error.to_string()))?;
        self.apply(Section::Plugged { name: name.to_owned(), desired }).await
    }

    /// What the plugged section `name` sees, once it is not the revision `after` any more; waits for news for a while.
    pub async fn observe(&self, name: &str, after: u64) -> Result<Observed, ClientError> {
        match self.ask(&Request::Observe { name: name.to_owned(), after }).await? {
            Reply::Observed(observed) => Ok(observed),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes the edge let go of everything and end. Answers before it has ended.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        match self.ask(&Request::Shutdown).await? {
            Reply::Stopping => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn apply(&self, section: Section) -> Result<Vec<ItemError>, ClientError> {
        match self.ask(&Request::Apply(section)).await? {
            Reply::Applied(errors) => Ok(errors),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Reply, ClientError> {
        let socket = || self.socket.clone();
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| ClientError::Absent { socket: socket(), source })?;
        let line = tokio::time::timeout(PATIENCE, converse(stream, request))
            .await
            .map_err(|_| ClientError::Silent { socket: socket(), seconds: PATIENCE.as_secs() })?
            .map_err(|source| ClientError::Broken { socket: socket(), source })?;
        match serde_json::from_str(&line) {
            Ok(Reply::Refused(reason)) => Err(ClientError::Refused(reason)),
            Ok(reply) => Ok(reply),
            Err(_) => Err(ClientError::Unexpected(line)),
        }
    }
}

/// Sends one line and reads one.
async fn converse(mut stream: UnixStream, request: &Request) -> io::Result<String> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut reply = String::new();
    BufReader::new(stream.take(LINE_MAX as u64)).read_line(&mut reply).await?;
    if reply.ends_with('\n') { Ok(reply) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn unexpected(reply: &Reply) -> ClientError {
    ClientError::Unexpected(format!("{reply:?}"))
}
