//! HTTP/1.1 through a proxy, as RFC 9110 and RFC 9112 say, strict wherever leniency lets one side see another
//! message than the other.
//!
//! A head is parsed where it lies: no header map is built, fields are spans of its bytes. It is passed on by copying
//! runs of bytes between the fields that must go, with new fields at its end. A body is passed on as it is framed,
//! read and written once, while a decoder finds its end. What is held for a slow receiver is at most one read.
//!
//! - [`Head`] reads start line and fields, [`Request`] and [`Response`] say what they mean.
//! - [`Framing`] and [`Decoder`] know where a body ends; [`Pump`] moves it.
//! - [`Application`] decides about requests: the mesh's routes and the load balancer's rules are the two.
//! - [`serve`] runs a client's connection, [`exchange`](exchange::exchange) one request through it.
//! - [`http2`] is HTTP/2 on either side, [`relay`] one request where it is spoken.

mod answer;
mod application;
mod body;
mod characters;
mod client;
mod conversation;
mod exchange;
mod head;
mod http2;
mod malformed;
mod pump;
mod relay;
mod request;
mod response;
mod upload;
mod upstream;

pub(crate) use answer::Answer;
pub(crate) use application::{Application, Call, Failure, Patience, Peer, Record, Timeouts};
pub(crate) use body::{Decoder, Framing};
pub(crate) use client::serve;
pub(crate) use head::{Head, Name, NameSet, append_field, append_number};
#[cfg(feature = "fuzzing")]
pub(crate) use http2::trial;
pub(crate) use http2::{Lines, Question, ask};
pub(crate) use malformed::Malformed;
pub(crate) use pump::{Broken, Pump};
pub(crate) use request::{BadPath, Request, Version};
pub(crate) use response::{Fields, HeadFields, Response};
pub(crate) use upstream::{Connection, Security, Upstream};

#[cfg(test)]
mod tests;
