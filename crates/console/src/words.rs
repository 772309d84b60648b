//! Small things that many pages say: states, times, shares, counts.

use maud::{Markup, html};
use names::Timestamp;

/// How a state is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Busy,
    Bad,
    Quiet,
}

/// A state as a word with a sign before it; the sign's shape says what its colour says.
pub(crate) fn state(word: &str) -> Markup {
    let (class, sign) = match mood(word) {
        Mood::Good => ("state good", "●"),
        Mood::Busy => ("state busy", "◐"),
        Mood::Bad => ("state bad", "▲"),
        Mood::Quiet => ("state", "○"),
    };
    html! { span class=(class) { span.sign aria-hidden="true" { (sign) } (plain(word)) } }
}

/// How a word of CloudFormation, ECS, Elastic Load Balancing or of ours is meant.
fn mood(word: &str) -> Mood {
    let word = word.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    if has(&["FAILED", "ROLLBACK", "UNHEALTHY", "TAKENBACK", "TAKINGBACK", "FAULT", "REFUSED"]) || word == "ALARM" {
        Mood::Bad
    } else if has(&["IN_PROGRESS", "PENDING", "PROVISIONING", "ACTIVATING", "STOPPING", "INITIAL", "DRAINING", "WATCH"])
        || has(&["BAKING", "CLEARING", "WAITING", "GATED", "FINISHING", "FROZEN", "NOT YET"])
    {
        Mood::Busy
    } else if word == "OK"
        || has(&["COMPLETE", "RUNNING", "HEALTHY", "ACTIVE", "DONE", "APPLIED"])
            && !has(&["DELETE_COMPLETE", "INACTIVE"])
    {
        Mood::Good
    } else {
        Mood::Quiet
    }
}

/// `CREATE_COMPLETE` and `TakenBack` as people write them: `create complete`, `Taken back`.
fn plain(word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return word.to_ascii_lowercase().replace('_', " ");
    }
    let mut text = String::new();
    for letter in word.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
            text.push(letter.to_ascii_lowercase());
        } else {
            text.push(letter);
        }
    }
    text
}

/// So many proxies, in words.
pub(crate) fn proxies(count: u32) -> String {
    if count == 1 { "1 proxy".to_owned() } else { format!("{count} proxies") }
}

/// The clock time of a moment, with the whole of it to who points at it.
pub(crate) fn time(at: Timestamp) -> Markup {
    let text = at.to_iso8601();
    html! { time datetime=(text) title=(text) { (text.get(11..19).unwrap_or(&text)) } }
}

/// Date and clock time of a moment.
pub(crate) fn date(at: Timestamp) -> Markup {
    let text = at.to_iso8601();
    let short = text.get(..19).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) title=(text) { (short) } }
}

/// How long something took, in the unit that suits it.
pub(crate) fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        "–".to_owned()
    } else if seconds < 0.000_95 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 0.0995 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

/// A count with its thousands apart: `12 345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole, in percent: `66.7 %`, and none of nothing.
pub(crate) fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return "–".to_owned();
    }
    let percent = part / whole * 100.0;
    let text = if (percent - percent.round()).abs() < 0.05 { format!("{percent:.0}") } else { format!("{percent:.1}") };
    format!("{text}\u{202f}%")
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts of requests fit into 53 bits")]
pub(crate) fn real(number: u64) -> f64 {
    number as f64
}

/// What stands after the last slash of an ARN.
pub(crate) fn tail(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// At most so many characters of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// What a page shows where there is nothing.
pub(crate) fn nothing(text: &str) -> Markup {
    html! { p.nothing { (text) } }
}

/// A share of a row as a bar, 0 to 1, drawn so that it needs no style of its own.
pub(crate) fn bar(share: f64) -> Markup {
    let width = format!("{:.1}", share.clamp(0.0, 1.0) * 100.0);
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="8" rx="2" {}
            rect.fill width=(width) height="8" rx="2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_meant_as_they_read() {
        for (word, meant) in [
            ("CREATE_COMPLETE", Mood::Good),
            ("ROLLBACK_COMPLETE", Mood::Bad),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Mood::Bad),
            ("UPDATE_IN_PROGRESS", Mood::Busy),
            ("DELETE_COMPLETE", Mood::Quiet),
            ("RUNNING", Mood::Good),
            ("UNHEALTHY", Mood::Bad),
            ("healthy", Mood::Good),
            ("INACTIVE", Mood::Quiet),
            ("TakenBack", Mood::Bad),
            ("Watching", Mood::Busy),
            ("ALARM", Mood::Bad),
            ("OK", Mood::Good),
            ("INSUFFICIENT_DATA", Mood::Quiet),
        ] {
            assert_eq!(mood(word), meant, "{word}");
        }
    }

    #[test]
    fn words_of_machines_are_written_as_people_write_them() {
        let read = ["CREATE_COMPLETE", "TakenBack", "healthy", "IN_PROGRESS"].map(plain);
        assert_eq!(read, ["create complete", "Taken back", "healthy", "in progress"]);
        assert_eq!([proxies(0), proxies(1)], ["0 proxies", "1 proxy"]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(12), "12");
        assert_eq!(percent(2.0, 3.0), "66.7\u{202f}%");
        assert_eq!(percent(1.0, 4.0), "25\u{202f}%");
        assert_eq!(percent(1.0, 0.0), "–");
        assert_eq!(
            [span(0.000_5), span(0.0123), span(0.2), span(3.0), span(600.0)],
            ["500 µs", "12.3 ms", "200 ms", "3.0 s", "10 min"]
        );
    }
}
