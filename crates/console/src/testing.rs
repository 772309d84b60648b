//! What unit tests of pages share.

use maud::Markup;

/// A name that would be a script on a page that does not escape.
pub(crate) const BAD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

/// No text of [`BAD`] became markup.
pub(crate) fn assert_harmless(html: &Markup) {
    let html = &html.0;
    assert!(html.contains("&lt;script&gt;"), "the name is not on the page: {html}");
    assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{html}");
    assert!(!html.contains("\"\"'>") && !html.contains("=\"\"><"), "a name ends an attribute: {html}");
}
