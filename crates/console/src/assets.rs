//! The stylesheet, the script and the sign: all a browser needs besides the pages.

use axum::response::{IntoResponse, Response};
use http::header;

/// A file that is part of this program.
fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// How everything looks.
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("../assets/console.css"))
}

/// What keeps pages live.
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../assets/console.js"))
}

/// The sign.
pub(crate) async fn icon() -> Response {
    file("image/svg+xml", include_str!("../assets/icon.svg"))
}
