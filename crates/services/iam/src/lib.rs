//! AWS IAM and STS: who may do what, and credentials to do it with.
//!
//! A *role* is an identity that no person has: a task takes it on. Its *trust policy* says who may take it on, its other
//! policies what it may do: *inline* ones are written into it, *managed* ones stand by themselves and are attached.
//! IAM's names are the same in all regions.
//!
//! On one's own machine nobody is kept from anything: policies are checked as documents, kept and given back, and never
//! evaluated, so a role that is allowed nothing can still do everything. AWS's own managed policies are all taken to
//! exist; there are no others. STS tells callers who they are, and hands out credentials that this house accepts.

mod document;
mod error;
mod operations;
mod rows;
mod sts;

use std::{collections::BTreeMap, sync::Arc};

use names::{AccountId, Clock, Ids};
use reconcile::System;
use store::Store;
use wire::{Definition, Protocol, Service};

pub use error::Error;

/// The state of both services.
pub struct Iam {
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: Keys,
}

/// The access keys that the gateway accepts.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Secrets by access key; while there are none, any key and signature is accepted.
    pub secrets: BTreeMap<String, String>,
    /// Whose a key is that is not itself an account's twelve digits.
    pub default_account: AccountId,
}

const IAM: Definition = Definition {
    signing_name: "iam",
    protocol: Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
    invalid: "ValidationError",
};

const STS: Definition = Definition {
    signing_name: "sts",
    protocol: Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
    invalid: "ValidationError",
};

/// IAM and STS on `store`; credentials that STS gives are such as `keys` lets in.
pub fn services(store: Store, clock: Clock, ids: Ids, keys: Keys) -> Vec<System> {
    let state = Arc::new(Iam { store, clock, ids, keys });
    vec![
        Service::new(IAM, &state, operations::operations()).into(),
        Service::new(STS, &state, sts::operations()).into(),
    ]
}

#[cfg(test)]
mod tests;
