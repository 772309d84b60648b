//! Amazon CloudWatch, version 2010-08-01, by JSON 1.0: metrics, and alarms on them.
//.
//! Its error codes are those of the older query protocol, as its model says (`awsQueryCompatible`).

mod alarm;
mod metric;
mod tag;

use serde::{Deserialize, Serialize};

pub use alarm::*;
pub use metric::*;
pub use tag::*;

/// What an operation answers that has nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
