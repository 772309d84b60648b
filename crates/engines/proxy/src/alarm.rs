//! A timer that is cheap to move into the future.
//!
//! Each request sets a limit some seconds ahead and nearly all of them end long before. Registering and cancelling a
//! timer for each would cost more than routing does. So a connection has one timer that is left where it is: when it
//! fires too early it is moved to the moment that counts by then. A busy connection moves it once per limit, not once
//! per request.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::{
    task::coop,
    time::{Instant, Sleep, sleep_until},
};

/// A timer of one task.
#[derive(Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who will be woken when it fires, if the timer was told so and has not been moved since.
    told: Option<Waker>,
}

impl Alarm {
    /// Ready once `at` has come; without one, never.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
            self.told = None;
        }
        // Told once, a timer need not be asked again until it has fired.
        if !sleep.is_elapsed() && self.told.as_ref().is_some_and(|told| told.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.told = None;
        loop {
            // A task that has had its share is put off by the timer, too, which then is told nothing.
            let is_told = coop::has_budget_remaining();
            if sleep.as_mut().poll(cx).is_pending() {
                self.told = is_told.then(|| cx.waker().clone());
                return Poll::Pending;
            }
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }

    /// Runs `work`, or gives up when `at` has come.
    pub(crate) async fn within<T>(&mut self, at: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            self.poll(cx, at).map(|()| None)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_moment_that_counts_however_often_it_was_moved() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        for seconds in [10, 20, 5, 15] {
            let at = start + Duration::from_secs(seconds);
            poll_fn(|cx| Poll::Ready(alarm.poll(cx, Some(at)).is_pending())).await;
        }
        poll_fn(|cx| alarm.poll(cx, Some(start + Duration::from_secs(15)))).await;
        assert_eq!(start.elapsed().as_secs(), 15);
        poll_fn(|cx| alarm.poll(cx, Some(start + Duration::from_secs(40)))).await;
        assert_eq!(start.elapsed().as_secs(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_for_a_task_that_has_had_its_share_when_it_asks() {
        let mut alarm = Alarm::default();
        let start = Instant::now();
        let at = Some(start + Duration::from_secs(10));
        poll_fn(|cx| {
            while coop::has_budget_remaining() {
                let Poll::Ready(share) = coop::poll_proceed(cx) else { break };
                share.made_progress();
            }
            Poll::Ready(alarm.poll(cx, at).is_pending())
        })
        .await;
        poll_fn(|cx| alarm.poll(cx, at)).await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_in_time_is_not_given_up() {
        let mut alarm = Alarm::default();
        let soon = Some(Instant::now() + Duration::from_secs(1));
        assert_eq!(alarm.within(soon, async { 7 }).await, Some(7));
        assert_eq!(alarm.within(soon, std::future::pending::<()>()).await, None);
    }
}
