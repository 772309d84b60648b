//! What to do next, decided from what is asked, what is seen and the time: pure, and therefore tried out on paper.
//!
//! [`service`] says which tasks a service starts and stops and how its deployments go, [`release`] the same for those
//! that shift traffic from old tasks to new ones; [`life`] what a task's rows mean to its service; [`task`] the one next
//! step of a task on its way from nothing to nothing; [`usage`] what is told of what tasks use. What both kinds of deployments ask stands in [`verdict`].

pub(crate) mod life;
pub(crate) mod release;
pub(crate) mod service;
pub(crate) mod task;
pub(crate) mod usage;
pub(crate) mod verdict;

#[cfg(test)]
mod release_scripts;
#[cfg(test)]
mod service_properties;
#[cfg(test)]
mod service_scripts;
#[cfg(test)]
mod service_world;
