//! `traceparent` of W3C Trace Context, <https://www.w3.org/TR/trace-context/>.

/// Flags of a `traceparent`: the trace is kept, its id is random (W3C Trace Context, levels 1 and 2).
pub(super) const SAMPLED: u8 = 1;
pub(super) const RANDOM: u8 = 2;

/// A `traceparent`: the trace and the span that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent<'a> {
    pub(super) trace: &'a str,
    pub(super) span: &'a str,
    pub(super) flags: u8,
}

impl<'a> Parent<'a> {
    pub(super) fn parse(field: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(field).ok()?;
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may have more parts, and ff is none.
        let is_known = version == "00" && parts.next().is_none();
        let is_later = is_lower_hex(version, 2) && !matches!(version, "00" | "ff");
        let is_id = |id: &str, length| is_lower_hex(id, length) && id.bytes().any(|digit| digit != b'0');
        let valid = (is_known || is_later) && is_id(trace, 32) && is_id(span, 16) && is_lower_hex(flags, 2);
        valid.then_some(Self { trace, span, flags: u8::from_str_radix(flags, 16).ok()? })
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The field's value for a span of a trace.
pub(super) fn write(trace: &str, span: &str, flags: u8) -> String {
    format!("00-{trace}-{span}-{flags:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "58406cf0a006649127e371903a2de979";

    #[test]
    fn a_later_version_is_read_and_what_makes_no_sense_is_not() {
        let own = write(TRACE, "53995c3f42cd8ad8", SAMPLED | RANDOM);
        let parent = Parent { trace: TRACE, span: "53995c3f42cd8ad8", flags: 3 };
        assert_eq!(Parent::parse(own.as_bytes()), Some(parent));
        let later = format!("cc-{TRACE}-53995c3f42cd8ad8-01-more");
        assert_eq!(Parent::parse(later.as_bytes()), Some(Parent { flags: 1, ..parent }));
        for wrong in [
            format!("ff-{TRACE}-53995c3f42cd8ad8-01"),
            format!("00-{TRACE}-53995c3f42cd8ad8-01-more"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-53995c3f42cd8ad8-01", TRACE.to_uppercase()),
            "00-1-2-3".to_owned(),
            String::new(),
        ] {
            assert_eq!(Parent::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Parent::parse(b"\xff"), None);
    }
}
