//! Rows and their keys.

use std::fmt;

use names::Scope;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What can be kept: a document of a kind.
pub trait Row: Serialize + DeserializeOwned {
    /// `<service>/<resource>` for what is asked, with `.observed` appended for what is seen.
    const KIND: &'static str;
}

/// The name of a row inside its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Whose row it is, and in which region.
    pub scope: Scope,
    /// Its own name there: `flask`, `mesh/router/route`.
    pub name: String,
}

impl Key {
    /// The key `name` in `scope`.
    pub fn new(scope: &Scope, name: impl Into<String>) -> Self {
        Self { scope: scope.clone(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope, self.name)
    }
}
