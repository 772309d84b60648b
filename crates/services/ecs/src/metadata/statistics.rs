//! What a container uses, in the shape of Docker's statistics, which ECS's endpoint answers with. Pure.
//!
//! Docker reads once a second and tells the last reading beside the present one, so that whoever asks once can tell a
//! rate. Here nobody reads unless somebody asks: the reading before is that of the question before.

use container::{ContainerUsage, Traffic};
use names::Timestamp;
use serde_json::{Map, Value, json};

use crate::Machine;

/// What Docker says for the time of a reading that was not taken.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What a container used at some time.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) at: Timestamp,
    pub(super) usage: ContainerUsage,
}

/// The statistics `now` of the container with this id and name, with those `before`.
pub(super) fn document((id, name): (&str, &str), before: Option<&Reading>, now: &Reading, machine: Machine) -> Value {
    let Reading { at, usage } = now;
    let unread = ContainerUsage::default();
    let all = usage.memory_limit_bytes.unwrap_or(machine.memory_mib << 20);
    let mut document = json!({
        "read": at.to_iso8601(),
        "preread": before.map_or_else(|| NEVER.to_owned(), |before| before.at.to_iso8601()),
        "id": id,
        "name": name,
        "num_procs": 0,
        "pids_stats": {"current": usage.processes},
        "cpu_stats": processor(usage, machine),
        "precpu_stats": processor(before.map_or(&unread, |before| &before.usage), machine),
        "memory_stats": {"usage": usage.memory_bytes, "limit": all, "stats": usage.memory},
        "blkio_stats": null,
        "storage_stats": {},
        "networks": usage.interfaces.iter().map(|(name, traffic)| (name.clone(), interface(traffic))).collect::<Map<_, _>>(),
    });
    if let Some(rates) = before.and_then(|before| rates(before, now)) {
        document["network_rate_stats"] = rates;
    }
    document
}

fn processor(usage: &ContainerUsage, machine: Machine) -> Value {
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "cpu_usage": {
            "total_usage": nanoseconds(usage.processor),
            "usage_in_usermode": nanoseconds(usage.user),
            "usage_in_kernelmode": nanoseconds(usage.system),
        },
        "system_cpu_usage": nanoseconds(usage.machine),
        "online_cpus": machine.cpus,
    })
}

fn interface(traffic: &Traffic) -> Value {
    let names = ["bytes", "packets", "errors", "dropped"];
    let received = names.iter().zip(traffic.received).map(|(name, count)| (format!("rx_{name}"), json!(count)));
    let sent = names.iter().zip(traffic.sent).map(|(name, count)| (format!("tx_{name}"), json!(count)));
    received.chain(sent).collect::<Map<_, _>>().into()
}

/// Bytes a second over all interfaces from one reading to the next.
#[expect(clippy::cast_precision_loss, reason = "bytes between two readings fit into 53 bits")]
fn rates(before: &Reading, now: &Reading) -> Option<Value> {
    let seconds = now.at.since(before.at).as_secs_f64();
    let sum = |reading: &Reading, which: fn(&Traffic) -> u64| reading.usage.interfaces.values().map(which).sum::<u64>();
    let rate = |which| sum(now, which).saturating_sub(sum(before, which)) as f64 / seconds;
    let of = |traffic: &Traffic| traffic.received[0];
    let to = |traffic: &Traffic| traffic.sent[0];
    (seconds > 0.0).then(|| json!({"rx_bytes_per_sec": rate(of), "tx_bytes_per_sec": rate(to)}))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reading(seconds: i64, processor: u64, received: u64) -> Reading {
        let traffic = Traffic { received: [received, 1, 0, 0], sent: [7, 2, 0, 0] };
        let usage = ContainerUsage {
            processor: Duration::from_millis(processor),
            machine: Duration::from_secs(100),
            memory_bytes: 1000,
            processes: 3,
            interfaces: [("eth0".to_owned(), traffic)].into(),
            ..ContainerUsage::default()
        };
        Reading { at: Timestamp::from_millis(seconds * 1000), usage }
    }

    #[test]
    fn the_reading_before_is_told_beside_the_present_one() {
        let machine = Machine { cpus: 2, memory_mib: 1 };
        let first = reading(10, 500, 1000);
        let told = document(("t-app", "app"), None, &first, machine);
        assert_eq!((&told["preread"], &told["precpu_stats"]["cpu_usage"]["total_usage"]), (&json!(NEVER), &json!(0)));
        assert_eq!(told["memory_stats"]["limit"], json!(1 << 20), "without a limit the machine is one");
        assert_eq!(told["network_rate_stats"], Value::Null);
        let told = document(("t-app", "app"), Some(&first), &reading(12, 1500, 3000), machine);
        assert_eq!(told["preread"], "1970-01-01T00:00:10.000Z");
        assert_eq!(told["precpu_stats"]["cpu_usage"]["total_usage"], 500_000_000);
        assert_eq!(told["cpu_stats"]["cpu_usage"]["total_usage"], 1_500_000_000);
        assert_eq!(told["networks"]["eth0"]["rx_bytes"], 3000);
        assert_eq!(told["network_rate_stats"], json!({"rx_bytes_per_sec": 1000.0, "tx_bytes_per_sec": 0.0}));
        assert_eq!(told["pids_stats"]["current"], 3);
    }
}
