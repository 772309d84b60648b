//! One stream: its proxy heard and answered until one of the two leaves.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{error::Elapsed, timeout},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Status, Streaming};
use tracing::{Instrument, debug, info, info_span};

use super::{
    Admitted,
    messages::{Heard, Incoming, Outgoing},
};
use crate::{
    Cache, Node,
    cache::{Connection, Refused},
    published::Published,
    session::Session,
};

/// Responses that may wait for a proxy to read them.
const QUEUE_MAX: usize = 4;
/// How long a proxy may leave a full queue unread before it is given up.
const READ_WAIT: Duration = Duration::from_mins(1);

/// What is sent to a proxy.
pub(super) type Responses = ReceiverStream<Result<Outgoing, Status>>;
type Queue = mpsc::Sender<Result<Outgoing, Status>>;

/// Starts the task of a stream. Answers at once, because a proxy may wait for the headers before it says anything.
pub(super) fn open<I: Incoming>(cache: Cache, admitted: Admitted, requests: Streaming<I>) -> Responses {
    let (queue, responses) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(async move {
        if let Err(status) = run(&cache, &admitted, requests, &queue).await {
            debug!(code = ?status.code(), reason = status.message(), "A stream ended.");
            // A proxy that is gone, or does not read, does not need to know why.
            let _unread = queue.try_send(Err(status));
        }
        drop(admitted.place);
    });
    ReceiverStream::new(responses)
}

async fn run<I: Incoming>(
    cache: &Cache,
    admitted: &Admitted,
    mut requests: Streaming<I>,
    queue: &Queue,
) -> Result<(), Status> {
    let first = timeout(cache.limits().first_message_wait, requests.next()).await.map_err(|_: Elapsed| silent())?;
    let Some(first) = first.transpose()? else { return Ok(()) };
    let node = first.sender()?.ok_or_else(|| Status::invalid_argument("the first request names no node"))?;
    let connection = tokio::select! {
        connection = connect(cache, node, admitted) => connection?,
        () = queue.closed() => return Ok(()),
    };
    let span = info_span!("xds", stream = connection.state.stream, node = %connection.state.name);
    converse(connection, first, requests, queue).instrument(span).await
}

/// Finds what the proxy is to do; that there is nothing is noted.
async fn connect(cache: &Cache, node: Node, admitted: &Admitted) -> Result<Connection, Refused> {
    let Admitted { identity, peer, .. } = admitted;
    let node = Arc::new(node);
    let found = cache.connect(Arc::clone(&node), identity).await;
    match &found {
        Ok(_) => cache.let_in(&node.id, identity, *peer),
        // It is told to come back, and will.
        Err(Refused::Stopping) => {}
        Err(refused) => cache.turn_away(Some(&node), Some(identity), *peer, &refused.to_string()),
    }
    found
}

/// Serves a proxy until it leaves, its node is gone, or the control plane stops.
async fn converse<I: Incoming>(
    mut connection: Connection,
    first: I,
    mut requests: Streaming<I>,
    queue: &Queue,
) -> Result<(), Status> {
    let node = &connection.state.node;
    info!(id = node.id, agent = node.user_agent, dialect = ?I::DIALECT, "A proxy connected.");
    let Some(published) = connection.published.borrow_and_update().clone() else { return Err(ended()) };
    let mut session = Session::new(I::DIALECT, published);
    let mut event = Event::Request(first);
    loop {
        let pushes = match event {
            Event::Request(request) => hear(&mut session, request, queue).await?,
            Event::Published(published) => session.publish(published),
            Event::Left => return Ok(()),
        };
        for push in pushes {
            debug!(kind = ?push.kind, nonce = push.nonce, version = %push.version, count = push.resources.len(), "Sent.");
            send(queue, Outgoing::Push(push)).await?;
        }
        connection.record(connection.state.with(&session));
        event = next(&mut connection, &mut requests, queue).await?;
    }
}

/// What a stream acts on.
enum Event<I> {
    Request(I),
    Published(Arc<Published>),
    Left,
}

/// Waits for the next thing to act on.
async fn next<I: Incoming>(
    connection: &mut Connection,
    requests: &mut Streaming<I>,
    queue: &Queue,
) -> Result<Event<I>, Status> {
    tokio::select! {
        request = requests.next() => Ok(request.transpose()?.map_or(Event::Left, Event::Request)),
        _ = connection.published.changed() => {
            let published = connection.published.borrow_and_update().clone();
            published.map(Event::Published).ok_or_else(ended)
        }
        _ = connection.stopping.wait_for(|stopping| *stopping) => Err(Refused::Stopping.into()),
        () = queue.closed() => Ok(Event::Left),
    }
}

/// Takes a request; answers what to send.
async fn hear<I: Incoming>(
    session: &mut Session,
    request: I,
    queue: &Queue,
) -> Result<Vec<crate::session::Push>, Status> {
    let pushes = match request.read()? {
        Heard::Request(request) => session.receive(request),
        Heard::Foreign(url) => {
            send(queue, Outgoing::Nothing(url)).await?;
            Vec::new()
        }
        Heard::Nothing => Vec::new(),
    };
    match session.asks_too_much() {
        None => Ok(pushes),
        Some(kind) => {
            Err(Status::resource_exhausted(format!("more names of {kind:?}s are asked for than one proxy may")))
        }
    }
}

async fn send(queue: &Queue, response: Outgoing) -> Result<(), Status> {
    let sent = timeout(READ_WAIT, queue.send(Ok(response))).await;
    sent.map_err(|_: Elapsed| silent())?.map_err(|_| Status::cancelled("the proxy left"))
}

fn silent() -> Status {
    Status::deadline_exceeded("the proxy neither speaks nor reads")
}

fn ended() -> Status {
    Status::invalid_argument("the node is no more")
}
