//! A table's new content, committed at once or not at all.

use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket,
            sockopt,
        },
        time::TimeVal,
    },
};

use super::{
    Rule,
    expression::Verdict,
    message::{self, Acknowledgement, Attributes, Header, acknowledgements},
};

/// Elements of a set in one message: an attribute holds 64 KiB, an element with a jump needs less than 100 bytes.
const ELEMENTS_IN_MESSAGE: usize = 500;

/// How long the kernel may take to answer, in seconds. It has answered before the sending call returns.
const PATIENCE_SECONDS: i64 = 5;

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

/// `NFT_MSG_*`.
#[derive(Clone, Copy)]
enum Message {
    NewTable = 0,
    DeleteTable = 2,
    NewChain = 3,
    NewRule = 6,
    NewSet = 9,
    NewElements = 12,
}

/// Where in a packet's way a chain stands: `NF_INET_*`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hook {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
}

/// What a chain may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Filter,
    Nat,
}

/// A chain that packets meet by themselves.
///
/// It lets pass what no rule ends: a chain is hooked in a moment before its rules are, and a chain that drops would
/// lose the packets of that moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub(crate) kind: Kind,
    pub(crate) hook: Hook,
    pub(crate) priority: i32,
}

/// The new content of one IPv4 table.
#[derive(Debug)]
pub(crate) struct Transaction {
    table: &'static str,
    bytes: Vec<u8>,
    /// What each message is about, by its number; for errors.
    labels: Vec<String>,
    sets: u32,
}

impl Transaction {
    /// A transaction after which `table` has nothing but what is said here.
    pub(crate) fn replacing(table: &'static str) -> Self {
        let mut transaction = Self { table, bytes: Vec::new(), labels: Vec::new(), sets: 0 };
        transaction.frame(BATCH_BEGIN);
        let name = Attributes::new().text(1, table);
        // Deleting what is not there is an error, so it is made first.
        transaction.message(Message::NewTable, CREATE, &name, "table".to_owned());
        transaction.message(Message::DeleteTable, 0, &name, "old table".to_owned());
        transaction.message(Message::NewTable, CREATE, &name, "table".to_owned());
        transaction
    }

    /// Adds a chain that others jump to.
    pub(crate) fn chain(&mut self, name: &str) {
        let attributes = Attributes::new().text(1, self.table).text(3, name);
        self.message(Message::NewChain, CREATE, &attributes, format!("chain {name}"));
    }

    /// Adds a chain that packets meet by themselves.
    pub(crate) fn base_chain(&mut self, name: &str, base: Base) {
        let hook = Attributes::new().number(1, base.hook as u32).number(2, base.priority.cast_unsigned());
        let kind = match base.kind {
            Kind::Filter => "filter",
            Kind::Nat => "nat",
        };
        let attributes = Attributes::new().text(1, self.table).text(3, name).nest(4, &hook).text(7, kind);
        self.message(Message::NewChain, CREATE, &attributes, format!("chain {name}"));
    }

    /// Adds `rule` at the end of `chain`.
    pub(crate) fn rule(&mut self, chain: &str, rule: &Rule) {
        let attributes = Attributes::new().text(1, self.table).text(2, chain).nest(4, &rule.attributes());
        self.message(Message::NewRule, CREATE | APPEND, &attributes, format!("rule in chain {chain}"));
    }

    /// Adds a set of addresses.
    pub(crate) fn set(&mut self, name: &str, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        self.declare(name, &Attributes::new());
        let element = |address: Ipv4Addr| Attributes::new().nest(1, &Attributes::new().bytes(1, &address.octets()));
        self.elements(name, addresses.into_iter().map(element));
    }

    /// Adds a map from addresses to chains to jump to, which must be there.
    pub(crate) fn jumps(&mut self, name: &str, chains: impl IntoIterator<Item = (Ipv4Addr, String)>) {
        const NFT_SET_MAP: u32 = 0x8;
        const NFT_DATA_VERDICT: u32 = 0xffff_ff00;
        self.declare(name, &Attributes::new().number(3, NFT_SET_MAP).number(6, NFT_DATA_VERDICT));
        let element = |(address, chain): (Ipv4Addr, String)| {
            let verdict = Attributes::new().nest(2, &Verdict::Jump(&chain).attributes());
            Attributes::new().nest(1, &Attributes::new().bytes(1, &address.octets())).nest(2, &verdict)
        };
        self.elements(name, chains.into_iter().map(element));
    }

    /// A set of IPv4 addresses, still empty. The number of the key's type is only for the `nft` program to show it.
    fn declare(&mut self, name: &str, kind: &Attributes) {
        const IPV4_ADDRESS: u32 = 7;
        self.sets += 1;
        let key = Attributes::new().number(4, IPV4_ADDRESS).number(5, 4).number(10, self.sets);
        let attributes = Attributes::new().text(1, self.table).text(2, name).and(kind).and(&key);
        self.message(Message::NewSet, CREATE, &attributes, format!("set {name}"));
    }

    fn elements(&mut self, set: &str, elements: impl Iterator<Item = Attributes>) {
        let elements: Vec<_> = elements.collect();
        for chunk in elements.chunks(ELEMENTS_IN_MESSAGE) {
            let list = chunk.iter().fold(Attributes::new(), |list, element| list.nest(1, element));
            let attributes = Attributes::new().text(1, self.table).text(2, set).nest(3, &list);
            self.message(Message::NewElements, CREATE, &attributes, format!("elements of set {set}"));
        }
    }

    fn message(&mut self, message: Message, flags: u16, attributes: &Attributes, label: String) {
        // Each is acknowledged only if it fails; see `commit` for the one that always is.
        let header = Header {
            kind: (SUBSYSTEM << 8) | message as u16,
            flags: REQUEST | flags,
            sequence: self.next(label),
            family: u8::try_from(libc::NFPROTO_IPV4).expect("it is 2"),
            resource: 0,
        };
        message::append(&mut self.bytes, header, attributes);
    }

    /// Begins or ends the transaction.
    fn frame(&mut self, kind: u16) {
        let sequence = self.next("the transaction".to_owned());
        let header = Header { kind, flags: REQUEST, sequence, family: 0, resource: SUBSYSTEM };
        message::append(&mut self.bytes, header, &Attributes::new());
    }

    fn next(&mut self, label: String) -> u32 {
        self.labels.push(label);
        u32::try_from(self.labels.len() - 1).unwrap_or(u32::MAX)
    }

    /// Makes it so in the calling thread's namespace.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        // A last message that changes nothing and is always acknowledged: its answer comes after all complaints.
        let last = self.next("end".to_owned());
        let header = Header {
            kind: (SUBSYSTEM << 8) | Message::NewTable as u16,
            flags: REQUEST | CREATE | ACKNOWLEDGE,
            sequence: last,
            family: u8::try_from(libc::NFPROTO_IPV4).expect("it is 2"),
            resource: 0,
        };
        message::append(&mut self.bytes, header, &Attributes::new().text(1, self.table));
        self.frame(BATCH_END);
        let socket = self.send()?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            for answer in acknowledgements(&buffer[..length]) {
                if answer.errno != 0 {
                    return Err(self.complaint(answer));
                }
                if answer.sequence == last {
                    return Ok(());
                }
            }
        }
    }

    fn send(&self) -> nix::Result<OwnedFd> {
        let (flags, netfilter) = (SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter);
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, netfilter)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE_SECONDS, 0))?;
        // A transaction is one datagram, however long it is.
        setsockopt(&socket, sockopt::SndBufForce, &self.bytes.len().max(1 << 16).saturating_mul(2))?;
        sendto(socket.as_raw_fd(), &self.bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        Ok(socket)
    }

    fn complaint(&self, answer: Acknowledgement) -> io::Error {
        let about = self.labels.get(answer.sequence as usize).map_or("an unknown message", String::as_str);
        let error = Errno::from_raw(answer.errno);
        io::Error::new(io::Error::from(error).kind(), format!("{about}: {}", error.desc()))
    }
}
