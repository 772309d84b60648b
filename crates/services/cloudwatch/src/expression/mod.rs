//! Metric math: a series calculated from others, as in `100 * m2 / m1`.
//!
//! Of CloudWatch's language: numbers, ids, `+ - * / ^`, comparisons (1 or 0), `AND` `OR` (also `&&` `||`), lists, and
//! the functions named in [`FUNCTIONS`]. A value that is missing in one operand is missing in the result, and so is one
//! that is no number, such as a division by zero.

mod evaluate;
mod parse;

use std::collections::BTreeSet;

pub(crate) use evaluate::{Inputs, evaluate};
pub(crate) use parse::parse;

/// The functions there are.
pub(crate) const FUNCTIONS: &[&str] =
    &["ABS", "AVG", "CEIL", "DIFF", "FILL", "FLOOR", "IF", "MAX", "METRICS", "MIN", "PERIOD", "RATE", "SUM"];

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    /// Another query, by its id.
    Id(String),
    /// A word in capitals that is no function: `REPEAT`.
    Word(String),
    List(Vec<Expression>),
    Negative(Box<Expression>),
    Operation(Operator, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    AtMost,
    AtLeast,
    Less,
    Greater,
    Plus,
    Minus,
    Times,
    Over,
    Power,
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> f64 {
        let truth = |truth: bool| f64::from(u8::from(truth));
        #[expect(clippy::float_cmp, reason = "whoever asks whether numbers are equal means it")]
        match self {
            Self::Or => truth(left != 0.0 || right != 0.0),
            Self::And => truth(left != 0.0 && right != 0.0),
            Self::Equal => truth(left == right),
            Self::Unequal => truth(left != right),
            Self::AtMost => truth(left <= right),
            Self::AtLeast => truth(left >= right),
            Self::Less => truth(left < right),
            Self::Greater => truth(left > right),
            Self::Plus => left + right,
            Self::Minus => left - right,
            Self::Times => left * right,
            Self::Over => left / right,
            Self::Power => left.powf(right),
        }
    }
}

/// Why an expression is none, or has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Wrong(pub(crate) String);

impl Expression {
    /// The queries it reads.
    pub(crate) fn ids(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        self.collect(&mut ids);
        ids
    }

    fn collect<'e>(&'e self, ids: &mut BTreeSet<&'e str>) {
        match self {
            Self::Number(_) | Self::Word(_) => {}
            Self::Id(id) => {
                ids.insert(id);
            }
            Self::List(items) | Self::Call(_, items) => items.iter().for_each(|item| item.collect(ids)),
            Self::Negative(inner) => inner.collect(ids),
            Self::Operation(_, left, right) => {
                left.collect(ids);
                right.collect(ids);
            }
        }
    }
}
