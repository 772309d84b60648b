//! How callers refer to things: by name or by ARN, and what those mean.

use api::ecs::TaskDefinitionStatus;
use names::{Arn, Scope};

use crate::{
    Error,
    read::Read,
    rows::{Cluster, TaskDefinition},
};

/// The cluster that is meant when none is named.
const DEFAULT_CLUSTER: &str = "default";

/// The name of the cluster that `reference` (a name, an ARN or nothing) means.
pub(crate) fn cluster_name(scope: &Scope, reference: Option<&str>) -> Result<String, Error> {
    let reference = reference.filter(|text| !text.is_empty()).unwrap_or(DEFAULT_CLUSTER);
    if !reference.starts_with("arn:") {
        return Ok(reference.to_owned());
    }
    own(scope, reference)?
        .name_of("cluster")
        .map(str::to_owned)
        .ok_or_else(|| Error::InvalidParameter(format!("Invalid identifier: {reference} is not the ARN of a cluster.")))
}

/// The cluster that `reference` means, if it is there and was not deleted.
pub(crate) fn active_cluster(rows: &impl Read, scope: &Scope, reference: Option<&str>) -> Result<Cluster, Error> {
    let name = cluster_name(scope, reference)?;
    let cluster = rows.row::<Cluster>(&Cluster::key(scope, &name))?;
    cluster.filter(Cluster::is_active).ok_or(Error::ClusterNotFound)
}

/// The name of the service that `reference` (a name or an ARN) means in `cluster`.
pub(crate) fn service_name(scope: &Scope, cluster: &str, reference: &str) -> Result<String, Error> {
    last_of(scope, cluster, "service", reference).ok_or(Error::ServiceNotFound)
}

/// The cluster, the service and the id of which `arn` is, an ARN of a `service-deployment` or a `service-revision`.
pub(crate) fn part_of_service(scope: &Scope, kind: &str, arn: &str) -> Result<(String, String, String), Error> {
    let wrong = || Error::InvalidParameter(format!("Invalid identifier: {arn} is not the ARN of a {kind}."));
    let parsed = own(scope, arn)?;
    let mut parts = parsed.name_of(kind).ok_or_else(wrong)?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(cluster), Some(service), Some(id), None) => Ok((cluster.to_owned(), service.to_owned(), id.to_owned())),
        _ => Err(wrong()),
    }
}

/// The id of the task that `reference` (an id or an ARN) means in `cluster`.
pub(crate) fn task_id(scope: &Scope, cluster: &str, reference: &str) -> Result<String, Error> {
    last_of(scope, cluster, "task", reference).ok_or(Error::TaskNotFound)
}

/// What follows `kind/cluster/` in an ARN; a bare name is itself. None if the ARN is of something else.
fn last_of(scope: &Scope, cluster: &str, kind: &str, reference: &str) -> Option<String> {
    if !reference.starts_with("arn:") {
        return Some(reference.to_owned());
    }
    let arn = own(scope, reference).ok()?;
    let name = arn.name_of(kind)?;
    match name.split_once('/') {
        Some((of, name)) => (of == cluster).then(|| name.to_owned()),
        // The short form of before 2018 does not name the cluster.
        None => Some(name.to_owned()),
    }
}

fn own(scope: &Scope, text: &str) -> Result<Arn, Error> {
    let arn: Arn = text.parse().map_err(|error| Error::InvalidParameter(format!("Invalid identifier: {error}.")))?;
    if arn.service == "ecs" && arn.scope().as_ref() == Some(scope) {
        Ok(arn)
    } else {
        Err(Error::InvalidParameter(format!("Invalid identifier: {text} is of another account, region or service.")))
    }
}

/// A reference to a task definition, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DefinitionReference {
    /// The family.
    pub family: String,
    /// The revision; the latest active one if none is named.
    pub revision: Option<u32>,
}

impl DefinitionReference {
    /// Takes `family`, `family:revision` or an ARN of either apart. None if it is none of these.
    pub(crate) fn parse(scope: &Scope, text: &str) -> Option<Self> {
        let name = if text.starts_with("arn:") {
            own(scope, text).ok()?.name_of("task-definition")?.to_owned()
        } else {
            text.to_owned()
        };
        let (family, revision) = match name.split_once(':') {
            Some((family, revision)) => (family, Some(revision.parse().ok()?)),
            None => (name.as_str(), None),
        };
        (!family.is_empty()).then(|| Self { family: family.to_owned(), revision })
    }

    /// The revision it means, whatever its status.
    pub(crate) fn find(&self, rows: &impl Read, scope: &Scope) -> Result<Option<TaskDefinition>, store::Error> {
        if let Some(revision) = self.revision {
            return rows.row(&TaskDefinition::key(scope, &self.family, revision));
        }
        let all = rows.rows_under::<TaskDefinition>(scope, &TaskDefinition::prefix(&self.family))?;
        Ok(all.into_iter().rev().map(|(_, row)| row).find(|row| row.status == TaskDefinitionStatus::Active))
    }
}

/// The active revision that `reference` means, for something new to be run of it.
pub(crate) fn usable_definition(rows: &impl Read, scope: &Scope, reference: &str) -> Result<TaskDefinition, Error> {
    let parsed = DefinitionReference::parse(scope, reference).ok_or(Error::TaskDefinitionNotFound)?;
    let found = parsed.find(rows, scope)?.ok_or(Error::TaskDefinitionNotFound)?;
    if found.status == TaskDefinitionStatus::Active { Ok(found) } else { Err(Error::TaskDefinitionInactive) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_in_three_ways() {
        let scope = Scope::default();
        assert_eq!(cluster_name(&scope, None).unwrap(), "default");
        assert_eq!(cluster_name(&scope, Some("flask")).unwrap(), "flask");
        assert_eq!(cluster_name(&scope, Some(&Cluster::arn(&scope, "flask"))).unwrap(), "flask");
        assert!(cluster_name(&scope, Some("arn:aws:ecs:elsewhere:000000000000:cluster/flask")).is_err());
    }

    #[test]
    fn a_service_arn_may_name_its_cluster() {
        let scope = Scope::default();
        let arn = "arn:aws:ecs:us-east-1:000000000000:service/flask/api";
        assert_eq!(service_name(&scope, "flask", arn).unwrap(), "api");
        assert!(service_name(&scope, "other", arn).is_err());
        assert_eq!(service_name(&scope, "flask", "arn:aws:ecs:us-east-1:000000000000:service/api").unwrap(), "api");
    }

    #[test]
    fn a_task_definition_may_name_its_revision() {
        let scope = Scope::default();
        let parse = |text: &str| DefinitionReference::parse(&scope, text).map(|r| (r.family, r.revision));
        assert_eq!(parse("api"), Some(("api".to_owned(), None)));
        assert_eq!(parse("api:3"), Some(("api".to_owned(), Some(3))));
        let arn = "arn:aws:ecs:us-east-1:000000000000:task-definition/api-v2:7";
        assert_eq!(parse(arn), Some(("api-v2".to_owned(), Some(7))));
        assert_eq!(parse("api:x"), None);
    }
}
