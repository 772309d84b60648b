//! What can be wrong with a template or with the values for its parameters.
//!
//! The texts are AWS's own where they are known, since scripts and people search for them; what is ours alone says
//! what to do instead.

/// A template, or what was given for its parameters, is not right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it is")]
pub enum Error {
    #[error("Template format error: YAML not well-formed. (line {line}, column {column}): {what}")]
    Yaml { line: usize, column: usize, what: String },
    #[error("Template format error: JSON not well-formed. (line {line}, column {column})")]
    Json { line: usize, column: usize },
    #[error("Template format error: unsupported structure.")]
    Structure,
    #[error(
        "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {limit}"
    )]
    TooLong { limit: usize },
    #[error("Template format error: Number of {what}, {count}, is greater than maximum allowed, {limit}")]
    TooMany { what: &'static str, count: usize, limit: usize },
    #[error("Template format error: unsupported value for AWSTemplateFormatVersion.")]
    Version,
    #[error("Invalid template property or properties [{}]", .0.join(", "))]
    UnknownSections(Vec<String>),
    #[error("Template format error: {section} is not supported here; expand the template before it is deployed")]
    UnsupportedSection { section: String },
    #[error("Template format error: [{path}] 'null' values are not allowed in templates")]
    Null { path: String },
    #[error("Template format error: [{path}] {problem}")]
    At { path: String, problem: String },
    #[error("Template format error: At least one Resources member must be defined.")]
    NoResources,
    #[error("Template format error: {what} name {name} is non alphanumeric.")]
    Name { what: &'static str, name: String },
    #[error("Template format error: Unrecognized resource types: [{}]", .0.join(", "))]
    UnknownTypes(Vec<String>),
    #[error("Invalid template resource property '{property}'")]
    UnknownResourceMember { property: String },
    #[error("Template format error: Unresolved resource dependencies [{}] in the {block} block of the template", .names.join(", "))]
    Unresolved { names: Vec<String>, block: &'static str },
    #[error("Template error: instance of Fn::GetAtt references undefined resource {0}")]
    UndefinedResource(String),
    #[error("Template error: resource {resource} does not support attribute type {attribute} in Fn::GetAtt")]
    UnknownAttribute { resource: String, attribute: String },
    #[error("Circular dependency between resources: [{}]", .0.join(", "))]
    Cycle(Vec<String>),
    #[error("Template error: Found circular condition dependency: [{}]", .0.join(", "))]
    ConditionCycle(Vec<String>),
    #[error("Template format error: Unresolved condition dependency {name} in the {block} block of the template")]
    UnresolvedCondition { name: String, block: &'static str },
    #[error("Template format error: Unresolved dependencies [{}]. Cannot reference resources in the Conditions block of the template", .0.join(", "))]
    ResourceInCondition(Vec<String>),
    #[error("Template error: {0}")]
    Function(String),
    #[error("Template format error: Output {output} is malformed. {problem}")]
    Output { output: String, problem: &'static str },
    #[error("Template format error: Unrecognized parameter type: {0}")]
    UnknownParameterType(String),
    #[error(
        "Template format error: Parameter type {kind} of {parameter} is not supported here: there is no Systems Manager to read it from"
    )]
    SystemsManager { parameter: String, kind: String },
    #[error("Invalid template parameter property '{property}'")]
    UnknownParameterMember { property: String },
    #[error("Parameters: [{}] must have values", .0.join(", "))]
    MissingParameters(Vec<String>),
    #[error("Parameters: [{}] do not exist in the template", .0.join(", "))]
    UndeclaredParameters(Vec<String>),
    #[error(
        "Invalid input for parameter key {0}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
    )]
    NoPreviousValue(String),
    #[error("Parameter '{parameter}' {constraint}")]
    Constraint { parameter: String, constraint: String },
    #[error("Parameter {parameter} failed to satisfy constraint: {description}")]
    DescribedConstraint { parameter: String, description: String },
    #[error("No export named {0} found.")]
    NoExport(String),
    #[error(
        "Template format error: [{path}] dynamic references ({reference}) are not supported here; pass the value as a parameter"
    )]
    DynamicReference { path: String, reference: String },
}

impl Error {
    /// A misused intrinsic function, in AWS's words.
    pub(crate) fn function(text: impl Into<String>) -> Self {
        Self::Function(text.into())
    }

    /// Something wrong at `path`.
    pub(crate) fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::At { path: path.into(), problem: problem.into() }
    }
}
