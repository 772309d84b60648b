//! Parameters: what a template declares, and binding the values that a deployment gives.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::{Error, text_of};

/// Groups in groups of an `AllowedPattern`: the compiler calls itself for each, and the stack of a thread is small. Its size
/// is limited by the library's own ten megabytes, as letters of all languages take much.
const PATTERN_DEPTH_MAX: u32 = 40;

/// A declared parameter.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// Its type.
    pub kind: Kind,
    /// The type as the template spells it.
    pub spelling: String,
    /// The value it takes when none is given.
    pub default: Option<String>,
    /// Whether its value is shown as asterisks.
    pub no_echo: bool,
    /// For people.
    pub description: Option<String>,
    /// The values it may take; empty means any.
    pub allowed_values: Vec<String>,
    allowed_pattern: Option<Pattern>,
    lengths: (Option<u64>, Option<u64>),
    bounds: (Option<f64>, Option<f64>),
    constraint_description: Option<String>,
}

#[derive(Clone, Debug)]
struct Pattern {
    spelling: String,
    /// Anchored: AWS matches the whole value.
    whole: Regex,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, AWS-specific ids among it.
    Text,
    /// A number, kept as the text it was given in.
    Number,
    /// Texts, given with commas between.
    Texts,
    /// Numbers, given with commas between.
    Numbers,
}

/// The ids that AWS would look up; any text is taken here, and the service that owns the resource refuses a wrong one.
const AWS_SPECIFIC: [&str; 10] = [
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::Volume::Id",
    "AWS::EC2::VPC::Id",
    "AWS::Route53::HostedZone::Id",
];

/// A value that a deployment gives for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This text.
    Value(String),
    /// What the deployment before had.
    Previous,
}

impl Declaration {
    /// Reads the declaration of `name`.
    pub(super) fn read(name: &str, value: &Value) -> Result<Self, Error> {
        let path = format!("/Parameters/{name}");
        let Some(members) = value.as_object() else {
            return Err(Error::at(path, "Every Parameters member must be an object."));
        };
        check_members(members)?;
        let Some(spelling) = members.get("Type").and_then(Value::as_str) else {
            return Err(Error::at(path, "Every Parameters object must contain a Type member."));
        };
        let declaration = Self {
            kind: kind(name, spelling)?,
            spelling: spelling.to_owned(),
            default: optional_text(members, "Default", &path)?,
            no_echo: flag(members, "NoEcho", &path)?,
            description: optional_text(members, "Description", &path)?,
            allowed_values: allowed_values(members, &path)?,
            allowed_pattern: pattern(members, &path)?,
            lengths: (number(members, "MinLength", &path)?, number(members, "MaxLength", &path)?),
            bounds: (number(members, "MinValue", &path)?, number(members, "MaxValue", &path)?),
            constraint_description: optional_text(members, "ConstraintDescription", &path)?,
        };
        if let Some(default) = &declaration.default {
            declaration.check(name, default)?;
        }
        Ok(declaration)
    }

    /// What `Ref` gives for `text`: a string, or a list of strings.
    pub fn value(&self, text: &str) -> Value {
        match self.kind {
            Kind::Text | Kind::Number => Value::from(text),
            Kind::Texts | Kind::Numbers => Value::Array(items(text).map(Value::from).collect()),
        }
    }

    /// Refuses a `text` that breaks a constraint.
    fn check(&self, name: &str, text: &str) -> Result<(), Error> {
        let broken = match self.kind {
            Kind::Text | Kind::Number => self.broken(text),
            Kind::Texts | Kind::Numbers => items(text).find_map(|item| self.broken(item)),
        };
        match (broken, &self.constraint_description) {
            (None, _) => Ok(()),
            (Some(_), Some(description)) => {
                Err(Error::DescribedConstraint { parameter: name.to_owned(), description: description.clone() })
            }
            (Some(constraint), None) => Err(Error::Constraint { parameter: name.to_owned(), constraint }),
        }
    }

    /// The constraint that `item` breaks, in AWS's words.
    fn broken(&self, item: &str) -> Option<String> {
        if !self.allowed_values.is_empty() && !self.allowed_values.iter().any(|allowed| allowed == item) {
            return Some("must be one of AllowedValues".to_owned());
        }
        if let Some(pattern) = self.allowed_pattern.as_ref().filter(|pattern| !pattern.whole.is_match(item)) {
            return Some(format!("must match pattern {}", pattern.spelling));
        }
        let length = item.chars().count() as u64;
        match self.lengths {
            (Some(least), _) if length < least => return Some(format!("must contain at least {least} characters")),
            (_, Some(most)) if length > most => return Some(format!("must contain at most {most} characters")),
            _ => {}
        }
        if !matches!(self.kind, Kind::Number | Kind::Numbers) {
            return None;
        }
        match (item.parse::<f64>().ok().filter(|number| number.is_finite()), self.bounds) {
            (None, _) => Some("must be a number".to_owned()),
            (Some(number), (Some(least), _)) if number < least => {
                Some(format!("must be a number not less than {least}"))
            }
            (Some(number), (_, Some(most))) if number > most => {
                Some(format!("must be a number not greater than {most}"))
            }
            _ => None,
        }
    }
}

/// Gives each declared parameter its text: what is given, what the deployment before had, or the default.
pub fn bind(
    declared: &IndexMap<String, Declaration>,
    given: &BTreeMap<String, Given>,
    previous: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let undeclared: Vec<_> = given.keys().filter(|name| !declared.contains_key(*name)).cloned().collect();
    if !undeclared.is_empty() {
        return Err(Error::UndeclaredParameters(undeclared));
    }
    let mut bound = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, declaration) in declared {
        let text = match given.get(name) {
            Some(Given::Value(text)) => Some(text.clone()),
            Some(Given::Previous) => {
                Some(previous.get(name).cloned().ok_or_else(|| Error::NoPreviousValue(name.clone()))?)
            }
            None => declaration.default.clone(),
        };
        match text {
            Some(text) => {
                declaration.check(name, &text)?;
                bound.insert(name.clone(), text);
            }
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() { Ok(bound) } else { Err(Error::MissingParameters(missing)) }
}

fn kind(name: &str, spelling: &str) -> Result<Kind, Error> {
    let list = spelling.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    match (spelling, list) {
        ("String", _) => Ok(Kind::Text),
        ("Number", _) => Ok(Kind::Number),
        ("CommaDelimitedList", _) | (_, Some("String")) => Ok(Kind::Texts),
        (_, Some("Number")) => Ok(Kind::Numbers),
        (id, None) if AWS_SPECIFIC.contains(&id) => Ok(Kind::Text),
        (_, Some(id)) if AWS_SPECIFIC.contains(&id) => Ok(Kind::Texts),
        _ if spelling.starts_with("AWS::SSM::Parameter::") => {
            Err(Error::SystemsManager { parameter: name.to_owned(), kind: spelling.to_owned() })
        }
        _ => Err(Error::UnknownParameterType(spelling.to_owned())),
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    let items = if text.is_empty() { None } else { Some(text.split(',').map(str::trim)) };
    items.into_iter().flatten()
}

const MEMBERS: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

fn check_members(members: &Map<String, Value>) -> Result<(), Error> {
    match members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        Some(property) => Err(Error::UnknownParameterMember { property: property.clone() }),
        None => Ok(()),
    }
}

fn optional_text(members: &Map<String, Value>, key: &str, path: &str) -> Result<Option<String>, Error> {
    let Some(value) = members.get(key) else { return Ok(None) };
    let text = text_of(value).ok_or_else(|| Error::at(path, format!("Every {key} member must be a string.")))?;
    Ok(Some(text))
}

fn flag(members: &Map<String, Value>, key: &str, path: &str) -> Result<bool, Error> {
    match optional_text(members, key, path)?.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Error::at(path, format!("Every {key} member must be true or false."))),
    }
}

fn number<T: std::str::FromStr>(members: &Map<String, Value>, key: &str, path: &str) -> Result<Option<T>, Error> {
    let text = optional_text(members, key, path)?;
    text.map(|text| text.parse().map_err(|_| Error::at(path, format!("Every {key} member must be a number."))))
        .transpose()
}

fn allowed_values(members: &Map<String, Value>, path: &str) -> Result<Vec<String>, Error> {
    match members.get("AllowedValues") {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| text_of(value).ok_or_else(|| Error::at(path, "Every AllowedValues value must be a string.")))
            .collect(),
        Some(_) => Err(Error::at(path, "Every AllowedValues member must be a list.")),
    }
}

fn pattern(members: &Map<String, Value>, path: &str) -> Result<Option<Pattern>, Error> {
    let Some(spelling) = optional_text(members, "AllowedPattern", path)? else { return Ok(None) };
    let mut whole = RegexBuilder::new(&format!("^(?:{spelling})$"));
    let whole = whole.nest_limit(PATTERN_DEPTH_MAX);
    let whole = whole.build().map_err(|_| {
        Error::at(path, format!("AllowedPattern {spelling} is not a regular expression that is supported here."))
    })?;
    Ok(Some(Pattern { spelling, whole }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(value: &Value) -> IndexMap<String, Declaration> {
        let members = value.as_object().unwrap().iter();
        members.map(|(name, value)| (name.clone(), Declaration::read(name, value).unwrap())).collect()
    }

    fn bound(declaration: Value, text: &str) -> Result<String, String> {
        let declared = declared(&json!({ "P": declaration }));
        let given = BTreeMap::from([("P".to_owned(), Given::Value(text.to_owned()))]);
        bind(&declared, &given, &BTreeMap::new())
            .map(|mut bound| bound.remove("P").unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_pattern_that_would_exhaust_a_stack_or_the_memory_is_refused() {
        let read = |pattern: &str| Declaration::read("P", &json!({"Type": "String", "AllowedPattern": pattern}));
        for right in [r"[\w-]{1,64}", "(?:[a-z]+(?:,[a-z]+)*)?", "[a-zA-Z0-9.-]{1,255}"] {
            assert!(read(right).is_ok(), "{right}");
        }
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        for wrong in [deep.as_str(), "((a{100}){100}){100}", "("] {
            let refusal = read(wrong).unwrap_err().to_string();
            assert!(refusal.contains("not a regular expression that is supported here"), "{refusal:.100}");
        }
    }

    #[test]
    fn constraints_are_held() {
        let cases = [
            (json!({"Type": "String", "AllowedValues": ["a", 1]}), "1", None),
            (
                json!({"Type": "String", "AllowedValues": ["a"]}),
                "b",
                Some("Parameter 'P' must be one of AllowedValues"),
            ),
            (
                json!({"Type": "String", "AllowedPattern": "[a-z]+"}),
                "ab1",
                Some("Parameter 'P' must match pattern [a-z]+"),
            ),
            (
                json!({"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "must be small"}),
                "A",
                Some("Parameter P failed to satisfy constraint: must be small"),
            ),
            (json!({"Type": "String", "MinLength": 2}), "a", Some("Parameter 'P' must contain at least 2 characters")),
            (
                json!({"Type": "String", "MaxLength": "2"}),
                "abc",
                Some("Parameter 'P' must contain at most 2 characters"),
            ),
            (json!({"Type": "Number"}), "x", Some("Parameter 'P' must be a number")),
            (json!({"Type": "Number", "MinValue": 5}), "4.9", Some("Parameter 'P' must be a number not less than 5")),
            (json!({"Type": "Number", "MaxValue": 5}), "6", Some("Parameter 'P' must be a number not greater than 5")),
            (json!({"Type": "Number", "MaxValue": 5}), "5", None),
            (json!({"Type": "List<Number>"}), "1, 2,x", Some("Parameter 'P' must be a number")),
            (json!({"Type": "AWS::EC2::VPC::Id"}), "vpc-1", None),
            (json!({"Type": "List<AWS::EC2::Subnet::Id>"}), "a,b", None),
        ];
        for (declaration, text, refusal) in cases {
            assert_eq!(bound(declaration.clone(), text).err().as_deref(), refusal, "{declaration} {text}");
        }
    }

    #[test]
    fn lists_are_cut_at_commas() {
        let declared = declared(&json!({"P": {"Type": "CommaDelimitedList"}}));
        assert_eq!(declared["P"].value("a, b ,c"), json!(["a", "b", "c"]));
        assert_eq!(declared["P"].value(""), json!([]));
    }

    #[test]
    fn given_then_previous_then_default() {
        let declared = declared(&json!({
            "A": {"Type": "String", "Default": "x"}, "B": {"Type": "Number", "Default": 30}, "C": {"Type": "String"},
        }));
        let given = BTreeMap::from([("A".to_owned(), Given::Value("y".to_owned())), ("C".to_owned(), Given::Previous)]);
        let previous = BTreeMap::from([("C".to_owned(), "z".to_owned())]);
        let bound = bind(&declared, &given, &previous).unwrap();
        assert_eq!(bound.values().collect::<Vec<_>>(), ["y", "30", "z"]);
        let error = bind(&declared, &BTreeMap::new(), &previous).unwrap_err().to_string();
        assert_eq!(error, "Parameters: [C] must have values");
        let unknown = BTreeMap::from([("D".to_owned(), Given::Value(String::new()))]);
        let error = bind(&declared, &unknown, &previous).unwrap_err().to_string();
        assert_eq!(error, "Parameters: [D] do not exist in the template");
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let refusal = |value: Value| Declaration::read("P", &value).unwrap_err().to_string();
        assert!(
            refusal(json!({"Type": "AWS::SSM::Parameter::Value<String>"}))
                .contains("AWS::SSM::Parameter::Value<String>")
        );
        assert!(refusal(json!({"Type": "Strin"})).contains("Unrecognized parameter type: Strin"));
        assert!(refusal(json!({"Default": "x"})).contains("must contain a Type member"));
        assert!(refusal(json!({"Type": "String", "Defualt": "x"})).contains("'Defualt'"));
        assert!(refusal(json!({"Type": "String", "AllowedValues": "a b"})).contains("must be a list"));
        assert_eq!(
            refusal(json!({"Type": "Number", "Default": "x"})),
            "Parameter 'P' must be a number",
            "a default must satisfy its own constraints"
        );
    }
}
