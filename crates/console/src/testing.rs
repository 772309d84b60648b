//! What unit tests of pages share.

use maud::Markup;

/// A name that would be a script on a page that does not escape.
pub(crate) const BAD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

/// No text of [`BAD`] became markup.
pub(crate) fn assert_harmless(html: &Markup) {
    let html = &html.0;
    assert!(html.contains("&lt;script&gt;"), "the name is not on the page: {html}");
    assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{html}");
    assert!(!html.contains("\"\"'"), "a name ends an attribute: {html}");
}

/// What a page is rendered from, before a house without services.
pub(crate) fn cx() -> crate::ask::Cx {
    let caller = wire::Caller::default();
    let settings = crate::Settings {
        proxies: std::sync::Arc::new(canary::reading::TaskProxies::new(caller.clone())),
        caller,
        clock: names::Clock::default(),
        keys: std::collections::BTreeMap::new(),
        is_loopback: true,
        stop: tokio_util::sync::CancellationToken::new(),
    };
    let console = std::sync::Arc::new(crate::Console::new(settings));
    let nothing = std::collections::BTreeMap::new;
    crate::ask::Cx::new(console, crate::guard::Visitor::default(), nothing(), nothing()).unwrap()
}
