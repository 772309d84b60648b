//! Text with operators in it, by Envoy's language: what access logs say of a request, and header fields that are added.
//!
//! `%REQ(:METHOD)%` in a text stands for the request's method, `%%` for a percent sign. A text is taken apart once, when
//! configuration comes; an operator that is not known is refused then, by its name. What an operator stands for is looked
//! up in [`Facts`], which has what is known at that moment; what is not known is a dash in a log and nothing in a field.

mod facts;
mod json;
mod operator;
mod secured;
mod span;
mod time;

use serde::{Serialize, Serializer};

pub(crate) use facts::{Facts, Lookup};
pub use json::Json;
use operator::{Operator, Value};

/// A text with operators.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    /// An operator, and how many bytes of what it stands for are taken.
    Operator(Operator, Option<usize>),
}

impl Template {
    /// Takes `text` apart. The error says which operator is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('%') {
            plain.push_str(&rest[..start]);
            rest = &rest[start + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let (inside, after) = operator(rest)?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into()));
            }
            pieces.push(inside);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// Appends what it says; `missing` stands for what is not known.
    pub(crate) fn write(&self, facts: &Facts<'_>, missing: &str, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Operator(operator, limit) => {
                    operator.value(facts).limited(*limit).write(missing, out);
                }
            }
        }
    }

    /// The names of response fields that it speaks of.
    pub(crate) fn response_fields(&self) -> impl Iterator<Item = &str> {
        self.pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Operator(operator, _) => operator.response_fields(),
                Piece::Text(_) => [None, None],
            })
            .flatten()
    }

    /// The value, if it is that of one operator alone.
    fn single(&self, facts: &Facts<'_>) -> Option<Value> {
        match self.pieces.as_slice() {
            [Piece::Operator(operator, limit)] => Some(operator.value(facts).limited(*limit)),
            _ => None,
        }
    }
}

/// Reads an operator behind its percent sign: what it is, and what follows.
fn operator(text: &str) -> Result<(Piece, &str), String> {
    let wrong = || format!("`%{text}` has an operator without end");
    let name_end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).ok_or_else(wrong)?;
    let (name, behind) = text.split_at(name_end);
    let (argument, (limit, rest)) = match behind.strip_prefix('(') {
        None => (None, end(behind).ok_or_else(wrong)?),
        Some(inside) => {
            // An argument may have brackets and percent signs: it ends where the operator can end.
            let brackets = inside.match_indices(')');
            let mut ends = brackets.filter_map(|(at, _)| Some((&inside[..at], end(&inside[at + 1..])?)));
            let (argument, end) = ends.next().ok_or_else(wrong)?;
            (Some(argument), end)
        }
    };
    Ok((Piece::Operator(Operator::parse(name, argument)?, limit), rest))
}

/// The end of an operator: the length that it may have, and what follows its percent sign.
fn end(text: &str) -> Option<(Option<usize>, &str)> {
    match text.strip_prefix(':') {
        None => Some((None, text.strip_prefix('%')?)),
        Some(text) => {
            let (digits, rest) = text.split_once('%')?;
            Some((Some(digits.parse().ok()?), rest))
        }
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
