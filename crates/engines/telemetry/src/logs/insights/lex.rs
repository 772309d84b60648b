//! A query's words, each with where it stands.

use regex::{Regex, RegexBuilder};

use super::QueryError;

/// The memory one regular expression may take, in bytes.
const REGEX_SIZE_MAX: usize = 256 * 1024;
/// Groups in groups of a regular expression; it is compiled by a function that calls itself for each, and the stack of
/// a thread is small.
const REGEX_DEPTH_MAX: u32 = 32;

/// A word of a query.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it begins and ends, in bytes.
    pub(super) span: (usize, usize),
}

/// What kind of word.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A name or a word of the language.
    Word(String),
    /// A name in backticks, which is never a word of the language.
    Quoted(String),
    Text(String),
    Number(f64),
    /// A number with a unit, as in `bin(5m)`, in milliseconds.
    Period(i64),
    Regex(Regex),
    Symbol(&'static str),
}

/// Longer ones first.
const SYMBOLS: [&str; 19] =
    ["!=", "<=", ">=", "=~", "|", ",", "(", ")", "[", "]", "=", "<", ">", "+", "-", "*", "/", "%", "^"];

/// Units of time that always last equally long, in milliseconds. A month is none of them.
const UNITS: [(&[&str], i64); 6] = [
    (&["ms", "msec"], 1),
    (&["s", "sec", "second", "seconds"], 1_000),
    (&["m", "min", "minute", "minutes"], 60_000),
    (&["h", "hr", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 604_800_000),
];

/// What is wrong at byte `at` of `text`.
pub(super) fn error(text: &str, at: usize, what: impl Into<String>) -> QueryError {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    QueryError { what: what.into(), line, position: before[start..].chars().count() + 1 }
}

/// The words of `text`.
pub(super) fn words(text: &str) -> Result<Vec<Token>, QueryError> {
    let (mut tokens, mut at) = (Vec::<Token>::new(), 0);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if first == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (kind, length) = match first {
            '"' | '\'' => quoted(rest, first).map(|(inner, length)| (Kind::Text(inner), length)),
            '`' => quoted(rest, first).map(|(inner, length)| (Kind::Quoted(inner), length)),
            '/' if regex_may_come(&tokens) => regex(rest),
            '0'..='9' => number(rest),
            first if begins_word(first) => Ok(word(rest)),
            _ => symbol(rest),
        }
        .map_err(|what| error(text, at, what))?;
        tokens.push(Token { kind, span: (at, at + length) });
        at += length;
    }
    Ok(tokens)
}

fn begins_word(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || letter == '@'
}

/// A name with its dots: `@message`, `request.headers.0`.
fn word(rest: &str) -> (Kind, usize) {
    let length = rest.find(|c: char| !(c.is_alphanumeric() || "_@.".contains(c))).unwrap_or(rest.len());
    (Kind::Word(rest[..length].to_owned()), length)
}

fn symbol(rest: &str) -> Result<(Kind, usize), String> {
    let found = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
    let unknown = || format!("unexpected symbol found {}", rest.chars().next().unwrap_or(' '));
    found.map(|symbol| (Kind::Symbol(symbol), symbol.len())).ok_or_else(unknown)
}

/// What stands between two `quote`s. A backslash makes a quote plain; others stay, since patterns have their own.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let (mut inner, mut plain) = (String::new(), false);
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            '\\' if !plain => plain = true,
            letter if letter == quote && !plain => return Ok((inner, at + 1)),
            letter => {
                if plain && letter != quote && letter != '\\' {
                    inner.push('\\');
                }
                inner.push(letter);
                plain = false;
            }
        }
    }
    Err(format!("the closing {quote} is missing of what begins"))
}

/// A slash is a division but where a regular expression is expected.
fn regex_may_come(tokens: &[Token]) -> bool {
    let is = |back: usize, words: &[&str]| {
        let token = tokens.len().checked_sub(back).and_then(|place| tokens.get(place));
        token.is_some_and(|token| match &token.kind {
            Kind::Word(word) => words.iter().any(|one| word.eq_ignore_ascii_case(one)),
            Kind::Symbol(symbol) => words.contains(symbol),
            _ => false,
        })
    };
    is(1, &["like", "parse", "=~"]) || is(2, &["parse"])
}

fn regex(rest: &str) -> Result<(Kind, usize), String> {
    let (mut plain, mut end) = (false, None);
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            '\\' if !plain => plain = true,
            '/' if !plain => {
                end = Some(at);
                break;
            }
            _ => plain = false,
        }
    }
    let end = end.ok_or("the closing / is missing of the regular expression that begins")?;
    let pattern = rest[1..end].replace("\\/", "/");
    let regex = RegexBuilder::new(&pattern).size_limit(REGEX_SIZE_MAX).nest_limit(REGEX_DEPTH_MAX).build();
    let regex = regex.map_err(|error| format!("not a regular expression ({})", last_line(&error.to_string())))?;
    Ok((Kind::Regex(regex), end + 1))
}

/// The last line of what the crate says is the reason; those before it draw where.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text)
}

/// `5`, `0.5`, `5m`.
fn number(rest: &str) -> Result<(Kind, usize), String> {
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let unit = rest[digits..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len() - digits);
    let (text, unit) = (&rest[..digits], &rest[digits..digits + unit]);
    let number: f64 = text.parse().map_err(|_| format!("{text} is not a number"))?;
    let kind = if unit.is_empty() { Kind::Number(number) } else { Kind::Period(period(number, unit)?) };
    Ok((kind, text.len() + unit.len()))
}

/// So many of a unit, in milliseconds.
pub(super) fn period(number: f64, unit: &str) -> Result<i64, String> {
    let length = UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|(_, length)| *length);
    let length =
        length.ok_or_else(|| format!("{unit} is not a unit of time that is known here (ms, s, m, h, d, w)"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a cast of what is out of range saturates"
    )]
    let millis = (number * length as f64) as i64;
    if millis < 1 || millis > 1000 * UNITS[5].1 {
        return Err(format!("a period of {number}{unit} is not between a millisecond and 1000 weeks"));
    }
    Ok(millis)
}
