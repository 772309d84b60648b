//! Field blocks that come.

use super::{TABLE_MAX, huffman, table::Table};

/// A block that nothing can be made of: from here on nobody knows what the tables have, so the connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Broken;

/// Reads the blocks of a connection, one after the other.
#[derive(Debug)]
pub(in super::super) struct Decoder {
    table: Table,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: Table::new(TABLE_MAX), name: Vec::new(), value: Vec::new() }
    }
}

impl Decoder {
    /// Shows `field` each name with its value.
    pub(in super::super) fn decode(&mut self, block: &[u8], mut field: impl FnMut(&[u8], &[u8])) -> Result<(), Broken> {
        let mut rest = block;
        let mut begun = false;
        while let Some(first) = rest.first().copied() {
            if first & 0x80 != 0 {
                let number = integer(&mut rest, 7)?;
                let (name, value) = self.table.get(number).ok_or(Broken)?;
                field(name, value);
            } else if first & 0xe0 == 0x20 {
                // RFC 7541, 4.2: a new size is said before all fields.
                let size = integer(&mut rest, 5)?;
                if begun || size > TABLE_MAX {
                    return Err(Broken);
                }
                self.table.resize(size);
                continue;
            } else {
                let (name, value) = self.literal(&mut rest, first)?;
                field(name, value);
            }
            begun = true;
        }
        Ok(())
    }

    /// A field that is spelt out, or its value at least.
    fn literal<'a, 'b: 'a>(&'a mut self, rest: &mut &'b [u8], first: u8) -> Result<(&'a [u8], &'a [u8]), Broken> {
        let kept = first & 0x40 != 0;
        let number = integer(rest, if kept { 6 } else { 4 })?;
        let name = if number > 0 {
            // What it is named by may be gone once it has its own place in the table.
            self.name.clear();
            self.name.extend_from_slice(self.table.get(number).ok_or(Broken)?.0);
            &self.name
        } else {
            string(rest, &mut self.name)?
        };
        let value = string(rest, &mut self.value)?;
        if kept {
            self.table.insert(name, value);
        }
        Ok((name, value))
    }
}

/// A number whose first byte has `bits` bits of it (RFC 7541, 5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, Broken> {
    /// Bits of the largest number that means something.
    const BITS_MAX: u32 = 28;
    let (first, mut more) = rest.split_first().ok_or(Broken)?;
    let mask = (1_usize << bits) - 1;
    let mut number = usize::from(*first) & mask;
    if number == mask {
        let mut shift = 0;
        loop {
            let (byte, others) = more.split_first().ok_or(Broken)?;
            more = others;
            if shift > BITS_MAX - 7 {
                return Err(Broken);
            }
            number += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = more;
    Ok(number)
}

/// A string (RFC 7541, 5.2): where it lies, or in `place` if it has to be decoded.
fn string<'a, 'b: 'a>(rest: &mut &'b [u8], place: &'a mut Vec<u8>) -> Result<&'a [u8], Broken> {
    let coded = rest.first().ok_or(Broken)? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (text, more) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = more;
    if !coded {
        return Ok(text);
    }
    place.clear();
    if huffman::decode(text, place) { Ok(place) } else { Err(Broken) }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn fields(decoder: &mut Decoder, block: &str) -> Result<String, Broken> {
        let block: String = block.split_whitespace().collect();
        let mut text = String::new();
        decoder.decode(&hex::decode(block).unwrap(), |name, value| {
            text += &format!("{}: {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        })?;
        Ok(text)
    }

    fn all(blocks: [&str; 3], texts: [&str; 3]) {
        let mut decoder = Decoder::default();
        for (block, text) in blocks.iter().zip(texts) {
            assert_eq!(fields(&mut decoder, block).unwrap(), text);
        }
    }

    #[test]
    fn single_fields_of_the_standard_are_read() {
        // RFC 7541, C.2.
        for (block, text) in [
            ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header\n"),
            ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path\n"),
            ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret\n"),
            ("82", ":method: GET\n"),
        ] {
            assert_eq!(fields(&mut Decoder::default(), block).unwrap(), text);
        }
    }

    /// RFC 7541, C.3 and C.4.
    const REQUESTS: [&str; 3] = [
        ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n",
        ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n",
        ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n",
    ];

    #[test]
    fn requests_of_the_standard_are_read() {
        all(
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ],
            REQUESTS,
        );
        all(
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ],
            REQUESTS,
        );
    }

    #[test]
    fn responses_of_the_standard_are_read_while_entries_go() {
        // RFC 7541, C.6, whose table has 256 octets: a size update says so first.
        all(
            [
                "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d \
                 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                "4883 640e ffc1 c0bf",
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
                 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            ],
            [
                ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: \
                 https://www.example.com\n",
                ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: \
                 https://www.example.com\n",
                ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: \
                 https://www.example.com\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; \
                 max-age=3600; version=1\n",
            ],
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
        // No such entry, a number without end, a string beyond the end, a table too large, a size behind a field.
        for block in ["80", "be", "ff ffff ffff ffff", "40 05 61", "3f e2 1f", "82 20", "7f", "00 81"] {
            assert_eq!(fields(&mut Decoder::default(), block), Err(Broken), "{block}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(block in vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            let _ = decoder.decode(&block, |_, _| {});
            let _ = decoder.decode(&block, |_, _| {});
        }
    }
}
