//! Holds one operation of ours against its model.
//!
//! We may have less than the model: a member that is not there is refused by its name. What we have must be as the
//! model has it: the same name on the wire, the same kind, required exactly where the model requires it.

use crate::{
    contract::Contract,
    model::{Direction, Kind, Model, Operation, Protocol, Reference},
    shape::{Member, Shape},
};

/// Every way in which `contract` is not as `model` says.
pub(crate) fn problems(model: &Model, contract: &Contract) -> Vec<String> {
    let Some(operation) = model.operations.get(contract.name) else {
        return vec!["the model has no such operation".to_owned()];
    };
    let mut found = Vec::new();
    let sides = [
        (Direction::Request, "request", (contract.request)(), &operation.input),
        (Direction::Response, "response", (contract.response)(), &operation.output),
    ];
    for (direction, path, ours, theirs) in sides {
        let mut comparison = Comparison { model, direction, found: Vec::new() };
        comparison.top(&ours, theirs.as_ref(), path);
        found.append(&mut comparison.found);
    }
    if model.protocol() == Protocol::RestJson {
        binding(model, operation, contract, &mut found);
    }
    found
}

/// Compares where HTTP carries what.
fn binding(model: &Model, operation: &Operation, contract: &Contract, found: &mut Vec<String>) {
    let mut same = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{what} is {ours} here, {theirs} in the model"));
        }
    };
    let theirs = &operation.http;
    same("the method", contract.http.method.to_owned(), theirs.method.clone());
    same("the path", contract.http.uri.to_owned(), theirs.request_uri.clone());
    same("the status", contract.http.status.to_string(), theirs.response_code.unwrap_or(200).to_string());
    let payload = |side: &Option<Reference>| side.as_ref().and_then(|side| model.shape(&side.shape).payload.clone());
    same("the response's payload", format!("{:?}", contract.http.payload), format!("{:?}", payload(&operation.output)));
    same("the request's payload", "None".to_owned(), format!("{:?}", payload(&operation.input)));
    let mut query: Vec<_> = contract.http.query.iter().map(ToString::to_string).collect();
    query.sort();
    same("the query string", query.join(", "), in_query(model, operation, contract).join(", "));
}

/// Those members of our request that the model puts into the query string, in order.
fn in_query(model: &Model, operation: &Operation, contract: &Contract) -> Vec<String> {
    let Some(input) = &operation.input else { return Vec::new() };
    let Shape::Structure { members, .. } = (contract.request)() else { return Vec::new() };
    let theirs = model.members(&input.shape, Direction::Request);
    let wanted = theirs.into_iter().filter(|(_, member)| member.reference.location.as_deref() == Some("querystring"));
    wanted.map(|(name, _)| name).filter(|name| members.iter().any(|ours| ours.name == name)).collect()
}

/// One side of an operation.
struct Comparison<'m> {
    model: &'m Model,
    direction: Direction,
    found: Vec<String>,
}

impl Comparison<'_> {
    fn problem(&mut self, path: &str, what: impl std::fmt::Display) {
        self.found.push(format!("{path}: {what}"));
    }

    /// Compares a whole request or response.
    fn top(&mut self, ours: &Shape, theirs: Option<&Reference>, path: &str) {
        match (ours, theirs) {
            (_, Some(theirs)) => self.shape(ours, theirs, path),
            (Shape::Structure { members, .. }, None) => {
                for member in members {
                    self.problem(&format!("{path}.{}", member.name), "the model has no members here");
                }
            }
            (other, None) => self.problem(path, format_args!("{other:?} is no structure")),
        }
    }

    fn shape(&mut self, ours: &Shape, theirs: &Reference, path: &str) {
        let shape = self.model.shape(&theirs.shape);
        if shape.timestamp_format.is_some() || shape.flattened {
            self.problem(path, "the model has a format of its own here, which wire can't write");
        }
        match (ours, shape.r#type) {
            (Shape::Any | Shape::Recursion, _) => {}
            (Shape::Structure { members, .. }, Kind::Structure) => self.structure(members, &theirs.shape, path),
            (Shape::List(item), Kind::List) => self.list(item, shape.member.as_ref(), path),
            (Shape::Map(item), Kind::Map) => self.map(item, shape.value.as_ref(), path),
            (Shape::Enumeration(words), Kind::String) => self.words(words, &shape.r#enum, path),
            (Shape::Text, Kind::String)
            | (Shape::Integer, Kind::Integer | Kind::Long)
            | (Shape::Float, Kind::Float | Kind::Double)
            | (Shape::Boolean, Kind::Boolean)
            | (Shape::Timestamp, Kind::Timestamp)
            | (Shape::Blob, Kind::Blob) => {}
            (Shape::Structure { name, .. }, kind) => {
                self.problem(path, format_args!("{name} is {kind:?} in the model"));
            }
            (ours, kind) => self.problem(path, format_args!("{ours:?} here, {kind:?} in the model")),
        }
    }

    fn structure(&mut self, ours: &[Member], theirs: &str, path: &str) {
        let model = self.model;
        let theirs = model.members(theirs, self.direction);
        for member in ours {
            let path = format!("{path}.{}", member.name);
            let Some(same) = theirs.get(member.name) else {
                self.problem(&path, "the model has no such member");
                continue;
            };
            if same.reference.location.as_deref().is_some_and(|location| location.starts_with("header")) {
                self.problem(&path, "travels in a header, which wire can't do");
            }
            if self.direction == Direction::Request && member.required != same.required {
                self.problem(&path, if member.required { "required here alone" } else { "required in the model" });
            }
            self.shape(&member.shape, same.reference, &path);
        }
        for (name, _) in theirs.iter().filter(|(name, member)| member.required && ours.iter().all(|m| m.name != **name))
        {
            self.problem(&format!("{path}.{name}"), "required in the model, and not here");
        }
    }

    fn list(&mut self, ours: &Shape, theirs: Option<&Reference>, path: &str) {
        let Some(theirs) = theirs else { return self.problem(path, "the model's list has no items") };
        // wire drops `member` from a form's keys and writes it into answers; EC2 has it not in forms, and `item` in answers.
        let usual = match (self.model.protocol(), self.direction) {
            (Protocol::Query, _) => Some("member"),
            (Protocol::Ec2, Direction::Response) => Some("item"),
            _ => None,
        };
        let named = theirs.location_name.as_deref();
        if let (Some(usual), Some(named)) = (usual, named)
            && usual != named
        {
            self.problem(path, format_args!("the list's items are called {named}, which wire can't write"));
        }
        self.shape(ours, theirs, &format!("{path}[]"));
    }

    fn map(&mut self, ours: &Shape, theirs: Option<&Reference>, path: &str) {
        let Some(theirs) = theirs else { return self.problem(path, "the model's map has no values") };
        let xml = matches!(self.model.protocol(), Protocol::Query | Protocol::Ec2);
        if xml && self.direction == Direction::Response {
            self.problem(path, "a map in XML, which wire can't write");
        }
        self.shape(ours, theirs, &format!("{path}{{}}"));
    }

    fn words(&mut self, ours: &[&str], theirs: &[String], path: &str) {
        if theirs.is_empty() {
            return self.problem(path, "any text in the model, only some words here");
        }
        for word in ours.iter().filter(|word| !theirs.iter().any(|other| other == **word)) {
            self.problem(path, format_args!("the model has no {word}, only {}", theirs.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Http;
    use serde_json::json;

    /// A model of one operation that takes and answers a structure of `members`.
    fn model(protocol: &str, members: &serde_json::Value) -> Model {
        let model = json!({
            "metadata": {
                "apiVersion": "2020-01-01", "serviceFullName": "Things", "endpointPrefix": "things",
                "protocol": protocol
            },
            "operations": {
                "GetThing": {
                    "http": {"method": "GET", "requestUri": "/things/{name}"},
                    "input": {"shape": "Thing"}, "output": {"shape": "Thing"}
                }
            },
            "shapes": {
                "Thing": {"type": "structure", "required": ["Name"], "members": members},
                "Text": {"type": "string"}, "Time": {"type": "timestamp"}
            }
        });
        serde_json::from_value(model).unwrap()
    }

    fn structure(members: &[(&'static str, Shape, bool)]) -> Shape {
        let members = members.iter().cloned().map(|(name, shape, required)| Member { name, shape, required });
        Shape::Structure { name: "Thing", members: members.collect() }
    }

    fn contract(http: Http, shape: fn() -> Shape) -> Contract {
        Contract { module: "things", service: "things", name: "GetThing", http, request: shape, response: shape }
    }

    #[test]
    fn names_kinds_and_requirements_that_differ_are_found() {
        let members = json!({"Name": {"shape": "Text"}, "At": {"shape": "Time"}, "Size": {"shape": "Text"}});
        let ours =
            || structure(&[("Name", Shape::Text, false), ("At", Shape::Text, true), ("size", Shape::Text, false)]);
        let found = problems(&model("json", &members), &contract(Http::RPC, ours));
        assert_eq!(
            found,
            [
                "request.Name: required in the model",
                "request.At: required here alone",
                "request.At: Text here, Timestamp in the model",
                "request.size: the model has no such member",
                "response.At: Text here, Timestamp in the model",
                "response.size: the model has no such member",
            ]
        );
    }

    #[test]
    fn a_binding_that_differs_is_found() {
        let members = json!({
            "Name": {"shape": "Text", "location": "uri", "locationName": "name"},
            "Size": {"shape": "Text", "location": "querystring", "locationName": "size"}
        });
        let ours = || structure(&[("name", Shape::Text, true), ("size", Shape::Text, false)]);
        let model = model("rest-json", &members);
        let right = Http::new("GET", "/things/{name}").query(&["size"]);
        assert_eq!(problems(&model, &contract(right, ours)), Vec::<String>::new());
        assert_eq!(
            problems(&model, &contract(Http::new("PUT", "/things/{thing}").payload("thing"), ours)),
            [
                "the method is PUT here, GET in the model",
                "the path is /things/{thing} here, /things/{name} in the model",
                "the response's payload is Some(\"thing\") here, None in the model",
                "the query string is  here, size in the model",
            ]
        );
    }

    #[test]
    fn ec2_spells_a_member_with_a_capital_on_the_way_in_and_bare_on_the_way_out() {
        let members = json!({"Name": {"shape": "Text", "locationName": "name"}});
        let upper = || structure(&[("Name", Shape::Text, true)]);
        let found = problems(&model("ec2", &members), &contract(Http::RPC, upper));
        assert_eq!(
            found,
            ["response.Name: the model has no such member", "response.name: required in the model, and not here"]
        );
    }
}
