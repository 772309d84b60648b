//! Amazon Resource Names: `arn:aws:<service>:<region>:<account>:<resource>`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{AccountId, Region, Scope};

/// One resource's full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    /// The service, as ARNs spell it: `ecs`, `appmesh`, `elasticloadbalancing`.
    pub service: String,
    /// The region; empty for global services.
    pub region: String,
    /// The account; empty for what belongs to AWS itself.
    pub account: String,
    /// All that follows: `cluster/flask`, `mesh/m/virtualRouter/r`.
    pub resource: String,
}

/// The text is not an ARN.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an ARN: arn:aws:<service>:<region>:<account>:<resource> is")]
pub struct ParseArnError(String);

impl Arn {
    /// The ARN of `resource` of `service` in `scope`.
    pub fn new(service: &str, scope: &Scope, resource: impl Into<String>) -> Self {
        Self {
            service: service.to_owned(),
            region: scope.region.to_string(),
            account: scope.account.to_string(),
            resource: resource.into(),
        }
    }

    /// The ARN of a resource that is kept for all regions at once, as IAM's are.
    pub fn global(service: &str, account: &AccountId, resource: impl Into<String>) -> Self {
        Self {
            service: service.to_owned(),
            region: String::new(),
            account: account.to_string(),
            resource: resource.into(),
        }
    }

    /// The account and region it names, if it names both.
    pub fn scope(&self) -> Option<Scope> {
        let account = self.account.parse().ok()?;
        (!self.region.is_empty()).then(|| Scope::new(account, Region::new(self.region.clone())))
    }

    /// What follows `kind` and a slash or colon in the resource part: the name of a `kind`.
    pub fn name_of(&self, kind: &str) -> Option<&str> {
        let rest = self.resource.strip_prefix(kind)?;
        rest.strip_prefix('/').or_else(|| rest.strip_prefix(':'))
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, region, account, resource } = self;
        write!(f, "arn:aws:{service}:{region}:{account}:{resource}")
    }
}

impl FromStr for Arn {
    type Err = ParseArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or_else(|| ParseArnError(text.to_owned()));
        let (scheme, partition) = (part()?, part()?);
        let arn = Self {
            service: part()?.to_owned(),
            region: part()?.to_owned(),
            account: part()?.to_owned(),
            resource: part()?.to_owned(),
        };
        if scheme == "arn" && partition == "aws" && !arn.service.is_empty() && !arn.resource.is_empty() {
            Ok(arn)
        } else {
            Err(ParseArnError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = ParseArnError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/api:3",
            "arn:aws:iam::123456789012:role/flask-TaskIamRole",
            "arn:aws:logs:us-east-1:000000000000:log-group:g:*",
        ] {
            assert_eq!(text.parse::<Arn>().map(|a| a.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_name_follows_its_kind() {
        let arn: Arn = "arn:aws:ecs:r:123456789012:cluster/flask".parse().unwrap();
        assert_eq!(arn.name_of("cluster"), Some("flask"));
        assert_eq!(arn.name_of("clus"), None);
    }

    #[test]
    fn halves_are_refused() {
        for text in ["", "arn:aws:ecs", "urn:aws:ecs:r:1:x", "arn:aws:ecs:r:1:"] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }
}
