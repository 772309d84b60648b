//! What the control plane tells: its process, and what is in each account and region.

use std::{fs, sync::LazyLock, time::SystemTime};

use api::{
    canary::{CanaryDescription, ListCanaries, ListCanariesRequest},
    cloudwatch::{DescribeAlarms, DescribeAlarmsRequest},
    serin::{DescribeHouse, DescribeHouseRequest},
};
use names::Scope;
use wire::Caller;

use super::text::{Labels, Text};
use crate::picture::{self, Picture, Route};

/// When this process began, near enough.
static BEGUN: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
/// Ticks of a processor's time in a second, as Linux tells processes on all machines.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page of memory.
const PAGE_BYTES: f64 = 4096.0;
/// States of an alarm.
const ALARM_STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

/// The labels of everything in `scope`.
pub(super) fn labels(scope: &Scope) -> Labels {
    vec![("account", scope.account.to_string()), ("region", scope.region.to_string())]
}

/// `more` behind the labels of `scope`.
pub(super) fn with(scope: &Scope, more: &[(&'static str, &str)]) -> Labels {
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    labels(scope).into_iter().chain(more).collect()
}

/// The process, under the names that Prometheus' own clients use.
pub(super) fn process(text: &mut Text) {
    let none = Labels::new();
    text.gauge("serin_build_info", &vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0);
    let begun = BEGUN.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    text.gauge("process_start_time_seconds", &none, begun);
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may hold blanks; what follows it is counted from the third field on.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
        .unwrap_or_default();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
    text.counter("process_cpu_seconds_total", &none, (field(14) + field(15)) / TICKS_PER_SECOND);
    text.gauge("process_threads", &none, field(20));
    text.gauge("process_virtual_memory_bytes", &none, field(23));
    text.gauge("process_resident_memory_bytes", &none, field(24) * PAGE_BYTES);
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    text.gauge("process_open_fds", &none, real(open));
}

/// Accounts and regions in which there is something.
pub(super) async fn scopes(caller: &Caller) -> Vec<Scope> {
    let house = caller.call::<DescribeHouse>(&Scope::default(), DescribeHouseRequest {}).await;
    house.map(|house| house.scopes).unwrap_or_default()
}

/// All that is in `scope`; false if somebody could not be asked.
pub(super) async fn tell(caller: &Caller, scope: &Scope, text: &mut Text) -> bool {
    let Ok(picture) = picture::gather(caller, scope).await else { return false };
    pictured(scope, &picture, text);
    let Ok(listed) = caller.call::<ListCanaries>(scope, ListCanariesRequest {}).await else { return false };
    listed.canaries.iter().for_each(|one| canary(scope, one, text));
    let mut request = DescribeAlarmsRequest::default();
    loop {
        let Ok(answer) = caller.call::<DescribeAlarms>(scope, request.clone()).await else { return false };
        for alarm in &answer.metric_alarms {
            for state in ALARM_STATES {
                let labels = with(scope, &[("alarm", &alarm.alarm_name), ("state", state)]);
                text.gauge("serin_alarm_state", &labels, truth(alarm.state_value.as_deref() == Some(state)));
            }
        }
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            return true;
        }
    }
}

fn pictured(scope: &Scope, picture: &Picture, text: &mut Text) {
    for stack in &picture.stacks {
        text.gauge("serin_stack_info", &with(scope, &[("stack", &stack.name), ("status", &stack.status)]), 1.0);
    }
    for service in &picture.services {
        let labels = with(scope, &[("cluster", &service.cluster), ("service", &service.name)]);
        text.gauge("serin_service_desired_tasks", &labels, f64::from(service.desired));
        text.gauge("serin_service_running_tasks", &labels, f64::from(service.running));
        text.gauge("serin_service_pending_tasks", &labels, f64::from(service.pending));
    }
    for task in &picture.tasks {
        let labels = with(
            scope,
            &[("task", &task.id), ("group", &task.group), ("status", &task.status), ("health", &task.health)],
        );
        text.gauge("serin_task_info", &labels, 1.0);
    }
    for balancer in &picture.load_balancers {
        for target in &balancer.targets {
            let names = [
                ("load_balancer", balancer.name.as_str()),
                ("target_group", &target.group),
                ("target", &target.address),
            ];
            text.gauge("serin_target_healthy", &with(scope, &names), truth(target.state == "healthy"));
        }
    }
    picture.routes.iter().for_each(|one| route(scope, one, text));
    for proxy in &picture.proxies {
        let task = proxy.task.as_deref().map(crate::words::tail).unwrap_or_default();
        let labels = with(scope, &[("mesh", &proxy.mesh), ("virtual_node", &proxy.stands_for), ("task", task)]);
        text.gauge("serin_proxy_up_to_date", &labels, truth(proxy.up_to_date));
    }
}

fn route(scope: &Scope, route: &Route, text: &mut Text) {
    let names = [("mesh", route.mesh.as_str()), ("router", &route.router), ("route", &route.name)];
    text.gauge("serin_route_proxies", &with(scope, &names), f64::from(route.proxies));
    text.gauge("serin_route_acknowledged_proxies", &with(scope, &names), f64::from(route.acknowledged));
    for (family, weights) in [("serin_route_weight", &route.asked), ("serin_route_applied_weight", &route.applied)] {
        for (node, weight) in weights {
            let labels = with(scope, &[&names[..], &[("virtual_node", node)]].concat());
            #[expect(clippy::cast_precision_loss, reason = "weights are small")]
            text.gauge(family, &labels, *weight as f64);
        }
    }
}

/// A canary: its split, what speaks against it and for it, what it cost.
fn canary(scope: &Scope, canary: &CanaryDescription, text: &mut Text) {
    let names = [("canary", canary.id.as_str()), ("mesh", &canary.mesh_name), ("route", &canary.route_name)];
    let told = [("from", canary.baseline.as_str()), ("to", &canary.canary), ("phase", &canary.phase)];
    text.gauge("serin_canary_info", &with(scope, &[names, told].concat()), 1.0);
    let labels = with(scope, &names);
    text.gauge("serin_canary_under_way", &labels, truth(!canary.ended));
    text.gauge("serin_canary_taken_back", &labels, truth(canary.phase == "TakenBack"));
    text.gauge("serin_canary_paused", &labels, truth(canary.paused));
    text.gauge("serin_canary_percent", &labels, canary.percent);
    if let Some(applied) = canary.applied_percent {
        text.gauge("serin_canary_applied_percent", &labels, applied);
    }
    text.gauge("serin_canary_e_value", &labels, canary.e_value);
    text.gauge("serin_canary_e_value_limit", &labels, canary.limit);
    text.gauge("serin_canary_certificate", &labels, canary.certificate);
    text.gauge("serin_canary_certificate_limit", &labels, canary.certificate_limit);
    text.counter("serin_canary_harm_total", &labels, crate::words::real(canary.harm));
    for (version, (requests, failed)) in [("new", canary.requests), ("old", canary.baseline_requests)] {
        let labels = with(scope, &[&names[..], &[("version", version)]].concat());
        text.counter("serin_canary_requests_total", &labels, crate::words::real(requests));
        text.counter("serin_canary_failed_requests_total", &labels, crate::words::real(failed));
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_told_by_its_split_its_evidence_and_its_harm() {
        let one = CanaryDescription {
            id: "api-1".into(),
            mesh_name: "todo".into(),
            route_name: "api".into(),
            phase: "Watching".into(),
            percent: 25.0,
            e_value: 12.5,
            limit: 100.0,
            harm: 4,
            requests: (7, 4),
            ..CanaryDescription::default()
        };
        let mut text = Text::default();
        canary(&Scope::default(), &one, &mut text);
        let text = text.finish();
        let names = "account=\"000000000000\",region=\"us-east-1\",canary=\"api-1\",mesh=\"todo\",route=\"api\"";
        for line in [
            format!("serin_canary_percent{{{names}}} 25\n"),
            format!("serin_canary_e_value{{{names}}} 12.5\n"),
            format!("serin_canary_e_value_limit{{{names}}} 100\n"),
            format!("serin_canary_harm_total{{{names}}} 4\n"),
            format!("serin_canary_failed_requests_total{{{names},version=\"new\"}} 4\n"),
            "phase=\"Watching\"} 1\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
