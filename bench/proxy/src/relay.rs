//! The floor: a relay that copies bytes between two connections and looks at none of them.
//!
//! Whoever it takes in gets a connection of its own to a server, two of three to the first. One read and one write for
//! each piece and direction, from one buffer: there is no cheaper way without looking.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use anyhow::{Context as _, Result};

use crate::poll::Poll;

/// What is read at once.
const SCRATCH: usize = 64 * 1024;

/// One end of a pair; the other has the neighbouring number.
struct End {
    stream: TcpStream,
    /// What it has yet to take.
    held: Vec<u8>,
}

/// Relays from `port` to `servers`, twice to the first for once to the second, for ever.
pub(crate) fn run(port: u16, servers: [u16; 2]) -> Result<()> {
    let mut poll = Poll::new()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("port {port}"))?;
    listener.set_nonblocking(true)?;
    poll.add(&listener, usize::MAX)?;
    let (mut ends, mut free): (Vec<Option<End>>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut scratch, mut ready, mut taken) = (vec![0; SCRATCH], Vec::new(), 0_usize);
    loop {
        ready.clear();
        ready.extend(poll.wait(None)?);
        for number in ready.iter().copied() {
            if number == usize::MAX {
                while let Ok((client, _)) = listener.accept() {
                    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, servers[usize::from(taken % 3 == 2)]))?;
                    taken += 1;
                    let place = free.pop().unwrap_or(ends.len());
                    if place == ends.len() {
                        ends.extend([None, None]);
                    }
                    for (stream, place) in [(client, place), (server, place + 1)] {
                        stream.set_nonblocking(true)?;
                        stream.set_nodelay(true)?;
                        poll.add(&stream, place)?;
                        ends[place] = Some(End { stream, held: Vec::new() });
                    }
                }
            } else if !pass(&poll, &mut ends, number, &mut scratch) {
                let first = number & !1;
                if ends[first].take().is_some() && ends[first + 1].take().is_some() {
                    free.push(first);
                }
            }
        }
    }
}

/// Moves what can be moved from and to an end; false when the pair is over.
fn pass(poll: &Poll, ends: &mut [Option<End>], number: usize, scratch: &mut [u8]) -> bool {
    let first = number & !1;
    let [Some(left), Some(right)] = &mut ends[first..first + 2] else { return true };
    let (from, to, other) = if number == first { (left, right, number + 1) } else { (right, left, number - 1) };
    if !from.held.is_empty() {
        match from.stream.write(&from.held) {
            Ok(length) => drop(from.held.drain(..length)),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        if !from.held.is_empty() {
            return true;
        }
        from.held = Vec::new();
        if poll.watch_writes(&from.stream, number, false).is_err() || poll.add(&to.stream, other).is_err() {
            return false;
        }
    }
    let length = match from.stream.read(scratch) {
        Ok(0) => return false,
        Ok(length) => length,
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    };
    let written = match to.stream.write(&scratch[..length]) {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(_) => return false,
    };
    if written == length {
        return true;
    }
    // Whoever is slow holds up who is fast: nothing more is read until this is gone.
    to.held.extend_from_slice(&scratch[written..length]);
    poll.watch_writes(&to.stream, other, true).is_ok() && poll.remove(&from.stream).is_ok()
}
