//! Canaries: a new version gets a few of the requests, is compared with the old one, and then gets all of them or none.
//!
//! AWS's App Mesh could split traffic by weight, and left it to the reader what weights and when. This system decides.
//! Like Google's Canary Analysis Service it keeps apart who looks and who acts: the [`judge`] is given counts of both
//! versions and answers whether the new one is worse, good enough, or neither yet; the [`plan`] follows a [`policy`]
//! and says which part of the traffic the new version gets next. The [`rehearsal`] says what faults a proxy is to make,
//! for who wants to see a canary fail. All are pure: what judge and plan saw is recorded, and a replay of it gives the
//! same decision. A controller, which reads counts from the proxies and shifts the weights of routes, will be the third
//! part of the house.

pub mod judge;
pub mod plan;
pub mod policy;
pub mod rehearsal;
