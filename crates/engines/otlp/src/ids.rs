//! Ids: X-Ray's `1-581cf771-a006649127e371903a2de979` and OpenTelemetry's 16 bytes are the same digits.
//!
//! X-Ray's ids begin with the time. A random id of OpenTelemetry has no time in it, and X-Ray takes it all the same, so
//! no digit has to be changed and every id finds its way back.

/// X-Ray's form of a trace id; none if it is not one.
pub(crate) fn trace_to_xray(id: &[u8]) -> Option<String> {
    let sound = id.len() == 16 && id.iter().any(|byte| *byte != 0);
    let digits = sound.then(|| hex::encode(id))?;
    Some(format!("1-{}-{}", &digits[..8], &digits[8..]))
}

/// The bytes of X-Ray's form of a trace id.
pub(crate) fn trace_from_xray(id: &str) -> Option<Vec<u8>> {
    let digits = id.strip_prefix("1-")?.replace('-', "");
    hex::decode(digits).ok().filter(|bytes| bytes.len() == 16)
}

/// X-Ray's form of a span's id; none if it is not one.
pub(crate) fn span_to_xray(id: &[u8]) -> Option<String> {
    (id.len() == 8 && id.iter().any(|byte| *byte != 0)).then(|| hex::encode(id))
}

/// The bytes of X-Ray's form of a segment's id.
pub(crate) fn span_from_xray(id: &str) -> Option<Vec<u8>> {
    hex::decode(id).ok().filter(|bytes| bytes.len() == 8)
}

/// Another id that belongs to a span, the same whenever it is asked for.
pub(crate) fn beside(id: &str, number: u8) -> String {
    let mut bytes = hex::decode(id).unwrap_or_default();
    for (place, byte) in (1_u8..).zip(bytes.iter_mut()) {
        *byte ^= 0xa5_u8.wrapping_add(number.wrapping_mul(31)).wrapping_mul(place) | 1;
    }
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_both_ways_whether_they_hold_a_time_or_not() {
        for digits in ["581cf771a006649127e371903a2de979", "ffffffffffffffffffffffffffffffff"] {
            let bytes = hex::decode(digits).unwrap();
            let there = trace_to_xray(&bytes).unwrap();
            assert_eq!((there.len(), trace_from_xray(&there)), (35, Some(bytes)));
        }
        for wrong in [&[0; 16][..], &[1; 15], &[]] {
            assert_eq!(trace_to_xray(wrong), None);
        }
        assert_eq!(trace_from_xray("1-581cf771-a0"), None);
        assert_eq!(span_to_xray(&[0; 8]), None);
        assert_eq!(span_from_xray(&span_to_xray(&[7; 8]).unwrap()), Some(vec![7; 8]));
    }

    #[test]
    fn an_id_beside_is_another_and_always_the_same() {
        let id = "0123456789abcdef";
        assert_eq!(beside(id, 0), beside(id, 0));
        let three = [id.to_owned(), beside(id, 0), beside(id, 1)];
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2]);
    }
}
