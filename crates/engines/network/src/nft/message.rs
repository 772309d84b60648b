//! How netlink frames bytes: messages of attributes, attributes of attributes, all padded to four bytes.

/// An attribute holds others.
const NLA_F_NESTED: u16 = 0x8000;
/// The size of an attribute's own header.
const ATTRIBUTE_HEADER: usize = 4;
/// The size of a message's header and, after it, of what all netfilter messages begin with.
const MESSAGE_HEADER: usize = 16 + 4;

/// Attributes, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With raw `bytes`.
    pub(crate) fn bytes(mut self, kind: u16, bytes: &[u8]) -> Self {
        let length = u16::try_from(ATTRIBUTE_HEADER + bytes.len())
            .expect("our longest attribute is a chunk of set elements, bounded well below 64 KiB");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// With a text, ended by a zero as C has it.
    pub(crate) fn text(self, kind: u16, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    /// With a number; `nf_tables` wants the network's byte order.
    pub(crate) fn number(self, kind: u16, number: u32) -> Self {
        self.bytes(kind, &number.to_be_bytes())
    }

    /// With attributes inside.
    pub(crate) fn nest(self, kind: u16, inside: &Self) -> Self {
        self.bytes(kind | NLA_F_NESTED, &inside.0)
    }

    /// With all of `more` behind these.
    pub(crate) fn and(mut self, more: &Self) -> Self {
        self.0.extend(&more.0);
        self
    }
}

/// Appends one netfilter message to `buffer`.
pub(crate) fn append(buffer: &mut Vec<u8>, header: Header, attributes: &Attributes) {
    let length = u32::try_from(MESSAGE_HEADER + attributes.0.len()).expect("attributes are shorter than 64 KiB each");
    buffer.extend(length.to_ne_bytes());
    buffer.extend(header.kind.to_ne_bytes());
    buffer.extend(header.flags.to_ne_bytes());
    buffer.extend(header.sequence.to_ne_bytes());
    buffer.extend(0_u32.to_ne_bytes());
    buffer.extend([header.family, 0]);
    buffer.extend(header.resource.to_be_bytes());
    buffer.extend(&attributes.0);
}

/// What a message begins with.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) family: u8,
    pub(crate) resource: u16,
}

/// The kernel's verdict on one message: its number and an error, zero for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) sequence: u32,
    pub(crate) errno: i32,
}

/// The verdicts in what the kernel sent. What is malformed ends the reading: the kernel does not send such things.
pub(crate) fn acknowledgements(mut received: &[u8]) -> Vec<Acknowledgement> {
    const NLMSG_ERROR: u16 = 2;
    let mut found = Vec::new();
    while received.len() >= 20 {
        let word = |at: usize| <[u8; 4]>::try_from(&received[at..at + 4]).map_or(0, u32::from_ne_bytes);
        let length = word(0) as usize;
        if u16::from_ne_bytes([received[4], received[5]]) == NLMSG_ERROR {
            found.push(Acknowledgement { sequence: word(8), errno: -(word(16).cast_signed()) });
        }
        if length < 16 || length > received.len() {
            break;
        }
        received = &received[length.next_multiple_of(4).min(received.len())..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_to_four_bytes() {
        let attributes = Attributes::new().text(3, "ab");
        assert_eq!(attributes.0, [7, 0, 3, 0, b'a', b'b', 0, 0]);
        let nested = Attributes::new().nest(1, &attributes);
        assert_eq!(&nested.0[..4], [12, 0, 1, 0x80]);
    }

    #[test]
    fn verdicts_are_read_whatever_is_around_them() {
        let error = |sequence: u32, errno: i32| {
            let mut bytes = 20_u32.to_ne_bytes().to_vec();
            bytes.extend(2_u16.to_ne_bytes());
            bytes.extend([0, 0]);
            bytes.extend(sequence.to_ne_bytes());
            bytes.extend([0; 4]);
            bytes.extend((-errno).to_ne_bytes());
            bytes
        };
        let all = [error(3, 17), error(9, 0)].concat();
        let expected = [Acknowledgement { sequence: 3, errno: 17 }, Acknowledgement { sequence: 9, errno: 0 }];
        assert_eq!(acknowledgements(&all), expected);
        assert_eq!(acknowledgements(&all[..38]), expected[..1]);
    }
}
