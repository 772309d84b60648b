//! Account settings: switches for a whole account in a region.

use serde::{Deserialize, Serialize};

crate::operation!(PutAccountSetting, "ecs", PutAccountSettingRequest, PutAccountSettingResponse);
crate::operation!(PutAccountSettingDefault, "ecs", PutAccountSettingDefaultRequest, PutAccountSettingDefaultResponse);
crate::operation!(DeleteAccountSetting, "ecs", DeleteAccountSettingRequest, DeleteAccountSettingResponse);
crate::operation!(ListAccountSettings, "ecs", ListAccountSettingsRequest, ListAccountSettingsResponse);

/// One setting of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For whom it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_arn: Option<String>,
    /// `user` or `aws_managed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

/// What [`PutAccountSettingDefault`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutAccountSettingDefaultRequest {
    /// The setting.
    pub name: String,
    /// `enabled`, `disabled` and such.
    pub value: String,
}

/// What [`PutAccountSettingDefault`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutAccountSettingDefaultResponse {
    /// The setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
}

/// What [`PutAccountSetting`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutAccountSettingRequest {
    /// The setting.
    pub name: String,
    /// `enabled`, `disabled` and such.
    pub value: String,
    /// For whom; the whole account if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_arn: Option<String>,
}

/// What [`PutAccountSetting`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutAccountSettingResponse {
    /// The setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
}

/// What [`DeleteAccountSetting`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteAccountSettingRequest {
    /// The setting.
    pub name: String,
    /// For whom; the whole account if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_arn: Option<String>,
}

/// What [`DeleteAccountSetting`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteAccountSettingResponse {
    /// The setting, with its default value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
}

/// What [`ListAccountSettings`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListAccountSettingsRequest {
    /// Only this setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those of this value; needs a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_arn: Option<String>,
    /// Whether defaults are shown where nothing was set.
    #[serde(default)]
    pub effective_settings: bool,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// What [`ListAccountSettings`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAccountSettingsResponse {
    /// The settings.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
