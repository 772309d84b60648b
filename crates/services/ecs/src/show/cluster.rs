//! A cluster as callers see it.

use api::ecs::{ClusterSetting, KeyValuePair};
use names::Scope;

use crate::{
    read::{Read, tasks_under},
    rows::{Cluster, Service, ServiceObserved, Status, TaskObserved},
};

/// What a cluster counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Services that were not deleted.
    pub services: i32,
    /// Services that are not gone: active ones, and deleted ones whose tasks still stop.
    pub services_left: i32,
    /// Tasks that run.
    pub running: i32,
    /// Tasks on their way to run.
    pub pending: i32,
    /// Tasks that have not stopped.
    pub tasks_left: i32,
}

impl Counts {
    /// Counts what is in the cluster called `name`.
    pub(crate) fn of(rows: &impl Read, scope: &Scope, name: &str) -> Result<Self, store::Error> {
        let prefix = format!("{name}/");
        let mut counts = Self::default();
        for (key, service) in rows.rows_under::<Service>(scope, &prefix)? {
            let inactive = rows.row::<ServiceObserved>(&key)?.is_some_and(|observed| observed.inactive_at.is_some());
            counts.services += i32::from(service.deleted_at.is_none());
            counts.services_left += i32::from(!inactive);
        }
        for (_, TaskObserved { status, .. }) in tasks_under(rows, scope, &prefix)? {
            counts.running += i32::from(status == Status::Running);
            counts.pending += i32::from(status < Status::Running);
            counts.tasks_left += i32::from(status != Status::Stopped);
        }
        Ok(counts)
    }
}

/// `row` as a caller sees it who asks to `include` some fields.
pub(crate) fn cluster(scope: &Scope, row: &Cluster, counts: Counts, include: &[String]) -> api::ecs::Cluster {
    let wants = |field: &str| include.iter().any(|name| name == field);
    let setting =
        |(name, value): (&String, &String)| ClusterSetting { name: Some(name.clone()), value: Some(value.clone()) };
    api::ecs::Cluster {
        cluster_arn: Some(Cluster::arn(scope, &row.name)),
        cluster_name: Some(row.name.clone()),
        status: Some(if row.is_active() { "ACTIVE" } else { "INACTIVE" }.to_owned()),
        running_tasks_count: counts.running,
        pending_tasks_count: counts.pending,
        active_services_count: counts.services,
        statistics: if wants("STATISTICS") { statistics(counts) } else { Vec::new() },
        tags: if wants("TAGS") { super::tags(&row.tags) } else { Vec::new() },
        settings: if wants("SETTINGS") { row.settings.iter().map(setting).collect() } else { Vec::new() },
        capacity_providers: row.capacity_providers.clone(),
        default_capacity_provider_strategy: row.strategy.clone(),
        ..api::ecs::Cluster::default()
    }
}

fn statistics(counts: Counts) -> Vec<KeyValuePair> {
    let pairs = [
        ("runningFargateTasksCount", counts.running),
        ("pendingFargateTasksCount", counts.pending),
        ("activeFargateServiceCount", counts.services),
        ("drainingFargateServiceCount", counts.services_left - counts.services),
    ];
    let pair =
        |(name, value): (&str, i32)| KeyValuePair { name: Some(name.to_owned()), value: Some(value.to_string()) };
    pairs.into_iter().map(pair).collect()
}
