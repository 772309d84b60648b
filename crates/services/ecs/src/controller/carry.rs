//! Carries what containers print to Logs.
//!
//! A container's output waits in the shim's files until Logs has acknowledged it; how far that is stands in a row. So a
//! crash in between carries some lines twice and loses none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::{Fault, logs};
use container::logs::Entry;
use store::Key;
use tracing::warn;

use super::{Error, follow::is_carried, is_final, prepare::stream_name};
use crate::{
    Ecs,
    definition::log_options,
    rows::{LogCheckpoint, Task, TaskDefinition, TaskLogs},
};

/// How long one question for news waits.
const LISTEN: Duration = Duration::from_secs(50);
/// The pause after something failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How long lines are gathered before they are sent together.
const GATHER: Duration = Duration::from_millis(200);
/// How many lines are sent at once, and how many bytes: a bit less than Logs takes (10,000 and 1 MiB with 26 bytes
/// for each).
const BATCH_LINES: usize = 5_000;
const BATCH_BYTES: usize = 900_000;
/// What Logs adds to each line's length.
const LINE_OVERHEAD: usize = 26;
/// How far apart in time the lines of one batch may be.
const BATCH_SPAN_MILLIS: i64 = 23 * 3_600_000;

/// Carries the output of one task.
pub(super) struct Carrier {
    ecs: Arc<Ecs>,
    key: Key,
    task: Task,
}

/// Where a container's output goes.
struct Stream {
    container: String,
    group: String,
    name: String,
}

impl Carrier {
    pub(super) fn new(ecs: Arc<Ecs>, key: Key, task: Task) -> Self {
        Self { ecs, key, task }
    }

    /// Carries until the task has ended and everything is carried.
    pub(super) async fn run(self) {
        loop {
            match self.carry().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    warn!(task = %self.task.id, %error, "A task's output can't be carried to Logs.");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits for output and carries it; says whether that was all.
    async fn carry(&self) -> Result<bool, Error> {
        if is_carried(&self.ecs, &self.key)? {
            return Ok(true);
        }
        let streams = self.streams()?;
        let offsets = self.offsets(&streams)?;
        let more = self.ecs.runtime.wait_output(&self.task.id, offsets, LISTEN).await?;
        if more {
            tokio::time::sleep(GATHER).await;
        }
        for stream in &streams {
            while self.carry_batch(stream).await? {}
        }
        if !more {
            self.checkpoint(|logs| logs.complete = true)?;
        }
        Ok(!more)
    }

    fn streams(&self) -> Result<Vec<Stream>, Error> {
        let key = TaskDefinition::key(&self.key.scope, &self.task.family, self.task.revision);
        let row = self.ecs.store.get::<TaskDefinition>(&key)?;
        let containers = row.map(|row| row.definition.container_definitions).unwrap_or_default();
        let stream = |container: &api::ecs::ContainerDefinition| {
            let (group, prefix, _) = log_options(container)?;
            let container = container.name.clone().unwrap_or_default();
            Some(Stream { group: group.to_owned(), name: stream_name(prefix, &container, &self.task), container })
        };
        Ok(containers.iter().filter_map(stream).collect())
    }

    /// How far each container was carried; what is not to be carried has nothing new, ever.
    fn offsets(&self, streams: &[Stream]) -> Result<BTreeMap<String, u64>, Error> {
        let logs = self.ecs.store.get::<TaskLogs>(&self.key)?.unwrap_or_default();
        let all = self.task.containers.keys().map(|name| {
            let carried = streams.iter().any(|stream| stream.container == *name);
            let offset = logs.containers.get(name).map_or(0, |checkpoint| checkpoint.offset);
            (name.clone(), if carried { offset } else { u64::MAX })
        });
        Ok(all.collect())
    }

    /// Carries as much of one container's output as goes at once; says whether there may be more.
    async fn carry_batch(&self, stream: &Stream) -> Result<bool, Error> {
        let logs = self.ecs.store.get::<TaskLogs>(&self.key)?.unwrap_or_default();
        let offset = logs.containers.get(&stream.container).map_or(0, |checkpoint| checkpoint.offset);
        let runtime = &self.ecs.runtime;
        let (entries, end) = runtime.output(&self.task.id, &stream.container, offset, BATCH_LINES).await?;
        let fitting = fitting(&entries);
        let (entries, next) = if fitting < entries.len() {
            // Reads the same lines again, as many as fit, to learn the offset behind them.
            runtime.output(&self.task.id, &stream.container, offset, fitting).await?
        } else {
            (entries, end)
        };
        if next == offset {
            return Ok(false);
        }
        let bytes = next - offset;
        let refused = match self.put(stream, &entries).await {
            Ok(()) => false,
            // Nothing will ever make Logs take these lines; those after them may still be taken.
            Err(fault) if is_final(&fault) => {
                warn!(task = %self.task.id, group = stream.group, %fault, "Logs refused a task's output.");
                true
            }
            Err(fault) => return Err(fault.into()),
        };
        self.checkpoint(|logs| {
            let checkpoint = logs.containers.entry(stream.container.clone()).or_insert_with(LogCheckpoint::default);
            checkpoint.offset = next;
            checkpoint.refused += if refused { bytes } else { 0 };
        })?;
        Ok(true)
    }

    async fn put(&self, stream: &Stream, entries: &[Entry]) -> Result<(), Fault> {
        // Logs takes no empty lines.
        let events: Vec<logs::InputLogEvent> = entries
            .iter()
            .filter(|entry| !entry.message.is_empty())
            .map(|entry| logs::InputLogEvent { timestamp: entry.time.as_millis(), message: entry.message.clone() })
            .collect();
        if events.is_empty() {
            return Ok(());
        }
        let request = logs::PutLogEventsRequest {
            log_group_name: stream.group.clone(),
            log_stream_name: stream.name.clone(),
            log_events: events,
            sequence_token: None,
        };
        self.ecs.caller.call::<logs::PutLogEvents>(&self.key.scope, request).await.map(drop)
    }

    fn checkpoint(&self, change: impl FnOnce(&mut TaskLogs)) -> Result<(), Error> {
        self.ecs.store.write(|tx| {
            let mut logs = tx.get::<TaskLogs>(&self.key)?.unwrap_or_default();
            change(&mut logs);
            // A task that was forgotten meanwhile leaves no row behind.
            if tx.get::<Task>(&self.key)?.is_some() { tx.put(&self.key, &logs) } else { Ok(()) }
        })?;
        Ok(())
    }
}

/// How many of the first `entries` go in one batch; at least one.
fn fitting(entries: &[Entry]) -> usize {
    let first = entries.first().map_or(0, |entry| entry.time.as_millis());
    let mut bytes = 0;
    let fits = entries.iter().take_while(|entry| {
        bytes += entry.message.len() + LINE_OVERHEAD;
        bytes <= BATCH_BYTES && (entry.time.as_millis() - first).abs() < BATCH_SPAN_MILLIS
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use container::logs::Stream;
    use names::Timestamp;

    use super::*;

    fn entry(millis: i64, length: usize) -> Entry {
        Entry { time: Timestamp::from_millis(millis), stream: Stream::Out, message: "x".repeat(length) }
    }

    #[test]
    fn a_batch_keeps_to_what_logs_takes() {
        assert_eq!(fitting(&[entry(0, 10), entry(1, 10)]), 2);
        assert_eq!(fitting(&[entry(0, 600_000), entry(1, 600_000)]), 1);
        assert_eq!(fitting(&[entry(0, 2_000_000)]), 1);
        assert_eq!(fitting(&[entry(0, 10), entry(BATCH_SPAN_MILLIS, 10)]), 1);
    }
}
