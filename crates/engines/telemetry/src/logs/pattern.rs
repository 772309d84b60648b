//! CloudWatch's filter patterns: what an event must say to be found.
//!
//! Three forms are understood. An empty pattern finds everything. Words find what contains them: `ERROR timeout` both,
//! `"out of memory"` the phrase, `-health` not this one, `?a ?b` either (any other word beside them makes these count
//! for nothing, as at AWS), `%4\d\d%` a regular expression. And `{ $.status >= 500 && $.path = "/todos*" }` finds JSON
//! objects, see [`json`]. The third form of AWS, `[ip, user, ...]` for columns, is refused by name.

mod json;
mod scan;

use regex::Regex;

/// A pattern, checked.
#[derive(Clone, Debug, Default)]
pub struct Pattern(Form);

#[derive(Clone, Debug, Default)]
enum Form {
    #[default]
    Everything,
    Words(Words),
    Json(json::Condition),
}

/// Words that must, may not, or may stand in a message.
#[derive(Clone, Debug, Default)]
struct Words {
    all: Vec<Word>,
    none: Vec<Word>,
    any: Vec<Word>,
}

#[derive(Clone, Debug)]
enum Word {
    Text(String),
    Regex(Regex),
}

/// Why a text is not a pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid filter pattern: {0}")]
pub struct PatternError(String);

/// No longer patterns than AWS takes.
const LENGTH_MAX: usize = 1024;

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > LENGTH_MAX {
            return Err(PatternError(format!("it has {} bytes, {LENGTH_MAX} are allowed", text.len())));
        }
        let text = text.trim();
        Ok(Self(match text.chars().next() {
            None => Form::Everything,
            Some('{') => Form::Json(json::Condition::parse(text)?),
            Some('[') => return Err(PatternError("patterns of columns, in [ ], are not supported here".to_owned())),
            Some(_) => Form::Words(Words::parse(text)?),
        }))
    }

    /// Whether `message` says it.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Form::Everything => true,
            Form::Words(words) => words.match_in(message),
            Form::Json(condition) => condition.holds(message),
        }
    }
}

impl Words {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let (mut words, mut scan) = (Self::default(), scan::Scan::new(text));
        while !scan.at_end() {
            let list = match scan.peek() {
                Some('-') => scan.skip(&mut words.none),
                Some('?') => scan.skip(&mut words.any),
                _ => &mut words.all,
            };
            list.push(Word::read(&mut scan)?);
        }
        Ok(words)
    }

    fn match_in(&self, message: &str) -> bool {
        let named = self.all.iter().all(|word| word.is_in(message)) && !self.none.iter().any(|w| w.is_in(message));
        let optional = self.any.is_empty() || !self.all.is_empty() || !self.none.is_empty();
        named && (optional || self.any.iter().any(|word| word.is_in(message)))
    }
}

impl Word {
    fn read(scan: &mut scan::Scan<'_>) -> Result<Self, PatternError> {
        Ok(match scan.peek() {
            Some('"') => Self::Text(scan.quoted()?),
            Some('%') => Self::Regex(scan.regex()?),
            _ => Self::Text(scan.word()?),
        })
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn words_are_found_as_aws_finds_them() {
        let message = "[ERROR 401] UNAUTHORIZED REQUEST";
        for (pattern, expected) in [
            ("", true),
            ("ERROR", true),
            ("error", false),
            ("ERROR REQUEST", true),
            ("ERROR MISSING", false),
            ("\"UNAUTHORIZED REQUEST\"", true),
            ("\"REQUEST UNAUTHORIZED\"", false),
            ("ERROR -401", false),
            ("-MISSING", true),
            ("?MISSING ?ERROR", true),
            ("?MISSING ?ABSENT", false),
            ("REQUEST ?MISSING", true),
            ("%40[0-9]%", true),
            ("-%50[0-9]% -\"TEA POT\"", true),
        ] {
            assert_eq!(finds(pattern, message), expected, "{pattern}");
        }
    }

    #[test]
    fn quotes_may_hold_quotes() {
        assert!(finds(r#""say \"hi\"""#, r#"they say "hi" to you"#));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for (wrong, reason) in [
            ("\"open", "quote"),
            ("%open", "%"),
            ("%(%", "regular expression"),
            ("-", "word"),
            ("[a, b]", "columns"),
            ("{ $.a }", "operator"),
        ] {
            let error = Pattern::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
        assert!(Pattern::parse(&"x".repeat(1025)).is_err());
    }

    proptest! {
        /// No text makes parsing or matching panic.
        #[test]
        fn any_text_is_a_pattern_or_not(text in "\\PC{0,40}", message in "\\PC{0,40}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                pattern.matches(&message);
            }
        }

        /// Conditions neither.
        #[test]
        fn any_condition_is_a_pattern_or_not(text in "[{}$.a-c\\[\\]0-9 =!<>&|()*\"%]{0,40}") {
            if let Ok(pattern) = Pattern::parse(&format!("{{{text}}}")) {
                pattern.matches("{\"a\":{\"b\":[1,\"c\"]}}");
            }
        }
    }
}
