//! Header fields that are added and taken away on the way.

use serde::Serialize;

use super::Template;

/// What is done to the fields of requests and responses; at each place fields are removed first, then added.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HeaderEdits {
    /// Of requests.
    pub request: Edits,
    /// Of responses.
    pub response: Edits,
}

impl HeaderEdits {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }
}

/// What is done to the fields of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Edits {
    /// Names of fields that are removed, in lower case.
    pub remove: Vec<String>,
    /// Fields that are added.
    pub add: Vec<HeaderAdd>,
}

impl Edits {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

/// A field that is added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeaderAdd {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, with operators in it.
    pub value: Template,
    /// What about a field that is there.
    pub append: Append,
    /// It is added even if its value turns out to be empty.
    pub keep_empty: bool,
}

/// What is done about a field that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Append {
    /// There are two then.
    #[default]
    Always,
    /// It stays, and nothing is added.
    IfAbsent,
    /// It is replaced; where there is none it is added.
    Overwrite,
    /// It is replaced; where there is none nothing is added.
    OverwriteIfPresent,
}
