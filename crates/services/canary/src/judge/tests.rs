//! The judge as a whole: what it promises, and that it does the same twice.

use proptest::prelude::*;

use super::{
    record::{self, Entry},
    *,
};

/// A generator that gives the same numbers everywhere (Steele, Lea and Flood's `SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        real((mixed ^ (mixed >> 31)) >> 11) / real(1 << 53)
    }

    fn binomial(&mut self, requests: u64, risk: f64) -> u64 {
        (0..requests).filter(|_| self.next() < risk).count() as u64
    }
}

fn arm(requests: u64, errors: u64) -> Arm {
    Arm { requests, errors, latency: Histogram::default() }
}

fn tick(canary: Arm, baseline: Arm) -> Tick {
    let half = arm(baseline.requests / 2, baseline.errors / 2);
    Tick {
        millis: 1000,
        cold: false,
        strata: vec![Stratum { name: "all".into(), baseline, canary, half, users: Vec::new() }],
    }
}

fn errors_only() -> Settings {
    Settings { metrics: vec![(Metric::Errors, 1.0)], ..Settings::default() }
}

const QUESTION: Question = Question { bound: 0.01, last: false };

#[test]
fn no_bet_can_be_won_on_average_while_the_versions_are_equal() {
    // By exact enumeration: the expectation of a tick's factor over both versions' failures is 1 at most, for every
    // ratio bet on, at the claim and below it, also where risks are large.
    let chance = |requests: u64, bad: u64, risk: f64| {
        let ways = (0..bad).map(|taken| real(requests - taken) / real(taken + 1)).product::<f64>();
        ways * libm::pow(risk, real(bad)) * libm::pow(1.0 - risk, real(requests - bad))
    };
    for (canary, baseline) in [(1, 1), (1, 9), (5, 5), (7, 2), (2, 12)] {
        for risk in [0.01, 0.2, 0.5, 0.8] {
            for (claim, true_ratio) in [(1.0, 1.0), (1.0, 0.5), (1.1, 1.1), (1.2, 1.0)] {
                let canary_risk = risk * true_ratio;
                let expected: f64 = (0..=canary)
                    .flat_map(|x| (0..=baseline).map(move |y| (x, y)))
                    .map(|(x, y)| {
                        let mut process = EProcess::new(ERRORS, claim);
                        process.add(&[Sample::from(((canary, x), (baseline, y)))], 1.0);
                        chance(canary, x, canary_risk)
                            * chance(baseline, y, risk)
                            * arithmetic::exp(process.log_value())
                    })
                    .sum();
                assert!(expected <= 1.0 + 1e-9, "{canary}:{baseline} at {risk}, {true_ratio} of {claim}: {expected}");
            }
        }
    }
}

#[test]
fn no_bet_on_latency_can_be_won_on_average_while_the_canary_is_no_slower() {
    // By exact enumeration over each of five requests being fast or in one of three classes of slowness: equal, faster,
    // and slower by just what is tolerated.
    let classes = |falls: [usize; 5], of: std::ops::Range<usize>, class: usize| {
        falls[of].iter().filter(|fall| **fall == class).count() as u64
    };
    for tolerance in [1.0, 1.05, 1.5] {
        for (baseline, canary) in [
            ([0.5, 0.3, 0.15, 0.05], [0.5, 0.3, 0.15, 0.05]),
            ([0.5, 0.3, 0.15, 0.05], [0.8, 0.1, 0.1, 0.0]),
            ([0.6, 0.2, 0.1, 0.1], [1.0 - 0.4 * tolerance, 0.2 * tolerance, 0.1 * tolerance, 0.1 * tolerance]),
        ] {
            let mut expected = 0.0;
            for outcome in 0..4_usize.pow(5) {
                let falls = [1, 4, 16, 64, 256].map(|power| outcome / power % 4);
                let chance: f64 = falls
                    .iter()
                    .enumerate()
                    .map(|(at, fall)| if at < 2 { canary[*fall] } else { baseline[*fall] })
                    .product();
                let sample = |class| Sample::from(((2, classes(falls, 0..2, class)), (3, classes(falls, 2..5, class))));
                let mut process = EProcess::new(eprocess::LATENCY, tolerance);
                // The bets have five classes; the last three are used.
                let none = Sample::from(((2, 0), (3, 0)));
                process.add(&[none, none, sample(1), sample(2), sample(3)], 1.0);
                expected += chance * arithmetic::exp(process.log_value());
            }
            assert!(expected <= 1.0 + 1e-9, "{canary:?} against {baseline:?} with {tolerance}: {expected}");
        }
    }
}

#[test]
fn looking_always_and_stopping_at_will_takes_back_one_in_a_hundred_at_most() {
    // 2000 healthy canaries under a swinging error rate and changing weights, looked at each second. Were each taken
    // back with probability 1 %, more than 36 would be in one of 10000 such tests.
    const RUNS: u64 = 2000;
    let mut random = Random(1);
    let mut taken_back = 0;
    for run in 0..RUNS {
        let mut judge = Judge::new(errors_only());
        for second in 0..120_u64 {
            let risk = 0.05 * (1.0 + 0.9 * libm::sin(real(second + run) / 10.0));
            let canary = [1, 2, 5, 25][(second / 30) as usize];
            let counts = (random.binomial(canary, risk), random.binomial(50 - canary, risk));
            judge.observe(&tick(arm(canary, counts.0), arm(50 - canary, counts.1)));
        }
        taken_back += u64::from(judge.verdict(&QUESTION) == Verdict::TakeBack);
    }
    assert!(taken_back <= 36, "{taken_back} of {RUNS}");
}

#[test]
fn a_version_that_fails_half_its_requests_is_taken_back_within_four_failures() {
    let mut judge = Judge::new(Settings::default());
    for _ in 0..60 {
        judge.observe(&tick(arm(0, 0), arm(50, 0)));
    }
    let mut failed = 0;
    while judge.verdict(&QUESTION) != Verdict::TakeBack {
        judge.observe(&tick(arm(2, 1), arm(99, 0)));
        failed += 1;
        assert!(failed <= 4, "{:?}", judge.evidence(&QUESTION));
    }
    assert_eq!(judge.harm(), failed);
}

#[test]
fn what_hits_both_versions_hits_neither() {
    let mut judge = Judge::new(Settings::default());
    for second in 0..300 {
        let bad = if second > 100 { 5 } else { 0 };
        judge.observe(&tick(arm(10, bad), arm(90, bad * 9)));
        assert_ne!(judge.verdict(&QUESTION), Verdict::TakeBack);
    }
}

#[test]
fn a_fault_that_begins_late_is_not_excused_by_the_good_time_before() {
    let late = |settings: Settings| {
        let mut judge = Judge::new(settings);
        for second in 0..3600_u64 {
            judge.observe(&tick(
                arm(10, u64::from(second.is_multiple_of(100))),
                arm(90, u64::from(second.is_multiple_of(11))),
            ));
        }
        let mut seconds = 0_u64;
        while judge.verdict(&QUESTION) != Verdict::TakeBack {
            judge.observe(&tick(
                arm(10, u64::from(seconds.is_multiple_of(5))),
                arm(90, u64::from(seconds.is_multiple_of(11))),
            ));
            seconds += 1;
        }
        seconds
    };
    let cold = Settings { cold_requests: 0, cold_millis: 0, ..errors_only() };
    assert!(late(errors_only()) < 60 && late(cold.clone()) < 60, "{} and {}", late(errors_only()), late(cold));
}

#[test]
fn silence_is_never_an_error() {
    let mut judge = Judge::new(Settings::default());
    for _ in 0..10_000 {
        judge.observe(&Tick { millis: 1000, ..Tick::default() });
        judge.observe(&tick(arm(0, 0), arm(0, 0)));
    }
    assert_eq!(judge.verdict(&QUESTION), Verdict::GoOn);
    let Verdict::Inconclusive(need) = judge.verdict(&Question { last: true, ..QUESTION }) else {
        panic!("it cannot tell")
    };
    assert!(need.requests.is_some_and(|requests| requests > 100) && need.millis.is_none(), "{need:?}");
}

#[test]
fn it_says_how_much_is_missing() {
    let mut judge = Judge::new(Settings::default());
    for _ in 0..30 {
        judge.observe(&tick(arm(1, 0), arm(9, 0)));
    }
    let need = judge.need(&QUESTION);
    let requests = need.requests.expect("it can be certified");
    assert_eq!(need.millis, Some(requests * 1000), "one request comes each second");
    for _ in 0..=requests {
        judge.observe(&tick(arm(1, 0), arm(9, 0)));
    }
    assert_eq!(judge.verdict(&QUESTION), Verdict::Certified);
}

#[test]
fn a_slower_tail_is_found_once_the_process_is_warm() {
    let mut judge = Judge::new(Settings::default());
    let latency = |requests: u64, slow: u64| {
        let mut latency = Histogram::default();
        latency.add(120, requests - slow);
        latency.add(140, slow);
        Arm { requests, errors: 0, latency }
    };
    let usual = |canary| tick(canary, latency(900, 5));
    for _ in 0..10 {
        judge.observe(&usual(arm(0, 0)));
    }
    judge.observe(&usual(latency(100, 100)));
    judge.observe(&usual(latency(100, 100)));
    judge.observe(&usual(latency(100, 100)));
    assert_eq!(judge.verdict(&Question { bound: 0.001, last: false }), Verdict::GoOn, "the cold start is left out");
    for _ in 0..5 {
        judge.observe(&usual(latency(100, 5)));
    }
    assert_eq!(judge.verdict(&QUESTION), Verdict::TakeBack, "{:#?}", judge.evidence(&QUESTION));
}

#[test]
fn fractions_of_a_millisecond_are_no_reason_unless_they_are_asked_for() {
    let slower = |margin: Margin| {
        let mut judge = Judge::new(Settings { margin, ..Settings::default() });
        let latency = |requests: u64, micros: u64| {
            let mut latency = Histogram::default();
            (0..requests).for_each(|request| latency.record(micros + micros * request / requests));
            Arm { requests, errors: 0, latency }
        };
        for second in 0..300 {
            let canary = if second < 10 { arm(0, 0) } else { latency(50, 1100) };
            judge.observe(&tick(canary, latency(450, 800)));
        }
        judge.verdict(&QUESTION)
    };
    assert_eq!(slower(Margin::USUAL), Verdict::Certified);
    assert_eq!(slower(Margin { percent: 5.0, micros: 100 }), Verdict::TakeBack);
}

#[test]
fn routes_are_compared_each_with_itself() {
    // The canary happens to get the route that always fails: pooled it would look ten times worse.
    let mut judge = Judge::new(errors_only());
    let stratum = |name: &str, canary, baseline| Stratum {
        name: name.into(),
        canary,
        baseline,
        half: Arm::default(),
        users: Vec::new(),
    };
    for second in 0..200_u64 {
        let strata =
            vec![stratum("/good", arm(10, 0), arm(990, 0)), stratum("/bad", arm(90, 45), arm(10, 4 + second % 3))];
        judge.observe(&Tick { millis: 1000, cold: false, strata });
    }
    assert_ne!(judge.verdict(&QUESTION), Verdict::TakeBack, "{:#?}", judge.evidence(&QUESTION));
}

#[test]
fn a_record_replays_to_the_bit_and_shows_what_was_changed() {
    let mut random = Random(7);
    let mut judge = Judge::new(Settings::default());
    let mut lines = vec![record::line(&record::head("v2", &Settings::default()))];
    for second in 0..200_u64 {
        let canary = 1 + second / 10;
        let mut seen =
            tick(arm(canary, random.binomial(canary, 0.03)), arm(50 - canary, random.binomial(50 - canary, 0.01)));
        seen.strata[0].baseline.latency.record(1000 + 500 * second);
        seen.strata[0].canary.latency.record(1000 + 700 * second);
        judge.observe(&seen);
        lines.push(record::line(&Entry::Tick(seen)));
        lines.push(record::line(&Entry::Decision(record::decide(&judge, QUESTION, 1_700_000_000_000 + second))));
    }
    let replay = record::replay(lines.iter().map(String::as_str)).unwrap();
    assert_eq!((replay.ticks, replay.decisions.len(), replay.revision.as_str()), (200, 200, "v2"));
    assert_eq!(replay.differences, []);
    assert_eq!(replay.judge.log_value().to_bits(), judge.log_value().to_bits(), "an interrupted judge goes on");
    let changed: Vec<_> =
        lines.iter().map(|line| line.replacen(r#""verdict":"GoOn""#, r#""verdict":"Certified""#, 1)).collect();
    assert!(!record::replay(changed.iter().map(String::as_str)).unwrap().differences.is_empty());
}

#[test]
fn a_record_of_the_first_version_still_replays_to_the_bit() {
    let replay = record::replay(include_str!("tests/version-1.jsonl").lines()).unwrap();
    assert_eq!((replay.ticks, replay.decisions.len()), (36, 9));
    assert_eq!(replay.differences, []);
}

#[test]
fn a_record_of_another_kind_is_refused() {
    let head = record::line(&record::head("v2", &Settings::default()));
    let other = head.replace(&format!("\"version\":{}", record::VERSION), "\"version\":9");
    let refused = |lines: &[&str]| record::replay(lines.iter().copied()).expect_err("it is refused").to_string();
    assert!(refused(&[]).contains("head is missing"));
    assert!(refused(&[&head, &head]).contains("line 2"));
    assert!(refused(&[&other]).contains("version 9"));
    assert!(refused(&[&head, "{}"]).contains("line 2"));
}

#[test]
fn words_carry_the_numbers() {
    let mut judge = Judge::new(errors_only());
    let asked = |judge: &Judge, last| explain(&record::decide(judge, Question { bound: 0.01, last }, 0));
    for _ in 0..40 {
        judge.observe(&tick(arm(5, 0), arm(45, 0)));
    }
    let waiting = asked(&judge, false);
    assert!(
        waiting.contains("Go on") && waiting.contains("more requests") && waiting.contains("seconds at this rate"),
        "{waiting}"
    );
    assert!(asked(&judge, true).contains("Inconclusive"), "{}", asked(&judge, true));
    judge.observe(&tick(arm(10, 10), arm(90, 0)));
    let taken = asked(&judge, false);
    assert!(taken.contains("Take back") && taken.contains("10 of 210 (4.76 %) failed at the new version"), "{taken}");
    assert!(taken.contains("route all") && taken.contains("1 in 100") && taken.contains("times as often"), "{taken}");
}

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..100_u64, Just(u64::MAX), any::<u64>()]
}

fn arms() -> impl Strategy<Value = Arm> {
    (counts(), counts(), proptest::collection::vec((any::<u16>(), counts()), 0..4)).prop_map(
        |(requests, errors, times)| {
            let mut latency = Histogram::default();
            for (bucket, count) in &times {
                latency.add(*bucket, *count);
            }
            Arm { requests, errors, latency }
        },
    )
}

fn ticks() -> impl Strategy<Value = Tick> {
    let stratum = ("[ab]", arms(), arms(), arms());
    let stratum =
        stratum.prop_map(|(name, baseline, canary, half)| Stratum { name, baseline, canary, half, users: Vec::new() });
    (any::<u32>(), any::<bool>(), proptest::collection::vec(stratum, 0..4)).prop_map(|(millis, cold, strata)| Tick {
        millis,
        cold,
        strata,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_number_is_finite_whatever_is_counted(
        ticks in proptest::collection::vec(ticks(), 1..20), bound in 0.0001..0.9,
    ) {
        let mut judge = Judge::new(Settings::default());
        let mut lines = vec![record::line(&record::head("any", &Settings::default()))];
        for tick in ticks {
            judge.observe(&tick);
            let decision = record::decide(&judge, Question { bound, last: true }, 0);
            let Evidence { log_e, log_certificate, log_halves, .. } = &decision.evidence;
            prop_assert!([log_e, log_certificate, log_halves].iter().all(|number| number.is_finite()), "{decision:?}");
            for compared in &decision.evidence.compared {
                let Interval { lower, upper } = compared.ratio;
                prop_assert!(compared.log_e.is_finite() && compared.dispersion.is_finite() && lower.is_finite());
                prop_assert!(upper.is_none_or(f64::is_finite));
            }
            prop_assert!(!explain(&decision).contains("NaN"));
            lines.push(record::line(&Entry::Tick(tick)));
            lines.push(record::line(&Entry::Decision(decision)));
        }
        prop_assert_eq!(record::replay(lines.iter().map(String::as_str)).unwrap().differences, []);
    }

    #[test]
    fn more_failures_of_the_canary_never_speak_for_it(
        canary in 1..1000_u64, baseline in 1..1000_u64, bad in 0..50_u64, baseline_bad in 0..50_u64,
    ) {
        let fortune = |canary_bad: u64| {
            let mut judge = Judge::new(errors_only());
            judge.observe(&tick(arm(canary, canary_bad), arm(baseline, baseline_bad)));
            judge.log_value()
        };
        prop_assert!(fortune(bad + 1) >= fortune(bad) - 1e-9);
    }
}
