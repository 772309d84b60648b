//! The operations through the wire's in-process dispatch, and the registry beside them, on one store.

use api::{
    Fault, Operation,
    ecr::{self as model, ImageIdentifier},
};
use axum::{body::Body, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Request, StatusCode};
use image::{Digest, Executable, Settings};
use names::{Ids, ManualClock, Region, Scope};
use reconcile::{Controller, Next};
use serde_json::json;
use store::Key;
use tempfile::TempDir;
use tower::ServiceExt;
use wire::Caller;

use super::*;
use crate::controller::Lifecycle;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct House {
    caller: Caller,
    images: Images,
    hand: ManualClock,
    lifecycle: Lifecycle,
    _directory: TempDir,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, hand) = (Store::in_memory().unwrap(), ManualClock::default());
        hand.advance(std::time::Duration::from_secs(1_700_000_000));
        let clock = Clock::Manual(hand.clone());
        let executable = Executable { path: std::env::current_exe().unwrap(), applets: &[], envoy: Vec::new() };
        let settings = Settings::new(directory.path().join("images"), "localhost:4566", executable);
        let records = Arc::new(Records::new(store.clone(), clock.clone()));
        let images = Images::open(settings, records, clock.clone(), &Ids::counting()).unwrap();
        let caller = Caller::default();
        caller.fill([service(store.clone(), clock.clone(), images.clone()).service]);
        Self { caller, images, hand, lifecycle: Lifecycle { store, clock }, _directory: directory }
    }

    async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.caller.call::<Op>(&Scope::default(), request).await
    }

    async fn refused<Op: Operation>(&self, request: Op::Request) -> String {
        match self.call::<Op>(request).await {
            Ok(_) => panic!("{} was not refused", Op::NAME),
            Err(fault) => fault.code,
        }
    }

    async fn create(&self, name: &str) -> model::Repository {
        self.call::<model::CreateRepository>(named(name)).await.unwrap().repository
    }

    /// Sends a request to the registry with the password that the API hands out.
    async fn registry(&self, method: &str, uri: &str, content_type: &str, body: Vec<u8>) -> Response {
        let data = self.call::<model::GetAuthorizationToken>(model::GetAuthorizationTokenRequest::default()).await;
        let token = data.unwrap().authorization_data.remove(0).authorization_token;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Basic {token}"))
            .header("content-type", content_type)
            .body(Body::from(body))
            .unwrap();
        image::registry::router(self.images.clone()).oneshot(request).await.unwrap()
    }

    async fn push_blob(&self, repository: &str, bytes: &[u8]) {
        let uri = format!("/v2/{repository}/blobs/uploads/?digest={}", Digest::of(bytes));
        assert_eq!(self.registry("POST", &uri, "", bytes.to_vec()).await.status(), StatusCode::CREATED);
    }

    /// Pushes an image whose one layer is `content`; answers its digest.
    async fn push(&self, repository: &str, reference: &str, content: &str) -> (StatusCode, Digest) {
        let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
        let config = config.to_string().into_bytes();
        let manifest = manifest(&config, content.as_bytes());
        self.push_blob(repository, &config).await;
        self.push_blob(repository, content.as_bytes()).await;
        let digest = Digest::of(&manifest);
        let reference = if reference.is_empty() { digest.to_string() } else { reference.to_owned() };
        let uri = format!("/v2/{repository}/manifests/{reference}");
        (self.registry("PUT", &uri, MANIFEST, manifest).await.status(), digest)
    }
}

fn manifest(config: &[u8], layer: &[u8]) -> Vec<u8> {
    let descriptor = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len()});
    json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)]})
    .to_string()
    .into_bytes()
}

fn named(name: &str) -> model::CreateRepositoryRequest {
    model::CreateRepositoryRequest { repository_name: name.to_owned(), ..Default::default() }
}

fn tag(tag: &str) -> ImageIdentifier {
    ImageIdentifier { image_tag: Some(tag.to_owned()), image_digest: None }
}

fn describe(name: &str, ids: Vec<ImageIdentifier>) -> model::DescribeImagesRequest {
    model::DescribeImagesRequest { repository_name: name.to_owned(), image_ids: ids, ..Default::default() }
}

#[tokio::test]
async fn a_repository_is_made_described_changed_and_deleted() {
    let house = House::new();
    let made = house.create("project/api").await;
    assert_eq!(made.repository_arn, "arn:aws:ecr:us-east-1:000000000000:repository/project/api");
    assert_eq!(made.repository_uri, "localhost:4566/project/api");
    assert_eq!((made.image_tag_mutability.as_str(), made.registry_id.as_str()), ("MUTABLE", "000000000000"));
    assert_eq!(made.encryption_configuration.encryption_type, "AES256");
    assert_eq!(
        house.refused::<model::CreateRepository>(named("project/api")).await,
        "RepositoryAlreadyExistsException"
    );
    for wrong in ["A", "a", "-a", "a/", "a b", &"a".repeat(257)] {
        assert_eq!(
            house.refused::<model::CreateRepository>(named(wrong)).await,
            "InvalidParameterException",
            "{wrong}"
        );
    }
    house.create("other").await;
    let all = house
        .call::<model::DescribeRepositories>(model::DescribeRepositoriesRequest::default())
        .await
        .unwrap()
        .repositories;
    assert_eq!(all.iter().map(|r| r.repository_name.as_str()).collect::<Vec<_>>(), ["other", "project/api"]);
    let missing = model::DescribeRepositoriesRequest { repository_names: vec!["none".into()], ..Default::default() };
    assert_eq!(house.refused::<model::DescribeRepositories>(missing).await, "RepositoryNotFoundException");
    let elsewhere = Scope { region: Region::new("eu-west-1"), ..Scope::default() };
    let there = house
        .caller
        .call::<model::DescribeRepositories>(&elsewhere, model::DescribeRepositoriesRequest::default())
        .await
        .unwrap();
    assert!(there.repositories.is_empty(), "regions share nothing");

    let delete = |force| model::DeleteRepositoryRequest { repository_name: "other".into(), force, registry_id: None };
    house.push("other", "v1", "content").await;
    assert_eq!(house.refused::<model::DeleteRepository>(delete(false)).await, "RepositoryNotEmptyException");
    house.call::<model::DeleteRepository>(delete(true)).await.unwrap();
    assert_eq!(house.refused::<model::DeleteRepository>(delete(true)).await, "RepositoryNotFoundException");
    house.create("other").await;
    let images = house.call::<model::DescribeImages>(describe("other", Vec::new())).await.unwrap();
    assert!(images.image_details.is_empty(), "nothing comes back with the name");
}

#[tokio::test]
async fn the_password_opens_the_registry() {
    let house = House::new();
    let data = house
        .call::<model::GetAuthorizationToken>(model::GetAuthorizationTokenRequest::default())
        .await
        .unwrap()
        .authorization_data
        .remove(0);
    let decoded = String::from_utf8(BASE64_STANDARD.decode(&data.authorization_token).unwrap()).unwrap();
    // CLI v1's get-login splits it at every colon.
    assert_eq!(decoded.split(':').count(), 2);
    assert!(decoded.starts_with("AWS:"));
    assert_eq!(data.proxy_endpoint, "http://localhost:4566");
    let others = model::GetAuthorizationTokenRequest { registry_ids: vec!["123456789012".into()] };
    assert_eq!(house.refused::<model::GetAuthorizationToken>(others).await, "InvalidParameterException");
    assert_eq!(house.registry("GET", "/v2/", "", Vec::new()).await.status(), StatusCode::OK);
    let nowhere = house.registry("POST", "/v2/nowhere/blobs/uploads/", "", Vec::new()).await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_pushed_is_listed_described_and_deleted() {
    let house = House::new();
    house.create("api").await;
    let (_, one) = house.push("api", "v1", "one").await;
    house.push("api", "stable", "one").await;
    let (_, two) = house.push("api", "", "second").await;
    let list = |status: &str| model::ListImagesRequest {
        repository_name: "api".into(),
        filter: Some(model::ImageFilter { tag_status: Some(status.to_owned()) }),
        ..Default::default()
    };
    for (status, count) in [("ANY", 3), ("TAGGED", 2), ("UNTAGGED", 1)] {
        let listed = house.call::<model::ListImages>(list(status)).await.unwrap().image_ids;
        assert_eq!(listed.len(), count, "{status}");
    }
    assert_eq!(house.refused::<model::ListImages>(list("SOME")).await, "InvalidParameterException");
    let described = house.call::<model::DescribeImages>(describe("api", vec![tag("v1")])).await.unwrap();
    let detail = &described.image_details[0];
    assert_eq!((detail.image_digest.as_str(), detail.image_tags.len()), (one.to_string().as_str(), 2));
    assert_eq!(detail.image_pushed_at.as_millis(), 1_700_000_000_000);
    assert_eq!(
        house.refused::<model::DescribeImages>(describe("api", vec![tag("v9")])).await,
        "ImageNotFoundException"
    );

    let get = |ids, accepted: &[&str]| model::BatchGetImageRequest {
        repository_name: "api".into(),
        image_ids: ids,
        accepted_media_types: accepted.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let ids = vec![tag("v1"), tag("v9"), ImageIdentifier::default()];
    let got = house.call::<model::BatchGetImage>(get(ids, &[MANIFEST])).await.unwrap();
    assert_eq!(Digest::of(got.images[0].image_manifest.as_bytes()), one);
    let codes: Vec<_> = got.failures.iter().map(|failure| failure.failure_code.as_str()).collect();
    assert_eq!(codes, ["ImageNotFound", "MissingDigestAndTag"]);
    let got = house.call::<model::BatchGetImage>(get(vec![tag("v1")], &[INDEX])).await.unwrap();
    assert_eq!((got.images.len(), got.failures.len()), (0, 1));

    let delete =
        |id| model::BatchDeleteImageRequest { repository_name: "api".into(), image_ids: vec![id], registry_id: None };
    house.call::<model::BatchDeleteImage>(delete(tag("v1"))).await.unwrap();
    let left = house.call::<model::DescribeImages>(describe("api", vec![tag("stable")])).await.unwrap();
    assert_eq!(left.image_details[0].image_tags, ["stable"], "the other tag stays, and the image with it");
    house.call::<model::BatchDeleteImage>(delete(tag("stable"))).await.unwrap();
    let left = house.call::<model::DescribeImages>(describe("api", Vec::new())).await.unwrap().image_details;
    assert_eq!(left.iter().map(|d| d.image_digest.clone()).collect::<Vec<_>>(), [two.to_string()]);
}

#[tokio::test]
async fn images_are_put_by_the_api_too() {
    let house = House::new();
    house.create("api").await;
    let manifest = String::from_utf8(manifest(b"{}", b"layer")).unwrap();
    let put = |tag: &str, digest: Option<String>| model::PutImageRequest {
        repository_name: "api".into(),
        image_manifest: manifest.clone(),
        image_tag: Some(tag.to_owned()),
        image_digest: digest,
        ..Default::default()
    };
    assert_eq!(house.refused::<model::PutImage>(put("v1", None)).await, "LayersNotFoundException");
    house.push_blob("api", b"{}").await;
    house.push_blob("api", b"layer").await;
    let layers = model::BatchCheckLayerAvailabilityRequest {
        repository_name: "api".into(),
        layer_digests: vec![Digest::of(b"layer").to_string(), Digest::of(b"other").to_string(), "nonsense".into()],
        registry_id: None,
    };
    let checked = house.call::<model::BatchCheckLayerAvailability>(layers).await.unwrap();
    let found: Vec<_> = checked.layers.iter().map(|l| (l.layer_availability.as_str(), l.layer_size)).collect();
    assert_eq!(found, [("AVAILABLE", Some(5)), ("UNAVAILABLE", None)]);
    assert_eq!(checked.failures[0].failure_code, "InvalidLayerDigest");

    let image = house.call::<model::PutImage>(put("v1", None)).await.unwrap().image;
    assert_eq!(image.image_id.image_tag.as_deref(), Some("v1"));
    assert_eq!(house.refused::<model::PutImage>(put("v1", None)).await, "ImageAlreadyExistsException");
    let wrong = Some(Digest::of(b"x").to_string());
    assert_eq!(house.refused::<model::PutImage>(put("v2", wrong)).await, "ImageDigestDoesNotMatchException");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": Digest::of(b"missing").to_string(), "size": 1}]});
    let index = model::PutImageRequest { image_manifest: index.to_string(), ..put("v3", None) };
    assert_eq!(house.refused::<model::PutImage>(index).await, "ReferencedImagesNotFoundException");
}

#[tokio::test]
async fn immutable_tags_stay_but_for_the_excluded() {
    let house = House::new();
    let exclusion = model::ExclusionFilter { filter_type: "WILDCARD".into(), filter: "dev-*".into() };
    let create = model::CreateRepositoryRequest {
        image_tag_mutability: Some("IMMUTABLE_WITH_EXCLUSION".into()),
        image_tag_mutability_exclusion_filters: vec![exclusion],
        ..named("api")
    };
    house.call::<model::CreateRepository>(create).await.unwrap();
    assert_eq!(house.push("api", "v1", "one").await.0, StatusCode::CREATED);
    assert_eq!(house.push("api", "v1", "two").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(house.push("api", "v1", "one").await.0, StatusCode::CREATED, "the same image may come again");
    assert_eq!(house.push("api", "dev-1", "one").await.0, StatusCode::CREATED);
    assert_eq!(house.push("api", "dev-1", "two").await.0, StatusCode::CREATED);
    let set = |mutability: &str| model::PutImageTagMutabilityRequest {
        repository_name: "api".into(),
        image_tag_mutability: mutability.to_owned(),
        ..Default::default()
    };
    assert_eq!(house.refused::<model::PutImageTagMutability>(set("SOMETIMES")).await, "InvalidParameterException");
    house.call::<model::PutImageTagMutability>(set("MUTABLE")).await.unwrap();
    assert_eq!(house.push("api", "v1", "two").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_lifecycle_policy_is_applied() {
    let house = House::new();
    house.create("api").await;
    for (tag, content) in [("v1", "one"), ("v2", "two"), ("v3", "three")] {
        house.push("api", tag, content).await;
        house.hand.advance(std::time::Duration::from_mins(1));
    }
    let policy = json!({"rules": [{"rulePriority": 1, "description": "keep one", "action": {"type": "expire"},
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}}]});
    let put = |text: String| model::PutLifecyclePolicyRequest {
        repository_name: "api".into(),
        lifecycle_policy_text: text,
        registry_id: None,
    };
    assert_eq!(house.refused::<model::PutLifecyclePolicy>(put("{}".into())).await, "InvalidParameterException");
    house.call::<model::PutLifecyclePolicy>(put(policy.to_string())).await.unwrap();
    let key = Key::new(&Scope::default(), "api");
    let tags = || async {
        let described = house.call::<model::DescribeImages>(describe("api", Vec::new())).await.unwrap();
        let mut tags: Vec<_> = described.image_details.into_iter().flat_map(|detail| detail.image_tags).collect();
        tags.sort();
        tags
    };
    assert!(matches!(house.lifecycle.reconcile(&key).await.unwrap(), Next::After(_)));
    assert_eq!(tags().await, ["v1", "v2", "v3"], "nothing goes that was pushed within the hour");
    house.hand.advance(std::time::Duration::from_hours(1));
    house.lifecycle.reconcile(&key).await.unwrap();
    assert_eq!(tags().await, ["v3"]);
    let get = || model::RepositoryRequest { repository_name: "api".into(), registry_id: None };
    let got = house.call::<model::GetLifecyclePolicy>(get()).await.unwrap();
    assert_eq!(got.last_evaluated_at.map(names::Timestamp::as_millis), Some(1_700_003_780_000));
    house.call::<model::DeleteLifecyclePolicy>(get()).await.unwrap();
    assert_eq!(house.refused::<model::GetLifecyclePolicy>(get()).await, "LifecyclePolicyNotFoundException");
    assert_eq!(house.lifecycle.reconcile(&key).await.unwrap(), Next::Settled);
    assert!(house.lifecycle.keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn policies_and_tags_are_kept() {
    let house = House::new();
    let arn = house.create("api").await.repository_arn;
    let get = || model::RepositoryRequest { repository_name: "api".into(), registry_id: None };
    assert_eq!(house.refused::<model::GetRepositoryPolicy>(get()).await, "RepositoryPolicyNotFoundException");
    let set = model::SetRepositoryPolicyRequest {
        repository_name: "api".into(),
        policy_text: "{\"Version\":\"2012-10-17\"}".into(),
        ..Default::default()
    };
    house.call::<model::SetRepositoryPolicy>(set).await.unwrap();
    assert!(house.call::<model::GetRepositoryPolicy>(get()).await.unwrap().policy_text.contains("2012"));
    house.call::<model::DeleteRepositoryPolicy>(get()).await.unwrap();

    let pair = |key: &str| model::Tag { key: key.to_owned(), value: "v".to_owned() };
    let tags = |tags| model::TagResourceRequest { resource_arn: arn.clone(), tags };
    house.call::<model::TagResource>(tags(vec![pair("a"), pair("b")])).await.unwrap();
    let untag = model::UntagResourceRequest { resource_arn: arn.clone(), tag_keys: vec!["a".into()] };
    house.call::<model::UntagResource>(untag).await.unwrap();
    let list = model::ListTagsForResourceRequest { resource_arn: arn.clone() };
    assert_eq!(house.call::<model::ListTagsForResource>(list).await.unwrap().tags, [pair("b")]);
    let many = (0..51).map(|number| pair(&number.to_string())).collect();
    assert_eq!(house.refused::<model::TagResource>(tags(many)).await, "TooManyTagsException");
    assert_eq!(house.refused::<model::TagResource>(tags(vec![pair("")])).await, "InvalidTagParameterException");
    let wrong =
        model::ListTagsForResourceRequest { resource_arn: "arn:aws:ecs:us-east-1:000000000000:cluster/x".into() };
    assert_eq!(house.refused::<model::ListTagsForResource>(wrong).await, "InvalidParameterException");
}
