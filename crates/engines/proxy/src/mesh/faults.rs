//! Faults on purpose, as Envoy's fault filter makes them: first the delay, then the answer in the server's place.
//!
//! A fault ends when it was said to, also if the control plane is gone by then and cannot take it away.

use tokio::time::sleep;

use super::passage::Passage;
use crate::{http::Failure, model::Fault};

impl Passage {
    /// The fault of the request's route; nearly always there is none.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.route()?.0.fault
    }

    /// Makes the request suffer, if it is one of those that do.
    pub(super) async fn suffer(&mut self, fault: Fault) -> Result<(), Failure> {
        let core = std::rc::Rc::clone(&self.manager.core);
        if fault.until.is_some_and(|until| core.clock.now().as_millis() >= until) {
            return Ok(());
        }
        if let Some((delay, chance)) = fault.delay
            && chance.takes(core.random())
        {
            self.delayed = true;
            sleep(delay).await;
        }
        match fault.abort {
            Some((status, chance)) if chance.takes(core.random()) => Err(Failure::Injected(status)),
            _ => Ok(()),
        }
    }
}
