//! Intrinsic functions, read once into a tree so that each later question (which resources does it name? what is it
//! worth?) is one match that the compiler checks.
//!
//! Shapes that can be wrong before anything runs (an `Fn::Join` without a delimiter) are refused here, in AWS's words.

use serde_json::{Map, Value};

use super::Error;

/// A value in a template that may contain intrinsic functions.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A string, number or boolean.
    Scalar(Value),
    /// A list.
    List(Vec<Expression>),
    /// An object, in its order.
    Object(Vec<(String, Expression)>),
    /// `Ref`: a parameter, pseudo parameter or resource.
    Ref(String),
    /// `Fn::GetAtt`: a resource and the name of its attribute, which may refer to a parameter.
    GetAtt(String, Box<Expression>),
    /// `Fn::Sub`: what its text is made of, and the variables of its own.
    Sub(Vec<Part>, Vec<(String, Expression)>),
    /// `Fn::Join`: delimiter and list.
    Join(String, Box<Expression>),
    /// `Fn::Select`: index and list.
    Select(Box<Expression>, Box<Expression>),
    /// `Fn::Split`: delimiter and text.
    Split(String, Box<Expression>),
    /// `Fn::GetAZs`: a region, empty for the stack's own.
    GetAzs(Box<Expression>),
    /// `Fn::FindInMap`: map, key, attribute.
    FindInMap(Box<[Expression; 3]>),
    /// `Fn::ImportValue`: an export's name.
    ImportValue(Box<Expression>),
    /// `Fn::If`: condition, value if it holds, value if not.
    If(String, Box<Expression>, Box<Expression>),
    /// `Fn::Base64`.
    Base64(Box<Expression>),
    /// `Fn::Cidr`: block, count, and bits for each piece.
    Cidr(Box<[Expression; 3]>),
    /// `Fn::Equals`, in conditions.
    Equals(Box<Expression>, Box<Expression>),
    /// `Fn::And`, in conditions.
    And(Vec<Expression>),
    /// `Fn::Or`, in conditions.
    Or(Vec<Expression>),
    /// `Fn::Not`, in conditions.
    Not(Box<Expression>),
    /// `Condition`: another condition's name, in conditions.
    Condition(String),
}

/// A piece of the text of an `Fn::Sub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Taken as it is.
    Text(String),
    /// `${Name}`: a variable of the `Fn::Sub`, or what `Ref` would give.
    Name(String),
    /// `${Name.Attribute}`: what `Fn::GetAtt` would give.
    Attribute(String, String),
}

/// Where an expression stands, since conditions know functions that properties do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `Conditions`.
    Conditions,
    /// In a resource or an output.
    Values,
}

const JOIN: &str = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
const SPLIT: &str = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.";
const SELECT: &str = "Fn::Select requires a list argument with two elements: an integer index and a list";
const FIND_IN_MAP: &str =
    "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value";
const GET_ATT: &str =
    "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute";
const SUB: &str = "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string";
const SUB_NAME: &str =
    "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons";
const CIDR: &str = "every Fn::Cidr object requires two or three parameters: an IP block, a count from 1 to 256 and the number of subnet bits";

impl Expression {
    /// Reads `value`, which stands in `place`.
    pub fn read(value: &Value, place: Place) -> Result<Self, Error> {
        match value {
            Value::Array(items) => Ok(Self::List(Self::all(items, place)?)),
            Value::Object(members) => Self::object(members, place),
            scalar => Ok(Self::Scalar(scalar.clone())),
        }
    }

    fn all(items: &[Value], place: Place) -> Result<Vec<Self>, Error> {
        items.iter().map(|item| Self::read(item, place)).collect()
    }

    fn object(members: &Map<String, Value>, place: Place) -> Result<Self, Error> {
        if let Some(function) = members.keys().find(|key| key.starts_with("Fn::")) {
            if members.len() > 1 {
                return Err(Error::function(format!("{function} must stand alone in its object")));
            }
            return Self::function(function, &members[function], place);
        }
        match (members.iter().next(), members.len()) {
            (Some((key, name)), 1) if key == "Ref" => match name.as_str() {
                Some(name) if !name.is_empty() => Ok(Self::Ref(name.to_owned())),
                _ => Err(Error::function("every Ref object must have a single String value.")),
            },
            (Some((key, name)), 1) if key == "Condition" && place == Place::Conditions => match name.as_str() {
                Some(name) => Ok(Self::Condition(name.to_owned())),
                None => Err(Error::function("every Condition member must be a string.")),
            },
            _ => members
                .iter()
                .map(|(key, value)| Ok((key.clone(), Self::read(value, place)?)))
                .collect::<Result<_, _>>()
                .map(Self::Object),
        }
    }

    fn function(function: &str, argument: &Value, place: Place) -> Result<Self, Error> {
        let boxed = |value: &Value| Self::read(value, place).map(Box::new);
        match (function, place) {
            ("Fn::GetAtt", _) => Self::get_att(argument, place),
            ("Fn::Sub", _) => Self::sub(argument, place),
            ("Fn::Join", _) => {
                let (delimiter, list) = delimited(argument, JOIN)?;
                Ok(Self::Join(delimiter, Self::listing(list, place, JOIN)?))
            }
            ("Fn::Split", _) => {
                let (delimiter, text) = delimited(argument, SPLIT)?;
                if delimiter.is_empty() || text.is_array() {
                    return Err(Error::function(SPLIT));
                }
                Ok(Self::Split(delimiter, boxed(text)?))
            }
            ("Fn::Select", _) => match argument.as_array().map(Vec::as_slice) {
                Some([index, list]) => Ok(Self::Select(boxed(index)?, Self::listing(list, place, SELECT)?)),
                _ => Err(Error::function(SELECT)),
            },
            ("Fn::GetAZs", _) => Ok(Self::GetAzs(boxed(argument)?)),
            ("Fn::FindInMap", _) => Ok(Self::FindInMap(Self::three(argument, place, FIND_IN_MAP)?)),
            ("Fn::ImportValue", Place::Values) => Ok(Self::ImportValue(boxed(argument)?)),
            ("Fn::Base64", Place::Values) => Ok(Self::Base64(boxed(argument)?)),
            ("Fn::Cidr", Place::Values) => Self::cidr(argument, place),
            ("Fn::If", Place::Values) => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(name), yes, no]) => Ok(Self::If(name.clone(), boxed(yes)?, boxed(no)?)),
                _ => Err(Error::function("Fn::If requires a list argument with three elements")),
            },
            ("Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not", Place::Conditions) => {
                Self::condition_function(function, argument)
            }
            ("Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not", Place::Values) => {
                Err(Error::function(format!("{function} can only be used in the Conditions block")))
            }
            ("Fn::If" | "Fn::ImportValue" | "Fn::Base64" | "Fn::Cidr", Place::Conditions) => {
                Err(Error::function(format!("{function} cannot be used in the Conditions block")))
            }
            _ => Err(Error::function(format!("{function} is not supported here"))),
        }
    }

    fn condition_function(function: &str, argument: &Value) -> Result<Self, Error> {
        let Some(items) = argument.as_array() else {
            return Err(Error::function(format!("{function} requires a list argument")));
        };
        let mut parts = Self::all(items, Place::Conditions)?;
        match (function, parts.len()) {
            ("Fn::Not", 1) => Ok(Self::Not(Box::new(parts.remove(0)))),
            ("Fn::Not", _) => Err(Error::function("Fn::Not requires a list argument with one element")),
            ("Fn::Equals", 2) => {
                let second = parts.remove(1);
                Ok(Self::Equals(Box::new(parts.remove(0)), Box::new(second)))
            }
            ("Fn::Equals", _) => Err(Error::function("Fn::Equals requires a list argument with two elements")),
            ("Fn::And", 2..=10) => Ok(Self::And(parts)),
            ("Fn::Or", 2..=10) => Ok(Self::Or(parts)),
            _ => Err(Error::function(format!("{function} requires a list argument with two to ten elements"))),
        }
    }

    fn get_att(argument: &Value, place: Place) -> Result<Self, Error> {
        let (resource, attribute) = match argument {
            Value::String(text) => match text.split_once('.') {
                Some((resource, attribute)) => (resource, Self::Scalar(Value::from(attribute))),
                None => return Err(Error::function(GET_ATT)),
            },
            Value::Array(items) => match items.as_slice() {
                [Value::String(resource), attribute @ (Value::String(_) | Value::Object(_))] => {
                    (resource.as_str(), Self::read(attribute, place)?)
                }
                // `!GetAtt [A, B, C]` is how some write A.B.C.
                [Value::String(resource), rest @ ..] if rest.len() > 1 && rest.iter().all(Value::is_string) => {
                    let names: Vec<_> = rest.iter().filter_map(Value::as_str).collect();
                    (resource.as_str(), Self::Scalar(Value::from(names.join("."))))
                }
                _ => return Err(Error::function(GET_ATT)),
            },
            _ => return Err(Error::function(GET_ATT)),
        };
        if resource.is_empty() || attribute == Self::Scalar(Value::from("")) {
            return Err(Error::function(GET_ATT));
        }
        Ok(Self::GetAtt(resource.to_owned(), Box::new(attribute)))
    }

    fn sub(argument: &Value, place: Place) -> Result<Self, Error> {
        let none = Map::new();
        let (text, variables) = match argument {
            Value::String(text) => (text, &none),
            Value::Array(items) => match items.as_slice() {
                [Value::String(text), Value::Object(variables)] => (text, variables),
                [Value::String(text)] => (text, &none),
                _ => return Err(Error::function(SUB)),
            },
            _ => return Err(Error::function(SUB)),
        };
        let variables: Vec<(String, Self)> = variables
            .iter()
            .map(|(name, value)| Ok((name.clone(), Self::read(value, place)?)))
            .collect::<Result<_, Error>>()?;
        let own = |name: &str| variables.iter().any(|(variable, _)| variable == name);
        let parts = parts(text, own)?;
        Ok(Self::Sub(parts, variables))
    }

    fn cidr(argument: &Value, place: Place) -> Result<Self, Error> {
        let Some(items) = argument.as_array() else { return Err(Error::function(CIDR)) };
        let mut read = Self::all(items, place)?;
        if read.len() == 2 {
            // AWS takes the smallest pieces where the bits are left out; which those are depends on the address family.
            read.push(Self::Scalar(Value::from("")));
        }
        let three: [Self; 3] = read.try_into().map_err(|_| Error::function(CIDR))?;
        Ok(Self::Cidr(Box::new(three)))
    }

    fn three(argument: &Value, place: Place, usage: &str) -> Result<Box<[Self; 3]>, Error> {
        let Some(items) = argument.as_array() else { return Err(Error::function(usage)) };
        let three: [Self; 3] = Self::all(items, place)?.try_into().map_err(|_| Error::function(usage))?;
        Ok(Box::new(three))
    }

    /// A list, or a function that may give one.
    fn listing(value: &Value, place: Place, usage: &str) -> Result<Box<Self>, Error> {
        match value {
            Value::Array(_) | Value::Object(_) => match Self::read(value, place)? {
                Self::Object(_) => Err(Error::function(usage)),
                list => Ok(Box::new(list)),
            },
            _ => Err(Error::function(usage)),
        }
    }

    /// Calls `see` with each expression directly inside this one, in order.
    pub fn children<'a>(&'a self, see: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::Scalar(_) | Self::Ref(_) | Self::Condition(_) => {}
            Self::List(items) | Self::And(items) | Self::Or(items) => items.iter().for_each(see),
            Self::Object(members) | Self::Sub(_, members) => members.iter().for_each(|(_, value)| see(value)),
            Self::GetAtt(_, inner)
            | Self::Join(_, inner)
            | Self::Split(_, inner)
            | Self::GetAzs(inner)
            | Self::ImportValue(inner)
            | Self::Base64(inner)
            | Self::Not(inner) => see(inner),
            Self::Select(first, second) | Self::Equals(first, second) | Self::If(_, first, second) => {
                see(first);
                see(second);
            }
            Self::FindInMap(three) | Self::Cidr(three) => three.iter().for_each(see),
        }
    }
}

fn delimited<'a>(argument: &'a Value, usage: &str) -> Result<(String, &'a Value), Error> {
    match argument.as_array().map(Vec::as_slice) {
        Some([Value::String(delimiter), rest]) => Ok((delimiter.clone(), rest)),
        _ => Err(Error::function(usage)),
    }
}

/// Cuts the text of an `Fn::Sub` at its `${…}`; `own` tells which names its variables have.
fn parts(text: &str, own: impl Fn(&str) -> bool) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        literal.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            return Err(Error::function(SUB_NAME));
        };
        let inner = &rest[start + 2..start + length];
        rest = &rest[start + length + 1..];
        if let Some(kept) = inner.strip_prefix('!') {
            // `${!Literal}` stands for `${Literal}`.
            literal.push_str("${");
            literal.push_str(kept);
            literal.push('}');
            continue;
        }
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(variable(inner.trim(), &own)?);
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn variable(name: &str, own: &impl Fn(&str) -> bool) -> Result<Part, Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(Error::function(SUB_NAME));
    }
    match name.split_once('.') {
        Some((resource, attribute)) if !own(name) => Ok(Part::Attribute(resource.to_owned(), attribute.to_owned())),
        _ => Ok(Part::Name(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(value: Value) -> String {
        Expression::read(&value, Place::Values).unwrap_err().to_string()
    }

    #[test]
    fn sub_is_cut_at_its_variables() {
        let text = json!({"Fn::Sub": ["a-${X}${R.Arn}/${!Keep}-${AWS::Region} $ {no}", {"X": {"Ref": "P"}}]});
        let name = |text: &str| Part::Name(text.into());
        assert_eq!(
            Expression::read(&text, Place::Values).unwrap(),
            Expression::Sub(
                vec![
                    Part::Text("a-".into()),
                    name("X"),
                    Part::Attribute("R".into(), "Arn".into()),
                    Part::Text("/${Keep}-".into()),
                    name("AWS::Region"),
                    Part::Text(" $ {no}".into()),
                ],
                vec![("X".into(), Expression::Ref("P".into()))]
            )
        );
    }

    #[test]
    fn get_att_has_three_spellings() {
        for spelling in [json!("A.B.C"), json!(["A", "B.C"]), json!(["A", "B", "C"])] {
            let read = Expression::read(&json!({"Fn::GetAtt": spelling}), Place::Values).unwrap();
            assert_eq!(read, Expression::GetAtt("A".into(), Box::new(Expression::Scalar(json!("B.C")))));
        }
    }

    #[test]
    fn wrong_shapes_are_refused_in_the_words_of_aws() {
        assert_eq!(refusal(json!({"Ref": ["a"]})), "Template error: every Ref object must have a single String value.");
        assert!(refusal(json!({"Fn::GetAtt": "A"})).contains("requires two non-empty parameters"));
        assert!(refusal(json!({"Fn::Join": ["-", "x"]})).contains("every Fn::Join object requires two parameters"));
        assert!(refusal(json!({"Fn::Join": [["-"], ["x"]]})).contains("every Fn::Join object"));
        assert!(refusal(json!({"Fn::Select": [0]})).contains("Fn::Select requires a list argument"));
        assert!(refusal(json!({"Fn::FindInMap": ["a", "b"]})).contains("every Fn::FindInMap object"));
        assert!(refusal(json!({"Fn::Sub": "${a b}"})).contains("variable names in Fn::Sub syntax"));
        assert!(refusal(json!({"Fn::Sub": "${open"})).contains("variable names in Fn::Sub syntax"));
        assert!(refusal(json!({"Fn::Sub": {"a": 1}})).contains("Fn::Sub intrinsic functions don't specify"));
        assert!(refusal(json!({"Fn::If": ["c", 1]})).contains("Fn::If requires"));
        assert!(refusal(json!({"Fn::Equals": [1, 2]})).contains("only be used in the Conditions block"));
        assert!(refusal(json!({"Fn::ForEach": []})).contains("Fn::ForEach is not supported here"));
        assert!(refusal(json!({"Fn::Join": ["", []], "x": 1})).contains("must stand alone"));
    }

    #[test]
    fn a_condition_key_is_a_function_only_among_conditions() {
        let value = json!({"Condition": "IsProd"});
        let among = Expression::read(&value, Place::Conditions).unwrap();
        assert_eq!(among, Expression::Condition("IsProd".into()));
        let inside = Expression::read(&value, Place::Values).unwrap();
        assert!(matches!(inside, Expression::Object(_)), "a policy's Condition is data");
    }
}
