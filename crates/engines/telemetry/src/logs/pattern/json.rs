//! Conditions on JSON objects: `{ ($.status >= 500) && ($.user.id IS NOT NULL || $.tags[0] = "slow*") }`.
//!
//! `&&` binds closer than `||`. A comparison with a text knows `*` for anything; with `%…%` it is a regular
//! expression. `IS NULL`, `IS TRUE`, `IS FALSE` and `NOT EXISTS` ask for what their words say.

use regex::Regex;
use serde_json::Value;

use super::{PatternError, scan::Scan};

/// Parentheses in parentheses; more are refused, so that no pattern exhausts the stack.
const DEPTH_MAX: usize = 16;

/// A condition an object must meet.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Is(Vec<Step>, Test),
}

/// A step from a value to one within it.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Member(String),
    Item(usize),
    /// Any member or item.
    Each,
}

/// What the value at the end of the steps must be.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Number(Order, f64),
    Text { pieces: Vec<String>, wanted: bool },
    Regex { regex: Regex, wanted: bool },
    Literal(Value),
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut scan = Scan::new(text);
        scan.expect("{")?;
        let condition = Self::any(&mut scan, 0)?;
        scan.expect("}")?;
        if scan.at_end() { Ok(condition) } else { Err(scan.error("something follows the condition")) }
    }

    fn any(scan: &mut Scan<'_>, depth: usize) -> Result<Self, PatternError> {
        let mut conditions = vec![Self::all(scan, depth)?];
        while scan.take("||") {
            conditions.push(Self::all(scan, depth)?);
        }
        Ok(Self::Any(conditions))
    }

    fn all(scan: &mut Scan<'_>, depth: usize) -> Result<Self, PatternError> {
        let mut conditions = vec![Self::one(scan, depth)?];
        while scan.take("&&") {
            conditions.push(Self::one(scan, depth)?);
        }
        Ok(Self::All(conditions))
    }

    fn one(scan: &mut Scan<'_>, depth: usize) -> Result<Self, PatternError> {
        if scan.take("(") {
            if depth == DEPTH_MAX {
                return Err(scan.error("parentheses are nested too deeply"));
            }
            let inner = Self::any(scan, depth + 1)?;
            scan.expect(")")?;
            return Ok(inner);
        }
        Ok(Self::Is(steps(scan)?, Test::parse(scan)?))
    }

    /// Whether `message` is an object that meets it.
    pub(super) fn holds(&self, message: &str) -> bool {
        let value = serde_json::from_str::<Value>(message.trim());
        value.is_ok_and(|value| value.is_object() && self.holds_for(&value))
    }

    fn holds_for(&self, value: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds_for(value)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds_for(value)),
            Self::Is(steps, test) => test.is_met_by(&follow(value, steps)),
        }
    }
}

/// `$.a.b[0]["c d"].*`
fn steps(scan: &mut Scan<'_>) -> Result<Vec<Step>, PatternError> {
    scan.expect("$")?;
    let mut steps = Vec::new();
    loop {
        if scan.take(".") {
            let name = scan.run("member's name", |c| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '@'))?;
            steps.push(if name == "*" { Step::Each } else { Step::Member(name.to_owned()) });
        } else if scan.take("[") {
            steps.push(match scan.peek() {
                Some('"') => Step::Member(scan.quoted()?),
                Some('*') => scan.skip(Step::Each),
                _ => {
                    let number = scan.run("number", |c| c.is_ascii_digit())?;
                    Step::Item(number.parse().map_err(|_| scan.error("the number is too large"))?)
                }
            });
            scan.expect("]")?;
        } else {
            // The blank between selector and operator.
            scan.take("");
            return Ok(steps);
        }
    }
}

fn follow<'a>(value: &'a Value, steps: &[Step]) -> Vec<&'a Value> {
    let mut values = vec![value];
    for step in steps {
        values = values
            .into_iter()
            .flat_map(|value| -> Vec<&Value> {
                match (step, value) {
                    (Step::Member(name), Value::Object(members)) => members.get(name).into_iter().collect(),
                    (Step::Item(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
                    (Step::Each, Value::Object(members)) => members.values().collect(),
                    (Step::Each, Value::Array(items)) => items.iter().collect(),
                    _ => Vec::new(),
                }
            })
            .collect();
    }
    values
}

impl Test {
    fn parse(scan: &mut Scan<'_>) -> Result<Self, PatternError> {
        if scan.take_word("NOT") {
            return if scan.take_word("EXISTS") { Ok(Self::Absent) } else { Err(scan.error("EXISTS is missing")) };
        }
        if scan.take_word("IS") {
            for (word, value) in [("NULL", Value::Null), ("TRUE", true.into()), ("FALSE", false.into())] {
                if scan.take_word(word) {
                    return Ok(Self::Literal(value));
                }
            }
            return Err(scan.error("NULL, TRUE or FALSE is missing"));
        }
        // The longer operators first, or `>=` would be read as `>`.
        for (token, order) in [
            ("!=", Order::Unequal),
            ("<=", Order::LessOrEqual),
            (">=", Order::GreaterOrEqual),
            ("=", Order::Equal),
            ("<", Order::Less),
            (">", Order::Greater),
        ] {
            if scan.take(token) {
                return Self::compare(order, scan);
            }
        }
        Err(scan.error("an operator is missing"))
    }

    fn compare(order: Order, scan: &mut Scan<'_>) -> Result<Self, PatternError> {
        let ordered = !matches!(order, Order::Equal | Order::Unequal);
        let wanted = order == Order::Equal;
        let text = match scan.peek() {
            Some('"') => scan.quoted()?,
            Some('%') if !ordered => return Ok(Self::Regex { regex: scan.regex()?, wanted }),
            _ => {
                let word = scan.run("value", |c| !c.is_whitespace() && !matches!(c, ')' | '}' | '&' | '|'))?;
                scan.take("");
                match word.parse::<f64>() {
                    Ok(number) => return Ok(Self::Number(order, number)),
                    Err(_) => word.to_owned(),
                }
            }
        };
        if ordered {
            return Err(scan.error("only numbers are less or greater"));
        }
        Ok(Self::Text { pieces: text.split('*').map(str::to_owned).collect(), wanted })
    }

    fn is_met_by(&self, values: &[&Value]) -> bool {
        match self {
            Self::Absent => values.is_empty(),
            Self::Literal(literal) => values.contains(&literal),
            Self::Number(order, number) => {
                values.iter().filter_map(|value| value.as_f64()).any(|value| order.holds(value, *number))
            }
            Self::Text { pieces, wanted } => {
                values.iter().filter_map(|value| plain(value)).any(|value| fits(&value, pieces) == *wanted)
            }
            Self::Regex { regex, wanted } => {
                values.iter().filter_map(|value| plain(value)).any(|value| regex.is_match(&value) == *wanted)
            }
        }
    }
}

impl Order {
    fn holds(self, value: f64, number: f64) -> bool {
        #[expect(clippy::float_cmp, reason = "both were written as decimals and are asked to be the same")]
        match self {
            Self::Equal => value == number,
            Self::Unequal => value != number,
            Self::Less => value < number,
            Self::LessOrEqual => value <= number,
            Self::Greater => value > number,
            Self::GreaterOrEqual => value >= number,
        }
    }
}

/// A value as the text it is compared as.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

/// Whether `text` is `pieces` with anything between them.
fn fits(text: &str, pieces: &[String]) -> bool {
    let [first, middle @ .., last] = pieces else { return pieces.first().is_some_and(|piece| piece == text) };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;

    #[test]
    fn conditions_on_objects() {
        let event = r#"{"level":"ERROR","status":503,"took":0.25,"user":{"name":"ann lee","admin":true},
                        "tags":["slow","retry"],"gone":null,"path":"/todos/todo1"}"#;
        for (pattern, expected) in [
            (r#"{ $.level = "ERROR" }"#, true),
            (r"{ $.level = ERROR }", true),
            (r#"{ $.level != "ERROR" }"#, false),
            (r"{ $.status = 503 }", true),
            (r"{$.status>=500&&$.took<0.3}", true),
            (r"{ $.status > 503 }", false),
            (r#"{ $.path = "/todos/*" }"#, true),
            (r#"{ $.path = "*todo1" }"#, true),
            (r#"{ $.path = "*/x*" }"#, false),
            (r"{ $.path = %^/todos/todo\d$% }", true),
            (r#"{ $.tags[1] = "retry" }"#, true),
            (r#"{ $.tags[*] = "slow" }"#, true),
            (r#"{ $["user"]["name"] = "ann lee" }"#, true),
            (r"{ $.user.admin IS TRUE }", true),
            (r"{ $.gone IS NULL }", true),
            (r"{ $.level IS NULL }", false),
            (r"{ $.absent NOT EXISTS }", true),
            (r"{ $.level NOT EXISTS }", false),
            (r"{ $.absent = 1 || ($.status = 503 && $.user.admin IS TRUE) }", true),
            (r"{ $.status = 503 || $.absent = 1 && $.absent = 2 }", true),
            (r"{ ($.status = 503 || $.absent = 1) && $.absent = 2 }", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(event), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_object_meets_no_condition() {
        let pattern = Pattern::parse("{ $.a NOT EXISTS }").unwrap();
        assert!(pattern.matches("{}"));
        assert!(!pattern.matches("plain text") && !pattern.matches("[1]") && !pattern.matches("{\"a\""));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(100), ")".repeat(100));
        assert!(Pattern::parse(&deep).unwrap_err().to_string().contains("nested"));
        for open in ["(", "(?i:"] {
            let regex = format!("%{}a{}%", open.repeat(200), ")".repeat(200));
            assert!(Pattern::parse(&regex).unwrap_err().to_string().contains("not a regular expression"), "{open}");
        }
    }
}
