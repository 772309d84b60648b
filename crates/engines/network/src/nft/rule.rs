//! A rule in the words of packets: which ones, and what becomes of them.

use std::net::SocketAddrV4;

use ipnet::Ipv4Net;

use super::{
    expression::{Comparison, Expression, From, Meta, Refusal, Side, Verdict},
    message::Attributes,
};

/// IP's numbers for what it carries.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Where an IPv4 header has its addresses, in bytes.
const SOURCE: u32 = 12;
const DESTINATION: u32 = 16;

/// The routing table's type for addresses of this machine: `RTN_LOCAL`.
const LOCAL: u32 = 2;

/// Bits of a connection's state: `NF_CT_STATE_*`.
const INVALID: u32 = 1;
const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;

/// A rule in the making: each method narrows it, the last says what becomes of the packets that are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule(Vec<Expression>);

impl Rule {
    /// A rule for every packet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn with<const N: usize>(mut self, expressions: [Expression; N]) -> Self {
        self.0.extend(expressions);
        self
    }

    /// Of a connection that is known, or that a known one brought about (an ICMP error, for example).
    pub(crate) fn known_connection(self) -> Self {
        self.state(ESTABLISHED | RELATED)
    }

    /// That belong to no connection and begin none.
    pub(crate) fn invalid(self) -> Self {
        self.state(INVALID)
    }

    fn state(self, bits: u32) -> Self {
        let none = Expression::compare(Comparison::NotEqual, &[0; 4]);
        self.with([Expression::connection_state(), Expression::mask(bits.to_ne_bytes()), none])
    }

    /// From `net`.
    pub(crate) fn source(self, net: Ipv4Net) -> Self {
        self.address(SOURCE, net)
    }

    /// To `net`.
    pub(crate) fn destination(self, net: Ipv4Net) -> Self {
        self.address(DESTINATION, net)
    }

    fn address(self, at: u32, net: Ipv4Net) -> Self {
        if net.prefix_len() == 0 {
            return self;
        }
        let equal = Expression::compare(Comparison::Equal, &net.network().octets());
        self.with([load_address(at), Expression::mask(net.netmask().octets()), equal])
    }

    /// From an address in `set`.
    pub(crate) fn source_in(self, set: &str) -> Self {
        self.with([load_address(SOURCE), Expression::in_set(set)])
    }

    /// To an address in `set`.
    pub(crate) fn destination_in(self, set: &str) -> Self {
        self.with([load_address(DESTINATION), Expression::in_set(set)])
    }

    /// From elsewhere than this namespace.
    pub(crate) fn source_not_local(self) -> Self {
        self.not_local(Side::Source)
    }

    /// To elsewhere than this namespace.
    pub(crate) fn destination_not_local(self) -> Self {
        self.not_local(Side::Destination)
    }

    fn not_local(self, side: Side) -> Self {
        let other = Expression::compare(Comparison::NotEqual, &LOCAL.to_ne_bytes());
        self.with([Expression::address_type(side), other])
    }

    /// Sent by a process of this user.
    pub(crate) fn user(self, uid: u32) -> Self {
        self.meta(Meta::User, &uid.to_ne_bytes())
    }

    /// Sent by a process of this group.
    pub(crate) fn group(self, gid: u32) -> Self {
        self.meta(Meta::Group, &gid.to_ne_bytes())
    }

    /// Of this protocol over IP, by number.
    pub(crate) fn protocol(self, number: u8) -> Self {
        self.meta(Meta::Protocol, &[number])
    }

    fn meta(self, key: Meta, value: &[u8]) -> Self {
        self.with([Expression::meta(key), Expression::compare(Comparison::Equal, value)])
    }

    /// TCP.
    pub(crate) fn any_tcp(self) -> Self {
        self.protocol(TCP)
    }

    /// TCP to ports from `from` to `to`.
    pub(crate) fn tcp(self, from: u16, to: u16) -> Self {
        self.protocol(TCP).ports(from, to)
    }

    /// UDP to ports from `from` to `to`.
    pub(crate) fn udp(self, from: u16, to: u16) -> Self {
        self.protocol(UDP).ports(from, to)
    }

    fn ports(self, from: u16, to: u16) -> Self {
        let load = Expression::payload(From::Transport, 2, 2);
        if from == to {
            return self.with([load, Expression::compare(Comparison::Equal, &from.to_be_bytes())]);
        }
        let low = Expression::compare(Comparison::AtLeast, &from.to_be_bytes());
        let high = Expression::compare(Comparison::AtMost, &to.to_be_bytes());
        self.with([load, low, high])
    }

    /// ICMP of this type and code, all if none.
    pub(crate) fn icmp(mut self, kind: Option<u8>, code: Option<u8>) -> Self {
        self = self.protocol(ICMP);
        for (offset, wanted) in [(0, kind), (1, code)] {
            if let Some(wanted) = wanted {
                let equal = Expression::compare(Comparison::Equal, &[wanted]);
                self = self.with([Expression::payload(From::Transport, offset, 1), equal]);
            }
        }
        self
    }

    /// They pass.
    pub(crate) fn accept(self) -> Self {
        self.verdict(&Verdict::Accept)
    }

    /// They vanish.
    pub(crate) fn drop(self) -> Self {
        self.verdict(&Verdict::Drop)
    }

    /// They go back to the chain that sent them here; from a chain of a hook that means they pass it.
    pub(crate) fn back(self) -> Self {
        self.verdict(&Verdict::Return)
    }

    /// They go through `chain`.
    pub(crate) fn jump(self, chain: &str) -> Self {
        self.verdict(&Verdict::Jump(chain))
    }

    fn verdict(self, verdict: &Verdict<'_>) -> Self {
        self.with([Expression::verdict(verdict)])
    }

    /// They go where `map` sends their source address, if it has it.
    pub(crate) fn jump_by_source(self, map: &str) -> Self {
        self.with([load_address(SOURCE), Expression::verdict_of(map)])
    }

    /// They go where `map` sends their destination address, if it has it.
    pub(crate) fn jump_by_destination(self, map: &str) -> Self {
        self.with([load_address(DESTINATION), Expression::verdict_of(map)])
    }

    /// Their connection is turned to `port` of this machine.
    pub(crate) fn redirect(self, port: u16) -> Self {
        self.with([Expression::load(&port.to_be_bytes()), Expression::redirect()])
    }

    /// Their connection is turned to `target`.
    pub(crate) fn turn(self, target: SocketAddrV4) -> Self {
        let (address, port) = (target.ip().octets(), target.port().to_be_bytes());
        self.with([Expression::load(&address), Expression::load_second(&port), Expression::turn()])
    }

    /// They end here, and their sender is told that the connection is refused. TCP alone.
    pub(crate) fn reset(self) -> Self {
        self.with([Expression::reject(Refusal::Reset)])
    }

    /// They end here, and their sender is told by ICMP that this is not allowed.
    pub(crate) fn prohibited(self) -> Self {
        self.with([Expression::reject(Refusal::Message)])
    }

    /// As the kernel reads it: a list of `NFTA_LIST_ELEM`.
    pub(super) fn attributes(&self) -> Attributes {
        self.0.iter().fold(Attributes::new(), |list, expression| list.nest(1, &expression.0))
    }
}

fn load_address(at: u32) -> Expression {
    const ADDRESS_LENGTH: u32 = 4;
    Expression::payload(From::Network, at, ADDRESS_LENGTH)
}
