//! CloudWatch's Logs Insights: a query that finds events, takes them apart and counts them.
//!
//! ```text
//! fields @timestamp, status | filter status >= 500 | stats count(*) as n, pct(took, 99) by bin(1m) | sort n desc
//! ```
//!
//! A query is a row of commands. What comes first works on events as they are read, the latest first; from the first
//! command that needs all of them (`stats`, `sort`, `dedup`) they are held, within [`Limits`]. Whatever the language has
//! and this does not understand is refused where it stands, with its line and position.
//!
//! - [`Query`] is a query, read and checked. [`Logs::query`] answers it.
//! - A field is one of an event's own (`@timestamp`, `@message`, `@logStream`, `@log`, `@ingestionTime`, `@ptr`), one that
//!   a command made, or a member of a message that is a JSON object: `a.b.0`.

mod aggregate;
mod evaluate;
mod expression;
mod extract;
mod function;
mod lex;
mod parse;
mod record;
mod run;
mod value;

#[cfg(test)]
mod tests;

pub use run::{Answer, Limits, Outcome, Progress};

use expression::Expression;
use extract::Extract;

#[expect(unused_imports, reason = "the documentation names it")]
use super::Logs;

/// The longest text of a query, as at AWS.
pub const TEXT_MAX: usize = 10_000;
/// The most rows of an answer, and what is answered where the query says nothing.
pub const ROWS_MAX: usize = 10_000;
/// Commands in one query.
const COMMANDS_MAX: usize = 64;

/// A query, checked.
#[derive(Clone, Debug)]
pub struct Query {
    commands: Vec<Command>,
    /// Whether any of it asks for what is in messages that are JSON.
    looks_inside: bool,
}

/// Why a text is not a query.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} at line {line} and position {position}")]
pub struct QueryError {
    /// What is wrong.
    pub what: String,
    /// In which line, from 1.
    pub line: usize,
    /// At which character of the line, from 1.
    pub position: usize,
}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::query(text)
    }

    /// Whether its rows are no single events any more, but counts of them.
    fn counts(&self) -> bool {
        self.commands.iter().any(|command| matches!(command, Command::Stats(_)))
    }
}

/// One step of a query.
#[derive(Clone, Debug)]
enum Command {
    /// Makes fields, and shows them.
    Fields(Vec<Column>),
    /// Shows these and nothing else.
    Display(Vec<Column>),
    /// Keeps what this holds for.
    Filter(Expression),
    /// Takes a text apart.
    Parse(Extract),
    /// Counts.
    Stats(Stats),
    /// Puts in order: what by, and whether the greatest comes first.
    Sort(Vec<(Expression, bool)>),
    /// Keeps the first of those that are alike in all of these.
    Dedup(Vec<Expression>),
    /// Keeps so many.
    Limit(usize),
}

/// A value and how it is called.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    value: Expression,
}

/// What is counted, and by what.
#[derive(Clone, Debug)]
struct Stats {
    /// What is shown. [`Expression::Aggregate`] in it is one of `aggregates`, by number.
    columns: Vec<Column>,
    aggregates: Vec<aggregate::Aggregate>,
    by: Vec<Column>,
}
