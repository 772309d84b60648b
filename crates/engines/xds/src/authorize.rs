//! Who may have which node's configuration.
//!
//! A configuration says where services are and may hold keys, so it is not for everyone who can reach the port. What a
//! proxy shows to prove itself (a token, a certificate, a signature, where it calls from) is not known here: whoever
//! serves the streams gives an [`Authorize`] that knows.

use http::request::Parts;

/// Tells who opens a stream.
pub trait Authorize: Send + Sync + 'static {
    /// Who opens a stream, by its request: headers, path, and what the server put into the extensions.
    fn authenticate(&self, request: &Parts) -> Result<Identity, Denied>;
}

/// The caller shows nothing that proves who it is, or something that is wrong: gRPC's `UNAUTHENTICATED`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Denied(pub String);

/// Who opened a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What it is called in logs and lists; empty if it did not have to say.
    pub name: String,
    /// The nodes it may stand for.
    pub nodes: Nodes,
    /// Streams it may have open at once, if it is one that has few.
    pub streams_max: Option<usize>,
}

/// Nodes that someone may stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Nodes {
    /// All of them.
    #[default]
    Any,
    /// Those of these names. One that ends in `*` means all names that begin so.
    Only(Vec<String>),
}

impl Nodes {
    /// Whether the node `name` is among them.
    pub fn contain(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == wanted,
            }),
        }
    }
}

/// Lets everyone be whom it says it is: for a server that only its own machine reaches.
pub(crate) struct Anyone;

impl Authorize for Anyone {
    fn authenticate(&self, _: &Parts) -> Result<Identity, Denied> {
        Ok(Identity::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_and_a_star_for_all_that_begin_so() {
        let nodes = Nodes::Only(vec!["a/b".to_owned(), "c/*".to_owned()]);
        assert!(nodes.contain("a/b") && nodes.contain("c/d"));
        assert!(!nodes.contain("a/bc") && !nodes.contain("a") && !nodes.contain("c"));
        assert!(!Nodes::Only(Vec::new()).contain("") && Nodes::Any.contain("x"));
    }
}
