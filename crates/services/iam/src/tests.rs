//! Both services through the wire's in-process dispatch.

use api::{Fault, Operation, iam as model, sts};
use names::Scope;
use serde_json::Value;
use wire::{Call, Caller};

use super::*;

const TRUST: &str = r#"{
    "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": [ "ecs-tasks.amazonaws.com" ]},
        "Action": [ "sts:AssumeRole" ]
    }]
}
"#;
const LOGS: &str = r#"{"Statement":[{"Effect":"Allow","Action":["logs:PutLogEvents"],"Resource":"*"}]}"#;
const XRAY: &str = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess";

fn house(keys: Keys) -> Caller {
    let caller = Caller::default();
    let systems = services(Store::in_memory().unwrap(), Clock::System, Ids::counting(), keys);
    caller.fill(systems.into_iter().map(|system| system.service));
    caller
}

async fn call<Op: Operation>(house: &Caller, request: Op::Request) -> Result<Op::Response, Fault> {
    house.call::<Op>(&Scope::default(), request).await
}

/// The code and status of a call that must fail.
async fn refusal<Op: Operation>(house: &Caller, request: Op::Request) -> (String, u16) {
    match call::<Op>(house, request).await {
        Ok(_) => panic!("{} was not refused", Op::NAME),
        Err(fault) => (fault.code, fault.status),
    }
}

fn role(name: &str) -> model::CreateRoleRequest {
    model::CreateRoleRequest {
        role_name: name.to_owned(),
        assume_role_policy_document: TRUST.to_owned(),
        ..model::CreateRoleRequest::default()
    }
}

fn inline(name: &str) -> model::PutRolePolicyRequest {
    model::PutRolePolicyRequest {
        role_name: name.to_owned(),
        policy_name: "logs".to_owned(),
        policy_document: LOGS.to_owned(),
    }
}

fn attach(name: &str, arn: &str) -> model::AttachRolePolicyRequest {
    model::AttachRolePolicyRequest { role_name: name.to_owned(), policy_arn: arn.to_owned() }
}

#[tokio::test]
async fn a_role_is_the_same_in_every_region() {
    let house = house(Keys::default());
    let created = call::<model::CreateRole>(&house, role("TaskIamRole")).await.unwrap().role;
    assert_eq!(created.arn, "arn:aws:iam::000000000000:role/TaskIamRole");
    assert!(created.role_id.starts_with("AROA") && created.role_id.len() == 21);
    let document = created.assume_role_policy_document.unwrap();
    assert!(document.starts_with("%7B%0A%20%20%20%20%22Statement%22"), "{document}");
    let elsewhere = Scope { region: names::Region::new("eu-west-1"), ..Scope::default() };
    let get = model::GetRoleRequest { role_name: "taskiamrole".to_owned() };
    assert_eq!(house.call::<model::GetRole>(&elsewhere, get).await.unwrap().role.role_name, "TaskIamRole");
    let again = refusal::<model::CreateRole>(&house, role("TASKIAMROLE")).await;
    assert_eq!(again, ("EntityAlreadyExists".to_owned(), 409));
}

#[tokio::test]
async fn a_role_goes_after_its_policies() {
    let house = house(Keys::default());
    call::<model::CreateRole>(&house, role("r")).await.unwrap();
    call::<model::PutRolePolicy>(&house, inline("r")).await.unwrap();
    call::<model::AttachRolePolicy>(&house, attach("r", XRAY)).await.unwrap();
    let delete = || model::DeleteRoleRequest { role_name: "r".to_owned() };
    let conflict = call::<model::DeleteRole>(&house, delete()).await.unwrap_err();
    assert_eq!(conflict.message, "Cannot delete entity, must detach all policies first.");
    let list = model::ListAttachedRolePoliciesRequest { role_name: "r".to_owned(), ..Default::default() };
    let attached = call::<model::ListAttachedRolePolicies>(&house, list).await.unwrap();
    assert_eq!(attached.attached_policies[0].policy_name.as_deref(), Some("AWSXRayDaemonWriteAccess"));
    let detach = model::DetachRolePolicyRequest { role_name: "r".to_owned(), policy_arn: XRAY.to_owned() };
    call::<model::DetachRolePolicy>(&house, detach).await.unwrap();
    assert_eq!(refusal::<model::DeleteRole>(&house, delete()).await, ("DeleteConflict".to_owned(), 409));
    let remove = model::DeleteRolePolicyRequest { role_name: "r".to_owned(), policy_name: "logs".to_owned() };
    call::<model::DeleteRolePolicy>(&house, remove).await.unwrap();
    call::<model::DeleteRole>(&house, delete()).await.unwrap();
    assert_eq!(refusal::<model::DeleteRole>(&house, delete()).await, ("NoSuchEntity".to_owned(), 404));
}

#[tokio::test]
async fn wrong_documents_and_policies_are_refused() {
    let house = house(Keys::default());
    let wrong = model::CreateRoleRequest { assume_role_policy_document: "{".to_owned(), ..role("r") };
    assert_eq!(refusal::<model::CreateRole>(&house, wrong).await, ("MalformedPolicyDocument".to_owned(), 400));
    call::<model::CreateRole>(&house, role("r")).await.unwrap();
    let wrong = model::PutRolePolicyRequest { policy_document: TRUST.to_owned(), ..inline("r") };
    assert_eq!(refusal::<model::PutRolePolicy>(&house, wrong).await.0, "MalformedPolicyDocument");
    for (arn, code) in [("arn:aws:iam::000000000000:policy/mine", "NoSuchEntity"), ("policy", "InvalidInput")] {
        assert_eq!(refusal::<model::AttachRolePolicy>(&house, attach("r", arn)).await.0, code, "{arn}");
    }
    let long = model::PutRolePolicyRequest {
        policy_document: LOGS.replace("\"*\"", &format!("\"{}\"", "x".repeat(11_000))),
        ..inline("r")
    };
    assert_eq!(refusal::<model::PutRolePolicy>(&house, long).await, ("LimitExceeded".to_owned(), 409));
    assert_eq!(refusal::<model::CreateRole>(&house, role("a b")).await.0, "ValidationError");
}

#[tokio::test]
async fn roles_are_listed_in_pages_and_by_path() {
    let house = house(Keys::default());
    for name in ["a", "b", "c"] {
        let path = Some(if name == "c" { "/other/" } else { "/" }.to_owned());
        call::<model::CreateRole>(&house, model::CreateRoleRequest { path, ..role(name) }).await.unwrap();
    }
    let list = |marker| model::ListRolesRequest { max_items: Some(2), marker, ..Default::default() };
    let first = call::<model::ListRoles>(&house, list(None)).await.unwrap();
    assert_eq!((first.roles.len(), first.is_truncated), (2, Some(true)));
    let rest = call::<model::ListRoles>(&house, list(first.marker)).await.unwrap();
    assert_eq!((rest.roles[0].role_name.as_str(), rest.is_truncated), ("c", Some(false)));
    let by_path = model::ListRolesRequest { path_prefix: Some("/other/".to_owned()), ..Default::default() };
    assert_eq!(call::<model::ListRoles>(&house, by_path).await.unwrap().roles.len(), 1);
}

#[tokio::test]
async fn a_service_linked_role_is_its_service_s_alone() {
    let house = house(Keys::default());
    let create = |service: &str| model::CreateServiceLinkedRoleRequest {
        aws_service_name: service.to_owned(),
        ..Default::default()
    };
    let made = call::<model::CreateServiceLinkedRole>(&house, create("ecs.amazonaws.com")).await.unwrap();
    let name = made.role.unwrap().role_name;
    assert_eq!(name, "AWSServiceRoleForECS");
    let taken = refusal::<model::CreateServiceLinkedRole>(&house, create("ecs.amazonaws.com")).await;
    assert_eq!(taken.0, "InvalidInput");
    assert_eq!(refusal::<model::PutRolePolicy>(&house, inline(&name)).await.0, "UnmodifiableEntity");
    let delete = model::DeleteServiceLinkedRoleRequest { role_name: name };
    let task = call::<model::DeleteServiceLinkedRole>(&house, delete).await.unwrap().deletion_task_id;
    let status = |deletion_task_id| model::GetServiceLinkedRoleDeletionStatusRequest { deletion_task_id };
    let gone = call::<model::GetServiceLinkedRoleDeletionStatus>(&house, status(task)).await.unwrap();
    assert_eq!(gone.status, "SUCCEEDED");
    let unknown = refusal::<model::GetServiceLinkedRoleDeletionStatus>(&house, status("x".to_owned())).await;
    assert_eq!(unknown.0, "NoSuchEntity");
}

#[tokio::test]
async fn a_role_that_is_there_can_be_taken_on() {
    let house = house(Keys::default());
    call::<model::CreateRole>(&house, role("r")).await.unwrap();
    let assume = |name: &str| sts::AssumeRoleRequest {
        role_arn: format!("arn:aws:iam::000000000000:role/{name}"),
        role_session_name: "me".to_owned(),
        ..Default::default()
    };
    let given = call::<sts::AssumeRole>(&house, assume("r")).await.unwrap();
    assert_eq!(given.credentials.unwrap().access_key_id, "000000000000");
    assert_eq!(given.assumed_role_user.unwrap().arn, "arn:aws:sts::000000000000:assumed-role/r/me");
    assert_eq!(refusal::<sts::AssumeRole>(&house, assume("absent")).await, ("AccessDenied".to_owned(), 403));
    let long = sts::AssumeRoleRequest { duration_seconds: Some(7200), ..assume("r") };
    assert_eq!(refusal::<sts::AssumeRole>(&house, long).await.0, "ValidationError");
    let me = call::<sts::GetCallerIdentity>(&house, sts::GetCallerIdentityRequest {}).await.unwrap();
    assert_eq!(me.arn.as_deref(), Some("arn:aws:iam::000000000000:root"));
}

#[tokio::test]
async fn configured_keys_are_what_sessions_are_signed_with() {
    let secrets = [("AKIDONE", "one"), ("AKIDTWO", "two"), ("123456789012", "three")];
    let secrets = secrets.into_iter().map(|(key, secret)| (key.to_owned(), secret.to_owned())).collect();
    let house = house(Keys { secrets, default_account: AccountId::default() });
    let session = |account: &str, access_key: &str| {
        let account: AccountId = account.parse().unwrap();
        let scope = Scope { account, ..Scope::default() };
        let call = Call { scope, access_key: access_key.to_owned(), ..Call::default() };
        let service = house.service("sts").unwrap().clone();
        async move { service.call("GetSessionToken", call, Value::Object(serde_json::Map::new())).await }
    };
    let own = session("000000000000", "AKIDTWO").await.unwrap();
    assert_eq!(
        (&own["Credentials"]["AccessKeyId"], &own["Credentials"]["SecretAccessKey"]),
        (&"AKIDTWO".into(), &"two".into())
    );
    let other = session("123456789012", "AKIDTWO").await.unwrap();
    assert_eq!(other["Credentials"]["SecretAccessKey"], "three");
    assert_eq!(session("999999999999", "AKIDTWO").await.unwrap_err().code, "AccessDenied");
}
