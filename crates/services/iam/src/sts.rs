//! STS: who a caller is, and credentials that end.
//!
//! What a gateway accepts is decided by its keys alone, so credentials given here are made of those: without configured
//! keys any key does, and the account's own digits as the key make the account plain; with configured keys a session
//! is signed with the key of the account it is for. Sessions are not kept, and their end is told and not enforced.

use std::time::Duration;

use api::sts as model;
use names::{AccountId, Arn, Scope, Timestamp};
use wire::{Bound, Context, bind};

use crate::{
    Error, Iam,
    document::{Purpose, check},
    rows::Role,
};

/// Seconds a role is taken on for, unless something else is asked.
const ROLE_DURATION: i32 = 3600;
/// Seconds a caller's own session lasts, unless something else is asked.
const SESSION_DURATION: i32 = 43_200;

pub(crate) fn operations() -> Vec<Bound<Iam>> {
    vec![
        bind::<model::GetCallerIdentity, _, _, _, _>(get_caller_identity),
        bind::<model::AssumeRole, _, _, _, _>(assume_role),
        bind::<model::GetSessionToken, _, _, _, _>(get_session_token),
    ]
}

type Cx = Context<Iam>;

/// `GetCallerIdentity`.
async fn get_caller_identity(
    cx: Cx,
    _: model::GetCallerIdentityRequest,
) -> Result<model::GetCallerIdentityResponse, Error> {
    let account = &cx.scope().account;
    Ok(model::GetCallerIdentityResponse {
        user_id: Some(account.to_string()),
        account: Some(account.to_string()),
        arn: Some(Arn::global("iam", account, "root").to_string()),
    })
}

/// `AssumeRole`.
async fn assume_role(cx: Cx, request: model::AssumeRoleRequest) -> Result<model::AssumeRoleResponse, Error> {
    let invalid = || Error::Validation(format!("{} is invalid", request.role_arn));
    let arn: Arn = request.role_arn.parse().map_err(|_| invalid())?;
    let path = arn.name_of("role").filter(|_| arn.service == "iam").ok_or_else(invalid)?;
    let account: AccountId = arn.account.parse().map_err(|_| invalid())?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let scope = Scope::new(account.clone(), cx.scope().region.clone());
    let role = cx.store.get::<Role>(&Role::key(&scope, name))?.filter(|role| role.arn(&account) == request.role_arn);
    let role = role.ok_or_else(|| {
        Error::AccessDenied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            Arn::global("iam", &cx.scope().account, "root"),
            request.role_arn
        ))
    })?;
    let session = request.role_session_name;
    check_session_name(&session)?;
    request.policy.as_deref().map_or(Ok(()), |policy| check(policy, Purpose::Permission))?;
    let seconds = request.duration_seconds.unwrap_or(ROLE_DURATION);
    if !(900..=role.max_session_duration).contains(&seconds) {
        return Err(Error::Validation(format!(
            "DurationSeconds must be between 900 and the role's MaxSessionDuration, {}",
            role.max_session_duration
        )));
    }
    let user = Arn::global("sts", &account, format!("assumed-role/{}/{session}", role.name));
    Ok(model::AssumeRoleResponse {
        credentials: Some(credentials(&cx, &account, seconds)?),
        assumed_role_user: Some(model::AssumedRoleUser {
            assumed_role_id: format!("{}:{session}", role.id),
            arn: user.to_string(),
        }),
        packed_policy_size: None,
        source_identity: request.source_identity,
    })
}

/// `GetSessionToken`.
async fn get_session_token(
    cx: Cx,
    request: model::GetSessionTokenRequest,
) -> Result<model::GetSessionTokenResponse, Error> {
    let seconds = request.duration_seconds.unwrap_or(SESSION_DURATION);
    if !(900..=129_600).contains(&seconds) {
        return Err(Error::Validation("DurationSeconds must be between 900 and 129600".to_owned()));
    }
    let credentials = credentials(&cx, &cx.scope().account, seconds)?;
    Ok(model::GetSessionTokenResponse { credentials: Some(credentials) })
}

fn check_session_name(name: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(is_part) {
        return Ok(());
    }
    Err(Error::Validation("RoleSessionName must have 2 to 64 letters, digits or any of _+=,.@-".to_owned()))
}

/// Credentials that the gateway takes as `account`'s.
fn credentials(cx: &Cx, account: &AccountId, seconds: i32) -> Result<model::Credentials, Error> {
    let (access_key_id, secret_access_key) =
        if cx.keys.secrets.is_empty() { (account.to_string(), cx.ids.suffix(40)) } else { configured(cx, account)? };
    Ok(model::Credentials {
        access_key_id,
        secret_access_key,
        session_token: (0..4).map(|_| cx.ids.hex(32)).collect(),
        expiration: expiration(cx.clock.now(), seconds),
    })
}

/// The configured key that speaks for `account`: the caller's own before any other.
fn configured(cx: &Cx, account: &AccountId) -> Result<(String, String), Error> {
    let of_account = |key: &str| key.parse().unwrap_or_else(|_| cx.keys.default_account.clone()) == *account;
    let own = cx.keys.secrets.get_key_value(&cx.call().access_key);
    let mut candidates = own.into_iter().chain(&cx.keys.secrets);
    let found = candidates.find(|(key, _)| of_account(key));
    let (key, secret) = found.ok_or_else(|| {
        Error::AccessDenied(format!(
            "No access key of account {account} is configured here; start with --access-key {account}:<secret> as well"
        ))
    })?;
    Ok((key.clone(), secret.clone()))
}

fn expiration(now: Timestamp, seconds: i32) -> Timestamp {
    now.plus(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
