//! What a script is made of once it is read.

/// Commands one after the other.
pub(super) type List = Vec<AndOr>;

/// Pipelines joined by `&&` and `||`.
#[derive(Debug, PartialEq)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Join, Pipeline)>,
}

/// How a pipeline depends on the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

/// Commands joined by `|`.
#[derive(Debug, PartialEq)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

/// A command and its redirections.
#[derive(Debug, PartialEq)]
pub(super) struct Command {
    pub(super) kind: Kind,
    pub(super) redirects: Vec<Redirect>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    Group(List),
    Subshell(List),
    /// Conditions with what follows them, and what is left.
    If {
        arms: Vec<(List, List)>,
        otherwise: List,
    },
    Loop {
        until: bool,
        condition: List,
        body: List,
    },
    /// Over the positional parameters if no words are given.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
}

/// `2>file`, `>>file`, `<file`, `2>&1`.
#[derive(Debug, PartialEq)]
pub(super) struct Redirect {
    pub(super) stream: usize,
    pub(super) mode: Mode,
    pub(super) target: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
    Append,
    Duplicate,
}

/// A word: what becomes one argument, or several, or none.
pub(super) type Word = Vec<Part>;

#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    /// Text in quotes, or behind a backslash: neither split nor a pattern.
    Quoted(String),
    /// `~` at the beginning.
    Home,
    Parameter {
        name: String,
        operation: Option<Box<Operation>>,
        quoted: bool,
    },
    /// `$(…)`.
    Output {
        list: List,
        quoted: bool,
    },
}

/// What `${name…}` does with the value.
#[derive(Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: OperationKind,
    /// With a colon, an empty value counts as unset.
    pub(super) or_empty: bool,
    pub(super) word: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OperationKind {
    /// `-`
    Default,
    /// `=`
    Assign,
    /// `?`
    Require,
    /// `+`
    Alternative,
    /// `${#name}`
    Length,
    /// `#` and `##`: a prefix goes, the shortest or the longest.
    Prefix { longest: bool },
    /// `%` and `%%`: a suffix goes.
    Suffix { longest: bool },
}
