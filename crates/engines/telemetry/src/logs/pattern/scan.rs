//! Reading a pattern from left to right.

use regex::{Regex, RegexBuilder};

use super::PatternError;

/// The memory one regular expression may take, in bytes.
const REGEX_SIZE_MAX: usize = 256 * 1024;

/// Groups in groups of a regular expression; it is compiled by a function that calls itself for each, and the stack of
/// a thread is small.
const REGEX_DEPTH_MAX: u32 = 32;

/// A text and how far it has been read. Blanks between things are passed over.
pub(super) struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.trim_start())
    }

    pub(super) fn at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.0.chars().next()
    }

    /// Passes over one character, and hands `next` on.
    pub(super) fn skip<T>(&mut self, next: T) -> T {
        self.0 = &self.0[self.peek().map_or(0, char::len_utf8)..];
        next
    }

    /// Passes over `token` if it is what comes.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.0.strip_prefix(token) else { return false };
        self.0 = rest.trim_start();
        true
    }

    /// Passes over `word`, whatever its case, if it is what comes and nothing is joined to it.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let whole = self.0.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word))
            && !self.0[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if whole {
            self.0 = self.0[word.len()..].trim_start();
        }
        whole
    }

    /// Passes over `token`, which must come.
    pub(super) fn expect(&mut self, token: &str) -> Result<(), PatternError> {
        if self.take(token) { Ok(()) } else { Err(self.error(&format!("`{token}` is missing"))) }
    }

    /// What comes while `is_part` holds; at least one character.
    pub(super) fn run(&mut self, what: &str, is_part: impl Fn(char) -> bool) -> Result<&'a str, PatternError> {
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        if end == 0 {
            return Err(self.error(&format!("a {what} is missing")));
        }
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        Ok(run)
    }

    /// A word up to the next blank.
    pub(super) fn word(&mut self) -> Result<String, PatternError> {
        let word = self.run("word", |c| !c.is_whitespace())?.to_owned();
        self.0 = self.0.trim_start();
        Ok(word)
    }

    /// What stands in double quotes; a backslash makes the next character plain.
    pub(super) fn quoted(&mut self) -> Result<String, PatternError> {
        let (mut text, mut plain) = (String::new(), false);
        for (at, letter) in self.0.char_indices().skip(1) {
            match letter {
                '\\' if !plain => plain = true,
                '"' if !plain => {
                    self.0 = self.0[at + 1..].trim_start();
                    return Ok(text);
                }
                letter => {
                    text.push(letter);
                    plain = false;
                }
            }
        }
        Err(self.error("a quote is not closed"))
    }

    /// The regular expression between two percent signs.
    pub(super) fn regex(&mut self) -> Result<Regex, PatternError> {
        let inner = &self.0[1..];
        let end = inner.find('%').ok_or_else(|| self.error("the closing % is missing"))?;
        let regex = RegexBuilder::new(&inner[..end]).size_limit(REGEX_SIZE_MAX).nest_limit(REGEX_DEPTH_MAX).build();
        let regex = regex.map_err(|_| PatternError(format!("`{}` is not a regular expression", &inner[..end])))?;
        self.0 = inner[end + 1..].trim_start();
        Ok(regex)
    }

    /// `what` is wrong, here.
    pub(super) fn error(&self, what: &str) -> PatternError {
        let here: String = self.0.chars().take(20).collect();
        PatternError(if here.is_empty() { format!("{what} at its end") } else { format!("{what} before `{here}`") })
    }
}
