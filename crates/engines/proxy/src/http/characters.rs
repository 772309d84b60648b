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

#[cfg(test)]
mod tests {
    use super::*;

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
