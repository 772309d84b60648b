//! X-Ray's filter expressions: which traces are worth a look.
//!
//! Understood are `ok`, `error`, `fault`, `throttle`, `partial`, `inferred`, `root`; the numbers `responsetime`,
//! `duration` and `http.status`; the texts `http.url`, `http.method`, `http.useragent`, `http.clientip`, `user`, `name`,
//! `type`, `message`, `availabilityzone`, `instance.id` and `resource.arn`; `annotation.key` and `annotation[key]`;
//! `group.name` and `group.arn`; `service("name")` and `edge("from", "to")`, each also with
//! `id(name: "…", type: "…")` for a name and with `{ … }` for what must hold of that service, whether it sent segments
//! or was only called; joined by `AND`, `OR`, `!` and parentheses. Everything else, what belongs to root causes above
//! all, is refused by name.
//!
//! See <https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html>.

mod parse;

use serde_json::Value;

use super::{
    Forest, Segment,
    graph::{Key, Seen},
};

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

/// Which services or edges a series is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector(Chosen);

#[derive(Clone, Debug, PartialEq)]
enum Chosen {
    /// All edges.
    Edges,
    /// Services, by name; all where none is named.
    Service(Option<Name>),
    /// Edges, by the names of their ends.
    Edge(Option<Name>, Option<Name>),
}

impl Selector {
    /// Reads `service(…)`, `edge(…, …)`, or nothing for all edges.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let all = |inner: &Expression| inner.is_empty();
        match Filter::parse(text)?.0 {
            nothing if nothing.is_empty() => Ok(Self(Chosen::Edges)),
            Expression::Service(name, inner) if all(&inner) => Ok(Self(Chosen::Service(name))),
            Expression::Edge(from, to, inner) if all(&inner) => Ok(Self(Chosen::Edge(from, to))),
            _ => Err(FilterError("one service(…) or edge(…, …) chooses an entity, and nothing else does".to_owned())),
        }
    }

    /// Whether it chooses services, and not edges.
    pub fn is_of_services(&self) -> bool {
        matches!(self.0, Chosen::Service(_))
    }

    /// The segment that tells of what was seen, if it is chosen.
    pub(super) fn told_by<'a>(&self, seen: &Seen<'a>) -> Option<&'a Segment> {
        let (chosen, segment) = match (seen, &self.0) {
            (Seen::Request(key, segment), Chosen::Service(name)) => (fits(name.as_ref(), key), segment),
            (Seen::Call(.., segment), Chosen::Edges) => (true, segment),
            (Seen::Call(a, b, segment), Chosen::Edge(from, to)) => {
                (fits(from.as_ref(), a) && fits(to.as_ref(), b), segment)
            }
            _ => return None,
        };
        chosen.then_some(*segment)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flag {
    Ok,
    Error,
    Fault,
    Throttle,
    Partial,
    Inferred,
    Root,
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
    Type,
    Message,
    Zone,
    Instance,
    Resource,
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
    /// Calls to who sent no segment: the caller, and its step.
    open: Vec<(&'a Segment, &'a Segment)>,
    /// Whether it is itself one who sent no segment.
    inferred: bool,
    forest: &'a Forest<'a>,
}

impl<'a> Subject<'a> {
    /// A trace of these segments, with its calls to who sent none.
    pub(super) fn trace(
        segments: &[&'a Segment],
        open: Vec<(&'a Segment, &'a Segment)>,
        forest: &'a Forest<'a>,
    ) -> Self {
        let heads = segments.iter().copied().filter(|segment| forest.caller(segment).is_none()).collect();
        Self { heads, all: segments.to_vec(), open, inferred: false, forest }
    }

    fn service(&self, segment: &'a Segment) -> Self {
        Self { heads: vec![segment], all: vec![segment], open: Vec::new(), inferred: false, forest: self.forest }
    }

    fn inferred(&self, step: &'a Segment) -> Self {
        Self { inferred: true, ..self.service(step) }
    }

    /// Every call: who called, who was called, and of whom what stands in braces is asked.
    fn calls(&self) -> impl Iterator<Item = (Key<'a>, Key<'a>, Self)> + '_ {
        let made = self.all.iter().map(|segment| {
            let from = self.forest.caller(segment).map_or(Key::client(segment), |(caller, _)| Key::service(caller));
            (from, Key::service(segment), self.service(segment))
        });
        let open = self.open.iter();
        made.chain(open.map(|(caller, step)| (Key::service(caller), Key::inferred(step), self.inferred(step))))
    }

    fn has(&self, flag: Flag) -> bool {
        match flag {
            Flag::Inferred => self.inferred,
            Flag::Root => !self.inferred && self.heads.iter().any(|segment| self.forest.caller(segment).is_none()),
            flag => self.heads.iter().any(|segment| flag.holds(segment)),
        }
    }

    fn has_text(&self, field: TextField, fits: impl Fn(&str) -> bool) -> bool {
        match field {
            TextField::User => self.all.iter().filter_map(|segment| segment.user.as_deref()).any(fits),
            TextField::Message => {
                let steps = self.all.iter().flat_map(|segment| segment.each());
                steps.flat_map(|step| &step.messages).any(|message| fits(message))
            }
            TextField::Type => {
                let key = |segment| if self.inferred { Key::inferred(segment) } else { Key::service(segment) };
                self.heads.iter().filter_map(|segment| key(*segment).type_name()).any(|kind| fits(&kind))
            }
            TextField::Zone | TextField::Instance | TextField::Resource => {
                self.all.iter().filter_map(|segment| field.of(segment)).any(fits)
            }
            _ => self.heads.iter().filter_map(|segment| field.of(segment)).any(fits),
        }
    }
}

impl Filter {
    /// Reads an expression that names no group; an empty one holds for everything.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text, &|_| None).map(Self)
    }

    /// Reads an expression; `group` gives the expression of the group with a name or ARN.
    pub fn parse_with_groups(text: &str, group: &dyn Fn(&str) -> Option<String>) -> Result<Self, FilterError> {
        parse::parse(text, group).map(Self)
    }

    /// One that holds where both do.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Expression::All(vec![self.0, other.0]))
    }

    /// Whether it holds for everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        self.0.holds(subject)
    }
}

impl Expression {
    fn is_empty(&self) -> bool {
        matches!(self, Self::All(expressions) if expressions.is_empty())
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All(expressions) => expressions.iter().all(|expression| expression.holds(subject)),
            Self::Any(expressions) => expressions.iter().any(|expression| expression.holds(subject)),
            Self::Not(expression) => !expression.holds(subject),
            Self::Flag(flag) => subject.has(*flag),
            Self::Number(NumberField::Duration, order, number) => {
                order.holds(super::summary::duration(subject.all.iter().copied()), *number)
            }
            Self::Number(field, order, number) => {
                let values = subject.heads.iter().filter_map(|segment| field.of(segment));
                values.into_iter().any(|value| order.holds(value, *number))
            }
            Self::Text(field, how, text) => subject.has_text(*field, |value| how.holds(value, text)),
            Self::Annotation(key, wanted) => subject
                .all
                .iter()
                .flat_map(|segment| segment.each())
                .filter_map(|entry| entry.annotations.get(key))
                .any(|value| wanted.as_ref().is_none_or(|(how, wanted)| how.holds(value, wanted))),
            Self::Service(name, inner) => {
                subject.calls().any(|(_, to, service)| fits(name.as_ref(), &to) && inner.holds(&service))
            }
            Self::Edge(from, to, inner) => subject
                .calls()
                .any(|(a, b, service)| fits(from.as_ref(), &a) && fits(to.as_ref(), &b) && inner.holds(&service)),
        }
    }
}

/// Whether a node is one that `name` names.
fn fits(name: Option<&Name>, key: &Key<'_>) -> bool {
    name.is_none_or(|wanted| {
        wanted.name.as_ref().is_none_or(|name| name == key.name)
            && wanted.kind.as_ref().is_none_or(|kind| key.type_name().is_some_and(|found| found == *kind))
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
            // What a subject is, and no segment.
            Self::Inferred | Self::Root => false,
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
            Self::Zone => segment.place.zone.as_deref(),
            Self::Instance => segment.place.instance.as_deref(),
            Self::Resource => segment.place.resource.as_deref(),
            // Of these there may be many, or they depend on more than the segment.
            Self::Type | Self::Message => None,
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
                        "response":{"status":200}},"aws":{"ec2":{"availability_zone":"a","instance_id":"i-1"}},
                "subsegments":[{"name":"DynamoDB","id":"000000000000000c","namespace":"aws","start_time":100.1,
                "end_time":100.2,"fault":true,"cause":{"exceptions":[{"message":"no such table"}]}}]}"#,
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
        let services: Vec<_> = forest.services().collect();
        filter.holds(&Subject::trace(
            &services,
            forest.open_calls().map(|(_, caller, step)| (caller, step)).collect(),
            &forest,
        ))
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
            ("service(\"DynamoDB\") { fault AND inferred }", true),
            ("service(\"DynamoDB\") { root }", false),
            ("service(\"api\") { inferred }", false),
            ("service(\"gateway\") { root }", true),
            ("edge(\"gateway\", id(name: \"DynamoDB\", type: \"AWS::DynamoDB\")) { responsetime < 1 }", true),
            ("edge(id(type: \"client\"), \"gateway\")", true),
            ("service() { type = \"AWS::DynamoDB\" }", true),
            ("message CONTAINS \"table\"", true),
            ("availabilityzone = \"a\" AND instance.id BEGINSWITH \"i-\"", true),
            ("resource.arn = \"x\"", false),
            ("(fault OR ok) AND !(error OR throttle)", true),
        ] {
            assert_eq!(holds(expression), expected, "{expression}");
        }
    }

    #[test]
    fn a_group_stands_for_its_expression() {
        let group = |name: &str| (name == "slow").then(|| "responsetime > 9 OR fault".to_owned());
        let filter = Filter::parse_with_groups("group.name = \"slow\" AND ok", &group).unwrap();
        let spelled = Filter::parse("(responsetime > 9 OR fault) AND ok").unwrap();
        assert_eq!(format!("{filter:?}"), format!("{spelled:?}"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (wrong, reason) in [
            ("coldstart = true", "coldstart"),
            ("rootcause.fault.service { name = \"a\" }", "root causes"),
            ("coverage > 0.5", "root causes"),
            ("responsetime", "operator"),
            ("responsetime > \"slow\"", "number"),
            ("http.url > \"a\"", "operator"),
            ("service(\"api\"", "missing"),
            ("service(api)", "text"),
            ("\"open", "quote"),
            ("ok ok", "ok"),
            ("ok AND", "end"),
            ("group.name = \"x\"", "no group x"),
        ] {
            let error = Filter::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
        assert!(Filter::parse(&"!".repeat(1000)).is_err());
        assert!(Filter::parse(&"(".repeat(1000)).is_err());
    }
}
