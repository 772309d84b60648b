//! The Huffman code of HPACK (RFC 7541, 5.2 and appendix B).
//!
//! The code is canonical: among codes of one length those of smaller symbols come first, and shorter codes come before
//! longer ones. So the lengths say all, and the tables below are made from them by the compiler. Most of what headers are
//! made of has at most eight bits, and is found by one look; the rest by comparing with the first code of each length.

/// How many bits the code of each byte has; the last is the end of the string, which never comes.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The longest code.
const LENGTH_MAX: usize = 30;
/// The end of the string.
const END: u16 = 256;
/// Codes of so many bits are found by one look.
const SHORT: usize = 8;

/// What the tables are made of.
struct Codes {
    /// All symbols, by their codes.
    symbols: [u16; 257],
    /// Where in `symbols` those of a length begin.
    places: [u16; LENGTH_MAX + 2],
    /// The first code of a length, its first bit the highest of 32.
    first: [u32; LENGTH_MAX + 2],
    /// The symbol and the length of the code that eight bits begin with; none has the length 0.
    short: [(u8, u8); 1 << SHORT],
}

static CODES: Codes = codes();

#[expect(clippy::cast_possible_truncation, reason = "symbols are at most 256, and lengths at most 30")]
const fn codes() -> Codes {
    let mut codes = Codes {
        symbols: [0; 257],
        places: [0; LENGTH_MAX + 2],
        first: [0; LENGTH_MAX + 2],
        short: [(0, 0); 1 << SHORT],
    };
    let (mut place, mut next, mut length) = (0, 0_u64, 1);
    while length <= LENGTH_MAX {
        codes.places[length] = place as u16;
        codes.first[length] = next as u32;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                codes.symbols[place] = symbol as u16;
                let step = 1 << (32 - length);
                if length <= SHORT {
                    let (mut bits, end) = (next >> (32 - SHORT), (next + step) >> (32 - SHORT));
                    while bits < end {
                        codes.short[bits as usize] = (symbol as u8, length as u8);
                        bits += 1;
                    }
                }
                (place, next) = (place + 1, next + step);
            }
            symbol += 1;
        }
        length += 1;
    }
    codes.places[length] = place as u16;
    codes.first[length] = u32::MAX;
    codes
}

/// The symbol and the length of the code that `bits` begin with.
fn long(bits: u32) -> (u16, u32) {
    let mut length = SHORT + 1;
    // All ones is the end of the string, whose code is the last.
    while length < LENGTH_MAX && bits >= CODES.first[length + 1] {
        length += 1;
    }
    // Lengths that no code has begin where the next begins.
    while CODES.places[length + 1] == CODES.places[length] {
        length -= 1;
    }
    let distance = (bits - CODES.first[length]) >> (32 - length);
    let place = usize::from(CODES.places[length]) + distance as usize;
    (CODES.symbols.get(place).copied().unwrap_or(END), u32::try_from(length).unwrap_or(u32::MAX))
}

/// Appends what `coded` stands for to `out`; whether it is a string in this code.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let (mut bits, mut count) = (0_u64, 0_u32);
    let mut rest = coded;
    loop {
        while count <= 56
            && let Some((byte, more)) = rest.split_first()
        {
            bits |= u64::from(*byte) << (56 - count);
            (count, rest) = (count + 8, more);
        }
        // Behind the end stand ones, as they do in the last byte.
        let look = bits | u64::MAX.checked_shr(count).unwrap_or(0);
        let [byte, ..] = look.to_be_bytes();
        let (symbol, length) = match CODES.short[usize::from(byte)] {
            (_, 0) => long(u32::try_from(look >> 32).unwrap_or(u32::MAX)),
            (symbol, length) => (u16::from(symbol), u32::from(length)),
        };
        if length > count {
            // What is left is the beginning of a code: fewer than eight ones.
            return count < 8 && look == u64::MAX;
        }
        let Ok(symbol) = u8::try_from(symbol) else { return false };
        out.push(symbol);
        (bits, count) = (bits << length, count - length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` in the code, bit by bit.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for byte in text {
            let length = usize::from(LENGTHS[usize::from(*byte)]);
            let at = CODES.symbols.iter().position(|symbol| *symbol == u16::from(*byte)).unwrap();
            let code = (u64::from(CODES.first[length]) >> (32 - length)) + at as u64 - u64::from(CODES.places[length]);
            bits += &format!("{code:0length$b}");
        }
        bits += &"1".repeat((8 - bits.len() % 8) % 8);
        bits.as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect()
    }

    #[test]
    fn strings_of_the_standard_are_what_they_stand_for() {
        for (coded, text) in [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ] {
            let mut out = Vec::new();
            assert!(decode(&hex::decode(coded).unwrap(), &mut out), "{text}");
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert_eq!(hex::encode(encode(text.as_bytes())), coded);
        }
    }

    #[test]
    fn every_byte_is_itself_again() {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        let mut out = Vec::new();
        assert!(decode(&encode(&all), &mut out));
        assert_eq!(out, all);
    }

    #[test]
    fn what_does_not_end_in_fewer_than_eight_ones_is_refused() {
        let refused = |coded: &[u8]| !decode(coded, &mut Vec::new());
        // Eight ones too many, a zero at the end, the end of the string.
        assert!(refused(&[0xff]) && refused(&[0x1f, 0xff]) && refused(&[0x00]) && refused(&[0xff; 4]));
        assert!(refused(&[0x1e]) && !refused(&[0x1f]) && !refused(&[]));
    }
}
