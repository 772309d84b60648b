//! All contests, in order, and what is held against the goals.

use std::fmt::Write as _;

use crate::{
    scenarios::{self, Contender, FAULTS, FLAGGER_HELD, HELD, HOUR, Healthy, OURS, PEERS, RATES, USUAL_ERRORS},
    summary::{Summary, by_chance},
    traffic::Service,
};

/// A healthy version is taken back in so many of a hundred rollouts at most.
const FALSE_GOAL: f64 = 1.0;

/// Healthy rollouts whose times are measured, at least.
const RAMPS: u64 = 1000;

/// How much is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Rollouts of a healthy version in each scenario.
    pub(crate) healthy: u64,
    /// Rollouts of a faulty one.
    pub(crate) faulty: u64,
    /// Whether what chance may add is added to the goals, as so few runs need.
    pub(crate) short: bool,
    pub(crate) threads: usize,
}

/// One figure and what it aims at.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// At most this; none where it is for information.
    pub(crate) goal: Option<f64>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Findings {
    /// Tables, in Markdown.
    pub(crate) tables: String,
    pub(crate) figures: Vec<Figure>,
}

/// Runs everything, or ours alone in the scenarios that have `only` in their names.
pub(crate) fn run(size: Size, only: Option<String>) -> Findings {
    let mut arena = Arena { size, only, findings: Findings::default() };
    arena.healthy();
    arena.failing();
    arena.slower();
    arena.late();
    arena.findings
}

struct Arena {
    size: Size,
    only: Option<String>,
    findings: Findings,
}

impl Arena {
    fn wanted(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }

    fn figure(&mut self, name: String, value: f64, unit: &'static str, goal: f64) {
        self.findings.figures.push(Figure { name, value, unit, goal: Some(goal) });
    }

    /// `goal` percent, and what chance may add to it in a short run.
    fn percent(&mut self, name: String, value: f64, goal: f64, count: u64) {
        let goal = if self.size.short { by_chance(count, goal) } else { goal };
        self.figure(name, value, "%", goal);
    }

    fn row(&mut self, cells: &[String]) {
        // Writing to a string does not fail.
        let _ = writeln!(self.findings.tables, "| {} |", cells.join(" | "));
    }

    fn head(&mut self, title: &str, first: &str, contenders: &[&str]) {
        let _ = writeln!(self.findings.tables, "\n**{title}**\n");
        self.row(&std::iter::once(&first).chain(contenders).map(ToString::to_string).collect::<Vec<_>>());
        let _ = writeln!(self.findings.tables, "|{}", "---|".repeat(contenders.len() + 1));
    }

    /// Ours with a healthy version.
    fn spared(&self, scenario: &Healthy) -> Summary {
        // One in twenty of few rollouts is rough, and these are soon over.
        let count = if is_usual(scenario) { self.size.healthy.max(RAMPS) } else { self.size.healthy };
        scenarios::run(scenario.contender, &scenario.service, count, scenario.seconds, self.size.threads)
    }

    /// A faulty one.
    fn caught(&self, contender: Contender, service: &Service, seconds: u64) -> Summary {
        scenarios::run(contender, service, self.size.faulty, seconds, self.size.threads)
    }

    fn healthy(&mut self) {
        let names: Vec<_> = [OURS].iter().chain(&PEERS).map(|contender| contender.name).collect();
        self.head("A healthy version: taken back, %", "scenario", &names);
        for scenario in scenarios::healthy() {
            if !self.wanted(&scenario.name) {
                continue;
            }
            let ours = self.spared(&scenario);
            let mut cells = vec![scenario.name.clone(), format!("{:.2}", ours.taken_back())];
            for peer in PEERS {
                let few = self.size.short && scenario.service.rate > 100.0;
                let shown = scenario.peers && !few && self.only.is_none();
                let Size { healthy, threads, .. } = self.size;
                let seen = || scenarios::run(peer, &scenario.service, healthy, HOUR, threads);
                let taken_back = || format!("{:.1}", seen().taken_back());
                cells.push(if shown { taken_back() } else { String::new() });
            }
            self.row(&cells);
            self.percent(format!("false take-backs: {}", scenario.name), ours.taken_back(), FALSE_GOAL, ours.count());
            if is_usual(&scenario) {
                self.ramp(&ours, scenario.service.rate);
            }
        }
    }

    /// How long a healthy version takes until it has passed the last step.
    fn ramp(&mut self, ours: &Summary, rate: f64) {
        let at = |part| ours.passed(part).unwrap_or(f64::INFINITY);
        if rate > 100.0 {
            self.figure(format!("healthy ramp to half the traffic, {rate} rps, median"), at(0.5), "s", 90.0);
        } else {
            self.figure(format!("healthy ramp to half the traffic, {rate} rps, 95 of 100"), at(0.95), "s", 250.0);
        }
        let name = format!("healthy versions promoted within the hour, {rate} rps");
        self.findings.figures.push(Figure { name, value: ours.promoted(), unit: "%", goal: None });
    }

    fn failing(&mut self) {
        let names: Vec<_> = [OURS].iter().chain(&PEERS).map(|contender| contender.name).collect();
        for rate in RATES {
            let title = format!(
                "A version that fails, the old one {} %, {rate} rps: taken back % / after s (median) / failed requests \
                 caused in an hour (mean)",
                USUAL_ERRORS * 100.0
            );
            self.head(&title, "fails", &names);
            for errors in FAULTS {
                if !self.wanted(&format!("{} % failing, {rate} rps", errors * 100.0)) {
                    continue;
                }
                let service = scenarios::failing(rate, errors);
                let ours = self.caught(OURS, &service, HOUR);
                let mut cells = vec![format!("{} %", errors * 100.0), cell(&ours)];
                for peer in PEERS {
                    let shown = self.only.is_none() && (!self.size.short || rate < 100.0);
                    cells.push(if shown { cell(&self.caught(peer, &service, HOUR)) } else { String::new() });
                }
                self.row(&cells);
                self.hold_to_goals(&ours, rate, errors);
            }
        }
    }

    fn hold_to_goals(&mut self, ours: &Summary, rate: f64, errors: f64) {
        let name = format!("{} % failing, {rate} rps", errors * 100.0);
        let chance = if self.size.short { ours.harm_by_chance() } else { 0.0 };
        if errors >= 0.01 {
            let goal = if errors >= 0.5 { 5.0 } else { 10.0 };
            self.figure(format!("{name}: requests harmed, mean"), ours.harm(), "requests", goal + chance);
        }
        if errors >= 0.5 {
            self.figure(format!("{name}: requests harmed, 95 of 100"), ours.harm_at(0.95), "requests", 10.0);
        }
        if (errors - 0.005).abs() < 1e-9 {
            let goal = if rate > 100.0 { 0.0 } else { 5.0 };
            self.percent(format!("{name}: missed"), ours.promoted(), goal, ours.count());
        }
    }

    fn slower(&mut self) {
        for rate in RATES {
            let title = format!(
                "A version that is slower, a tenth of {rate} rps for half an hour: taken back % / after s (median)"
            );
            self.head(&title, "p99", &[HELD.name, FLAGGER_HELD.name]);
            for (name, scale, tail) in [
                ("+10 %", 1.1, 1.0),
                ("+25 %", 1.25, 1.0),
                ("+50 %", 1.5, 1.0),
                ("+100 %", 2.0, 1.0),
                ("+25 %, the slowest tenth alone", 1.0, 1.25),
                ("+100 %, the slowest tenth alone", 1.0, 2.0),
            ] {
                if !self.wanted(&format!("p99 {name}, {rate} rps")) {
                    continue;
                }
                let service = scenarios::slower(rate, scale, tail);
                let aimed = (scale - 1.25).abs() < 1e-9;
                // A median of few runs is rough, and these are soon over.
                let count = if aimed { self.size.faulty.max(300) } else { self.size.faulty };
                let ours = scenarios::run(HELD, &service, count, 1800, self.size.threads);
                let peer = self.caught(FLAGGER_HELD, &service, 1800);
                self.row(&[name.to_owned(), found(&ours), found(&peer)]);
                if aimed {
                    let goal = if rate > 100.0 { 15.0 } else { 90.0 };
                    let median = ours.median().unwrap_or(f64::INFINITY);
                    self.figure(format!("p99 +25 %, {rate} rps: found after, median"), median, "s", goal);
                }
            }
        }
    }

    /// A fault that begins after half an hour without one.
    fn late(&mut self) {
        self.head(
            "A fault that begins after half an hour, a tenth of 50 rps: taken back % / after s of it (median)",
            "fails",
            &[HELD.name],
        );
        for errors in [0.005, 0.02, 0.5] {
            if !self.wanted(&format!("{} % late", errors * 100.0)) {
                continue;
            }
            let mut service = scenarios::failing(50.0, errors);
            service.fault.from = 1800;
            let ours = self.caught(HELD, &service, 2 * HOUR);
            let after = ours.median().map_or_else(|| "-".to_owned(), |median| format!("{:.0}", median - 1800.0));
            self.row(&[format!("{} %", errors * 100.0), format!("{:.1} / {after}", ours.taken_back())]);
        }
    }
}

/// Whether the time that the ramp takes is measured in it.
fn is_usual(scenario: &Healthy) -> bool {
    (scenario.service.errors - USUAL_ERRORS).abs() < 1e-9 && scenario.name.contains("% errors")
}

fn found(summary: &Summary) -> String {
    let median = summary.median().map_or_else(|| "-".to_owned(), |median| format!("{median:.0}"));
    format!("{:.1} / {median}", summary.taken_back())
}

fn cell(summary: &Summary) -> String {
    format!("{} / {:.0}", found(summary), summary.harm())
}
