//! Requests one after the other, each waited for.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A connection that is kept.
pub(crate) struct Kept(TcpStream);

impl Kept {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Asks for `path`: the status and the body.
    pub(crate) fn get(&mut self, path: &str) -> Result<(u16, String)> {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nhost: todo.example\r\n\r\n").as_bytes())?;
        let (mut text, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let length = self.0.read(&mut piece)?;
            text.extend_from_slice(&piece[..length]);
            if let Some(answer) = whole(&String::from_utf8_lossy(&text)) {
                return Ok(answer);
            }
            anyhow::ensure!(length > 0, "half an answer");
        }
    }
}

/// Asks for `path` on a connection of its own: the status and the body.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, String)> {
    Kept::open(port)?.get(path)
}

fn whole(text: &str) -> Option<(u16, String)> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())?.ok()
    })?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() >= length).then(|| (status, body.to_owned()))
}

/// How many requests each of the servers has had since it was asked last.
pub(crate) fn counts(port: u16) -> Result<Vec<u64>> {
    let (_, body) = get(port, crate::upstream::COUNTS)?;
    body.split(' ').map(|count| count.parse().with_context(|| format!("`{body}` are no counts"))).collect()
}
