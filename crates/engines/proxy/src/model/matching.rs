//! Which requests a route is for.

use regex::bytes::Regex;
use serde::{Serialize, Serializer};

use super::expression;

/// What a request must be like; all of it must hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteMatch {
    /// Which path.
    pub path: PathMatch,
    /// Upper and lower case of the path are the same; an expression says so itself.
    pub ignore_case: bool,
    /// Which header fields.
    pub headers: Vec<HeaderMatch>,
    /// Which parameters in the query.
    pub query: Vec<QueryMatch>,
    /// Only gRPC, by the content type.
    pub grpc: bool,
    /// A share of the requests, in millionths. None: all of them.
    pub share: Option<u32>,
}

impl RouteMatch {
    /// By the path alone.
    pub fn path(path: PathMatch) -> Self {
        Self { path, ignore_case: false, headers: Vec::new(), query: Vec::new(), grpc: false, share: None }
    }
}

/// Which paths a route is for; the query does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PathMatch {
    /// The path begins so.
    Prefix(String),
    /// The path is this.
    Exact(String),
    /// The path is this, or goes on with a slash after it.
    SeparatedPrefix(String),
    /// All of the path is described by an expression.
    Regex(Pattern),
}

/// The part of a request that a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Part {
    /// `:method`.
    Method,
    /// `:scheme`.
    Scheme,
    /// `:authority`, or `host`.
    Authority,
    /// `:path`, with the query.
    Path,
    /// A header field, by its name in lower case.
    Field(String),
}

impl Part {
    /// The part that Envoy calls `name`.
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase() {
            name if name == ":method" => Self::Method,
            name if name == ":scheme" => Self::Scheme,
            name if name == ":authority" || name == "host" => Self::Authority,
            name if name == ":path" => Self::Path,
            name => Self::Field(name),
        }
    }
}

/// A condition on a header field. Of several fields with one name any may fulfil it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderMatch {
    /// Which field.
    pub part: Part,
    /// What it must be.
    pub test: HeaderTest,
    /// It must not be so; a field that is missing is neither.
    pub invert: bool,
    /// A field that is missing counts as an empty one.
    pub missing_is_empty: bool,
}

/// What a header field must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum HeaderTest {
    /// There, or not there.
    Present(bool),
    /// A text.
    Text(StringMatch),
    /// A number from the first to before the second.
    Range(i64, i64),
}

/// A condition on a parameter of the query; the first of its name counts, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueryMatch {
    /// Its name.
    pub name: String,
    /// What it must be.
    pub test: QueryTest,
}

/// What a parameter must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum QueryTest {
    /// There, or not there.
    Present(bool),
    /// A text.
    Text(StringMatch),
}

/// A condition on a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StringMatch {
    /// What it must be.
    pub test: StringTest,
    /// Upper and lower case are the same; what the text is compared to is in lower case then.
    pub ignore_case: bool,
}

/// What a text must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum StringTest {
    /// This.
    Exact(String),
    /// It begins so.
    Prefix(String),
    /// It ends so.
    Suffix(String),
    /// It has this in it.
    Contains(String),
    /// All of it is described by an expression.
    Regex(Pattern),
}

/// A regular expression, compiled once.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    whole: Regex,
    part: Regex,
}

impl Pattern {
    /// Compiles an expression in RE2's language. The error says what is wrong with it, or that it is larger or deeper than
    /// a proxy runs.
    pub fn new(text: &str) -> Result<Self, String> {
        let build = |text: &str| expression::bytes(text).map_err(|error| format!("the expression {error}"));
        let part = build(text)?;
        Ok(Self { text: text.to_owned(), whole: build(&format!(r"\A(?:{text})\z"))?, part })
    }

    /// Whether it describes all of `text`.
    pub fn is_whole(&self, text: &[u8]) -> bool {
        self.whole.is_match(text)
    }

    /// How many groups it has.
    pub fn groups(&self) -> usize {
        self.part.captures_len() - 1
    }

    /// What finds it in a text.
    pub(crate) fn part(&self) -> &Regex {
        &self.part
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_describes_all_of_a_text_whatever_comes_first_in_it() {
        let pattern = Pattern::new("/a|/ab").unwrap();
        for (text, wanted) in [("/a", true), ("/ab", true), ("/abc", false), ("x/a", false), ("/a\n", false)] {
            assert_eq!(pattern.is_whole(text.as_bytes()), wanted, "{text:?}");
        }
        assert!(Pattern::new(r"\d+").unwrap().is_whole(b"12"));
        assert!(Pattern::new(r"\p{Greek}").unwrap().is_whole("λ".as_bytes()));
        assert!(Pattern::new("(").unwrap_err().contains("unclosed group"));
    }
}
