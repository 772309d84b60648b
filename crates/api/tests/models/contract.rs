//! What this crate declares, as values: every operation with its binding and the shapes of its types.

use api::{Http, Operation};

use crate::shape::{self, Shape};

/// An operation of ours.
pub(crate) struct Contract {
    /// The module it is in, which is also the folder of its model in botocore.
    pub(crate) module: &'static str,
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) http: Http,
    pub(crate) request: fn() -> Shape,
    pub(crate) response: fn() -> Shape,
}

impl Contract {
    fn of<Op: Operation>(module: &'static str) -> Self {
        Self {
            module,
            service: Op::SERVICE,
            name: Op::NAME,
            http: Op::HTTP,
            request: shape::of::<Op::Request>,
            response: shape::of::<Op::Response>,
        }
    }
}

macro_rules! contracts {
    ($($module:ident: $($name:ident)*;)*) => {
        vec![$($(Contract::of::<api::$module::$name>(stringify!($module))),*),*]
    };
}

/// Every operation.
pub(crate) fn all() -> Vec<Contract> {
    api::for_each_operation!(contracts)
}
