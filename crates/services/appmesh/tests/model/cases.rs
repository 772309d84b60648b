//! From the model of an operation to requests that break it in one place each.

use serde_json::{Map, Value, json};

use crate::model::{Kind, Model, Operation, Reference, Shape};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// A member that must be there is not.
    Required,
    /// A number is less or more than it may be.
    Range,
    /// A text or a list is longer than it may be.
    Length,
    /// A text or a list that must not be empty is.
    Empty,
    /// A text does not have its pattern.
    Pattern,
    /// A word is none of those it may be.
    Word,
    /// A union has two members, or none.
    Union,
    /// It is of another type.
    Type,
}

/// A request that is broken at `member`, and the same before it was.
pub(crate) struct Case {
    pub(crate) broken: Broken,
    pub(crate) member: String,
    pub(crate) right: Map<String, Value>,
    pub(crate) request: Map<String, Value>,
}

/// A way into a request: members by name, and lists, whose one item is meant.
#[derive(Clone, Default)]
struct Way(Vec<Option<String>>);

impl Way {
    fn then(&self, step: Option<&str>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.map(str::to_owned));
        Self(steps)
    }

    /// The member's name as a message has it, without places in lists.
    fn name(&self) -> String {
        self.0.iter().flatten().cloned().collect::<Vec<_>>().join(".")
    }
}

/// Every case of an operation.
pub(crate) fn of(model: &Model, operation: &Operation) -> Vec<Case> {
    let input = operation.input.as_ref().map(|input| input.shape.as_str()).unwrap_or_default();
    let mut walk = Walk { model, input, cases: Vec::new() };
    walk.shape(input, &Way::default());
    walk.cases
}

struct Walk<'m> {
    model: &'m Model,
    input: &'m str,
    cases: Vec<Case>,
}

impl Walk<'_> {
    /// Adds the case that `value` stands at the end of `way`; nothing stands there if that is none.
    fn case(&mut self, broken: Broken, way: &Way, value: Option<Value>) {
        let end = self.model.shape_at(self.input, way);
        let right = build(self.model, self.input, &way.0, Some(&sample(self.model, end, last(way))));
        let request = build(self.model, self.input, &way.0, value.as_ref());
        let (Value::Object(right), Value::Object(request)) = (right, request) else { return };
        self.cases.push(Case { broken, member: way.name(), right, request });
    }

    fn shape(&mut self, name: &str, way: &Way) {
        let model = self.model;
        let shape = model.shape(name);
        match shape.r#type {
            Kind::Structure => self.structure(name, shape, way),
            Kind::List => {
                self.bounds(shape, way, |count| Value::Array(vec![sample(model, item(shape), ""); count]));
                self.case(Broken::Type, way, Some(json!(7)));
                self.shape(item(shape), &way.then(None));
            }
            Kind::String => {
                self.bounds(shape, way, |length| Value::String("a".repeat(length)));
                if shape.pattern.is_some() {
                    self.case(Broken::Pattern, way, Some(json!("\u{e9}")));
                }
                if !shape.r#enum.is_empty() {
                    self.case(Broken::Word, way, Some(json!("NO_SUCH_WORD")));
                }
            }
            Kind::Integer | Kind::Long => {
                for outside in
                    [least(shape).map(|min| min - 1), greatest(shape).map(|max| max + 1)].into_iter().flatten()
                {
                    self.case(Broken::Range, way, Some(json!(outside)));
                }
                self.case(Broken::Type, way, Some(json!("many")));
            }
            Kind::Boolean => self.case(Broken::Type, way, Some(json!("perhaps"))),
            _ => {}
        }
    }

    fn structure(&mut self, name: &str, shape: &Shape, way: &Way) {
        if is_choice(name, shape) {
            let members = shape.members.iter();
            let all: Map<_, _> =
                members.map(|(name, member)| (name.clone(), sample(self.model, &member.shape, name))).collect();
            if all.len() > 1 {
                self.case(Broken::Union, way, Some(Value::Object(all)));
            }
            self.case(Broken::Union, way, Some(json!({})));
        }
        for (member, Reference { shape: of, .. }) in &shape.members {
            let inner = way.then(Some(member));
            if shape.required.contains(member) {
                self.case(Broken::Required, &inner, None);
            }
            self.shape(of, &inner);
        }
        if !way.0.is_empty() {
            debug_assert_eq!(self.model.shape_at(self.input, way), name);
            self.case(Broken::Type, way, Some(json!("text")));
        }
    }

    /// Breaks the bounds of what `make` makes of a length.
    fn bounds(&mut self, shape: &Shape, way: &Way, make: impl Fn(usize) -> Value) {
        if let Some(max) = greatest(shape) {
            let longer = usize::try_from(max + 1).unwrap();
            self.case(Broken::Length, way, Some(make(longer)));
        }
        if least(shape).is_some_and(|min| min > 0) {
            self.case(Broken::Empty, way, Some(make(0)));
        }
    }
}

fn least(shape: &Shape) -> Option<i64> {
    shape.min.as_ref().and_then(serde_json::Number::as_i64)
}

fn greatest(shape: &Shape) -> Option<i64> {
    shape.max.as_ref().and_then(serde_json::Number::as_i64)
}

fn last(way: &Way) -> &str {
    way.0.last().and_then(Option::as_deref).unwrap_or_default()
}

fn item(list: &Shape) -> &str {
    list.member.as_ref().map(|member| member.shape.as_str()).unwrap()
}

impl Model {
    /// The shape at the end of `way` from the shape `from`.
    fn shape_at<'m>(&'m self, from: &'m str, way: &Way) -> &'m str {
        way.0.iter().fold(from, |name, step| match step {
            Some(member) => &self.shape(name).members[member].shape,
            None => item(self.shape(name)),
        })
    }
}

/// A value of `shape` with all that is needed along `way`, and `value` at its end.
fn build(model: &Model, name: &str, way: &[Option<String>], value: Option<&Value>) -> Value {
    let Some((step, rest)) = way.split_first() else { return value.cloned().unwrap_or_default() };
    let shape = model.shape(name);
    let Some(member) = step else { return json!([build(model, item(shape), rest, value)]) };
    let mut made = if is_choice(name, shape) { json!({}) } else { sample(model, name, "") };
    let members = made.as_object_mut().unwrap();
    if rest.is_empty() && value.is_none() {
        members.remove(member);
    } else {
        members.insert(member.clone(), build(model, &shape.members[member].shape, rest, value));
    }
    made
}

/// Whether exactly one of a structure's members must be given: the model does not call all of them unions.
fn is_choice(name: &str, shape: &Shape) -> bool {
    const ALSO: [&str; 5] = [
        "GatewayRouteHostnameMatch",
        "GatewayRouteSpec",
        "HttpGatewayRoutePrefixRewrite",
        "HttpPathMatch",
        "RouteSpec",
    ];
    shape.union || ALSO.contains(&name)
}

/// A right value of `shape`, as small as it can be; `member` is where it stands.
fn sample(model: &Model, name: &str, member: &str) -> Value {
    if let Some(known) = known(name, member) {
        return known;
    }
    let shape = model.shape(name);
    match shape.r#type {
        Kind::Structure => {
            // Of what depends on a protocol, HTTP's: it is the first word of every list of protocols.
            let liked = shape.members.get_key_value("http").map(|(name, _)| name);
            let one = liked.or(shape.members.keys().next()).filter(|_| is_choice(name, shape));
            let needed = shape.required.iter().chain(one);
            needed.map(|name| (name.clone(), sample(model, &shape.members[name].shape, name))).collect()
        }
        Kind::List => json!([sample(model, item(shape), "")]),
        Kind::Integer | Kind::Long => json!(least(shape).unwrap_or(1).max(1)),
        Kind::Boolean => json!(true),
        _ => shape.r#enum.first().map_or_else(|| json!("a"), |word| json!(word)),
    }
}

/// What is right for reasons that the model does not have.
fn known(shape: &str, member: &str) -> Option<Value> {
    Some(match (shape, member) {
        (_, "certificateArn") => json!("arn:aws:acm:us-east-1:000000000000:certificate/a"),
        ("CertificateAuthorityArns" | "VirtualGatewayCertificateAuthorityArns", _) => {
            json!(["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/a"])
        }
        ("AccountId", _) => json!("000000000000"),
        ("HttpPathExact", _) | (_, "prefix") if shape != "HeaderMatch" && !shape.ends_with("Rewrite") => json!("/"),
        ("HttpGatewayRoutePrefix", _) => json!("/"),
        ("HttpRetryPolicyEvent", _) => json!("server-error"),
        ("HttpRetryPolicy" | "GrpcRetryPolicy", _) => json!({
            "httpRetryEvents": ["server-error"], "maxRetries": 1, "perRetryTimeout": { "unit": "ms", "value": 1 }
        }),
        ("Duration", _) => json!({ "unit": "ms", "value": 1 }),
        ("MatchRange", _) => json!({ "start": 1, "end": 2 }),
        _ => return None,
    })
}
