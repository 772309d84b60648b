//! Reads a script: the POSIX grammar without functions, here-documents, background jobs and arithmetic, each of which
//! is refused by its name.

use super::syntax::{AndOr, Command, Join, Kind, List, Mode, Pipeline, Redirect, Word};

/// How deep commands may lie in each other.
const DEPTH_MAX: u32 = 50;

/// Why a script can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SyntaxError {
    #[error("syntax error: unexpected {0}")]
    Unexpected(String),
    #[error("syntax error: {0} without an end")]
    Unterminated(&'static str),
    #[error("{0} not supported by this shell of Serin's built-in images")]
    Unsupported(&'static str),
}

pub(super) type Result<T> = std::result::Result<T, SyntaxError>;

/// Words that end a list where a command could begin.
const CLOSING: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];

/// Reads a whole script.
pub(super) fn parse(script: &str) -> Result<List> {
    let mut parser = Parser { text: script.chars().collect(), at: 0, depth: 0 };
    let list = parser.list()?;
    if parser.at < parser.text.len() { Err(parser.unexpected()) } else { Ok(list) }
}

pub(super) struct Parser {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: u32,
}

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, character)| self.text.get(self.at + ahead) == Some(&character))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        self.at += if found { text.chars().count() } else { 0 };
        found
    }

    pub(super) fn unexpected(&self) -> SyntaxError {
        SyntaxError::Unexpected(match self.peek() {
            None => "end of the script".to_owned(),
            Some('\n') => "end of the line".to_owned(),
            Some(character) => self.plain_word().map_or(format!("`{character}`"), |word| format!("`{word}`")),
        })
    }

    /// Skips blanks, continued lines and comments.
    fn blanks(&mut self) {
        loop {
            if !(self.take(" ") || self.take("\t") || self.take("\\\n")) {
                break;
            }
        }
        if self.peek() == Some('#') {
            while self.peek().is_some_and(|character| character != '\n') {
                self.at += 1;
            }
        }
    }

    fn newlines(&mut self) {
        self.blanks();
        while self.take("\n") {
            self.blanks();
        }
    }

    /// The word here if it is written without any quoting, as reserved words must be.
    fn plain_word(&self) -> Option<String> {
        let word: String = self.text[self.at..].iter().take_while(|c| !is_end(**c)).collect();
        (!word.is_empty() && !word.contains(['\'', '"', '\\', '$', '`'])).then_some(word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.plain_word().as_deref() == Some(word);
        self.at += if found { word.chars().count() } else { 0 };
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        self.newlines();
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH_MAX {
            return Err(SyntaxError::Unsupported("commands this deep in each other are"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Commands up to the end, a closing parenthesis, `;;` or a closing word.
    pub(super) fn list(&mut self) -> Result<List> {
        let mut list = Vec::new();
        loop {
            self.newlines();
            let closing = self.plain_word().is_some_and(|word| CLOSING.contains(&word.as_str()));
            if closing || self.peek().is_none_or(|next| next == ')') || self.starts_with(";;") {
                return Ok(list);
            }
            list.push(self.and_or()?);
            self.blanks();
            match self.peek() {
                Some('&') => return Err(SyntaxError::Unsupported("running commands in the background with & is")),
                Some(';') if !self.starts_with(";;") => self.at += 1,
                Some('\n') => {}
                _ => return Ok(list),
            }
        }
    }

    /// A list that must hold a command.
    fn body(&mut self) -> Result<List> {
        let list = self.nested(Self::list)?;
        if list.is_empty() { Err(self.unexpected()) } else { Ok(list) }
    }

    fn and_or(&mut self) -> Result<AndOr> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = if self.take("&&") {
                Join::And
            } else if self.take("||") {
                Join::Or
            } else {
                return Ok(AndOr { first, rest });
            };
            self.newlines();
            rest.push((join, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline> {
        let mut negated = false;
        while self.take_word("!") {
            negated = !negated;
            self.blanks();
        }
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.starts_with("||") || !self.take("|") {
                return Ok(Pipeline { negated, commands });
            }
            if self.peek() == Some('&') {
                return Err(SyntaxError::Unsupported("|& is"));
            }
            self.newlines();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Result<Command> {
        if self.starts_with("((") {
            return Err(SyntaxError::Unsupported("arithmetic is"));
        }
        if self.take("(") {
            let list = self.body()?;
            if !self.take(")") {
                return Err(SyntaxError::Unterminated("`(`"));
            }
            return self.compound(Kind::Subshell(list));
        }
        let kind = match self.plain_word().as_deref() {
            Some("if") => self.nested(Self::conditional)?,
            Some("while") => self.repeated(false)?,
            Some("until") => self.repeated(true)?,
            Some("for") => self.counted()?,
            Some("case") => self.nested(Self::case)?,
            Some("{") => self.group()?,
            Some("[[") => return Err(SyntaxError::Unsupported("[[ is")),
            Some("function") => return Err(SyntaxError::Unsupported("functions are")),
            _ => return self.simple(),
        };
        self.compound(kind)
    }

    fn compound(&mut self, kind: Kind) -> Result<Command> {
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(Command { kind, redirects }),
            }
        }
    }

    fn group(&mut self) -> Result<Kind> {
        self.expect_word("{")?;
        let list = self.body()?;
        self.expect_word("}").map_err(|_| SyntaxError::Unterminated("`{`"))?;
        Ok(Kind::Group(list))
    }

    fn conditional(&mut self) -> Result<Kind> {
        self.expect_word("if")?;
        let (mut arms, mut otherwise) = (Vec::new(), Vec::new());
        loop {
            let condition = self.body()?;
            self.expect_word("then")?;
            arms.push((condition, self.body()?));
            self.newlines();
            if !self.take_word("elif") {
                break;
            }
        }
        if self.take_word("else") {
            otherwise = self.body()?;
        }
        self.expect_word("fi")?;
        Ok(Kind::If { arms, otherwise })
    }

    fn repeated(&mut self, until: bool) -> Result<Kind> {
        self.expect_word(if until { "until" } else { "while" })?;
        let condition = self.body()?;
        Ok(Kind::Loop { until, condition, body: self.loop_body()? })
    }

    fn loop_body(&mut self) -> Result<List> {
        self.expect_word("do")?;
        let body = self.body()?;
        self.expect_word("done")?;
        Ok(body)
    }

    fn counted(&mut self) -> Result<Kind> {
        self.expect_word("for")?;
        self.blanks();
        let name = self.plain_word().filter(|name| is_name(name)).ok_or_else(|| self.unexpected())?;
        self.take_word(&name);
        self.newlines();
        let words = if self.take_word("in") { Some(self.words()?) } else { None };
        self.blanks();
        self.take(";");
        Ok(Kind::For { name, words, body: self.loop_body()? })
    }

    fn words(&mut self) -> Result<Vec<Word>> {
        let mut words = Vec::new();
        loop {
            self.blanks();
            if self.peek().is_none_or(is_end) {
                return Ok(words);
            }
            words.push(self.word()?);
        }
    }

    fn case(&mut self) -> Result<Kind> {
        self.expect_word("case")?;
        self.blanks();
        let word = self.word()?;
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.take_word("esac") {
                return Ok(Kind::Case { word, arms });
            }
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                if self.peek().is_none_or(is_end) {
                    return Err(self.unexpected());
                }
                patterns.push(self.word()?);
                self.blanks();
                if !self.take("|") {
                    break;
                }
            }
            if !self.take(")") {
                return Err(self.unexpected());
            }
            arms.push((patterns, self.nested(Self::list)?));
            self.newlines();
            // The last arm needs no `;;`.
            if !self.take(";;") && self.plain_word().as_deref() != Some("esac") {
                return Err(self.unexpected());
            }
        }
    }

    fn simple(&mut self) -> Result<Command> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
            } else if words.len() == 1 && (self.starts_with("()") || self.starts_with("( )")) {
                return Err(SyntaxError::Unsupported("functions are"));
            } else if self.peek().is_none_or(is_end) {
                break;
            } else if let Some(name) = words.is_empty().then(|| self.assigned_name()).flatten() {
                assignments.push((name, self.word()?));
            } else {
                words.push(self.word()?);
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command { kind: Kind::Simple { assignments, words }, redirects })
    }

    /// Takes `name=` if that is what is here.
    fn assigned_name(&mut self) -> Option<String> {
        let name: String = self.text[self.at..].iter().take_while(|c| is_name_character(**c)).collect();
        let assigned = is_name(&name) && self.text.get(self.at + name.len()) == Some(&'=');
        self.at += if assigned { name.len() + 1 } else { 0 };
        assigned.then_some(name)
    }

    fn redirect(&mut self) -> Result<Option<Redirect>> {
        let digits = self.text[self.at..].iter().take_while(|c| c.is_ascii_digit()).count();
        let operator = self.text.get(self.at + digits).copied();
        if !matches!(operator, Some('<' | '>')) {
            return Ok(None);
        }
        let number: String = self.text[self.at..self.at + digits].iter().collect();
        self.at += digits;
        let (mode, standard) = if self.starts_with("<<") {
            return Err(SyntaxError::Unsupported("here-documents are"));
        } else if self.starts_with("<(") || self.starts_with(">(") {
            return Err(SyntaxError::Unsupported("process substitution is"));
        } else if self.starts_with("<>") {
            return Err(SyntaxError::Unsupported("<> is"));
        } else if self.take("<&") {
            (Mode::Duplicate, 0)
        } else if self.take(">&") {
            (Mode::Duplicate, 1)
        } else if self.take(">>") {
            (Mode::Append, 1)
        } else if self.take(">|") || self.take(">") {
            (Mode::Write, 1)
        } else {
            self.at += 1;
            (Mode::Read, 0)
        };
        let stream = if number.is_empty() { standard } else { number.parse().unwrap_or(usize::MAX) };
        if stream > 2 {
            return Err(SyntaxError::Unsupported("streams other than 0, 1 and 2 are"));
        }
        self.blanks();
        if self.peek().is_none_or(is_end) {
            return Err(self.unexpected());
        }
        Ok(Some(Redirect { stream, mode, target: self.word()? }))
    }
}

/// Whether a character ends a word.
pub(super) fn is_end(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

pub(super) fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Whether this may name a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_name_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_by_its_name() {
        for (script, named) in [
            ("sleep 1 &", "&"),
            ("cat <<END\nx\nEND", "here-documents"),
            ("f() { echo; }", "functions"),
            ("function f { echo; }", "functions"),
            ("[[ a = b ]]", "[["),
            ("echo $((1 + 1))", "arithmetic"),
            ("((x++))", "arithmetic"),
            ("exec 3>&1", "streams"),
            ("cat <(echo)", "process substitution"),
            ("echo ${a/b/c}", "${…}"),
        ] {
            let error = parse(script).unwrap_err();
            assert!(matches!(error, SyntaxError::Unsupported(_)), "{script}: {error}");
            assert!(error.to_string().contains(named), "{script}: {error}");
        }
    }

    #[test]
    fn what_is_broken_is_a_syntax_error() {
        for script in [
            "echo 'a",
            "echo \"a",
            "echo $(a",
            "echo ${a",
            "if a",
            "if a; then",
            "if; then b; fi",
            "(a",
            "{ a",
            "a | ",
            "a &&",
            "&& a",
            "| a",
            "a ;; b",
            ")",
            "}",
            "done",
            "for 1 in a; do b; done",
            "case a in b",
            "a >",
            "`a",
            "while a; done",
            "( )",
            "echo ${}",
        ] {
            let error = parse(script).unwrap_err();
            assert!(!matches!(error, SyntaxError::Unsupported(_)), "{script}: {error}");
        }
        let deep = "(".repeat(1000);
        assert!(parse(&deep).is_err());
        assert!(parse(&"$(".repeat(10_000)).is_err());
    }

    #[test]
    fn a_script_of_nothing_is_fine() {
        for script in ["", "\n\n", "# a comment", "  ;".trim_end_matches(';')] {
            assert_eq!(parse(script).unwrap(), Vec::new());
        }
    }
}
