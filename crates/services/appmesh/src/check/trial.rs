//! The constraints of trials: who goes first to a version.

use api::appmesh::trial::{TesterCookie, Testers, Trial};

use super::{Checks, matching};

/// A trial.
pub(crate) fn trial(checks: &mut Checks, trial: &Trial) {
    checks.name("trial.virtualNodeName", &trial.virtual_node_name);
    checks.demand(trial.testers.is_some(), "trial.testers", "is needed: a trial does something");
    if let Some(asked) = &trial.testers {
        testers(checks, asked);
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
