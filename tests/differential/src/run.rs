//! All cases through all proxies.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use tokio::task::JoinSet;

use crate::{
    Outcome, Results, Subject,
    case::Case,
    client::talk,
    origin::Origin,
    subject::{Envoy, Lane, Nginx, Ours, Running},
};

/// Sends every case to every proxy, all at once.
///
/// # Panics
/// When a proxy can't be started, or keeps a connection for ever.
pub async fn run(subjects: &[Subject]) -> Results {
    let cases: Vec<&Case> = subjects.iter().flat_map(|subject| &subject.cases).collect();
    let (ours, envoy, nginx) =
        tokio::join!(through::<Ours>(&cases), through::<Envoy>(&cases), through::<Nginx>(&cases));
    let all = ours.into_iter().zip(envoy).zip(nginx).map(|((ours, envoy), nginx)| [ours, envoy, nginx]);
    cases.iter().map(|case| case.name.clone()).zip(all).collect()
}

/// Sends every case to one proxy.
async fn through<P: Running>(cases: &[&Case]) -> Vec<Outcome> {
    let connections = Arc::new(Mutex::new(JoinSet::new()));
    let origins = join_all(cases.iter().map(|case| Origin::start(case, &connections))).await;
    let lanes: Vec<Lane> =
        origins.iter().zip(cases).map(|(origin, case)| Lane { origin: origin.address, closes: case.closes }).collect();
    let (proxy, addresses) = P::start(&lanes).await;
    let answers = join_all(cases.iter().zip(&addresses).map(|(case, address)| talk(address, case))).await;
    // With the proxy gone, what origins have been told is all they will be told.
    proxy.stop().await;
    let ended = std::mem::take(&mut *connections.lock().unwrap_or_else(PoisonError::into_inner));
    ended.join_all().await;
    let outcome = |((case, answers), origin): ((&&Case, _), &Origin)| {
        let answers: &Vec<_> = answers;
        Outcome::of(case, answers, &origin.got.lock().unwrap_or_else(PoisonError::into_inner))
    };
    cases.iter().zip(&answers).zip(&origins).map(outcome).collect()
}
