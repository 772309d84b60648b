//! Answering a query: events are read page by page, the latest first, and go through its commands.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use names::{Scope, Timestamp};

use super::{
    Column, Command, Query, ROWS_MAX, Stats,
    aggregate::State,
    evaluate::{holds, value},
    record::{Record, Source},
    value::{Value, order},
};
use crate::logs::{Direction, EVENT_OVERHEAD, Error, Logs, PAGE_EVENTS_MAX, Pattern, Place, Range, Search};

/// What a query may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of records that are held at once.
    pub bytes_max: usize,
    /// Groups of one `stats`.
    pub groups_max: usize,
    /// Rows of the answer.
    pub rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 256 << 20, groups_max: 100_000, rows_max: ROWS_MAX }
    }
}

/// How far a query is; read by others while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Events looked at.
    pub scanned: AtomicU64,
    /// Those that went through all filters.
    pub matched: AtomicU64,
    /// Bytes of events looked at, as `CloudWatch` counts them.
    pub bytes: AtomicU64,
}

/// How a query ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Complete,
    /// By whoever watches it.
    Stopped,
    /// With nothing: it needs more room than there is, for what is said.
    TooLarge(&'static str),
}

/// What came of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// Rows of fields and their values; what has no value is left out.
    pub rows: Vec<Vec<(String, String)>>,
}

impl Logs {
    /// Answers `query` from the events of `groups` within `range`. `go_on` is asked after each page.
    pub fn query(
        &self,
        (scope, groups): (&Scope, &[String]),
        query: &Query,
        range: Range,
        limits: &Limits,
        progress: &Progress,
        (go_on, now): (&dyn Fn() -> bool, Timestamp),
    ) -> Result<Answer, Error> {
        let mut run = Run::new(query, limits);
        for group in groups {
            let name: Arc<str> = Arc::from(format!("{}:{group}", scope.account));
            run.reached = 0;
            let mut from = Some(Place::at(i64::MAX));
            while let Some(place) = from {
                if !go_on() {
                    return Ok(Answer { outcome: Outcome::Stopped, rows: Vec::new() });
                }
                let found = self.search(scope, group, &page(range, place), now)?;
                from = found.next.filter(|_| !run.is_full());
                for (stream, event) in found.events {
                    progress.scanned.fetch_add(1, Ordering::Relaxed);
                    progress.bytes.fetch_add((event.message.len() + EVENT_OVERHEAD) as u64, Ordering::Relaxed);
                    let record = Record::of(Source { group: Arc::clone(&name), stream, event }, query.looks_inside);
                    match run.take(record) {
                        Ok(matched) => _ = progress.matched.fetch_add(u64::from(matched), Ordering::Relaxed),
                        Err(what) => return Ok(Answer { outcome: Outcome::TooLarge(what), rows: Vec::new() }),
                    }
                    if run.is_full() {
                        break;
                    }
                }
            }
        }
        Ok(match run.end(groups.len() > 1) {
            Ok(rows) => Answer { outcome: Outcome::Complete, rows },
            Err(what) => Answer { outcome: Outcome::TooLarge(what), rows: Vec::new() },
        })
    }
}

fn page(range: Range, from: Place) -> Search {
    Search {
        streams: Vec::new(),
        stream_prefix: String::new(),
        range,
        pattern: Pattern::default(),
        from,
        direction: Direction::Backward,
        limit: PAGE_EVENTS_MAX,
    }
}

/// A query under way.
struct Run<'q> {
    query: &'q Query,
    limits: &'q Limits,
    /// How many of the commands work on each event as it comes.
    first: usize,
    /// Records of one group of streams after which no more are needed.
    enough: Option<usize>,
    /// Records of this group so far.
    reached: usize,
    held: Vec<Record>,
    bytes: usize,
    counting: Option<Counting<'q>>,
}

impl<'q> Run<'q> {
    fn new(query: &'q Query, limits: &'q Limits) -> Self {
        let waits =
            |one: &Command| matches!(one, Command::Stats(_) | Command::Sort(_) | Command::Dedup(_) | Command::Limit(_));
        let first = query.commands.iter().position(waits).unwrap_or(query.commands.len());
        let enough = match query.commands.get(first) {
            None => Some(limits.rows_max),
            Some(Command::Limit(limit)) => Some(*limit),
            Some(_) => None,
        };
        let counting = match query.commands.get(first) {
            Some(Command::Stats(stats)) => Some(Counting::new(stats, limits)),
            _ => None,
        };
        Self { query, limits, first, enough, reached: 0, held: Vec::new(), bytes: 0, counting }
    }

    fn is_full(&self) -> bool {
        self.enough.is_some_and(|enough| self.reached >= enough)
    }

    /// Takes the next record; whether the filters let it through.
    fn take(&mut self, mut record: Record) -> Result<bool, &'static str> {
        if !self.query.commands[..self.first].iter().all(|command| goes_on(command, &mut record)) {
            return Ok(false);
        }
        self.reached += 1;
        if let Some(counting) = &mut self.counting {
            counting.add(&record)?;
            return Ok(true);
        }
        self.bytes += record.bytes();
        self.held.push(record);
        if self.bytes > self.limits.bytes_max {
            self.make_room()?;
        }
        Ok(true)
    }

    /// Lets go of what is no part of the answer, which is known where it is but sorted.
    fn make_room(&mut self) -> Result<(), &'static str> {
        let rest = &self.query.commands[self.first..];
        let shows = |one: &Command| matches!(one, Command::Fields(_) | Command::Display(_) | Command::Limit(_));
        let [Command::Sort(by), rest @ ..] = rest else { return Err("the records it holds") };
        if !rest.iter().all(shows) {
            return Err("the records it holds");
        }
        let limits = rest.iter().filter_map(|one| if let Command::Limit(limit) = one { Some(*limit) } else { None });
        sort(&mut self.held, by);
        self.held.truncate(limits.min().unwrap_or(ROWS_MAX).min(self.limits.rows_max));
        self.bytes = self.held.iter().map(Record::bytes).sum();
        if self.bytes > self.limits.bytes_max / 2 { Err("the records it holds") } else { Ok(()) }
    }

    /// The rows, after the commands that need all records. Those of several groups are put in one order.
    fn end(mut self, several: bool) -> Result<Vec<Vec<(String, String)>>, &'static str> {
        let mut records = std::mem::take(&mut self.held);
        if several {
            records.sort_by_key(|record| std::cmp::Reverse(record.time()));
        }
        let mut rest = &self.query.commands[self.first..];
        if let Some(counting) = self.counting.take() {
            records = counting.end();
            rest = &rest[1..];
        }
        for command in rest {
            match command {
                Command::Stats(stats) => {
                    let mut counting = Counting::new(stats, self.limits);
                    records.iter().try_for_each(|record| counting.add(record))?;
                    records = counting.end();
                }
                Command::Sort(by) => sort(&mut records, by),
                Command::Limit(limit) => records.truncate(*limit),
                Command::Dedup(by) => {
                    let mut seen = HashSet::new();
                    records.retain(|record| {
                        let key: Option<Vec<_>> =
                            by.iter().map(|by| Some(value(by, record, &[])?.to_string())).collect();
                        // What lacks one of the fields is like nothing else.
                        key.is_none_or(|key| seen.insert(key))
                    });
                }
                command => records.retain_mut(|record| goes_on(command, record)),
            }
        }
        records.truncate(self.limits.rows_max);
        let shown = shown(self.query);
        Ok(records.iter().map(|record| row(record, &shown)).collect())
    }
}

/// Does what `command` does to one record; false where it keeps the record out.
fn goes_on(command: &Command, record: &mut Record) -> bool {
    match command {
        Command::Filter(condition) => return holds(condition, record, &[]),
        Command::Parse(extract) => extract.apply(record),
        Command::Fields(columns) | Command::Display(columns) => columns.iter().for_each(|column| made(column, record)),
        Command::Stats(_) | Command::Sort(_) | Command::Dedup(_) | Command::Limit(_) => {}
    }
    true
}

/// Makes `column` of `record`, unless it is a field under its own name.
fn made(column: &Column, record: &mut Record) {
    if !matches!(&column.value, super::Expression::Field(name) if *name == column.name) {
        // A row of counts knows what it was counted by under its name: `stats … by bin(1m) | fields bin(1m)`.
        let found = value(&column.value, record, &[]).or_else(|| record.field(&column.name));
        record.make(&column.name, found);
    }
}

fn sort(records: &mut Vec<Record>, by: &[(super::Expression, bool)]) {
    let mut keyed: Vec<(Vec<Option<Value>>, Record)> = std::mem::take(records)
        .into_iter()
        .map(|record| (by.iter().map(|(by, _)| value(by, &record, &[])).collect(), record))
        .collect();
    keyed.sort_by(|(one, _), (other, _)| {
        let orders = by.iter().zip(one.iter().zip(other)).map(|((_, descending), (one, other))| match (one, other) {
            (Some(_), Some(_)) if *descending => order(other.as_ref(), one.as_ref()),
            _ => order(one.as_ref(), other.as_ref()),
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    records.extend(keyed.into_iter().map(|(_, record)| record));
}

/// The names of the fields that are shown.
fn shown(query: &Query) -> Vec<&str> {
    let (mut shown, mut any) = (Vec::new(), false);
    for command in &query.commands {
        match command {
            Command::Display(columns) => shown = names(columns).collect(),
            Command::Stats(stats) => shown = names(&stats.by).chain(names(&stats.columns)).collect(),
            Command::Fields(columns) => {
                let more: Vec<_> = names(columns).filter(|name| !shown.contains(name)).collect();
                shown.extend(more);
            }
            Command::Filter(_) | Command::Parse(_) | Command::Sort(_) | Command::Dedup(_) | Command::Limit(_) => {
                continue;
            }
        }
        any = true;
    }
    if !any {
        shown = vec!["@timestamp", "@message"];
        // What was taken out of texts is what one wants to see.
        shown.extend(
            query.commands.iter().flat_map(|one| if let Command::Parse(one) = one { one.names() } else { Vec::new() }),
        );
    }
    if !query.counts() && !shown.contains(&"@ptr") {
        shown.push("@ptr");
    }
    shown
}

fn names(columns: &[Column]) -> impl Iterator<Item = &str> {
    columns.iter().map(|column| column.name.as_str())
}

fn row(record: &Record, shown: &[&str]) -> Vec<(String, String)> {
    shown.iter().filter_map(|name| Some(((*name).to_owned(), record.field(name)?.to_string()))).collect()
}

/// A `stats` under way.
struct Counting<'q> {
    stats: &'q Stats,
    limits: &'q Limits,
    /// The place of each group.
    places: HashMap<Vec<Option<String>>, usize>,
    groups: Vec<(Vec<Option<Value>>, Vec<State>)>,
}

impl<'q> Counting<'q> {
    fn new(stats: &'q Stats, limits: &'q Limits) -> Self {
        Self { stats, limits, places: HashMap::new(), groups: Vec::new() }
    }

    fn add(&mut self, record: &Record) -> Result<(), &'static str> {
        let values: Vec<_> =
            self.stats.by.iter().map(|by| value(&by.value, record, &[]).or_else(|| record.field(&by.name))).collect();
        let key = values.iter().map(|value| value.as_ref().map(Value::to_string)).collect();
        let next = self.groups.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            if next == self.limits.groups_max {
                return Err("the groups it counts");
            }
            self.groups.push((values, self.stats.aggregates.iter().map(super::aggregate::Aggregate::begin).collect()));
        }
        let Some((_, states)) = self.groups.get_mut(place) else { return Ok(()) };
        let mut fits = true;
        for (aggregate, state) in self.stats.aggregates.iter().zip(states) {
            fits &= aggregate.add(state, record);
        }
        if fits { Ok(()) } else { Err("the different values it counts") }
    }

    fn end(self) -> Vec<Record> {
        let rows = self.groups.into_iter().map(|(values, states)| {
            let mut record = Record::default();
            for (by, value) in self.stats.by.iter().zip(values) {
                record.make(&by.name, value);
            }
            let counts: Vec<_> =
                self.stats.aggregates.iter().zip(states).map(|(aggregate, state)| aggregate.end(state)).collect();
            for column in &self.stats.columns {
                let found = value(&column.value, &record, &counts);
                record.make(&column.name, found);
            }
            record
        });
        rows.collect()
    }
}
