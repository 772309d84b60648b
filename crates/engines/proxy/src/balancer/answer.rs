//! What a load balancer says by itself, in the words of an application load balancer.

use std::borrow::Cow;

use crate::http::Answer;

/// What it calls itself in answers of its own.
pub(crate) const SERVER: &str = "awselb/2.0";

/// The page of an error status.
pub(crate) fn page(status: u16) -> Answer {
    let title = match status {
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        408 => "408 Request Time-out",
        502 => "502 Bad Gateway",
        503 => "503 Service Temporarily Unavailable",
        504 => "504 Gateway Time-out",
        _ => "500 Internal Server Error",
    };
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    Answer { status, content_type: Cow::Borrowed("text/html"), body: Cow::Owned(body.into_bytes()), fields: Vec::new() }
}

/// An answer that a listener is configured to give.
pub(crate) fn fixed(status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        status,
        content_type: Cow::Owned(content_type.to_owned()),
        body: Cow::Owned(body.as_bytes().to_vec()),
        fields: Vec::new(),
    }
}

/// A redirection to `location`.
pub(crate) fn redirect(status: u16, location: String) -> Answer {
    let mut answer = page(status);
    answer.body = Cow::Borrowed(b"");
    answer.fields.push(("location".into(), location));
    answer
}
