//! The kernel's register machine: an expression loads something into a register, compares it, or ends the rule.

use super::message::Attributes;

/// The register all our values go through: sixteen bytes wide.
const NFT_REG_1: u32 = 1;
/// A second one, for what takes two values.
const NFT_REG_2: u32 = 2;
/// The register whose value is what becomes of the packet.
const NFT_REG_VERDICT: u32 = 0;

/// One step of a rule, as the kernel reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression(pub(super) Attributes);

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Drop,
    Accept,
    /// Back to the chain that jumped here.
    Return,
    /// Go on in this chain, and come back.
    Jump(&'a str),
}

impl Verdict<'_> {
    /// As attributes: `NFTA_VERDICT_CODE` and `NFTA_VERDICT_CHAIN`.
    pub(super) fn attributes(&self) -> Attributes {
        let (code, chain) = match self {
            Self::Drop => (0_i32, None),
            Self::Accept => (1, None),
            Self::Return => (-5, None),
            Self::Jump(chain) => (-3, Some(*chain)),
        };
        let attributes = Attributes::new().number(1, code.cast_unsigned());
        chain.map_or_else(|| attributes.clone(), |chain| attributes.clone().text(2, chain))
    }
}

/// `NFT_CMP_*`.
#[derive(Clone, Copy)]
pub(crate) enum Comparison {
    Equal = 0,
    NotEqual = 1,
    AtMost = 3,
    AtLeast = 5,
}

/// Where a payload is counted from: `NFT_PAYLOAD_*_HEADER`.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Network = 1,
    Transport = 2,
}

/// What is known of a packet besides its bytes: `NFT_META_*`.
#[derive(Clone, Copy)]
pub(crate) enum Meta {
    /// The user whose socket sent it.
    User = 10,
    /// The group whose socket sent it.
    Group = 11,
    /// The protocol over IP.
    Protocol = 16,
}

/// How a refused sender is told: `NFT_REJECT_*`.
#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    /// By an ICMP message.
    Message = 0,
    /// By the end of the connection that it wants to begin.
    Reset = 1,
}

/// Which address the routing table is asked about: `NFTA_FIB_F_*`.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Source = 1,
    Destination = 2,
}

fn expression(name: &str, data: &Attributes) -> Expression {
    Expression(Attributes::new().text(1, name).nest(2, data))
}

fn value(kind: u16, bytes: &[u8]) -> impl FnOnce(Attributes) -> Attributes {
    let inside = Attributes::new().bytes(1, bytes);
    move |attributes| attributes.nest(kind, &inside)
}

impl Expression {
    /// Loads what is known of the packet.
    pub(crate) fn meta(key: Meta) -> Self {
        expression("meta", &Attributes::new().number(1, NFT_REG_1).number(2, key as u32))
    }

    /// Loads `length` bytes of the packet.
    pub(crate) fn payload(base: From, offset: u32, length: u32) -> Self {
        let data = Attributes::new().number(1, NFT_REG_1).number(2, base as u32).number(3, offset).number(4, length);
        expression("payload", &data)
    }

    /// Loads the state of the packet's connection, one bit each.
    pub(crate) fn connection_state() -> Self {
        const NFT_CT_STATE: u32 = 0;
        expression("ct", &Attributes::new().number(1, NFT_REG_1).number(2, NFT_CT_STATE))
    }

    /// Loads of what type the routing table says an address is.
    pub(crate) fn address_type(side: Side) -> Self {
        const NFT_FIB_RESULT_ADDRTYPE: u32 = 3;
        let data = Attributes::new().number(1, NFT_REG_1).number(2, NFT_FIB_RESULT_ADDRTYPE).number(3, side as u32);
        expression("fib", &data)
    }

    /// Keeps of the loaded value what `mask` has.
    pub(crate) fn mask(mask: [u8; 4]) -> Self {
        let data = Attributes::new().number(1, NFT_REG_1).number(2, NFT_REG_1).number(3, 4);
        expression("bitwise", &value(5, &[0; 4])(value(4, &mask)(data)))
    }

    /// Ends the rule unless the loaded value compares so.
    pub(crate) fn compare(comparison: Comparison, with: &[u8]) -> Self {
        let data = Attributes::new().number(1, NFT_REG_1).number(2, comparison as u32);
        expression("cmp", &value(3, with)(data))
    }

    /// Ends the rule unless the loaded value is in the set.
    pub(crate) fn in_set(set: &str) -> Self {
        expression("lookup", &Attributes::new().text(1, set).number(2, NFT_REG_1))
    }

    /// The verdict that the map has for the loaded value; ends the rule if it has none.
    pub(crate) fn verdict_of(map: &str) -> Self {
        let data = Attributes::new().text(1, map).number(2, NFT_REG_1).number(3, NFT_REG_VERDICT);
        expression("lookup", &data)
    }

    /// The verdict.
    pub(crate) fn verdict(verdict: &Verdict<'_>) -> Self {
        let inside = Attributes::new().nest(2, &verdict.attributes());
        expression("immediate", &Attributes::new().number(1, NFT_REG_VERDICT).nest(2, &inside))
    }

    /// Loads a value of our own.
    pub(crate) fn load(bytes: &[u8]) -> Self {
        expression("immediate", &value(2, bytes)(Attributes::new().number(1, NFT_REG_1)))
    }

    /// Loads a second value of our own.
    pub(crate) fn load_second(bytes: &[u8]) -> Self {
        expression("immediate", &value(2, bytes)(Attributes::new().number(1, NFT_REG_2)))
    }

    /// Turns the connection to the loaded address, and to the port that was loaded second.
    pub(crate) fn turn() -> Self {
        const NFT_NAT_DNAT: u32 = 1;
        const IPV4: u32 = 2;
        let data = Attributes::new().number(1, NFT_NAT_DNAT).number(2, IPV4);
        expression("nat", &data.number(3, NFT_REG_1).number(5, NFT_REG_2))
    }

    /// Ends the packet and tells its sender.
    pub(crate) fn reject(how: Refusal) -> Self {
        // Administratively prohibited: of these messages, one that a datagram's sender is told of by an error.
        const ICMP_PKT_FILTERED: u8 = 13;
        expression("reject", &Attributes::new().number(1, how as u32).bytes(2, &[ICMP_PKT_FILTERED]))
    }

    /// Turns the connection to the loaded port of this machine.
    pub(crate) fn redirect() -> Self {
        expression("redir", &Attributes::new().number(1, NFT_REG_1))
    }
}
