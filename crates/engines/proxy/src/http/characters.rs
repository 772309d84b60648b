//! Which bytes may stand where (RFC 9110, 5.6.2 and 5.5; RFC 3986).

/// Of methods. A token may have more, but servers have been seen to take `get` for `GET`, and then they would do what
/// a route by method was there to refuse; nginx takes these alone, too.
pub(super) const METHOD: [bool; 256] = method();

/// Of tokens: field names.
pub(super) const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");

/// Of field values: visible characters, space, tab, and what is not ASCII.
pub(super) const VALUE: [bool; 256] = value();

/// Of request targets: visible ASCII characters.
pub(super) const TARGET: [bool; 256] = visible();

/// Of hosts and ports: what RFC 3986 allows in an authority without user information.
pub(super) const HOST: [bool; 256] = table(b"-._~!$&'()*+,;=:[]%");

/// Letters, digits and `others`.
const fn table(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let character = byte as u8;
        table[byte] = character.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut other = 0;
    while other < others.len() {
        table[others[other] as usize] = true;
        other += 1;
    }
    table
}

const fn method() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = b'A';
    while byte <= b'Z' {
        table[byte as usize] = true;
        byte += 1;
    }
    table[b'-' as usize] = true;
    table[b'_' as usize] = true;
    table
}

const fn visible() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = true;
        byte += 1;
    }
    table
}

const fn value() -> [bool; 256] {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte == b'\t' as usize;
        byte += 1;
    }
    table[0x7f] = false;
    table
}

/// Whether all of `bytes` are in `table`.
pub(super) fn all_of(table: &[bool; 256], bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| table[usize::from(*byte)])
}

/// Whether all of `bytes` are in [`VALUE`]. Values are most of a head: this looks at sixteen bytes at once where the
/// processor can, which a table does not let it do.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a lazy operator is a branch, and with one nothing is looked at together"
)]
pub(super) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |clean, byte| clean & (((*byte >= b' ') & (*byte != 0x7f)) | (*byte == b'\t')))
}

/// Whether all of `bytes` are in [`TOKEN`], for short names: it does not ask after each byte whether to go on.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |clean, byte| clean & TOKEN[usize::from(*byte)])
}

/// How many bytes at the beginning of `bytes` are in [`VALUE`]: where a value ends, found and looked at in one go, eight
/// bytes at once.
pub(super) fn value_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(word) = bytes[length..].first_chunk() {
        let controls = controls(u64::from_le_bytes(*word));
        length += controls.trailing_zeros() as usize / 8;
        if controls == 0 {
            continue;
        }
        if bytes[length] != b'\t' {
            return length;
        }
        length += 1;
    }
    length + bytes[length..].iter().take_while(|byte| VALUE[usize::from(**byte)]).count()
}

/// The highest bit of each byte of `word` that is a control character. Above the lowest of them others may be marked,
/// too: a subtraction borrows from the next byte.
fn controls(word: u64) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let below_space = word.wrapping_sub(EACH * 0x20) & !word;
    let apart_from_delete = word ^ (EACH * 0x7f);
    let delete = apart_from_delete.wrapping_sub(EACH) & !apart_from_delete;
    (below_space | delete) & (EACH * 0x80)
}

/// How many bytes at the beginning of `bytes` are in [`TOKEN`].
pub(super) fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| TOKEN[usize::from(**byte)]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_table_says() {
        for at in 0..20 {
            for byte in 0..=u8::MAX {
                let mut text = *b"a value \xc3\xa9 of twenty\t.\t\x1fb";
                text[at] = byte;
                let wanted = text.iter().take_while(|byte| VALUE[usize::from(**byte)]).count();
                assert_eq!(value_length(&text), wanted, "{byte} at {at}");
                assert_eq!(value_length(&text[..wanted]), wanted, "{byte} at {at}");
            }
        }
        assert_eq!([&b"accept: x"[..], b"", b"a b", b"a"].map(token_length), [6, 0, 1, 1]);
    }

    #[test]
    fn a_value_is_one_by_its_table_and_without_it() {
        for byte in 0..=u8::MAX {
            let mut text = *b"a value of more than sixteen bytes";
            text[20] = byte;
            assert_eq!(is_value(&text), all_of(&VALUE, &text), "{byte}");
            assert_eq!(is_token(&text[20..21]), TOKEN[usize::from(byte)], "{byte}");
        }
    }
}
