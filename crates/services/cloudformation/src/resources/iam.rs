//! Roles, kept as records.

use std::collections::{BTreeMap, BTreeSet};

use api::iam;
use serde_json::Value;

use super::{Call, Failure, Kind, Made, Resource, property};
use crate::template::text_of;

/// IAM's answer to what is not there.
const MISSING: &[&str] = &["NoSuchEntity"];
/// The longest name of a role.
const NAME_MAX: usize = 64;

/// A policy document as text, whether the template has it as text or as an object.
fn document(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `AWS::IAM::Role`.
pub(super) struct Role;

impl Role {
    fn made(role: &iam::Role) -> Made {
        Made::new(&role.role_name, &[("Arn", &role.arn), ("RoleId", &role.role_id)])
    }

    fn trust(call: &Call<'_>) -> Result<String, Failure> {
        let policy = call.property("AssumeRolePolicyDocument").map(document);
        policy.ok_or_else(|| Failure::Wrong("Property AssumeRolePolicyDocument cannot be empty.".to_owned()))
    }

    /// The inline policies that are asked for, by name.
    fn inline(call: &Call<'_>) -> Result<BTreeMap<String, String>, Failure> {
        let one = |policy: &Value| {
            let name = policy.get("PolicyName").and_then(text_of);
            let pair = name.zip(policy.get("PolicyDocument").map(document));
            pair.ok_or_else(|| Failure::Wrong("Property Policies needs PolicyName and PolicyDocument".to_owned()))
        };
        match call.property("Policies") {
            None => Ok(BTreeMap::new()),
            Some(Value::Array(policies)) => policies.iter().map(one).collect(),
            Some(_) => Err(Failure::Wrong("Property Policies is a list".to_owned())),
        }
    }

    fn managed(call: &Call<'_>) -> BTreeSet<String> {
        let arns = call.property("ManagedPolicyArns").and_then(Value::as_array);
        arns.into_iter().flatten().filter_map(text_of).collect()
    }

    async fn settle_policies(call: &Call<'_>, role: &str) -> Result<(), Failure> {
        let role_name = || role.to_owned();
        let wanted = Self::inline(call)?;
        let listed = iam::ListRolePoliciesRequest { role_name: role_name(), ..Default::default() };
        for name in call.send::<iam::ListRolePolicies>(listed).await?.policy_names {
            if !wanted.contains_key(&name) {
                let request = iam::DeleteRolePolicyRequest { role_name: role_name(), policy_name: name };
                call.look::<iam::DeleteRolePolicy>(request, MISSING).await?;
            }
        }
        for (policy_name, policy_document) in wanted {
            let request = iam::PutRolePolicyRequest { role_name: role_name(), policy_name, policy_document };
            call.send::<iam::PutRolePolicy>(request).await?;
        }
        let wanted = Self::managed(call);
        let listed = iam::ListAttachedRolePoliciesRequest { role_name: role_name(), ..Default::default() };
        let attached = call.send::<iam::ListAttachedRolePolicies>(listed).await?.attached_policies;
        for policy_arn in attached.into_iter().filter_map(|policy| policy.policy_arn) {
            if !wanted.contains(&policy_arn) {
                let request = iam::DetachRolePolicyRequest { role_name: role_name(), policy_arn };
                call.look::<iam::DetachRolePolicy>(request, MISSING).await?;
            }
        }
        for policy_arn in wanted {
            let request = iam::AttachRolePolicyRequest { role_name: role_name(), policy_arn };
            call.send::<iam::AttachRolePolicy>(request).await?;
        }
        Ok(())
    }

    async fn retag(call: &Call<'_>, role: &str) -> Result<(), Failure> {
        let listed = iam::ListRoleTagsRequest { role_name: role.to_owned(), ..Default::default() };
        let present = call.send::<iam::ListRoleTags>(listed).await?.tags;
        let (set, gone) = call.tag_changes(&present.into_iter().map(|tag| (tag.key, tag.value)).collect());
        if !set.is_empty() {
            let tags = set.into_iter().map(|(key, value)| iam::Tag { key, value }).collect();
            call.send::<iam::TagRole>(iam::TagRoleRequest { role_name: role.to_owned(), tags }).await?;
        }
        if !gone.is_empty() {
            let request = iam::UntagRoleRequest { role_name: role.to_owned(), tag_keys: gone };
            call.send::<iam::UntagRole>(request).await?;
        }
        Ok(())
    }
}

impl Resource for Role {
    const KIND: Kind = Kind::new("AWS::IAM::Role")
        .properties(&[
            property("RoleName").replaces(),
            property("Path").replaces(),
            property("AssumeRolePolicyDocument").required(),
            property("Description"),
            property("MaxSessionDuration"),
            property("ManagedPolicyArns"),
            property("Policies"),
            property("Tags"),
        ])
        .attributes(&["Arn", "RoleId"])
        .identity(&["RoleName"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(&["Path", "Description", "MaxSessionDuration"]);
        members.insert("RoleName".to_owned(), call.name("RoleName", NAME_MAX).into());
        members.insert("AssumeRolePolicyDocument".to_owned(), Self::trust(call)?.into());
        members.insert("Tags".to_owned(), call.tag_list());
        Ok(Self::made(&call.send::<iam::CreateRole>(call.read(members)?).await?.role))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let request = iam::GetRoleRequest { role_name: call.name("RoleName", NAME_MAX) };
        let found = call.look::<iam::GetRole>(request, MISSING).await?.map(|found| found.role);
        let ours = |role: &iam::Role| {
            call.is_ours(&role.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect())
        };
        Ok(found.filter(ours).map(|role| Self::made(&role)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let role = call.id()?.to_owned();
        let mut members = call.properties(&["Description", "MaxSessionDuration"]);
        members.insert("RoleName".to_owned(), role.clone().into());
        call.send::<iam::UpdateRole>(call.read(members)?).await?;
        let request =
            iam::UpdateAssumeRolePolicyRequest { role_name: role.clone(), policy_document: Self::trust(call)? };
        call.send::<iam::UpdateAssumeRolePolicy>(request).await?;
        Self::settle_policies(call, &role).await?;
        Self::retag(call, &role).await?;
        Ok(Self::made(&call.send::<iam::GetRole>(iam::GetRoleRequest { role_name: role }).await?.role))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let role_name = call.id()?.to_owned();
        let listed = iam::ListRolePoliciesRequest { role_name: role_name.clone(), ..Default::default() };
        let Some(policies) = call.look::<iam::ListRolePolicies>(listed, MISSING).await? else { return Ok(()) };
        for policy_name in policies.policy_names {
            let request = iam::DeleteRolePolicyRequest { role_name: role_name.clone(), policy_name };
            call.look::<iam::DeleteRolePolicy>(request, MISSING).await?;
        }
        let listed = iam::ListAttachedRolePoliciesRequest { role_name: role_name.clone(), ..Default::default() };
        let attached = call.look::<iam::ListAttachedRolePolicies>(listed, MISSING).await?;
        let attached = attached.map(|attached| attached.attached_policies).unwrap_or_default();
        for policy_arn in attached.into_iter().filter_map(|policy| policy.policy_arn) {
            let request = iam::DetachRolePolicyRequest { role_name: role_name.clone(), policy_arn };
            call.look::<iam::DetachRolePolicy>(request, MISSING).await?;
        }
        call.look::<iam::DeleteRole>(iam::DeleteRoleRequest { role_name }, MISSING).await.map(|_| ())
    }
}
