//! AWS Certificate Manager and AWS Private CA, which here are one authority's front and its workshop.
//!
//! A *certificate* says that a key is a name's, and is worth as much as the *authority* that signed it. Who asks ACM for
//! a certificate gets one of the built-in authority, which stands for Amazon's: at once, because nobody's domain has to
//! be proved on one's own machine, so every validation counts as done. Who runs a *private authority* has ACM ask that
//! one, or asks it himself. Whoever brings a certificate of his own imports it.
//!
//! Before a certificate ends, a controller renews it at the same ARN, with a new key; imported ones are their owner's to
//! renew. Tasks get *identities*, certificates for a SPIFFE id that last a day and are renewed at half of it. Who serves
//! certificates to proxies asks by the operations of [`api::acm::inside`], in process, and learns of renewals from the
//! rows.
//!
//! **Private keys are at rest in the house's store**, in the clear, readable by whoever reads the data directory: AWS has
//! hardware for it, a laptop has not. Nothing is revoked here, and no list or responder says what is.

mod check;
mod error;
mod issue;
mod operations;
mod private;
mod renewal;
mod rows;

use std::sync::Arc;

use names::{Clock, Ids};
use reconcile::System;
use store::Store;
use wire::{Caller, Context, Definition, Protocol, Service};

pub use error::Error;

/// The state of both services.
pub struct State {
    /// Where certificates are written.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where ids and serial numbers come from.
    pub ids: Ids,
    /// How App Mesh is asked what uses a certificate.
    pub caller: Caller,
}

type Cx = Context<State>;

const ACM: Definition = Definition {
    signing_name: "acm",
    protocol: Protocol::Json11 { target_prefix: "CertificateManager" },
    invalid: "ValidationException",
};

const PRIVATE: Definition = Definition {
    signing_name: "acm-pca",
    protocol: Protocol::Json11 { target_prefix: "ACMPrivateCA" },
    invalid: "ValidationException",
};

/// ACM and ACM-PCA: their operations, and the controllers that renew what they issued.
pub fn services(state: State) -> Vec<System> {
    let state = Arc::new(state);
    let controllers = vec![
        reconcile::boxed(renewal::Certificates::new(Arc::clone(&state))),
        reconcile::boxed(renewal::Identities::new(Arc::clone(&state))),
    ];
    let forgetting = vec![reconcile::boxed(private::Forgetting::new(Arc::clone(&state)))];
    vec![
        System { service: Service::new(ACM, &state, operations::operations()), controllers },
        System { service: Service::new(PRIVATE, &state, private::operations()), controllers: forgetting },
    ]
}

#[cfg(test)]
mod tests;
