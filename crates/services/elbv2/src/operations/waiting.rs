//! Holding a waiter's poll until there is news.
//!
//! An SDK's waiter asks, sleeps for its fixed delay (15 s here) and asks again; so it learns of an end up to that delay
//! too late. Its polls are recognised by the wire, and held here while something is on its way to another state, or
//! nearly as long as a client waits for an answer.

use std::time::Duration;

use store::Row;
use tokio::time::{Instant, timeout_at};
use wire::Context;

use crate::{
    LoadBalancing,
    error::Error,
    rows::{LoadBalancer, LoadBalancerObserved, Target, TargetObserved},
};

/// How long a poll is held: the CLI gives up reading after 60 s.
const HOLD_MAX: Duration = Duration::from_secs(50);

/// Answers at once, but a waiter's poll only when nothing of the answer is `on_its_way` any more, or as it is after
/// [`HOLD_MAX`].
pub(super) async fn hold<T>(
    cx: &Context<LoadBalancing>,
    answer: impl Fn() -> Result<T, Error>,
    on_its_way: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    // Watched before the first look, so that no change falls between the two.
    let watch = cx.store.watch(&[LoadBalancer::KIND, LoadBalancerObserved::KIND, Target::KIND, TargetObserved::KIND]);
    let deadline = Instant::now() + HOLD_MAX;
    loop {
        let response = answer()?;
        let held = cx.call().waiter && on_its_way(&response);
        if !held || timeout_at(deadline, watch.next()).await.is_err() {
            return Ok(response);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use names::{Clock, Ids, Scope};
    use store::{Key, Store};
    use wire::{Call, Caller};

    use super::*;

    fn context(store: &Store, waiter: bool) -> Context<LoadBalancing> {
        let metrics = telemetry::Telemetry::in_memory(telemetry::Limits::default()).unwrap().metrics();
        let state = LoadBalancing {
            metrics,
            store: store.clone(),
            clock: Clock::System,
            ids: Ids::counting(),
            caller: Caller::default(),
            edge: edge::Client::new("/nowhere"),
            api_port: 4566,
        };
        Context::new(Call { waiter, ..Call::default() }, Arc::new(state))
    }

    fn say(store: &Store, state: &str) {
        let observed = LoadBalancerObserved { state: state.to_owned(), ..LoadBalancerObserved::default() };
        store.write(|tx| tx.put(&Key::new(&Scope::default(), "web/1"), &observed)).unwrap();
    }

    fn state(store: &Store) -> Result<String, Error> {
        let seen: Option<LoadBalancerObserved> = store.get(&Key::new(&Scope::default(), "web/1"))?;
        Ok(seen.map(|seen| seen.state).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_waiter_hears_of_the_end_when_it_comes_and_others_at_once() {
        let store = Store::in_memory().unwrap();
        say(&store, "provisioning");
        let on_its_way = |state: &String| state == "provisioning";
        let plain = hold(&context(&store, false), || state(&store), on_its_way).await.unwrap();
        assert_eq!(plain, "provisioning");
        let waiter = context(&store, true);
        let held = hold(&waiter, || state(&store), on_its_way);
        let news = async {
            tokio::task::yield_now().await;
            say(&store, "active");
        };
        assert_eq!(tokio::join!(held, news).0.unwrap(), "active");
    }
}
