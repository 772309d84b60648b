//! The admin page that tells what a proxy has counted: ours has one made for it, Envoy has its statistics.
//!
//! Nobody says which of the two a task's sidecar is, and a user may bring his own Envoy of any age. So the first page is
//! asked for and the answer shows: Envoy knows no page of ours (404), and an old one no detailed histograms (400).

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{Answer, envoy};

/// A page to ask for, the first of them being our own proxy's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Page {
    /// `/serin/counts` of our proxy.
    #[default]
    Counts,
    /// `/stats` of Envoy, with histograms.
    Statistics,
    /// `/stats` of an Envoy that tells no detailed histograms: then errors alone are judged.
    StatisticsAlone,
}

impl Page {
    /// The path and query that ask for the clusters `names`.
    pub(super) fn path(self, names: &[&str]) -> String {
        match self {
            Self::Counts => {
                let query: Vec<_> = names.iter().map(|name| format!("cluster={}", escaped(name))).collect();
                format!("/serin/counts?{}", query.join("&"))
            }
            Self::Statistics => format!("{}&histogram_buckets=detailed", Self::StatisticsAlone.path(names)),
            Self::StatisticsAlone => format!("/stats?format=json&filter={}", escaped(&envoy::filter(names))),
        }
    }

    /// What to ask for instead when `status` is the answer; none where that says nothing of the proxy's kind.
    pub(super) fn otherwise(self, status: StatusCode) -> Option<Self> {
        match (self, status) {
            (Self::Counts, StatusCode::NOT_FOUND) => Some(Self::Statistics),
            (Self::Statistics, StatusCode::BAD_REQUEST) => Some(Self::StatisticsAlone),
            _ => None,
        }
    }

    /// What an answer says of the clusters `names`.
    pub(super) fn read(self, names: &[&str], body: &[u8]) -> Result<Answer, serde_json::Error> {
        #[derive(Deserialize)]
        struct Ours {
            clusters: Answer,
        }
        match self {
            Self::Counts => Ok(serde_json::from_slice::<Ours>(body)?.clusters),
            Self::Statistics | Self::StatisticsAlone => envoy::read(names, body),
        }
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_page_a_proxy_has_is_found_in_three_questions_at_most() {
        let envoy = Page::default().otherwise(StatusCode::NOT_FOUND);
        assert_eq!(envoy, Some(Page::Statistics));
        let old = envoy.and_then(|page| page.otherwise(StatusCode::BAD_REQUEST));
        assert_eq!(old, Some(Page::StatisticsAlone));
        assert_eq!(old.and_then(|page| page.otherwise(StatusCode::BAD_REQUEST)), None);
        assert_eq!(Page::Counts.otherwise(StatusCode::SERVICE_UNAVAILABLE), None, "no sign of its kind");
    }

    #[test]
    fn our_own_page_is_asked_for_by_name_and_read() {
        assert_eq!(Page::Counts.path(&["a", "b&c"]), "/serin/counts?cluster=a&cluster=b%26c");
        let body = br#"{"clusters":{"a":{"requests":3,"errors":1,"latency":[[50,3]],"healthy":2}}}"#;
        let answer = Page::Counts.read(&["a"], body).unwrap();
        assert_eq!((answer["a"].requests, answer["a"].errors, answer["a"].healthy), (3, 1, 2));
    }
}
