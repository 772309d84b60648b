//! Expressions: what they are, and how they are read.

use regex::Regex;

use super::{
    QueryError,
    aggregate::Aggregate,
    function::Function,
    lex::{Kind, Token, error},
    value::Value,
};

/// How deep expressions may be nested.
const DEPTH_MAX: usize = 32;

/// What has a value for each record.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Field(String),
    Constant(Value),
    Call(Function, Vec<Expression>),
    /// The moment the period of so many milliseconds begins in which the event lies.
    Bin(i64),
    Not(Box<Expression>),
    /// All of them.
    And(Vec<Expression>),
    /// Any of them.
    Or(Vec<Expression>),
    Compare(&'static str, Box<Expression>, Box<Expression>),
    Calculate(&'static str, Box<Expression>, Box<Expression>),
    Contains(Box<Expression>, String),
    Matches(Box<Expression>, Regex),
    In(Box<Expression>, Vec<Expression>),
    /// A count, by number; only in `stats`.
    Aggregate(usize),
}

impl Expression {
    /// Every field in it.
    pub(super) fn fields<'e>(&'e self, found: &mut Vec<&'e str>) {
        match self {
            Self::Field(name) => found.push(name),
            Self::Constant(_) | Self::Bin(_) | Self::Aggregate(_) => {}
            Self::Call(_, inner) | Self::And(inner) | Self::Or(inner) => {
                for inner in inner {
                    inner.fields(found);
                }
            }
            Self::Not(inner) | Self::Contains(inner, _) | Self::Matches(inner, _) => inner.fields(found),
            Self::Compare(_, left, right) | Self::Calculate(_, left, right) => {
                left.fields(found);
                right.fields(found);
            }
            Self::In(inner, choice) => {
                inner.fields(found);
                for inner in choice {
                    inner.fields(found);
                }
            }
        }
    }
}

/// Where in the words of a query the reader is.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
    pub(super) at: usize,
    depth: usize,
    /// The counts that were read, where they may stand.
    pub(super) aggregates: Option<Vec<Aggregate>>,
}

type Read<T> = Result<T, QueryError>;

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens, at: 0, depth: 0, aggregates: None }
    }

    pub(super) fn peek(&self) -> Option<&'t Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    pub(super) fn next(&mut self) -> Option<&'t Kind> {
        let kind = self.peek();
        self.at += usize::from(kind.is_some());
        kind
    }

    /// What is wrong at the word that comes.
    pub(super) fn wrong(&self, what: impl Into<String>) -> QueryError {
        let at = self.tokens.get(self.at).map_or(self.text.trim_end().len(), |token| token.span.0);
        error(self.text, at, what)
    }

    /// That the word that comes was not expected, `wanted` was.
    pub(super) fn unexpected(&self, wanted: &str) -> QueryError {
        match self.tokens.get(self.at) {
            Some(Token { span: (start, end), .. }) => {
                self.wrong(format!("unexpected symbol found {}, {wanted} is expected", &self.text[*start..*end]))
            }
            None => self.wrong(format!("unexpected end of the query, {wanted} is expected")),
        }
    }

    pub(super) fn takes(&mut self, symbol: &str) -> bool {
        let comes = matches!(self.peek(), Some(Kind::Symbol(found)) if *found == symbol);
        self.at += usize::from(comes);
        comes
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let comes = matches!(self.peek(), Some(Kind::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(comes);
        comes
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Read<()> {
        if self.takes(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    /// The text from word `start` up to where the reader is.
    pub(super) fn source(&self, start: usize) -> String {
        let (first, last) = (self.tokens.get(start), self.tokens.get(self.at.saturating_sub(1)));
        let span = first.zip(last).and_then(|(first, last)| self.text.get(first.span.0..last.span.1));
        span.unwrap_or_default().to_owned()
    }

    /// An expression.
    pub(super) fn expression(&mut self) -> Read<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(format!("this is nested more than {DEPTH_MAX} times")));
        }
        let found = self.joined("or", Expression::Or, |reader| reader.joined("and", Expression::And, Self::negated));
        self.depth -= 1;
        found
    }

    fn joined(
        &mut self,
        word: &str,
        join: impl Fn(Vec<Expression>) -> Expression,
        part: impl Fn(&mut Self) -> Read<Expression>,
    ) -> Read<Expression> {
        let first = part(self)?;
        let mut all = vec![first];
        while self.takes_word(word) {
            all.push(part(self)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { join(all) })
    }

    fn negated(&mut self) -> Read<Expression> {
        let mut negated = false;
        while self.takes_word("not") {
            negated = !negated;
        }
        let found = self.compared()?;
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    fn compared(&mut self) -> Read<Expression> {
        let left = Box::new(self.sum()?);
        for symbol in ["=", "!=", "<=", "<", ">=", ">"] {
            if self.takes(symbol) {
                return Ok(Expression::Compare(symbol, left, Box::new(self.sum()?)));
            }
        }
        if self.takes("=~") {
            return self.like(left);
        }
        let negated = self.takes_word("not");
        let found = if self.takes_word("like") {
            self.like(left)?
        } else if self.takes_word("in") {
            Expression::In(left, self.choice()?)
        } else if negated {
            return Err(self.unexpected("like or in"));
        } else {
            return Ok(*left);
        };
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    fn like(&mut self, left: Box<Expression>) -> Read<Expression> {
        let found = match self.peek() {
            Some(Kind::Text(text)) => Expression::Contains(left, text.clone()),
            Some(Kind::Regex(regex)) => Expression::Matches(left, regex.clone()),
            _ => return Err(self.unexpected("a text or a /regular expression/")),
        };
        self.at += 1;
        Ok(found)
    }

    fn choice(&mut self) -> Read<Vec<Expression>> {
        self.expect("[")?;
        let mut all = vec![self.expression()?];
        while self.takes(",") {
            all.push(self.expression()?);
        }
        self.expect("]")?;
        Ok(all)
    }

    fn sum(&mut self) -> Read<Expression> {
        self.calculated(&["+", "-"], |reader| {
            reader.calculated(&["*", "/", "%"], |reader| reader.calculated(&["^"], Self::signed))
        })
    }

    fn calculated(
        &mut self,
        symbols: &[&'static str],
        part: impl Fn(&mut Self) -> Read<Expression>,
    ) -> Read<Expression> {
        let mut left = part(self)?;
        while let Some(symbol) = symbols.iter().find(|symbol| self.takes(symbol)) {
            left = Expression::Calculate(symbol, Box::new(left), Box::new(part(self)?));
        }
        Ok(left)
    }

    fn signed(&mut self) -> Read<Expression> {
        if !self.takes("-") {
            return self.primary();
        }
        let zero = Expression::Constant(Value::Number(0.0));
        Ok(Expression::Calculate("-", Box::new(zero), Box::new(self.primary()?)))
    }

    fn primary(&mut self) -> Read<Expression> {
        let found = match self.peek() {
            Some(Kind::Number(number)) => Expression::Constant(Value::Number(*number)),
            Some(Kind::Text(text)) => Expression::Constant(Value::Text(text.clone())),
            Some(Kind::Quoted(name)) => Expression::Field(name.clone()),
            Some(Kind::Symbol("(")) => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Some(Kind::Word(word)) => {
                let called = matches!(self.tokens.get(self.at + 1), Some(Token { kind: Kind::Symbol("("), .. }));
                if called {
                    return self.call(word);
                }
                match word.to_ascii_lowercase().as_str() {
                    "true" => Expression::Constant(Value::Truth(true)),
                    "false" => Expression::Constant(Value::Truth(false)),
                    _ => Expression::Field(word.clone()),
                }
            }
            _ => return Err(self.unexpected("a field, a number or a text")),
        };
        self.at += 1;
        Ok(found)
    }

    fn call(&mut self, name: &str) -> Read<Expression> {
        let lower = name.to_ascii_lowercase();
        if lower == "bin" {
            self.at += 2;
            let period = self.period()?;
            self.expect(")")?;
            return Ok(Expression::Bin(period));
        }
        if self.aggregates.is_some() && Aggregate::is_one(&lower) {
            return self.aggregate(&lower);
        }
        let start = self.at;
        self.at += 2;
        let arguments = self.arguments()?;
        Function::named(&lower, arguments.len()).map(|function| Expression::Call(function, arguments)).map_err(|what| {
            self.at = start;
            self.wrong(what)
        })
    }

    /// A period of time: `5m`, `5 minutes`.
    fn period(&mut self) -> Read<i64> {
        match (self.peek(), self.tokens.get(self.at + 1).map(|token| &token.kind)) {
            (Some(Kind::Period(period)), _) => {
                self.at += 1;
                Ok(*period)
            }
            (Some(Kind::Number(number)), Some(Kind::Word(unit))) => {
                let period = super::lex::period(*number, unit).map_err(|what| self.wrong(what))?;
                self.at += 2;
                Ok(period)
            }
            _ => Err(self.unexpected("a period such as 5m")),
        }
    }

    fn arguments(&mut self) -> Read<Vec<Expression>> {
        let mut all = Vec::new();
        if self.takes(")") {
            return Ok(all);
        }
        loop {
            all.push(match self.peek() {
                Some(Kind::Period(period)) => {
                    self.at += 1;
                    #[expect(clippy::cast_precision_loss, reason = "periods are small")]
                    Expression::Constant(Value::Number(*period as f64))
                }
                _ => self.expression()?,
            });
            if !self.takes(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(all)
    }

    fn aggregate(&mut self, name: &str) -> Read<Expression> {
        let start = self.at;
        self.at += 2;
        let outer = self.aggregates.take().unwrap_or_default();
        let arguments = if self.takes("*") {
            self.expect(")")?;
            Vec::new()
        } else {
            self.arguments()?
        };
        let found = Aggregate::named(name, arguments).map_err(|what| {
            self.at = start;
            self.wrong(what)
        })?;
        let number = outer.len();
        self.aggregates = Some(outer);
        self.aggregates.iter_mut().for_each(|all| all.push(found.clone()));
        Ok(Expression::Aggregate(number))
    }
}
