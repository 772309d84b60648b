//! The body of a request, which may have to be sent more than once.

use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Broken, Framing, Malformed, Pump, pump::Coding};
use crate::core::Core;

/// The most that is kept of a body for another attempt; one that is longer is sent once. Envoy keeps as much.
pub(super) const REPLAY_MAX: usize = 1024 * 1024;

/// A request's body on its way to a server.
#[derive(Debug)]
pub(crate) struct Upload {
    pump: Pump,
    /// What was sent so far, if it is kept.
    kept: Option<Vec<u8>>,
    /// Nothing of the body was sent yet, or all that was is kept.
    repeatable: bool,
}

impl Upload {
    /// A body framed so, of which `inbound` has the beginning; what follows the body stays there.
    pub(crate) fn new(framing: Framing, keep: bool, inbound: &mut Vec<u8>) -> Result<Self, Malformed> {
        let mut upload = Self {
            pump: Pump::new(framing, Coding::Same),
            kept: (keep && framing != Framing::None).then(Vec::new),
            repeatable: true,
        };
        if framing != Framing::None && !inbound.is_empty() {
            let (kept, repeatable) = (&mut upload.kept, &mut upload.repeatable);
            upload.pump.prime(inbound, |bytes| remember(kept, repeatable, bytes))?;
            *inbound = upload.pump.take_surplus();
        }
        Ok(upload)
    }

    /// All of the body has been sent.
    pub(crate) fn is_done(&self) -> bool {
        self.pump.is_done()
    }

    /// All of the body has been received from the client.
    pub(crate) fn is_read(&self) -> bool {
        self.pump.is_read()
    }

    /// Bytes of content so far.
    pub(crate) fn content(&self) -> u64 {
        self.pump.content()
    }

    /// Whether it can be sent once more.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    /// Begins another attempt.
    pub(crate) fn restart(&mut self) {
        self.pump.replay(self.kept.as_deref().unwrap_or_default());
    }

    /// Whether something moved since the last call.
    pub(crate) fn has_moved(&mut self) -> bool {
        self.pump.has_moved()
    }

    /// Sends the head, and what is there of the body.
    pub(crate) fn poll_start<W>(&mut self, cx: &mut Context<'_>, to: &mut W, head: &[u8]) -> Result<(), Broken>
    where
        W: AsyncWrite + Unpin,
    {
        self.pump.poll_start(cx, to, head)
    }

    /// Sends more; what follows the body goes to `inbound`.
    pub(crate) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        from: &mut R,
        to: &mut W,
        inbound: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let (kept, repeatable) = (&mut self.kept, &mut self.repeatable);
        let progress = self.pump.poll(cx, core, from, to, |bytes| remember(kept, repeatable, bytes));
        if self.pump.is_read() {
            inbound.append(&mut self.pump.take_surplus());
        }
        progress
    }
}

fn remember(kept: &mut Option<Vec<u8>>, repeatable: &mut bool, bytes: &[u8]) {
    match kept {
        Some(copy) if copy.len() + bytes.len() <= REPLAY_MAX => copy.extend_from_slice(bytes),
        _ => (*kept, *repeatable) = (None, bytes.is_empty() && *repeatable),
    }
}
