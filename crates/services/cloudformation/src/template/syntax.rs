//! From text to a tree: YAML with CloudFormation's short forms, or JSON. Both become one [`Value`], in the order they
//! were written.
//!
//! YAML is read from parser events and not through serde, because the tags (`!Ref`, `!Sub`) carry meaning, and because
//! a plain scalar must keep the characters it was written with: `2012-10-17` is no date, `1.10` is not `1.1` and
//! `012345678901` is an account and no octal number. A number is made only of what a number would be written back as.
//! As in AWS, a key that stands twice takes its last value, and neither aliases nor merges exist.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::Error;

/// How deep a template may nest; AWS's own limit is near this, and it keeps the stack small.
const DEPTH_MAX: usize = 100;

/// The functions that have a short form besides `!Ref` and `!Condition`.
const SHORT_FORMS: [&str; 18] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "ForEach",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "Transform",
];

/// Reads `body`, which is JSON if it begins with a brace and YAML otherwise.
pub(super) fn read(body: &str) -> Result<Value, Error> {
    if body.trim_start().starts_with('{') {
        match serde_json::from_str(body) {
            Ok(tree) => return Ok(tree),
            // A YAML flow mapping begins with a brace too.
            Err(json) => {
                return yaml(body).map_err(|_| Error::Json { line: json.line(), column: json.column() });
            }
        }
    }
    yaml(body)
}

fn yaml(body: &str) -> Result<Value, Error> {
    let mut reader = Reader { parser: Parser::new_from_str(body) };
    reader.skip_start()?;
    let (event, span) = reader.next()?;
    if matches!(event, Event::StreamEnd) {
        return Err(Error::Structure);
    }
    let tree = reader.node(event, span, 0)?;
    match reader.next()? {
        (Event::DocumentEnd, _) => {}
        (_, span) => return Err(problem(span, "one document was expected")),
    }
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(tree),
        (_, span) => Err(problem(span, "a template is one document")),
    }
}

struct Reader<'input> {
    parser: Parser<'input, StrInput<'input>>,
}

impl<'input> Reader<'input> {
    fn next(&mut self) -> Result<(Event<'input>, Span), Error> {
        match self.parser.next_event() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(Error::Yaml {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                what: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// Passes over what precedes the first node, which an empty stream does not have.
    fn skip_start(&mut self) -> Result<(), Error> {
        while let Some(Ok((Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _))) = self.parser.peek() {
            self.next()?;
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'input>, span: Span, depth: usize) -> Result<Value, Error> {
        if depth > DEPTH_MAX {
            return Err(problem(span, "the template is nested too deep"));
        }
        match event {
            Event::Scalar(text, style, _, tag) => scalar(&text, style, tag.as_deref(), span),
            Event::SequenceStart(_, tag) => {
                let items = self.items(depth)?;
                tagged(tag.as_deref(), Value::Array(items), span)
            }
            Event::MappingStart(_, tag) => {
                let members = self.members(depth)?;
                tagged(tag.as_deref(), Value::Object(members), span)
            }
            Event::Alias(_) => Err(problem(span, "YAML aliases are not allowed in CloudFormation templates")),
            _ => Err(problem(span, "a value was expected")),
        }
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Map<String, Value>, Error> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(members),
                (Event::Scalar(key, ScalarStyle::Plain, ..), span) if key == "<<" => {
                    return Err(problem(span, "YAML merges are not allowed in CloudFormation templates"));
                }
                (Event::Scalar(key, ..), _) => key.into_owned(),
                (_, span) => return Err(problem(span, "a key must be a string")),
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            members.insert(key, value);
        }
    }
}

fn problem(span: Span, what: &str) -> Error {
    Error::Yaml { line: span.start.line(), column: span.start.col() + 1, what: what.to_owned() }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Value, Error> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(Value::String(text.to_owned())),
        Some(tag) if tag.is_yaml_core_schema() => Ok(plain(text)),
        Some(_) => tagged(tag, Value::String(text.to_owned()), span),
        None if style == ScalarStyle::Plain => Ok(plain(text)),
        None => Ok(Value::String(text.to_owned())),
    }
}

/// Reads an unquoted scalar by the rules of YAML 1.1 that lose nothing.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Value::Bool(false),
        _ => {}
    }
    let number = text.parse::<i64>().map(Number::from).ok().or_else(|| text.parse().ok().and_then(Number::from_f64));
    match number {
        Some(number) if number.to_string() == text => Value::Number(number),
        _ => Value::String(text.to_owned()),
    }
}

/// Writes a short form out: `!GetAtt A.B` becomes `{"Fn::GetAtt": ["A", "B"]}`.
fn tagged(tag: Option<&Tag>, value: Value, span: Span) -> Result<Value, Error> {
    let Some(tag) = tag else { return Ok(value) };
    if tag.is_yaml_core_schema() {
        return match tag.suffix.as_str() {
            "map" | "seq" => Ok(value),
            other => Err(problem(span, &format!("the tag !!{other} is not allowed"))),
        };
    }
    let function = match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name if SHORT_FORMS.contains(&name) => format!("Fn::{name}"),
        name => return Err(problem(span, &format!("the tag !{name} is not known"))),
    };
    let argument = match value {
        Value::String(text) if function == "Fn::GetAtt" => match text.split_once('.') {
            Some((resource, attribute)) => Value::from(vec![resource, attribute]),
            None => Value::String(text),
        },
        other => other,
    };
    Ok(Value::Object(Map::from_iter([(function, argument)])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_forms_are_written_out() {
        let tree = read(
            "A: !Ref B\nC: !GetAtt D.E.F\nG: !Sub '${H}'\nI: !FindInMap [a, !Ref b, c]\nJ: !Join ['', [x, !Ref y]]\nK: !Condition c\nL: !GetAZs ''\nM: !Base64\n  Fn::Sub: x\nN: !If\n  - c\n  - 1\n  - !Ref AWS::NoValue\n",
        )
        .unwrap();
        assert_eq!(
            tree,
            json!({
                "A": {"Ref": "B"}, "C": {"Fn::GetAtt": ["D", "E.F"]}, "G": {"Fn::Sub": "${H}"},
                "I": {"Fn::FindInMap": ["a", {"Ref": "b"}, "c"]}, "J": {"Fn::Join": ["", ["x", {"Ref": "y"}]]},
                "K": {"Condition": "c"}, "L": {"Fn::GetAZs": ""}, "M": {"Fn::Base64": {"Fn::Sub": "x"}},
                "N": {"Fn::If": ["c", 1, {"Ref": "AWS::NoValue"}]},
            })
        );
    }

    #[test]
    fn plain_scalars_lose_nothing() {
        let tree = read(
            "a: 2012-10-17\nb: 1.10\nc: 012345678901\nd: 30\ne: -1\nf: true\ng: No\nh: 1.5\ni: 1e3\nj: 0x1F\nk: 22:22\nl: 99999999999999999999\nm: '30'\nn: +5\n",
        )
        .unwrap();
        assert_eq!(
            tree,
            json!({
                "a": "2012-10-17", "b": "1.10", "c": "012345678901", "d": 30, "e": -1, "f": true, "g": false, "h": 1.5,
                "i": "1e3", "j": "0x1F", "k": "22:22", "l": "99999999999999999999", "m": "30", "n": "+5",
            })
        );
    }

    #[test]
    fn block_scalars_keep_their_lines() {
        let tree = read("a: |\n  {\n    \"x\": 1\n  }\nb: >\n  one\n  two\nc: |-\n  x\n").unwrap();
        assert_eq!(tree, json!({"a": "{\n  \"x\": 1\n}\n", "b": "one two\n", "c": "x"}));
    }

    #[test]
    fn order_is_kept_in_both_languages() {
        for body in ["Z: 1\nA: 2\nM: 3\n", r#"{"Z": 1, "A": 2, "M": 3}"#, "{Z: 1, A: 2, M: 3}"] {
            let tree = read(body).unwrap();
            assert_eq!(tree.as_object().unwrap().keys().collect::<Vec<_>>(), ["Z", "A", "M"], "{body}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_takes_its_last_value() {
        assert_eq!(read("A: 1\nA: 2\n").unwrap(), json!({"A": 2}));
        assert_eq!(read(r#"{"A": 1, "A": 2}"#).unwrap(), json!({"A": 2}));
    }

    #[test]
    fn errors_carry_line_and_column() {
        assert!(matches!(read("a: b\nc: [\n").unwrap_err(), Error::Yaml { line: 3, .. }));
        assert_eq!(
            read("a: &x 1\nb: *x\n").unwrap_err().to_string(),
            "Template format error: YAML not well-formed. (line 2, column 4): YAML aliases are not allowed in CloudFormation templates"
        );
        assert!(matches!(read("a: !Foo b\n").unwrap_err(), Error::Yaml { line: 1, column: 4, .. }));
        assert!(matches!(read("{\"a\": \n").unwrap_err(), Error::Json { line: 2, .. }));
        assert!(matches!(read("a: 1\n---\nb: 2\n").unwrap_err(), Error::Yaml { .. }));
        assert!(matches!(read("").unwrap_err(), Error::Structure));
        assert!(matches!(read("# nothing\n").unwrap_err(), Error::Structure));
    }

    #[test]
    fn depth_is_limited() {
        let body = format!("a: {}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(matches!(read(&body), Err(Error::Yaml { .. })));
        let body = format!("{{\"a\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(matches!(read(&body), Err(Error::Json { .. })));
    }
}
