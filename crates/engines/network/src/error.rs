//! What can go wrong between us and the kernel.

use std::io;

use crate::Identity;

/// A failure of the kernel's networking, or a refusal of ours to touch what is not ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A namespace could not be made, opened or entered.
    #[error("can't {doing} the network namespace `{name}`; this needs root (CAP_SYS_ADMIN)")]
    Namespace {
        /// `create`, `open`, `enter`.
        doing: &'static str,
        /// Its path, or what it is for.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The namespace is the one that this process lives in.
    #[error("`{0}` is this process's own network namespace, in which nothing may be changed")]
    Host(String),
    /// A socket, or a thread, is not in the namespace it was meant for. Nothing was sent.
    #[error("a socket for namespace {wanted} is in namespace {found}; it was closed before use")]
    WrongNamespace {
        /// Where it should be.
        wanted: Identity,
        /// Where it is.
        found: Identity,
    },
    /// A thread that works inside a namespace ended before it answered.
    #[error("the thread that was to {0} ended without an answer")]
    Thread(&'static str),
    /// Links, addresses, routes, neighbours.
    #[error("can't {doing} `{thing}`")]
    Link {
        /// What was being done: `add address`.
        doing: &'static str,
        /// To what.
        thing: String,
        /// What the kernel said.
        source: rtnetlink::Error,
    },
    /// The kernel did not answer a netlink request in time.
    #[error("the kernel did not answer within {seconds} s while it was to {doing}")]
    Silent {
        /// What it was asked.
        doing: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// A kernel setting could not be written.
    #[error("can't write {value} to {path}")]
    Setting {
        /// The file under `/proc/sys`.
        path: String,
        /// The value.
        value: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Packet rules were refused; none of the transaction took effect.
    #[error("the kernel refused the packet rules of table `{table}`")]
    Rules {
        /// The table.
        table: &'static str,
        /// What the kernel said, with the message at fault.
        source: io::Error,
    },
    /// A socket could not be made, bound or connected.
    #[error("can't {doing} {address}")]
    Socket {
        /// `listen on`, `connect to`.
        doing: &'static str,
        /// The address.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A task's interface id that no link name can be made of.
    #[error("`{0}` is not an interface id: at least one letter or digit must follow its prefix")]
    InterfaceId(String),
}

impl Error {
    /// What the kernel said, for callers that tell a refused connection from a broken machine.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Namespace { source, .. }
            | Self::Setting { source, .. }
            | Self::Rules { source, .. }
            | Self::Socket { source, .. } => Some(source),
            _ => None,
        }
    }
}
