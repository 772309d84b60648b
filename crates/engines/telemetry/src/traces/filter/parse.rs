//! Text to expression, by descent.

use serde_json::{Number, Value};

use super::{Comparison, Expression, FilterError, Flag, Match, Name, NumberField, Order, TextField};

/// Expressions in expressions; more are refused, so that none exhausts the stack.
const DEPTH_MAX: usize = 16;
/// The longest expression, in bytes.
const LENGTH_MAX: usize = 2000;

/// Keywords about the parts of root causes, which are not told here.
const OF_ROOT_CAUSES: [&str; 6] = ["first", "last", "remote", "index", "coverage", "json"];

/// Gives the expression of a group.
pub(super) type Groups<'a> = dyn Fn(&str) -> Option<String> + 'a;

pub(super) fn parse(text: &str, groups: &Groups<'_>) -> Result<Expression, FilterError> {
    if text.len() > LENGTH_MAX {
        return Err(FilterError(format!("it has {} bytes, {LENGTH_MAX} are allowed", text.len())));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, groups };
    if parser.tokens.is_empty() {
        return Ok(Expression::All(Vec::new()));
    }
    let expression = parser.any(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(FilterError(format!("AND or OR is missing before `{}`", token.spelled()))),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(&'static str),
}

impl Token {
    fn spelled(&self) -> &str {
        match self {
            Self::Word(text) | Self::Text(text) => text,
            Self::Mark(mark) => mark,
        }
    }
}

/// Longer marks first, or `>=` would be read as `>`.
const MARKS: [&str; 16] = ["!=", "<=", ">=", "=", "<", ">", "!", "(", ")", "{", "}", "[", "]", ",", ":", "&"];

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let (token, after) = if first == '"' || first == '\'' {
            let inner = &rest[1..];
            let end = inner.find(first).ok_or_else(|| FilterError("a quote is not closed".to_owned()))?;
            (Token::Text(inner[..end].to_owned()), &inner[end + 1..])
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            (Token::Mark(mark), &rest[mark.len()..])
        } else {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(FilterError(format!("`{first}` means nothing")));
            }
            (Token::Word(rest[..end].to_owned()), &rest[end..])
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// What stands alone is itself; of several, `join` is made.
fn alone(mut expressions: Vec<Expression>, join: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    match expressions.pop() {
        Some(one) if expressions.is_empty() => one,
        last => {
            expressions.extend(last);
            join(expressions)
        }
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    groups: &'a Groups<'a>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, FilterError> {
        let token = self.peek().cloned().ok_or_else(|| FilterError("it stops at its end too early".to_owned()))?;
        self.at += 1;
        Ok(token)
    }

    fn take(&mut self, mark: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Mark(next)) if *next == mark);
        self.at += usize::from(taken);
        taken
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, mark: &str) -> Result<(), FilterError> {
        if self.take(mark) { Ok(()) } else { Err(FilterError(format!("`{mark}` is missing"))) }
    }

    fn any(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut expressions = vec![self.all(depth)?];
        while self.take_word("OR") {
            expressions.push(self.all(depth)?);
        }
        Ok(alone(expressions, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut expressions = vec![self.one(depth)?];
        while self.take_word("AND") {
            expressions.push(self.one(depth)?);
        }
        Ok(alone(expressions, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, FilterError> {
        if depth == DEPTH_MAX {
            return Err(FilterError(format!("expressions stand in each other more than {DEPTH_MAX} deep")));
        }
        if self.take("!") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.next()? {
            Token::Word(word) => self.keyword(&word, depth),
            other => Err(FilterError(format!("`{}` is no keyword", other.spelled()))),
        }
    }

    fn keyword(&mut self, word: &str, depth: usize) -> Result<Expression, FilterError> {
        if let Some(key) = word.strip_prefix("annotation.") {
            return self.annotation(key.to_owned());
        }
        Ok(match word.to_ascii_lowercase().as_str() {
            "ok" => Expression::Flag(Flag::Ok),
            "error" => Expression::Flag(Flag::Error),
            "fault" => Expression::Flag(Flag::Fault),
            "throttle" => Expression::Flag(Flag::Throttle),
            "partial" => Expression::Flag(Flag::Partial),
            "inferred" => Expression::Flag(Flag::Inferred),
            "root" => Expression::Flag(Flag::Root),
            "responsetime" => self.number(NumberField::ResponseTime)?,
            "duration" => self.number(NumberField::Duration)?,
            "http.status" => self.number(NumberField::Status)?,
            "http.url" => self.text(TextField::Url)?,
            "http.method" => self.text(TextField::Method)?,
            "http.useragent" => self.text(TextField::UserAgent)?,
            "http.clientip" => self.text(TextField::ClientIp)?,
            "user" => self.text(TextField::User)?,
            "name" => self.text(TextField::Name)?,
            "type" => self.text(TextField::Type)?,
            "message" => self.text(TextField::Message)?,
            "availabilityzone" => self.text(TextField::Zone)?,
            "instance.id" => self.text(TextField::Instance)?,
            "resource.arn" => self.text(TextField::Resource)?,
            word => self.complex(word, depth)?,
        })
    }

    fn complex(&mut self, word: &str, depth: usize) -> Result<Expression, FilterError> {
        Ok(match word {
            "annotation" => {
                self.expect("[")?;
                let key = self.next()?.spelled().to_owned();
                self.expect("]")?;
                self.annotation(key)?
            }
            "group.name" | "group.arn" => self.group()?,
            "service" => {
                let mut names = self.names()?;
                let name = names.pop().flatten();
                Expression::Service(name, Box::new(self.braced(depth)?))
            }
            "edge" => {
                let mut names = self.names()?;
                let (to, from) = (names.pop().flatten(), names.pop().flatten());
                Expression::Edge(from, to, Box::new(self.braced(depth)?))
            }
            _ if OF_ROOT_CAUSES.contains(&word) || word.contains("rootcause") => {
                return Err(FilterError(format!("the keyword `{word}` is about root causes, which are not told here")));
            }
            _ => return Err(FilterError(format!("the keyword `{word}` is not supported here"))),
        })
    }

    /// `= "name"`: what the group's expression says. Groups name no groups, so this ends.
    fn group(&mut self) -> Result<Expression, FilterError> {
        if !self.take("=") {
            return Err(FilterError("a group is compared by `=` alone".to_owned()));
        }
        let name = self.quoted()?;
        let text = (self.groups)(&name).ok_or_else(|| FilterError(format!("there is no group {name}")))?;
        parse(&text, &|_| None)
    }

    /// What stands in braces, or nothing that always holds.
    fn braced(&mut self, depth: usize) -> Result<Expression, FilterError> {
        if !self.take("{") {
            return Ok(Expression::All(Vec::new()));
        }
        let inner = self.any(depth + 1)?;
        self.expect("}")?;
        Ok(inner)
    }

    /// `("a", id(name: "b", type: "c"))`; at most two.
    fn names(&mut self) -> Result<Vec<Option<Name>>, FilterError> {
        self.expect("(")?;
        let mut names = Vec::new();
        while !self.take(")") {
            if !names.is_empty() {
                self.expect(",")?;
            }
            names.push(Some(self.name()?));
            if names.len() > 2 {
                return Err(FilterError("there are more than two names".to_owned()));
            }
        }
        Ok(names)
    }

    fn name(&mut self) -> Result<Name, FilterError> {
        if !self.take_word("id") {
            return Ok(Name { name: Some(self.quoted()?), kind: None });
        }
        self.expect("(")?;
        let mut name = Name { name: None, kind: None };
        while !self.take(")") {
            let field = self.next()?.spelled().to_ascii_lowercase();
            self.expect(":")?;
            match field.as_str() {
                "name" => name.name = Some(self.quoted()?),
                "type" => name.kind = Some(self.quoted()?),
                _ => return Err(FilterError(format!("`{field}` of an id is not supported here"))),
            }
            self.take(",");
        }
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            other => Err(FilterError(format!("`{}` stands where a text in quotes is wanted", other.spelled()))),
        }
    }

    fn number(&mut self, field: NumberField) -> Result<Expression, FilterError> {
        let order = self.order().ok_or_else(|| FilterError("an operator is missing".to_owned()))?;
        let word = self.next()?;
        let number = match &word {
            Token::Word(word) => word.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| FilterError(format!("`{}` is not a number", word.spelled())))?;
        Ok(Expression::Number(field, order, number))
    }

    fn text(&mut self, field: TextField) -> Result<Expression, FilterError> {
        let how = self.matching().ok_or_else(|| FilterError("an operator for texts is missing".to_owned()))?;
        Ok(Expression::Text(field, how, self.quoted()?))
    }

    /// What follows a key: nothing, or a comparison with a text, number or boolean.
    fn annotation(&mut self, key: String) -> Result<Expression, FilterError> {
        let at = self.at;
        if let Some(how) = self.matching() {
            match self.next()? {
                Token::Text(text) => {
                    return Ok(Expression::Annotation(key, Some((Comparison::Text(how), Value::String(text)))));
                }
                Token::Word(word) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => {
                    let value = Value::Bool(word.eq_ignore_ascii_case("true"));
                    return Ok(Expression::Annotation(key, Some((Comparison::Text(how), value))));
                }
                _ => self.at = at,
            }
        }
        let Some(order) = self.order() else { return Ok(Expression::Annotation(key, None)) };
        let word = self.next()?;
        let number = word.spelled().parse().ok().and_then(Number::from_f64);
        let number = number.ok_or_else(|| FilterError(format!("`{}` is not a number", word.spelled())))?;
        Ok(Expression::Annotation(key, Some((Comparison::Number(order), Value::Number(number)))))
    }

    fn order(&mut self) -> Option<Order> {
        [
            ("=", Order::Equal),
            ("!=", Order::Unequal),
            ("<", Order::Less),
            ("<=", Order::LessOrEqual),
            (">", Order::Greater),
            (">=", Order::GreaterOrEqual),
        ]
        .into_iter()
        .find_map(|(mark, order)| self.take(mark).then_some(order))
    }

    fn matching(&mut self) -> Option<Match> {
        if self.take("=") {
            return Some(Match::Equal);
        }
        if self.take("!=") {
            return Some(Match::Unequal);
        }
        [("CONTAINS", Match::Contains), ("BEGINSWITH", Match::BeginsWith), ("ENDSWITH", Match::EndsWith)]
            .into_iter()
            .find_map(|(word, how)| self.take_word(word).then_some(how))
    }
}
