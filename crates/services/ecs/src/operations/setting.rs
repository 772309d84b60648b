//! Account settings. Most change what AWS does behind the scenes; they are kept and shown, and `explain` says which
//! have no effect here.

use api::ecs::{
    DeleteAccountSettingRequest, DeleteAccountSettingResponse, ListAccountSettingsRequest, ListAccountSettingsResponse,
    PutAccountSettingDefaultRequest, PutAccountSettingDefaultResponse, PutAccountSettingRequest,
    PutAccountSettingResponse, Setting as Shown,
};
use store::Key;

use super::{Context, task_definition::principal};
use crate::{Error, rows::Setting};

/// A setting's name, its default, and the values it may have here.
type Known = (&'static str, &'static str, &'static [&'static str]);

const SWITCH: &[&str] = &["enabled", "disabled"];
/// ARNs have the long form only, and tasks can be tagged only since.
const LONG: &[&str] = &["enabled"];
const KNOWN: [Known; 11] = [
    ("awsvpcTrunking", "disabled", SWITCH),
    ("containerInsights", "disabled", &["enabled", "enhanced", "disabled"]),
    ("containerInstanceLongArnFormat", "enabled", LONG),
    ("defaultLogDriverMode", "non-blocking", &["blocking", "non-blocking"]),
    ("fargateEventWindows", "disabled", SWITCH),
    ("fargateFIPSMode", "disabled", &["disabled"]),
    ("fargateTaskRetirementWaitPeriod", "7", &["0", "7", "14"]),
    ("guardDutyActivate", "off", &["off"]),
    ("serviceLongArnFormat", "enabled", LONG),
    ("tagResourceAuthorization", "off", &["on", "off"]),
    ("taskLongArnFormat", "enabled", LONG),
];

pub(super) async fn put(cx: Context, request: PutAccountSettingRequest) -> Result<PutAccountSettingResponse, Error> {
    own(&cx, request.principal_arn.as_deref())?;
    Ok(PutAccountSettingResponse { setting: Some(keep(&cx, &request.name, &request.value)?) })
}

pub(super) async fn put_default(
    cx: Context,
    request: PutAccountSettingDefaultRequest,
) -> Result<PutAccountSettingDefaultResponse, Error> {
    Ok(PutAccountSettingDefaultResponse { setting: Some(keep(&cx, &request.name, &request.value)?) })
}

pub(super) async fn delete(
    cx: Context,
    request: DeleteAccountSettingRequest,
) -> Result<DeleteAccountSettingResponse, Error> {
    own(&cx, request.principal_arn.as_deref())?;
    let (name, default, _) = known(&request.name)?;
    cx.store.write(|tx| tx.delete::<Setting>(&Key::new(cx.scope(), *name)))?;
    Ok(DeleteAccountSettingResponse { setting: Some(shown(&cx, name, default)) })
}

pub(super) async fn list(
    cx: Context,
    request: ListAccountSettingsRequest,
) -> Result<ListAccountSettingsResponse, Error> {
    own(&cx, request.principal_arn.as_deref())?;
    if let Some(name) = &request.name {
        known(name)?;
    }
    let mut settings = Vec::new();
    for (name, default, _) in &KNOWN {
        let set = cx.store.get::<Setting>(&Key::new(cx.scope(), *name))?;
        let value = match &set {
            Some(setting) => setting.value.as_str(),
            None if request.effective_settings => default,
            None => continue,
        };
        let wanted = request.name.as_deref().is_none_or(|wanted| wanted == *name);
        if wanted && request.value.as_deref().is_none_or(|wanted| wanted == value) {
            settings.push(shown(&cx, name, value));
        }
    }
    Ok(ListAccountSettingsResponse { settings, next_token: None })
}

fn known(name: &str) -> Result<&'static Known, Error> {
    let found = KNOWN.iter().find(|(known, _, _)| *known == name);
    found.ok_or_else(|| Error::InvalidParameter(format!("Invalid account setting name: {name}.")))
}

fn keep(cx: &Context, name: &str, value: &str) -> Result<Shown, Error> {
    let (name, _, values) = known(name)?;
    if !values.contains(&value) {
        let choices = values.join(", ");
        return Err(Error::InvalidParameter(format!("The setting {name} can be {choices} here, and not {value}.")));
    }
    let row = Setting { value: value.to_owned() };
    cx.store.write(|tx| tx.put(&Key::new(cx.scope(), *name), &row))?;
    Ok(shown(cx, name, value))
}

/// Settings hold for the whole account: there are no users here that could have their own.
fn own(cx: &Context, principal: Option<&str>) -> Result<(), Error> {
    if principal.is_none_or(|arn| arn == principal_of(cx)) {
        return Ok(());
    }
    Err(Error::Unsupported {
        member: "principalArn".to_owned(),
        reason: "settings hold for the whole account; leave it out",
    })
}

fn principal_of(cx: &Context) -> String {
    principal(cx.scope())
}

fn shown(cx: &Context, name: &str, value: &str) -> Shown {
    Shown {
        name: Some(name.to_owned()),
        value: Some(value.to_owned()),
        principal_arn: Some(principal_of(cx)),
        r#type: Some("user".to_owned()),
    }
}
