//! From text to an expression, by recursive descent.

use super::{Expression, FUNCTIONS, Operator, Wrong};

/// How deep brackets may stand in each other.
const DEPTH_MAX: usize = 50;

/// Operators by how tightly they bind, the loosest first; where one is the beginning of another, the longer is first.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Over)],
];

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expression, Wrong> {
    let mut reader = Reader { rest: text, text, depth: 0 };
    let expression = reader.level(0)?;
    match reader.peek() {
        None => Ok(expression),
        Some(_) => Err(reader.wrong("an operator or the end")),
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn wrong(&self, wanted: &str) -> Wrong {
        let place = self.text.len() - self.rest.len();
        Wrong(format!("Error in expression `{}`: {wanted} is wanted at character {place}", self.text))
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn takes(&mut self, token: &str) -> bool {
        self.peek();
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        // A word ends where no letter follows: `ORDER` does not begin with an `OR`.
        let is_word = token.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = rest;
        true
    }

    fn level(&mut self, level: usize) -> Result<Expression, Wrong> {
        let Some(operators) = LEVELS.get(level) else { return self.power() };
        let mut left = self.level(level + 1)?;
        loop {
            let Some((_, operator)) = operators.iter().find(|(token, _)| self.takes(token)) else { return Ok(left) };
            let right = self.level(level + 1)?;
            left = Expression::Operation(*operator, Box::new(left), Box::new(right));
        }
    }

    fn power(&mut self) -> Result<Expression, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Wrong(format!("Error in expression `{}`: it is nested too deeply", self.text)));
        }
        let result = if self.takes("-") {
            self.power().map(|inner| Expression::Negative(Box::new(inner)))
        } else {
            self.atom().and_then(|base| {
                if !self.takes("^") {
                    return Ok(base);
                }
                let exponent = self.power()?;
                Ok(Expression::Operation(Operator::Power, Box::new(base), Box::new(exponent)))
            })
        };
        self.depth -= 1;
        result
    }

    fn atom(&mut self) -> Result<Expression, Wrong> {
        if self.takes("(") {
            let inner = self.level(0)?;
            return if self.takes(")") { Ok(inner) } else { Err(self.wrong("`)`")) };
        }
        if self.takes("[") {
            return self.items("]").map(Expression::List);
        }
        match self.peek() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.name(),
            _ => Err(self.wrong("a number, an id or a function")),
        }
    }

    fn number(&mut self) -> Result<Expression, Wrong> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().map_err(|_| self.wrong("a number"))?;
        self.rest = &self.rest[end..];
        Ok(Expression::Number(number))
    }

    fn name(&mut self) -> Result<Expression, Wrong> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.starts_with(|c: char| c.is_ascii_lowercase()) {
            self.rest = rest;
            return Ok(Expression::Id(name.to_owned()));
        }
        let name = name.to_ascii_uppercase();
        if !rest.trim_start().starts_with('(') {
            self.rest = rest;
            return Ok(Expression::Word(name));
        }
        if !FUNCTIONS.contains(&name.as_str()) {
            let text = format!("the function {name} is not here; there are {}", FUNCTIONS.join(", "));
            return Err(Wrong(format!("Error in expression `{}`: {text}", self.text)));
        }
        self.rest = rest;
        self.takes("(");
        Ok(Expression::Call(name, self.items(")")?))
    }

    fn items(&mut self, end: &str) -> Result<Vec<Expression>, Wrong> {
        let mut items = Vec::new();
        if self.takes(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(0)?);
            if self.takes(end) {
                return Ok(items);
            }
            if !self.takes(",") {
                return Err(self.wrong(&format!("`,` or `{end}`")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(operator: Operator, left: Expression, right: Expression) -> Expression {
        Expression::Operation(operator, Box::new(left), Box::new(right))
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        let number = Expression::Number;
        let sum = of(Operator::Plus, number(1.0), of(Operator::Times, number(2.0), number(3.0)));
        assert_eq!(parse("1 + 2*3").unwrap(), sum);
        assert_eq!(parse("1+2*3<9").unwrap(), of(Operator::Less, sum, number(9.0)));
        let power = of(Operator::Power, number(2.0), number(3.0));
        assert_eq!(parse("-2^3").unwrap(), Expression::Negative(Box::new(power)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, wanted) in [
            ("m1 +", "a number, an id or a function is wanted at character 4"),
            ("SUM(m1", "`,` or `)` is wanted"),
            ("(m1", "`)` is wanted"),
            ("m1 m2", "an operator or the end is wanted at character 3"),
            ("ANOMALY_DETECTION_BAND(m1)", "the function ANOMALY_DETECTION_BAND is not here"),
        ] {
            let wrong = parse(text).unwrap_err().to_string();
            assert!(wrong.contains(wanted), "{text}: {wrong}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err(), "no stack is deep enough");
        assert!(parse(&"-".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[-m1A-Z(),.+*/^<>=&| \\[\\]é]{0,40}") {
            let _ = parse(&text);
        }
    }
}
