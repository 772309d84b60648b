//! Field blocks that go.

use super::table;

/// Fields whose values are nobody else's business: whoever passes them on keeps them out of tables, too
/// (RFC 7541, 7.1.3). By their numbers: `authorization`, `proxy-authorization`, `set-cookie`.
const SECRET: [u8; 3] = [23, 49, 55];

/// Says that there is no dynamic table.
pub(in super::super) fn no_table(out: &mut Vec<u8>) {
    out.push(0x20);
}

/// `:method`.
pub(in super::super) fn method(method: &[u8], out: &mut Vec<u8>) {
    match method {
        b"GET" => out.push(0x82),
        b"POST" => out.push(0x83),
        other => named(2, other, out),
    }
}

/// `:scheme`.
pub(in super::super) fn scheme(secured: bool, out: &mut Vec<u8>) {
    out.push(if secured { 0x87 } else { 0x86 });
}

/// `:path`.
pub(in super::super) fn path(path: &[u8], out: &mut Vec<u8>) {
    if path == b"/" { out.push(0x84) } else { named(4, path, out) }
}

/// `:authority`.
pub(in super::super) fn authority(authority: &[u8], out: &mut Vec<u8>) {
    named(1, authority, out);
}

/// `:status`, by its three digits.
pub(in super::super) fn status(digits: &[u8], out: &mut Vec<u8>) {
    match digits {
        b"200" => out.push(0x88),
        b"204" => out.push(0x89),
        b"206" => out.push(0x8a),
        b"304" => out.push(0x8b),
        b"400" => out.push(0x8c),
        b"404" => out.push(0x8d),
        b"500" => out.push(0x8e),
        other => named(8, other, out),
    }
}

/// A field, whose name may be in any spelling.
pub(in super::super) fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    /// Names that are longer are not in the static table.
    const PLACE: usize = 32;
    let mut place = [0; PLACE];
    if let Some(lower) = place.get_mut(..name.len()) {
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        if let Some(number) = table::number(lower) {
            return named(number, value, out);
        }
        out.push(0);
        string(lower, out);
    } else {
        out.push(0);
        string(name, out);
        let start = out.len() - name.len();
        out[start..].make_ascii_lowercase();
    }
    string(value, out);
}

/// A field whose name has a number in the static table.
fn named(number: u8, value: &[u8], out: &mut Vec<u8>) {
    let kind = if SECRET.contains(&number) { 0x10 } else { 0 };
    if number < 15 {
        out.push(kind | number);
    } else {
        out.extend_from_slice(&[kind | 15, number - 15]);
    }
    string(value, out);
}

/// A string as it is.
fn string(text: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => out.push(length),
        _ => {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push(0x80 | u8::try_from(rest % 128).unwrap_or(0));
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap_or(0));
        }
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{super::Decoder, *};

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            method_ in "[A-Z]{1,9}", path_ in "/[ -~]{0,300}", status_ in "[2-5][0-9]{2}",
            fields in vec(("[a-z0-9-]{1,40}", vec(any::<u8>(), 0..200)), 0..12),
        ) {
            let mut out = Vec::new();
            no_table(&mut out);
            method(method_.as_bytes(), &mut out);
            scheme(true, &mut out);
            path(path_.as_bytes(), &mut out);
            authority(b"a.example", &mut out);
            status(status_.as_bytes(), &mut out);
            for (name, value) in &fields {
                field(name.to_uppercase().as_bytes(), value, &mut out);
            }
            let mut wanted: Vec<(Vec<u8>, Vec<u8>)> = [
                (":method", method_.as_str()), (":scheme", "https"), (":path", path_.as_str()),
                (":authority", "a.example"), (":status", status_.as_str()),
            ].map(|(name, value)| (name.into(), value.into())).into();
            wanted.extend(fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.clone())));
            let mut found = Vec::new();
            Decoder::default().decode(&out, |name, value| found.push((name.to_vec(), value.to_vec()))).unwrap();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn what_is_secret_stays_out_of_tables() {
        let mut out = Vec::new();
        field(b"Authorization", b"x", &mut out);
        assert_eq!(out, [0x1f, 8, 1, b'x']);
    }
}
