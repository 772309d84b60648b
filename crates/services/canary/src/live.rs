//! A judgement that goes on: the judge, what was counted last, and the record that is being written.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use names::Timestamp;

use crate::{
    Error,
    judge::{
        Arm, Histogram, Judge, Question, Stratum, Tick, Verdict,
        record::{self, Decision, Entry},
    },
    plan::{Healthy, Phase},
    policy::Policy,
    reading::{Counts, Reading},
};

/// Ticks are at most this long, in milliseconds: what was not looked at for longer was not watched.
const TICK_MAX: u64 = 5000;

/// What is kept of a canary between two looks. Lost in a crash, all but the record, from which it is made again.
pub(crate) struct Live {
    judge: Judge,
    /// What each proxy had counted: of the old version, and of the new.
    counted: HashMap<String, (Counts, Counts)>,
    looked: u64,
    healthy: Healthy,
    /// What the last recorded decision was about.
    decided: Option<(Verdict, Phase)>,
    record: File,
    path: PathBuf,
}

/// Where the record of a canary's judgement is.
pub(crate) fn path(folder: &Path, id: &str, judgement: u32) -> PathBuf {
    folder.join(format!("{id}-{judgement}.jsonl"))
}

/// Removes all records of a canary that is forgotten. One that can't be removed is left for whoever looks after disks.
pub(crate) fn remove(folder: &Path, id: &str) {
    let prefix = format!("{id}-");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "A canary's record could not be removed.");
        }
    }
}

impl Live {
    /// A new judgement.
    pub(crate) fn begin(path: PathBuf, revision: &str, policy: &Policy, now: u64) -> Result<Self, Error> {
        let settings = policy.settings();
        let mut live = Self::of(Judge::new(settings.clone()), path, true, now)?;
        live.write(&record::head(revision, &settings))?;
        Ok(live)
    }

    /// The judgement that is recorded at `path`, to go on with. A last line that a crash cut off is removed.
    pub(crate) fn restore(path: PathBuf, now: u64) -> Result<Option<Self>, Error> {
        let complaint = |source| Error::Record { path: path.display().to_string(), source };
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(complaint)?,
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let Ok(replay) = record::replay(text[..whole].lines()) else { return Ok(None) };
        let file = OpenOptions::new().write(true).open(&path).map_err(complaint)?;
        file.set_len(whole as u64).map_err(complaint)?;
        Self::of(replay.judge, path, false, now).map(Some)
    }

    fn of(judge: Judge, path: PathBuf, new: bool, now: u64) -> Result<Self, Error> {
        let complaint = |source| Error::Record { path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(complaint)?;
        }
        let mut options = OpenOptions::new();
        let options = if new { options.create(true).write(true).truncate(true) } else { options.append(true) };
        let record = options.open(&path).map_err(complaint)?;
        let (counted, healthy) = (HashMap::new(), Healthy { baseline: 0, canary: 0 });
        Ok(Self { judge, counted, looked: now, healthy, decided: None, record, path })
    }

    fn write(&mut self, entry: &Entry) -> Result<(), Error> {
        let line = record::line(entry) + "\n";
        let complaint = |source| Error::Record { path: self.path.display().to_string(), source };
        self.record.write_all(line.as_bytes()).map_err(complaint)
    }

    /// Takes in what the proxies have counted by `now`, in milliseconds since 1970.
    pub(crate) fn look(&mut self, route: &str, readings: Vec<Reading>, now: u64) -> Result<Healthy, Error> {
        let millis = now.saturating_sub(self.looked).min(TICK_MAX);
        self.looked = now;
        let before = self.healthy;
        if !readings.is_empty() {
            let fewest = |of: fn(&Reading) -> u32| readings.iter().map(of).min().unwrap_or(0);
            self.healthy = Healthy { baseline: fewest(|r| r.baseline.healthy), canary: fewest(|r| r.canary.healthy) };
        }
        let mut stratum = Stratum { name: route.to_owned(), ..Stratum::default() };
        for reading in readings {
            // Who is seen for the first time has counted since nobody knows when.
            if let Some((baseline, canary)) = self.counted.get(&reading.proxy) {
                add(&mut stratum.baseline, Some(&mut stratum.half), baseline, &reading.baseline);
                add_users(&mut stratum.users, baseline, &reading.baseline);
                add(&mut stratum.canary, None, canary, &reading.canary);
            }
            self.counted.insert(reading.proxy, (reading.baseline, reading.canary));
        }
        let cold = self.healthy.canary > before.canary;
        let tick = Tick { millis: u32::try_from(millis).unwrap_or(u32::MAX), cold, strata: vec![stratum] };
        self.judge.observe(&tick);
        self.write(&Entry::Tick(tick))?;
        Ok(self.healthy)
    }

    /// The judge's answer now.
    pub(crate) fn decide(&self, question: Question, now: Timestamp) -> Decision {
        record::decide(&self.judge, question, u64::try_from(now.as_millis()).unwrap_or(0))
    }

    /// Whether enough is known of the old version to compare with.
    pub(crate) fn knows_baseline(&self) -> bool {
        self.judge.knows_baseline()
    }

    /// Writes down a decision that is another than the last, or is acted on in another phase.
    pub(crate) fn note(&mut self, decision: &Decision, phase: &Phase) -> Result<(), Error> {
        let about = (decision.verdict, phase.clone());
        let same = self.decided.as_ref().is_some_and(|(verdict, before)| {
            std::mem::discriminant(verdict) == std::mem::discriminant(&about.0) && *before == about.1
        });
        if same {
            return Ok(());
        }
        self.decided = Some(about);
        self.write(&Entry::Decision(decision.clone()))
    }
}

/// What happened from `before` to `now`, and to the half of the users. Counts that shrink are those of a process that
/// began anew.
fn add(arm: &mut Arm, half: Option<&mut Arm>, before: &Counts, now: &Counts) {
    let nothing = Counts::default();
    let before = if now.requests < before.requests { &nothing } else { before };
    count(arm, (before.requests, before.errors, &before.latency), (now.requests, now.errors, &now.latency));
    if let Some(half) = half {
        let (before, now) = (&before.half, &now.half);
        count(half, (before.requests, before.errors, &before.latency), (now.requests, now.errors, &now.latency));
    }
}

/// What happened from `before` to `now` to each group of users, where they are told apart.
fn add_users(users: &mut Vec<(u64, u64)>, before: &Counts, now: &Counts) {
    let groups = |counts: &Counts| counts.users.clone().unwrap_or_default();
    // One that began anew counts from zero.
    let before = if now.requests < before.requests { Vec::new() } else { groups(before) };
    let now = groups(now);
    users.resize(users.len().max(now.len()), (0, 0));
    let before = before.into_iter().chain(std::iter::repeat((0, 0)));
    for (group, (before, now)) in users.iter_mut().zip(before.zip(now)) {
        *group = (group.0 + now.0.saturating_sub(before.0), group.1 + now.1.saturating_sub(before.1));
    }
}

type Counted<'a> = (u64, u64, &'a [(u16, u64)]);

fn count(arm: &mut Arm, before: Counted<'_>, now: Counted<'_>) {
    let requests = now.0.saturating_sub(before.0);
    arm.requests += requests;
    arm.errors += now.1.saturating_sub(before.1).min(requests);
    let had: HashMap<u16, u64> = before.2.iter().copied().collect();
    let mut latency = Histogram::default();
    for (bucket, count) in now.2 {
        latency.add(*bucket, count.saturating_sub(had.get(bucket).copied().unwrap_or(0)));
    }
    arm.latency.merge(&latency);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Half;

    fn counts(requests: u64, errors: u64) -> Counts {
        let half = Half { requests: requests / 2, errors: errors / 2, latency: vec![(50, requests / 2)] };
        Counts {
            requests,
            errors,
            latency: vec![(50, requests)],
            healthy: 1,
            half,
            users: Some(vec![(requests, errors), (0, 0)]),
        }
    }

    fn reading(baseline: Counts, canary: Counts) -> Vec<Reading> {
        vec![Reading { proxy: "gateway".to_owned(), baseline, canary }]
    }

    #[test]
    fn what_happened_is_the_difference_and_is_replayed_from_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "todos-1", 1);
        let mut live = Live::begin(path.clone(), "v2", &Policy::default(), 0).unwrap();
        // A proxy with a past: only what comes from now on counts.
        live.look("todos", reading(counts(1000, 900), counts(50, 50)), 100).unwrap();
        live.look("todos", reading(counts(1500, 900), counts(150, 50)), 200).unwrap();
        let question = Question { bound: 0.2, last: false };
        let decision = live.decide(question, Timestamp::from_millis(200));
        assert_eq!(decision.evidence.compared[0].canary, (100, 0));
        assert_eq!(decision.evidence.compared[0].baseline, (500, 0));
        live.note(&decision, &Phase::Waiting).unwrap();
        drop(live);
        // A crash in the middle of a line.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"tick\":{\"mil").unwrap();
        let again = Live::restore(path.clone(), 300).unwrap().unwrap();
        assert_eq!(again.decide(question, Timestamp::from_millis(200)), decision);
        let text = fs::read_to_string(&path).unwrap();
        assert!(record::replay(text.lines()).unwrap().differences.is_empty());
    }

    #[test]
    fn a_process_that_began_anew_counts_from_zero() {
        let (mut arm, mut half) = (Arm::default(), Arm::default());
        add(&mut arm, Some(&mut half), &counts(1000, 10), &counts(7, 2));
        assert_eq!((arm.requests, arm.errors, arm.latency.total()), (7, 2, 7));
        assert_eq!((half.requests, half.errors, half.latency.total()), (3, 1, 3));
        let mut users = Vec::new();
        add_users(&mut users, &counts(1000, 10), &counts(7, 2));
        add_users(&mut users, &counts(7, 2), &counts(9, 3));
        assert_eq!(users, [(9, 3), (0, 0)]);
    }
}
