//! What hangs on a repository as text: its lifecycle policy and its resource policy.

use names::Timestamp;
use serde::{Deserialize, Serialize};

crate::operation!(PutLifecyclePolicy, "ecr", PutLifecyclePolicyRequest, PutLifecyclePolicyResponse);
crate::operation!(GetLifecyclePolicy, "ecr", RepositoryRequest, LifecyclePolicy);
crate::operation!(DeleteLifecyclePolicy, "ecr", RepositoryRequest, LifecyclePolicy);
crate::operation!(SetRepositoryPolicy, "ecr", SetRepositoryPolicyRequest, RepositoryPolicy);
crate::operation!(GetRepositoryPolicy, "ecr", RepositoryRequest, RepositoryPolicy);
crate::operation!(DeleteRepositoryPolicy, "ecr", RepositoryRequest, RepositoryPolicy);

/// What the operations take that need no more than a repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepositoryRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
}

/// What [`PutLifecyclePolicy`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutLifecyclePolicyRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// The policy, a JSON document of `rules`.
    pub lifecycle_policy_text: String,
}

/// The policy that was put.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutLifecyclePolicyResponse {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// The policy.
    pub lifecycle_policy_text: String,
}

/// A repository's lifecycle policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecyclePolicy {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// The policy.
    pub lifecycle_policy_text: String,
    /// When it was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_evaluated_at: Option<Timestamp>,
}

/// What [`SetRepositoryPolicy`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetRepositoryPolicyRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// The policy, an IAM policy document.
    pub policy_text: String,
    /// Whether a policy is taken that would lock its author out.
    #[serde(default)]
    pub force: bool,
}

/// A repository's resource policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryPolicy {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// The policy.
    pub policy_text: String,
}
