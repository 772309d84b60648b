//! Reads words: quotes, parameters, and the output of commands in them.

use super::{
    parse::{Parser, Result, SyntaxError, is_end, is_name_character},
    syntax::{Operation, OperationKind, Part, Word},
};

impl Parser {
    /// A word up to a blank or an operator; empty if there is none.
    pub(super) fn word(&mut self) -> Result<Word> {
        let mut word = Vec::new();
        if self.peek() == Some('~') && self.text.get(self.at + 1).is_none_or(|next| *next == '/' || is_end(*next)) {
            self.at += 1;
            word.push(Part::Home);
        }
        while let Some(next) = self.peek().filter(|next| !is_end(*next)) {
            self.part(next, &mut word)?;
        }
        Ok(word)
    }

    fn part(&mut self, next: char, word: &mut Word) -> Result<()> {
        self.at += 1;
        match next {
            '\'' => {
                let text = self.until('\'', "a single quote")?;
                word.push(Part::Quoted(text));
            }
            '"' => self.double_quoted(word)?,
            '\\' => {
                match self.peek() {
                    Some('\n') => {}
                    Some(escaped) => word.push(Part::Quoted(escaped.to_string())),
                    None => word.push(Part::Quoted("\\".to_owned())),
                }
                self.at += 1;
            }
            '$' => word.push(self.dollar(false)?),
            '`' => word.push(self.backquoted(false)?),
            other => push_text(word, other, false),
        }
        Ok(())
    }

    fn until(&mut self, end: char, what: &'static str) -> Result<String> {
        let length = self.text[self.at..].iter().position(|c| *c == end).ok_or(SyntaxError::Unterminated(what))?;
        let text = self.text[self.at..self.at + length].iter().collect();
        self.at += length + 1;
        Ok(text)
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<()> {
        // Even without anything in it, it makes a word.
        word.push(Part::Quoted(String::new()));
        loop {
            let next = self.peek().ok_or(SyntaxError::Unterminated("a double quote"))?;
            self.at += 1;
            match next {
                '"' => return Ok(()),
                '$' => word.push(self.dollar(true)?),
                '`' => word.push(self.backquoted(true)?),
                '\\' => match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(special @ ('$' | '`' | '"' | '\\')) => {
                        self.at += 1;
                        push_text(word, special, true);
                    }
                    _ => push_text(word, '\\', true),
                },
                other => push_text(word, other, true),
            }
        }
    }

    /// What follows a dollar sign.
    fn dollar(&mut self, quoted: bool) -> Result<Part> {
        if self.starts_with("((") {
            return Err(SyntaxError::Unsupported("arithmetic is"));
        }
        if self.take("(") {
            let list = self.nested(Self::list)?;
            return if self.take(")") {
                Ok(Part::Output { list, quoted })
            } else {
                Err(SyntaxError::Unterminated("`$(`"))
            };
        }
        if self.take("{") {
            return self.nested(|parser| parser.braced(quoted));
        }
        let name = self.parameter_name();
        if name.is_empty() {
            return Ok(if quoted { Part::Quoted("$".to_owned()) } else { Part::Text("$".to_owned()) });
        }
        Ok(Part::Parameter { name, operation: None, quoted })
    }

    /// A name, one digit, or one of the special parameters.
    fn parameter_name(&mut self) -> String {
        let rest = &self.text[self.at..];
        let length = match rest.first() {
            Some(first) if "?$#@*!-".contains(*first) || first.is_ascii_digit() => 1,
            Some(first) if is_name_character(*first) => rest.iter().take_while(|c| is_name_character(**c)).count(),
            _ => 0,
        };
        self.at += length;
        self.text[self.at - length..self.at].iter().collect()
    }

    fn braced(&mut self, quoted: bool) -> Result<Part> {
        let unterminated = SyntaxError::Unterminated("`${`");
        if self.peek() == Some('#') && !matches!(self.text.get(self.at + 1), Some('}' | '#' | '%' | ':')) {
            self.at += 1;
            let name = self.parameter_name();
            let operation = Operation { kind: OperationKind::Length, or_empty: false, word: Vec::new() };
            let closed = !name.is_empty() && self.take("}");
            let part = Part::Parameter { name, operation: Some(Box::new(operation)), quoted };
            return if closed { Ok(part) } else { Err(unterminated) };
        }
        let name = self.parameter_name();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        if self.take("}") {
            return Ok(Part::Parameter { name, operation: None, quoted });
        }
        let or_empty = self.take(":");
        let kind = match self.peek().ok_or(unterminated)? {
            '-' => OperationKind::Default,
            '=' => OperationKind::Assign,
            '?' => OperationKind::Require,
            '+' => OperationKind::Alternative,
            '#' if !or_empty => OperationKind::Prefix { longest: self.text.get(self.at + 1) == Some(&'#') },
            '%' if !or_empty => OperationKind::Suffix { longest: self.text.get(self.at + 1) == Some(&'%') },
            _ => return Err(SyntaxError::Unsupported("this form of ${…} is")),
        };
        let doubled = matches!(kind, OperationKind::Prefix { longest: true } | OperationKind::Suffix { longest: true });
        self.at += if doubled { 2 } else { 1 };
        let word = self.braced_word(quoted)?;
        Ok(Part::Parameter { name, operation: Some(Box::new(Operation { kind, or_empty, word })), quoted })
    }

    /// The word of `${name-word}`, up to the brace; blanks and operators are plain in it.
    fn braced_word(&mut self, quoted: bool) -> Result<Word> {
        let mut word = Vec::new();
        loop {
            match self.peek().ok_or(SyntaxError::Unterminated("`${`"))? {
                '}' => {
                    self.at += 1;
                    return Ok(word);
                }
                next @ ('"' | '$' | '`' | '\\') => self.part(next, &mut word)?,
                '\'' if !quoted => self.part('\'', &mut word)?,
                other => {
                    self.at += 1;
                    push_text(&mut word, other, quoted);
                }
            }
        }
    }

    fn backquoted(&mut self, quoted: bool) -> Result<Part> {
        let mut text = String::new();
        loop {
            let next = self.peek().ok_or(SyntaxError::Unterminated("a backquote"))?;
            self.at += 1;
            match (next, self.peek()) {
                ('`', _) => break,
                ('\\', Some(escaped)) if "`\\$".contains(escaped) || (quoted && escaped == '"') => {
                    self.at += 1;
                    text.push(escaped);
                }
                (other, _) => text.push(other),
            }
        }
        let mut inner = Parser { text: text.chars().collect(), at: 0, depth: self.depth };
        let list = inner.nested(Self::list)?;
        if inner.at < inner.text.len() { Err(inner.unexpected()) } else { Ok(Part::Output { list, quoted }) }
    }
}

fn push_text(word: &mut Word, character: char, quoted: bool) {
    match (word.last_mut(), quoted) {
        (Some(Part::Text(text)), false) | (Some(Part::Quoted(text)), true) => text.push(character),
        (_, false) => word.push(Part::Text(character.to_string())),
        (_, true) => word.push(Part::Quoted(character.to_string())),
    }
}
