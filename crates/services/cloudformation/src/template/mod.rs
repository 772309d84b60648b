//! Templates: what a stack is asked to be.
//!
//! Reading one goes in stages that depend on more and more: [`Template::read`] needs only the text and refuses what
//! can never be right; [`parameter::bind`] adds the values of the parameters; [`conditions`] settles which resources
//! there are at all; [`references`] finds what depends on what; and [`Surroundings::evaluate`] gives a property its
//! value, which may have to wait until the resource it names exists.

mod cidr;
pub mod conditions;
mod error;
mod evaluate;
mod expression;
mod model;
pub mod parameter;
pub mod references;
mod syntax;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use evaluate::{Problem, Pseudo, Resources, Surroundings, zones};
pub use expression::{Expression, Part, Place};
pub use model::{DeletionPolicy, Output, Resource, Template};

use serde_json::Value;

/// A scalar as text, since CloudFormation lets numbers and booleans stand where strings do and the other way round.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether two values say the same, a scalar by its text: `30` and `"30"` are one.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other || text_of(one).is_some_and(|text| text_of(other) == Some(text)),
    }
}
