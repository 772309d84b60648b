//! What a data plane is known not to do: by name, with the reason. The list can only be true: a case that comes out
//! right although it stands here fails the test, as does a name that is no case's.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use crate::Kind;

/// The known differences of both data planes: the case's name and the reason. A name that ends in `*` stands for all
/// that begin so.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    envoy: BTreeMap<String, String>,
    serin: BTreeMap<String, String>,
}

impl Differences {
    /// Reads the list.
    ///
    /// # Panics
    /// When it is not as it should be.
    pub fn load() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("differences.json");
        let text = std::fs::read_to_string(path).expect("the list of differences");
        serde_json::from_str(&text).expect("the list of differences is JSON")
    }

    /// Why `case` comes out otherwise on `kind`, if it does.
    pub fn reason(&self, kind: Kind, case: &str) -> Option<&str> {
        let fits = |name: &str| match name.strip_suffix('*') {
            Some(start) => case.starts_with(start),
            None => case == name,
        };
        self.of(kind).iter().find(|(name, _)| fits(name)).map(|(_, reason)| reason.as_str())
    }

    /// The names that stand for none of `cases`.
    pub fn unknown<'a>(&self, cases: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let all = Kind::ALL.into_iter().flat_map(|kind| self.of(kind).keys());
        let stands_for_none = |name: &&String| match name.strip_suffix('*') {
            Some(start) => !cases.clone().any(|case| case.starts_with(start)),
            None => !cases.clone().any(|case| case == name.as_str()),
        };
        all.filter(stands_for_none).cloned().collect()
    }

    fn of(&self, kind: Kind) -> &BTreeMap<String, String> {
        match kind {
            Kind::Envoy => &self.envoy,
            Kind::Serin => &self.serin,
        }
    }
}
