//! The X-Ray daemon: the process beside an application that takes its segments and passes them on.
//!
//! An SDK sends each segment as one datagram, a header line and a document, and forgets it. The daemon gathers
//! documents and posts them to the X-Ray API in batches; while the API is away it keeps what fits its buffer, lets
//! the oldest go and counts them. SDKs ask it by TCP for sampling rules, which it passes on to the API as it is.
//!
//! It stands in for the image `amazon/aws-xray-daemon` and understands that program's flags and variables as far as
//! they mean something here. Who runs it brings the signature of its requests, which tells the API account and region.

mod buffer;
mod post;
mod proxy;
mod receive;
mod settings;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, UdpSocket},
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tracing::{error, info};

pub use settings::{Settings, SettingsError};

pub use post::{Outgoing, Sign};

use buffer::Buffer;
use post::Post;

/// The exit code of a wrong command line.
const EXIT_USAGE: u8 = 64;
/// How long the last batch may take once the daemon is told to stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs the daemon until it is told to stop. `variable` is the environment, `arguments` what follows the program's
/// name; `sign` signs each request.
pub fn daemon(variable: impl Fn(&str) -> Option<String>, arguments: &[String], sign: Sign) -> ExitCode {
    let settings = match Settings::read(variable, arguments) {
        Ok(settings) => settings,
        Err(wrong) => {
            error!("{wrong}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(settings, sign))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "The X-Ray daemon can't go on.");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings, sign: Sign) -> std::io::Result<()> {
    let udp = UdpSocket::bind(settings.bind).await?;
    let tcp = TcpListener::bind(settings.bind_tcp).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    info!(udp = %udp.local_addr()?, tcp = %tcp.local_addr()?, endpoint = %settings.endpoint, "X-Ray daemon is ready.");
    let stop = async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    serve(settings, sign, udp, tcp, stop).await
}

/// The daemon on sockets that are there, until `stop`; what is in the buffer then is sent, if there is time.
async fn serve(
    settings: Settings,
    sign: Sign,
    udp: UdpSocket,
    tcp: TcpListener,
    stop: impl Future,
) -> std::io::Result<()> {
    let (buffer, post) = (Arc::new(Buffer::default()), Arc::new(Post::new(settings, sign)));
    let end = tokio::select! {
        end = receive::receive(udp, &buffer) => end,
        end = proxy::serve(tcp, &post) => end,
        () = post.deliver(&buffer) => Ok(()),
        _ = stop => Ok(()),
    };
    if timeout(FAREWELL, post.empty(&buffer)).await.is_err() {
        info!(lost = buffer.len(), "Segments were left over.");
    }
    end
}

#[cfg(test)]
mod tests;
