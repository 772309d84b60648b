//! X-Ray's filter expressions: which traces are worth a look.
//!
//! Understood are `ok`, `error`, `fault`, `throttle`, `partial`; the numbers `responsetime`, `duration` and
//! `http.status`; the texts `http.url`, `http.method`, `http.useragent`, `http.clientip`, `user` and `name`;
//! `annotation.key` and `annotation[key]`; `service("name")` and `edge("from", "to")`, each also with
//! `id(name: "…", type: "…")` for a name and with `{ … }` for what must hold of that service; joined by `AND`, `OR`,
//! `!` and parentheses. Everything else is refused by name.

mod parse;

use serde_json::Value;

use super::{Forest, Segment};

/// An expression, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Expression);

/// Why a text is not an expression.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid filter expression: {0}")]
pub struct FilterError(String);

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Flag(Flag),
    Number(NumberField, Order, f64),
    Text(TextField, Match, String),
    Annotation(String, Option<(Comparison, Value)>),
    Service(Option<Name>, Box<Expression>),
    Edge(Option<Name>, Option<Name>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flag {
    Ok,
    Error,
    Fault,
    Throttle,
    Partial,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum NumberField {
    ResponseTime,
    Duration,
    Status,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum TextField {
    Url,
    Method,
    UserAgent,
    ClientIp,
    User,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Match {
    Equal,
    Unequal,
    Contains,
    BeginsWith,
    EndsWith,
}

/// How an annotation is compared: as the type of the value that is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Number(Order),
    Text(Match),
}

#[derive(Clone, Debug, PartialEq)]
struct Name {
    name: Option<String>,
    kind: Option<String>,
}

/// What an expression is asked of: a trace, or one service's part in it.
pub(super) struct Subject<'a> {
    /// Whose outcome counts: the entries of a trace, or the service.
    heads: Vec<&'a Segment>,
    /// Whose notes count.
    all: Vec<&'a Segment>,
    forest: &'a Forest<'a>,
}

impl<'a> Subject<'a> {
    /// A trace of these segments.
    pub(super) fn trace(segments: &[&'a Segment], forest: &'a Forest<'a>) -> Self {
        let heads = segments.iter().copied().filter(|segment| forest.caller(segment).is_none()).collect();
        Self { heads, all: segments.to_vec(), forest }
    }

    fn service(&self, segment: &'a Segment) -> Self {
        Self { heads: vec![segment], all: vec![segment], forest: self.forest }
    }
}

impl Filter {
    /// Reads an expression; an empty one holds for everything.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self)
    }

    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        self.0.holds(subject)
    }
}

impl Expression {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        let mut heads = subject.heads.iter();
        match self {
            Self::All(expressions) => expressions.iter().all(|expression| expression.holds(subject)),
            Self::Any(expressions) => expressions.iter().any(|expression| expression.holds(subject)),
            Self::Not(expression) => !expression.holds(subject),
            Self::Flag(flag) => heads.any(|segment| flag.holds(segment)),
            Self::Number(NumberField::Duration, order, number) => {
                order.holds(super::summary::duration(subject.all.iter().copied()), *number)
            }
            Self::Number(field, order, number) => {
                heads.filter_map(|segment| field.of(segment)).any(|value| order.holds(value, *number))
            }
            Self::Text(TextField::User, how, text) => {
                subject.all.iter().filter_map(|segment| segment.user.as_deref()).any(|user| how.holds(user, text))
            }
            Self::Text(field, how, text) => {
                heads.filter_map(|segment| field.of(segment)).any(|value| how.holds(value, text))
            }
            Self::Annotation(key, wanted) => subject
                .all
                .iter()
                .flat_map(|segment| segment.each())
                .filter_map(|entry| entry.annotations.get(key))
                .any(|value| wanted.as_ref().is_none_or(|(how, wanted)| how.holds(value, wanted))),
            Self::Service(name, inner) => {
                subject.all.iter().any(|segment| fits(name.as_ref(), segment) && inner.holds(&subject.service(segment)))
            }
            Self::Edge(from, to, inner) => subject.all.iter().any(|segment| {
                let caller = subject.forest.caller(segment);
                caller.is_some_and(|(caller, _)| fits(from.as_ref(), caller))
                    && fits(to.as_ref(), segment)
                    && inner.holds(&subject.service(segment))
            }),
        }
    }
}

fn fits(name: Option<&Name>, segment: &Segment) -> bool {
    name.is_none_or(|wanted| {
        wanted.name.as_ref().is_none_or(|name| *name == segment.name)
            && (wanted.kind.is_none() || wanted.kind == segment.origin)
    })
}

impl Flag {
    fn holds(self, segment: &Segment) -> bool {
        match self {
            Self::Ok => segment.end.is_some() && !segment.error && !segment.fault && !segment.throttle,
            Self::Error => segment.error,
            Self::Fault => segment.fault,
            Self::Throttle => segment.throttle,
            Self::Partial => segment.end.is_none(),
        }
    }
}

impl NumberField {
    #[expect(clippy::cast_precision_loss, reason = "a status has three digits")]
    fn of(self, segment: &Segment) -> Option<f64> {
        match self {
            Self::ResponseTime | Self::Duration => segment.duration(),
            Self::Status => segment.http.status.map(|status| status as f64),
        }
    }
}

impl TextField {
    fn of(self, segment: &Segment) -> Option<&str> {
        match self {
            Self::Url => segment.http.url.as_deref(),
            Self::Method => segment.http.method.as_deref(),
            Self::UserAgent => segment.http.user_agent.as_deref(),
            Self::ClientIp => segment.http.client_ip.as_deref(),
            Self::User => segment.user.as_deref(),
            Self::Name => Some(&segment.name),
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

impl Match {
    fn holds(self, value: &str, text: &str) -> bool {
        match self {
            Self::Equal => value == text,
            Self::Unequal => value != text,
            Self::Contains => value.contains(text),
            Self::BeginsWith => value.starts_with(text),
            Self::EndsWith => value.ends_with(text),
        }
    }
}

impl Comparison {
    fn holds(self, value: &Value, wanted: &Value) -> bool {
        match (self, wanted) {
            (Self::Number(order), _) => {
                value.as_f64().zip(wanted.as_f64()).is_some_and(|(value, number)| order.holds(value, number))
            }
            (Self::Text(how), Value::String(text)) => value.as_str().is_some_and(|value| how.holds(value, text)),
            (Self::Text(how), _) => value.is_boolean() && (value == wanted) == (how == Match::Equal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> Vec<Segment> {
        [
            r#"{"name":"gateway","id":"000000000000000a","trace_id":"1-6553f100-0123456789abcdef01234567",
                "start_time":100.0,"end_time":100.5,"user":"ann","origin":"AWS::ECS::Container",
                "http":{"request":{"url":"http://gateway/todos","method":"GET","client_ip":"10.0.0.9"},
                        "response":{"status":200}}}"#,
            r#"{"name":"api","id":"000000000000000b","trace_id":"1-6553f100-0123456789abcdef01234567",
                "parent_id":"000000000000000a","start_time":100.1,"end_time":102.0,"fault":true,
                "annotations":{"version":"2","items":3,"cached":true}}"#,
        ]
        .iter()
        .map(|document| Segment::parse(document).unwrap())
        .collect()
    }

    fn holds(expression: &str) -> bool {
        let segments = segments();
        let forest = Forest::new(&segments);
        let filter = Filter::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        filter.holds(&Subject::trace(&segments.iter().collect::<Vec<_>>(), &forest))
    }

    #[test]
    fn expressions_hold_or_not() {
        for (expression, expected) in [
            ("", true),
            ("ok", true),
            ("fault", false),
            ("!fault", true),
            ("responsetime > 0.4", true),
            ("responsetime >= 1", false),
            ("duration > 1.9 AND duration < 2.1", true),
            ("http.status = 200", true),
            ("http.status != 200 OR http.method = \"GET\"", true),
            ("http.url CONTAINS \"todos\"", true),
            ("http.url beginswith 'http://api'", false),
            ("user = \"ann\" and http.clientip ENDSWITH \".9\"", true),
            ("annotation.version = \"2\"", true),
            ("annotation[version] BEGINSWITH \"3\"", false),
            ("annotation.items > 2", true),
            ("annotation.cached = true", true),
            ("annotation.cached != true", false),
            ("annotation.absent", false),
            ("annotation.items", true),
            ("service(\"api\")", true),
            ("service(\"api\") { fault }", true),
            ("service(\"gateway\") { fault }", false),
            ("service() { responsetime > 1 }", true),
            ("service(id(name: \"gateway\", type: \"AWS::ECS::Container\"))", true),
            ("service(id(name: \"gateway\", type: \"client\"))", false),
            ("edge(\"gateway\", \"api\") { fault }", true),
            ("edge(\"api\", \"gateway\")", false),
            ("(fault OR ok) AND !(error OR throttle)", true),
        ] {
            assert_eq!(holds(expression), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (wrong, reason) in [
            ("coldstart = true", "coldstart"),
            ("responsetime", "operator"),
            ("responsetime > \"slow\"", "number"),
            ("http.url > \"a\"", "operator"),
            ("service(\"api\"", "missing"),
            ("service(api)", "text"),
            ("\"open", "quote"),
            ("ok ok", "ok"),
            ("ok AND", "end"),
            ("group.name = \"x\"", "group.name"),
        ] {
            let error = Filter::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
        assert!(Filter::parse(&"!".repeat(1000)).is_err());
        assert!(Filter::parse(&"(".repeat(1000)).is_err());
    }
}
