//! Prometheus' text format, version 0.0.4: families of samples, each family in one piece.

use std::{collections::BTreeMap, fmt::Write as _};

/// Labels of a sample: names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The most samples of one answer; more are left out, and counted.
const SAMPLES_MAX: usize = 500_000;

/// A text under way.
#[derive(Default)]
pub(super) struct Text {
    families: BTreeMap<String, Family>,
    samples: usize,
    left_out: usize,
}

#[derive(Default)]
struct Family {
    kind: String,
    lines: Vec<String>,
}

impl Text {
    /// A number as it is now.
    pub(super) fn gauge(&mut self, name: &str, labels: &Labels, value: f64) {
        self.add(name, "gauge", sample(name, labels, value));
    }

    /// A number that only grows.
    pub(super) fn counter(&mut self, name: &str, labels: &Labels, value: f64) {
        self.add(name, "counter", sample(name, labels, value));
    }

    fn add(&mut self, family: &str, kind: &str, line: String) {
        if self.samples == SAMPLES_MAX {
            self.left_out += 1;
            return;
        }
        self.samples += 1;
        let found = self.families.entry(family.to_owned()).or_default();
        if found.kind.is_empty() {
            kind.clone_into(&mut found.kind);
        }
        found.lines.push(line);
    }

    /// Takes in what another process exposes, each of its samples with `labels` before its own.
    pub(super) fn federate(&mut self, exposed: &str, labels: &Labels) {
        let labels = inner(labels);
        let (mut family, mut kind) = (String::new(), String::new());
        for line in exposed.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, of) = rest.split_once(' ').unwrap_or((rest, "untyped"));
                name.clone_into(&mut family);
                of.trim().clone_into(&mut kind);
                continue;
            }
            if line.starts_with('#') {
                continue;
            }
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let (name, rest) = line.split_at(end);
            // One line that is none would cost the whole scrape.
            let is_number = line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok());
            if !is_name(name) || !is_number {
                continue;
            }
            // The samples of a histogram are called as it is, with more behind.
            let (of, kind) = if name.starts_with(&family) && !family.is_empty() {
                (family.as_str(), kind.as_str())
            } else {
                (name, "untyped")
            };
            let line = match rest.strip_prefix('{') {
                Some(own) if own.starts_with('}') => format!("{name}{{{labels}{own}"),
                Some(own) => format!("{name}{{{labels},{own}"),
                None => format!("{name}{{{labels}}}{rest}"),
            };
            let (of, kind) = (of.to_owned(), kind.to_owned());
            self.add(&of, &kind, line);
        }
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        let left_out = self.left_out;
        self.samples = 0;
        #[expect(clippy::cast_precision_loss, reason = "counts of samples fit")]
        self.gauge("serin_samples_left_out", &Labels::new(), left_out as f64);
        let mut text = String::new();
        for (name, Family { kind, lines }) in &self.families {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# TYPE {name} {kind}");
            for line in lines {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || "_:".contains(first))
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter))
}

fn sample(name: &str, labels: &Labels, value: f64) -> String {
    let labels = inner(labels);
    let value = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    };
    if labels.is_empty() { format!("{name} {value}") } else { format!("{name}{{{labels}}} {value}") }
}

/// What stands between the braces.
fn inner(labels: &Labels) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        vec![("mesh", "a\"b\\c\nd".to_owned()), ("task", "t".to_owned())]
    }

    #[test]
    fn names_cannot_break_out_of_their_labels() {
        let mut text = Text::default();
        text.gauge("serin_x", &labels(), 1.5);
        text.counter("serin_y_total", &Labels::new(), f64::INFINITY);
        let text = text.finish();
        assert!(text.contains("# TYPE serin_x gauge\nserin_x{mesh=\"a\\\"b\\\\c\\nd\",task=\"t\"} 1.5\n"), "{text}");
        assert!(text.contains("serin_y_total +Inf\n"), "{text}");
    }

    #[test]
    fn families_of_several_proxies_are_in_one_piece() {
        let exposed = "# HELP x y\n# TYPE envoy_rq counter\nenvoy_rq{cluster=\"c\"} 3\nenvoy_rq{} 4\nenvoy_rq 5\n\
                       # TYPE envoy_time histogram\nenvoy_time_bucket{le=\"1\"} 2\nenvoy_time_sum{} 7\nbad line{\n\
                       other 1\n";
        let mut text = Text::default();
        text.federate(exposed, &vec![("task", "one".to_owned())]);
        text.federate(exposed, &vec![("task", "two".to_owned())]);
        let text = text.finish();
        assert_eq!(text.matches("# TYPE envoy_rq counter").count(), 1);
        assert!(
            text.contains(
                "# TYPE envoy_rq counter\nenvoy_rq{task=\"one\",cluster=\"c\"} 3\nenvoy_rq{task=\"one\"} 4\n\
             envoy_rq{task=\"one\"} 5\nenvoy_rq{task=\"two\""
            ),
            "{text}"
        );
        assert!(text.contains("# TYPE envoy_time histogram\nenvoy_time_bucket{task=\"one\",le=\"1\"} 2\n"), "{text}");
        assert!(text.contains("# TYPE other untyped\nother{task=\"one\"} 1\n"), "{text}");
    }
}
