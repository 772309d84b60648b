//! The environment, as the image's agent reads it.

use std::{ops::RangeInclusive, str::FromStr};

/// Why variables make no bootstrap.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody says who it is.
    #[error(
        "set APPMESH_RESOURCE_ARN, APPMESH_RESOURCE_NAME or APPMESH_VIRTUAL_NODE_NAME to \
         mesh/<mesh>/virtualNode/<node> or mesh/<mesh>/virtualGateway/<gateway>"
    )]
    NoNode,
    /// A variable has a value it can't have.
    #[error("{name} is `{value}`: {wanted}")]
    Value {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        wanted: &'static str,
    },
    /// Envoy sends traces to one place.
    #[error("{0} and {1} are both on: an Envoy has one tracer, so turn on one of them alone")]
    TwoTracers(&'static str, &'static str),
    /// A file that a variable names can't be read.
    #[error("{name} names {path}, which cannot be read: {source}")]
    File {
        /// Which variable.
        name: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file that a variable names is no JSON object.
    #[error("{name} names {path}, which is no JSON object: {reason} (YAML is not read here: convert it)")]
    Json {
        /// Which variable.
        name: &'static str,
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Variables that are set to something.
pub(crate) struct Variables<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// The value of `name`; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn or(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// The first of `names` that is set.
    pub(crate) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    /// A truth as Go's `strconv.ParseBool` reads it, which the image uses.
    pub(crate) fn truth(&self, name: &'static str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some(value) => match value.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
                _ => Err(Error::Value { name, value, wanted: "1 or 0, true or false" }),
            },
        }
    }

    /// A number in `range`.
    pub(crate) fn number<T: FromStr + PartialOrd>(
        &self,
        name: &'static str,
        range: RangeInclusive<T>,
        wanted: &'static str,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or(Error::Value { name, value, wanted })
    }

    pub(crate) fn port(&self, name: &'static str, default: u16) -> Result<u16, Error> {
        Ok(self.number(name, 1..=u16::MAX, "a port")?.unwrap_or(default))
    }

    /// A duration as Envoy's JSON has it, `5s` or `0.5s`; a bare number is one of seconds.
    pub(crate) fn duration(&self, name: &'static str) -> Result<Option<String>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (number, unit) = value.split_at(value.find(char::is_alphabetic).unwrap_or(value.len()));
        let seconds = number.parse::<f64>().ok().filter(|seconds| (0.0..=1e9).contains(seconds));
        let seconds = match unit {
            "" | "s" => seconds,
            "ms" => seconds.map(|millis| millis / 1000.0),
            "m" => seconds.map(|minutes| minutes * 60.0),
            "h" => seconds.map(|hours| hours * 3600.0),
            _ => None,
        };
        let wanted = "a duration such as 5s or 500ms";
        seconds.map(|seconds| Some(format!("{seconds}s"))).ok_or(Error::Value { name, value, wanted })
    }
}

/// Whom a proxy stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// As it is told.
    pub(crate) id: String,
    /// The group it says it belongs to.
    pub(crate) cluster: String,
    pub(crate) mesh: String,
    pub(crate) name: String,
    pub(crate) is_gateway: bool,
}

impl Identity {
    pub(crate) fn read(variables: &Variables<'_>) -> Result<Self, Error> {
        let names = ["APPMESH_RESOURCE_ARN", "APPMESH_RESOURCE_NAME", "APPMESH_VIRTUAL_NODE_NAME"];
        let id = variables.first(&names).ok_or(Error::NoNode)?;
        let clusters = ["APPMESH_RESOURCE_CLUSTER", "APPMESH_VIRTUAL_NODE_CLUSTER"];
        let cluster = variables.first(&clusters).unwrap_or_else(|| id.clone());
        let steps: Vec<&str> = id.rsplit(':').next().unwrap_or(&id).split('/').collect();
        match steps[..] {
            ["mesh", mesh, kind @ ("virtualNode" | "virtualGateway"), name] if !mesh.is_empty() && !name.is_empty() => {
                let (mesh, name) = (mesh.to_owned(), name.to_owned());
                Ok(Self { mesh, name, is_gateway: kind == "virtualGateway", cluster, id })
            }
            _ => Err(Error::NoNode),
        }
    }

    /// `mesh/name`, as traces are called.
    pub(crate) fn segment(&self) -> String {
        format!("{}/{}", self.mesh, self.name)
    }
}
