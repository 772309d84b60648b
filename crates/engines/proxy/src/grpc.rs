//! gRPC's statuses, and how HTTP's stand for them (the gRPC documents *statuscodes* and *http-grpc-status-mapping*).

use std::fmt::Write as _;

/// The names of a status.
pub(crate) struct Name {
    /// As Envoy logs it.
    pub(crate) camel: &'static str,
    /// As gRPC's documents spell it.
    pub(crate) snake: &'static str,
}

const fn name(camel: &'static str, snake: &'static str) -> Name {
    Name { camel, snake }
}

/// The statuses' names, by number.
pub(crate) const NAMES: [Name; 17] = [
    name("OK", "OK"),
    name("Canceled", "CANCELLED"),
    name("Unknown", "UNKNOWN"),
    name("InvalidArgument", "INVALID_ARGUMENT"),
    name("DeadlineExceeded", "DEADLINE_EXCEEDED"),
    name("NotFound", "NOT_FOUND"),
    name("AlreadyExists", "ALREADY_EXISTS"),
    name("PermissionDenied", "PERMISSION_DENIED"),
    name("ResourceExhausted", "RESOURCE_EXHAUSTED"),
    name("FailedPrecondition", "FAILED_PRECONDITION"),
    name("Aborted", "ABORTED"),
    name("OutOfRange", "OUT_OF_RANGE"),
    name("Unimplemented", "UNIMPLEMENTED"),
    name("Internal", "INTERNAL"),
    name("Unavailable", "UNAVAILABLE"),
    name("DataLoss", "DATA_LOSS"),
    name("Unauthenticated", "UNAUTHENTICATED"),
];

/// The status that stands for one of HTTP.
pub(crate) fn status_of(http: u16) -> u16 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// The status of HTTP that stands for one of gRPC, as Envoy has it.
pub(crate) fn http_status(status: u16) -> u16 {
    match status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// Whether a content type is gRPC's.
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    let rest = content_type.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'+')
}

/// A text as `grpc-message` has it: what is not printable ASCII, and `%`, as `%` and two digits.
pub(crate) fn message(text: &[u8]) -> String {
    text.iter().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'%' => out.push_str("%25"),
            b' '..=b'~' => out.push(char::from(*byte)),
            // Writing to a string does not fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_printable() {
        assert_eq!(message("100 % süß\n".as_bytes()), "100 %25 s%C3%BC%C3%9F%0A");
    }

    #[test]
    fn a_content_type_is_grpcs_with_or_without_a_format() {
        for (text, wanted) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/grpc;x", false),
            ("APPLICATION/GRPC", false),
        ] {
            assert_eq!(is_grpc(text.as_bytes()), wanted, "{text}");
        }
    }
}
