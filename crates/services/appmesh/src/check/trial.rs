//! The constraints of trials: who goes first to a version.

use api::appmesh::trial::{Sticky, StickyCookie, TesterCookie, Testers, Trial};

use super::{Checks, matching};

/// The longest that a cookie lasts: a year of 365 days.
const COOKIE_SECONDS_MAX: u64 = 365 * 24 * 3600;

/// A trial.
pub(crate) fn trial(checks: &mut Checks, trial: &Trial) {
    checks.name("trial.virtualNodeName", &trial.virtual_node_name);
    let asked = trial.testers.is_some() || trial.sticky.is_some();
    checks.demand(asked, "trial.testers", "or trial.sticky is needed: a trial does something");
    if let Some(asked) = &trial.testers {
        testers(checks, asked);
    }
    if let Some(asked) = &trial.sticky {
        sticky(checks, asked);
    }
}

fn sticky(checks: &mut Checks, sticky: &Sticky) {
    let Sticky { header, cookie } = sticky;
    checks.one_of("trial.sticky", &[("cookie", cookie.is_some()), ("header", header.is_some())]);
    if let Some(name) = header {
        matching::name(checks, "trial.sticky.header", name, "must be the name of a header");
    }
    if let Some(StickyCookie { name, seconds }) = cookie {
        matching::name(checks, "trial.sticky.cookie.name", name, "must be the name of a cookie");
        checks.range("trial.sticky.cookie.seconds", seconds.unwrap_or(1), 1, COOKIE_SECONDS_MAX);
    }
}

fn testers(checks: &mut Checks, testers: &Testers) {
    let Testers { header, cookie } = testers;
    checks.one_of("trial.testers", &[("cookie", cookie.is_some()), ("header", header.is_some())]);
    if let Some(asked) = header {
        matching::header(checks, "trial.testers.header", asked);
    }
    if let Some(TesterCookie { name, r#match }) = cookie {
        let path = "trial.testers.cookie";
        matching::name(checks, &format!("{path}.name"), name, "must be the name of a cookie");
        if let Some(method) = r#match {
            matching::header_match(checks, &format!("{path}.match"), method);
            checks.demand(method.range.is_none(), &format!("{path}.match.range"), "is for headers alone");
        }
    }
}
