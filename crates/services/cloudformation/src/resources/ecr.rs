//! Image repositories.

use api::ecr;
use names::Arn;
use serde_json::Value;

use super::{Call, Failure, Kind, Made, Resource, property};
use crate::template::text_of;

/// ECR's answers to what is not there.
const MISSING: &[&str] =
    &["RepositoryNotFoundException", "LifecyclePolicyNotFoundException", "RepositoryPolicyNotFoundException"];

/// `AWS::ECR::Repository`.
pub(super) struct Repository;

impl Repository {
    /// ECR's names are lower case; a made-up one is, too.
    fn name(call: &Call<'_>) -> String {
        call.name("RepositoryName", 256).to_lowercase()
    }

    fn made(repository: &ecr::Repository) -> Made {
        let attributes = [("Arn", repository.repository_arn.as_str()), ("RepositoryUri", &repository.repository_uri)];
        Made::new(&repository.repository_name, &attributes)
    }

    fn arn(call: &Call<'_>, name: &str) -> String {
        Arn::new("ecr", call.scope, format!("repository/{name}")).to_string()
    }

    async fn described(call: &Call<'_>, name: String) -> Result<Option<ecr::Repository>, Failure> {
        let request = ecr::DescribeRepositoriesRequest { repository_names: vec![name], ..Default::default() };
        let found = call.look::<ecr::DescribeRepositories>(request, MISSING).await?;
        Ok(found.and_then(|found| found.repositories.into_iter().next()))
    }

    async fn settle_policies(call: &Call<'_>, name: &str) -> Result<(), Failure> {
        let named = || ecr::RepositoryRequest { repository_name: name.to_owned(), registry_id: None };
        match call.property("LifecyclePolicy").and_then(|policy| policy.get("LifecyclePolicyText")).and_then(text_of) {
            Some(text) => {
                let request = ecr::PutLifecyclePolicyRequest {
                    repository_name: name.to_owned(),
                    lifecycle_policy_text: text,
                    registry_id: None,
                };
                call.send::<ecr::PutLifecyclePolicy>(request).await?;
            }
            None => _ = call.look::<ecr::DeleteLifecyclePolicy>(named(), MISSING).await?,
        }
        match call.property("RepositoryPolicyText") {
            Some(policy) => {
                let text = if let Value::String(text) = policy { text.clone() } else { policy.to_string() };
                let request = ecr::SetRepositoryPolicyRequest {
                    repository_name: name.to_owned(),
                    policy_text: text,
                    ..Default::default()
                };
                call.send::<ecr::SetRepositoryPolicy>(request).await?;
            }
            None => _ = call.look::<ecr::DeleteRepositoryPolicy>(named(), MISSING).await?,
        }
        Ok(())
    }

    async fn retag(call: &Call<'_>, name: &str) -> Result<(), Failure> {
        let arn = Self::arn(call, name);
        let request = ecr::ListTagsForResourceRequest { resource_arn: arn.clone() };
        let present = call.send::<ecr::ListTagsForResource>(request).await?.tags;
        let (set, gone) = call.tag_changes(&present.into_iter().map(|tag| (tag.key, tag.value)).collect());
        if !set.is_empty() {
            let tags = set.into_iter().map(|(key, value)| ecr::Tag { key, value }).collect();
            call.send::<ecr::TagResource>(ecr::TagResourceRequest { resource_arn: arn.clone(), tags }).await?;
        }
        if !gone.is_empty() {
            let request = ecr::UntagResourceRequest { resource_arn: arn, tag_keys: gone };
            call.send::<ecr::UntagResource>(request).await?;
        }
        Ok(())
    }
}

impl Resource for Repository {
    const KIND: Kind = Kind::new("AWS::ECR::Repository")
        .properties(&[
            property("RepositoryName").replaces(),
            property("EncryptionConfiguration").replaces(),
            property("ImageScanningConfiguration"),
            property("ImageTagMutability"),
            property("ImageTagMutabilityExclusionFilters"),
            property("LifecyclePolicy"),
            property("RepositoryPolicyText"),
            property("EmptyOnDelete"),
            property("Tags"),
        ])
        .attributes(&["Arn", "RepositoryUri"])
        .identity(&["RepositoryName"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let taken = [
            "EncryptionConfiguration",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "ImageTagMutabilityExclusionFilters",
        ];
        let mut members = call.properties(&taken);
        members.insert("RepositoryName".to_owned(), Self::name(call).into());
        members.insert("Tags".to_owned(), call.tag_list());
        Ok(Self::made(&call.send::<ecr::CreateRepository>(call.read(members)?).await?.repository))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let name = Self::name(call);
        let Some(repository) = Self::described(call, name.clone()).await? else { return Ok(None) };
        let request = ecr::ListTagsForResourceRequest { resource_arn: Self::arn(call, &name) };
        let tags = call.send::<ecr::ListTagsForResource>(request).await?.tags;
        let ours = call.is_ours(&tags.into_iter().map(|tag| (tag.key, tag.value)).collect());
        Ok(ours.then(|| Self::made(&repository)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let name = call.id()?.to_owned();
        let mut members = call.properties(&["ImageTagMutability", "ImageTagMutabilityExclusionFilters"]);
        members.entry("ImageTagMutability").or_insert_with(|| "MUTABLE".into());
        members.insert("RepositoryName".to_owned(), name.clone().into());
        call.send::<ecr::PutImageTagMutability>(call.read(members)?).await?;
        let mut members = call.properties(&["ImageScanningConfiguration"]);
        members.entry("ImageScanningConfiguration").or_insert_with(|| serde_json::json!({}));
        members.insert("RepositoryName".to_owned(), name.clone().into());
        call.send::<ecr::PutImageScanningConfiguration>(call.read(members)?).await?;
        Self::settle_policies(call, &name).await?;
        Self::retag(call, &name).await?;
        let repository = Self::described(call, name).await?;
        repository.as_ref().map(Self::made).ok_or_else(|| Failure::Wrong("the repository is gone".to_owned()))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let force = call.text("EmptyOnDelete").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let request = ecr::DeleteRepositoryRequest { repository_name: call.id()?.to_owned(), force, registry_id: None };
        call.look::<ecr::DeleteRepository>(request, MISSING).await.map(|_| ())
    }
}
