//! Blobs: is it there, and give it to me, all or a part.

use std::io::SeekFrom;

use axum::{body::Body, response::Response};
use http::{Method, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{
    Call, empty,
    fault::{Code, Fault},
    with_body,
};
use crate::Digest;

/// The bytes read from the disk at a time.
const CHUNK: usize = 128 * 1024;

/// `GET` and `HEAD`.
pub(super) async fn get(call: &Call, digest: &Digest) -> Result<Response, Fault> {
    let shared = &call.images.0;
    let unknown = || Fault::new(Code::BlobUnknown, format!("the repository {} has no {digest}", call.repository.name));
    if !shared.repositories.is_linked(&call.repository, digest)? {
        return Err(unknown());
    }
    let file = shared.content.open_file(digest)?.ok_or_else(unknown)?;
    let size = file.metadata()?.len();
    // Whoever asks is about to use it: the collector must leave it alone for its grace.
    shared.content.touch(digest)?;
    shared.repositories.link(&call.repository, digest, size)?;
    let mut headers = vec![
        ("docker-content-digest", digest.to_string()),
        ("etag", format!("\"{digest}\"")),
        ("accept-ranges", "bytes".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
    ];
    let wanted = match call.header(header::RANGE) {
        Some(range) if call.head.method == Method::GET => part(range, size)?,
        _ => None,
    };
    let (first, length) = wanted.unwrap_or((0, size));
    headers.push(("content-length", length.to_string()));
    if call.head.method == Method::HEAD {
        return empty(StatusCode::OK, &headers);
    }
    let mut file = tokio::fs::File::from_std(file);
    file.seek(SeekFrom::Start(first)).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    if wanted.is_none() {
        return with_body(StatusCode::OK, &headers, body);
    }
    headers.push(("content-range", format!("bytes {first}-{}/{size}", first + length.saturating_sub(1))));
    with_body(StatusCode::PARTIAL_CONTENT, &headers, body)
}

/// The first byte and the length that a `Range` asks for. What is no single range of bytes is ignored, as HTTP wants.
fn part(range: &str, size: u64) -> Result<Option<(u64, u64)>, Fault> {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let wanted = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => Some((first, last.min(size.saturating_sub(1)))),
        (Ok(first), Err(_)) if last.is_empty() => Some((first, size.saturating_sub(1))),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            Some((size.saturating_sub(count), size.saturating_sub(1)))
        }
        _ => return Ok(None),
    };
    match wanted {
        Some((first, last)) if first < size => Ok(Some((first, last - first + 1))),
        _ => Err(Fault::new(Code::RangeInvalid, format!("`{range}` is outside of the blob's {size} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_single_and_clipped() {
        for (range, expected) in [
            ("bytes=0-3", Some((0, 4))),
            ("bytes=4-", Some((4, 6))),
            ("bytes=-3", Some((7, 3))),
            ("bytes=-30", Some((0, 10))),
            ("bytes=8-100", Some((8, 2))),
            ("bytes=1-2,4-5", None),
            ("bytes=3-1", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(part(range, 10).unwrap(), expected, "{range}");
        }
        assert!(part("bytes=10-", 10).is_err());
        assert!(part("bytes=0-", 0).is_err());
    }
}
