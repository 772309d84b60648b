//! A decision in plain words, with its numbers.

use std::fmt::Write as _;

use super::{Compared, Evidence, Interval, Metric, Need, Question, Verdict, arithmetic::real, record::Decision};

/// Fortunes from here on are written as "over a million".
const MILLION: f64 = 1e6;

/// Why `decision` was taken.
pub fn explain(decision: &Decision) -> String {
    let Decision { question, verdict, evidence, .. } = decision;
    let mut text = verdict_of(verdict, question, evidence);
    for compared in &evidence.compared {
        text.push('\n');
        text.push_str(&comparison(compared));
    }
    let worst = evidence.routes.iter().filter(|_| *verdict == Verdict::TakeBack || *verdict == Verdict::Hold);
    for route in worst {
        let _ = write!(text, "\n  route {}: {}", route.name, both(route.canary, route.baseline, "failed"));
    }
    if evidence.log_halves >= super::arithmetic::ln(evidence.limit) {
        text.push_str(
            "\nBeware: two random halves of the old version differ as well. Requests are not assigned at random here, \
             and the promises of the judge do not hold.",
        );
    }
    text
}

fn verdict_of(verdict: &Verdict, question: &Question, evidence: &Evidence) -> String {
    let against = odds(evidence.e_value());
    let bound = percent(question.bound);
    match verdict {
        Verdict::TakeBack => format!(
            "Take back: were the new version no worse, the odds of seeing this at any time would be under 1 in {:.0} \
             (now {against}). It cost about {} failed requests.",
            evidence.limit, evidence.harm
        ),
        Verdict::Hold => {
            format!("Hold: evidence against the new version is mounting ({against} of {:.0}).", evidence.limit)
        }
        Verdict::Certified => format!(
            "Certified: the new version fails less than {bound} of its requests, or less than {} times as often as the \
             old one, with {} confidence.",
            evidence.relative_bound,
            percent(1.0 - 1.0 / evidence.certificate_limit)
        ),
        Verdict::GoOn => format!(
            "Go on: nothing speaks against the new version ({against} of {:.0}). {}",
            evidence.limit,
            missing(evidence.need, &bound)
        ),
        Verdict::Inconclusive(need) => format!("Inconclusive: too little was seen to tell. {}", missing(*need, &bound)),
    }
}

/// What is missing to certify a bound.
fn missing(need: Need, bound: &str) -> String {
    match need {
        Need { requests: None, .. } => {
            format!("At the rate it fails now, no number of requests would show that it fails less than {bound}.")
        }
        Need { requests: Some(requests), millis: None } => {
            format!(
                "To show that it fails less than {bound} needs about {} more requests, and none come.",
                round(requests)
            )
        }
        Need { requests: Some(requests), millis: Some(millis) } => format!(
            "To show that it fails less than {bound} needs about {} more requests, {} at this rate.",
            round(requests),
            duration(millis)
        ),
    }
}

fn comparison(compared: &Compared) -> String {
    let Compared { metric, slow_micros, canary_slow_micros, canary, baseline, ratio, dispersion, .. } = compared;
    let bad = match (metric, slow_micros) {
        (Metric::Errors, _) => "failed".to_owned(),
        (_, Some(micros)) => format!("took over {:.1} ms", real(*micros) / 1000.0),
        (_, None) => return format!("  {metric}: the old version's usual latency is not known yet"),
    };
    let mut text = format!("  {metric}: {}; {}", both(*canary, *baseline, &bad), times(*ratio));
    if let (Some(slow), Some(canary)) = (slow_micros, canary_slow_micros) {
        let _ = write!(text, "; {:.1} ms longer are borne", real(canary.saturating_sub(*slow)) / 1000.0);
    }
    if *dispersion > 1.05 {
        let _ = write!(text, "; clusters of {dispersion:.1} count as one");
    }
    text
}

fn both(canary: (u64, u64), baseline: (u64, u64), bad: &str) -> String {
    format!("{} {bad} at the new version, {} at the old", part(canary), part(baseline))
}

fn part((requests, bad): (u64, u64)) -> String {
    if requests == 0 {
        return "none of no requests".to_owned();
    }
    format!("{bad} of {requests} ({})", percent(real(bad) / real(requests)))
}

fn times(Interval { lower, upper }: Interval) -> String {
    match upper {
        Some(upper) => format!("{lower:.2} to {upper:.2} times as often"),
        None if lower > 0.0 => format!("at least {lower:.2} times as often"),
        None => "no telling how many times as often".to_owned(),
    }
}

fn odds(value: f64) -> String {
    if value >= MILLION { "evidence over a million".to_owned() } else { format!("evidence {value:.2}") }
}

fn percent(part: f64) -> String {
    let percent = part * 100.0;
    let digits = if percent == 0.0 || percent >= 10.0 { 0 } else { 2 };
    format!("{percent:.digits$} %")
}

/// Two digits are enough for an estimate.
fn round(value: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= 100 {
        unit *= 10;
    }
    (value.saturating_add(unit / 2) / unit).saturating_mul(unit)
}

fn duration(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}
