//! `parse`: fields out of a text, by a pattern with stars or by a regular expression with named groups.

use regex::Regex;

use super::{evaluate, expression::Expression, record::Record, value::Value};

/// How a text is taken apart.
#[derive(Clone, Debug)]
pub(super) struct Extract {
    /// The text.
    pub(super) of: Expression,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// What stands between these texts, in their order, goes to these fields.
    Stars { between: Vec<String>, names: Vec<String> },
    /// What its named groups find.
    Groups(Regex),
}

impl Extract {
    /// By `pattern`, in which each star is one of `names`.
    pub(super) fn stars(of: Expression, pattern: &str, names: Vec<String>) -> Result<Self, String> {
        let between: Vec<String> = pattern.split('*').map(str::to_owned).collect();
        let stars = between.len() - 1;
        if stars == 0 || stars != names.len() {
            return Err(format!("the pattern has {stars} stars and there are {} names for them", names.len()));
        }
        Ok(Self { of, pattern: Pattern::Stars { between, names } })
    }

    /// By the named groups of `regex`.
    pub(super) fn groups(of: Expression, regex: Regex) -> Result<Self, String> {
        if regex.capture_names().flatten().next().is_none() {
            return Err("the regular expression has no named group, as in (?<status>\\d+)".to_owned());
        }
        Ok(Self { of, pattern: Pattern::Groups(regex) })
    }

    /// The fields it makes.
    pub(super) fn names(&self) -> Vec<&str> {
        match &self.pattern {
            Pattern::Stars { names, .. } => names.iter().map(String::as_str).collect(),
            Pattern::Groups(regex) => regex.capture_names().flatten().collect(),
        }
    }

    /// Makes the fields of `record`; all of them empty where the text is another.
    pub(super) fn apply(&self, record: &mut Record) {
        let text = evaluate::value(&self.of, record, &[]).map(|value| value.to_string()).unwrap_or_default();
        match &self.pattern {
            Pattern::Stars { between, names } => {
                let found = between_stars(&text, between);
                for (place, name) in names.iter().enumerate() {
                    let part = found.as_ref().and_then(|found| found.get(place));
                    record.make(name, part.map(|part| Value::Text((*part).to_owned())));
                }
            }
            Pattern::Groups(regex) => {
                let found = regex.captures(&text);
                for name in regex.capture_names().flatten() {
                    let part = found.as_ref().and_then(|found| found.name(name));
                    record.make(name, part.map(|part| Value::Text(part.as_str().to_owned())));
                }
            }
        }
    }
}

/// What stands for the stars; the first text may be found anywhere, and the last star takes the rest if nothing follows.
fn between_stars<'t>(text: &'t str, between: &[String]) -> Option<Vec<&'t str>> {
    let (first, others) = between.split_first()?;
    let start = text.find(first.as_str())? + first.len();
    let (mut rest, mut found) = (&text[start..], Vec::new());
    for (place, end) in others.iter().enumerate() {
        let is_last = place + 1 == others.len();
        let length = if is_last && end.is_empty() { rest.len() } else { rest.find(end.as_str())? };
        found.push(&rest[..length]);
        rest = &rest[length + end.len()..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_what_is_between() {
        let between = |pattern: &str| pattern.split('*').map(str::to_owned).collect::<Vec<_>>();
        let text = "GET /todos 200 in 12 ms";
        assert_eq!(between_stars(text, &between("GET * * in * ms")), Some(vec!["/todos", "200", "12"]));
        assert_eq!(between_stars(text, &between("* /todos *")), Some(vec!["GET", "200 in 12 ms"]));
        assert_eq!(between_stars(text, &between("in *")), Some(vec!["12 ms"]));
        assert_eq!(between_stars(text, &between("POST *")), None);
        assert_eq!(between_stars("é=ü;", &between("é=*;")), Some(vec!["ü"]));
    }
}
