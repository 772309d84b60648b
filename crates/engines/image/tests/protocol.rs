//! The distribution protocol request by request, where a client would not go: broken-off uploads, wrong digests and
//! ranges, indexes, pages of tags; and what the engine makes of the images.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::{collections::BTreeSet, fs, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use image::{Digest, Error, Images, RepositoryId, registry};
use names::{Region, Scope};
use serde_json::{Value, json};
use support::{Built, Fixture, INDEX, MANIFEST, build, descriptor, layer, scope};
use tower::ServiceExt;

/// Speaks to the registry's router without a socket.
struct Client(Router);

impl Client {
    fn new(images: &Images) -> Self {
        Self(registry::router(images.clone()))
    }

    async fn send(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
        self.send_from("127.0.0.1:1".parse().unwrap(), method, uri, headers, body).await
    }

    async fn send_from(
        &self,
        peer: SocketAddr,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(uri).extension(ConnectInfo(peer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    async fn push_blob(&self, repository: &str, bytes: &[u8]) {
        let uri = format!("/v2/{repository}/blobs/uploads/?digest={}", Digest::of(bytes));
        let response = self.send("POST", &uri, &[], bytes.to_vec()).await;
        assert_eq!(response.status(), StatusCode::CREATED);
    }

    async fn push(&self, repository: &str, reference: &str, image: &Built) -> Response {
        for blob in image.layers.iter().chain([&image.config]) {
            self.push_blob(repository, blob).await;
        }
        let uri = format!("/v2/{repository}/manifests/{reference}");
        self.send("PUT", &uri, &[("content-type", MANIFEST)], image.manifest.clone()).await
    }
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn code(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off_even_after_a_restart() {
    let fixture = Fixture::new();
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    let begun = client.send("POST", "/v2/api/blobs/uploads/", &[], "").await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let location = header(&begun, "location").to_owned();
    let appended = client.send("PATCH", &location, &[("content-range", "0-4")], "hello").await;
    assert_eq!((appended.status(), header(&appended, "range")), (StatusCode::ACCEPTED, "0-4"));
    // The connection breaks in the middle of a piece: what came is kept.
    let broken = futures::stream::iter([Ok("wor"), Err(std::io::Error::other("reset"))]);
    let broken = client.send("PATCH", &location, &[], Body::from_stream(broken)).await;
    assert_eq!(code(broken).await, (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID".to_owned()));

    let client = Client::new(&fixture.restarted());
    let status = client.send("GET", &location, &[], "").await;
    assert_eq!((status.status(), header(&status, "range")), (StatusCode::NO_CONTENT, "0-7"));
    let gap = client.send("PATCH", &location, &[("content-range", "9-10")], "ld").await;
    assert_eq!((gap.status(), header(&gap, "range")), (StatusCode::RANGE_NOT_SATISFIABLE, "0-7"));
    let digest = Digest::of(b"helloworld");
    let finished = client.send("PUT", &format!("{location}?digest={digest}"), &[("content-range", "8-9")], "ld").await;
    assert_eq!(finished.status(), StatusCode::CREATED);
    assert_eq!(header(&finished, "docker-content-digest"), digest.to_string());
    let blob = client.send("GET", header(&finished, "location"), &[], "").await;
    assert_eq!(text(blob).await, "helloworld");
    let again = client.send("GET", &location, &[], "").await;
    assert_eq!(again.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn content_that_does_not_match_its_digest_is_not_kept() {
    let fixture = Fixture::new();
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    let uri = format!("/v2/api/blobs/uploads/?digest={}", Digest::of(b"other"));
    let refused = client.send("POST", &uri, &[], "content").await;
    assert_eq!(code(refused).await, (StatusCode::BAD_REQUEST, "DIGEST_INVALID".to_owned()));
    assert_eq!(fixture.blobs(), 0);
    let uri = "/v2/api/blobs/uploads/?digest=sha256:nonsense";
    assert_eq!(code(client.send("POST", uri, &[], "x").await).await.1, "DIGEST_INVALID");
    let cancelled = client.send("POST", "/v2/api/blobs/uploads/", &[], "").await;
    let location = header(&cancelled, "location").to_owned();
    assert_eq!(client.send("DELETE", &location, &[], "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(client.send("DELETE", &location, &[], "").await.status(), StatusCode::NOT_FOUND);
    let huge = vec![0; (64 << 20) + 1];
    let uri = format!("/v2/api/blobs/uploads/?digest={}", Digest::of(&huge));
    assert_eq!(code(client.send("POST", &uri, &[], huge).await).await.1, "SIZE_INVALID");
}

#[tokio::test]
async fn blobs_are_served_in_parts_and_only_by_those_who_have_them() {
    let fixture = Fixture::new();
    fixture.repository("api");
    fixture.repository("other");
    let client = Client::new(&fixture.images);
    client.push_blob("api", b"0123456789").await;
    let digest = Digest::of(b"0123456789");
    let uri = format!("/v2/api/blobs/{digest}");
    let head = client.send("HEAD", &uri, &[], "").await;
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "10"));
    let part = client.send("GET", &uri, &[("range", "bytes=2-4")], "").await;
    assert_eq!((part.status(), header(&part, "content-range")), (StatusCode::PARTIAL_CONTENT, "bytes 2-4/10"));
    assert_eq!(text(part).await, "234");
    let outside = client.send("GET", &uri, &[("range", "bytes=10-")], "").await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let elsewhere = client.send("GET", &format!("/v2/other/blobs/{digest}"), &[], "").await;
    assert_eq!(code(elsewhere).await, (StatusCode::NOT_FOUND, "BLOB_UNKNOWN".to_owned()));
    let mounted = client.send("POST", &format!("/v2/other/blobs/uploads/?mount={digest}&from=api"), &[], "").await;
    assert_eq!(mounted.status(), StatusCode::CREATED);
    let missing = format!("/v2/other/blobs/uploads/?mount={}&from=api", Digest::of(b"no"));
    assert_eq!(client.send("POST", &missing, &[], "").await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn manifests_need_their_content_and_are_found_by_tag_and_digest() {
    let fixture = Fixture::new();
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    let image = build("amd64", &[layer(&[("app", "v1")])]);
    let early = client.send("PUT", "/v2/api/manifests/v1", &[("content-type", MANIFEST)], image.manifest.clone()).await;
    assert_eq!(code(early).await, (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN".to_owned()));
    let pushed = client.push("api", "v1", &image).await;
    let digest = Digest::of(&image.manifest);
    assert_eq!(
        (pushed.status(), header(&pushed, "docker-content-digest")),
        (StatusCode::CREATED, &*digest.to_string())
    );
    for reference in ["v1", &digest.to_string()] {
        let uri = format!("/v2/api/manifests/{reference}");
        let head = client.send("HEAD", &uri, &[], "").await;
        assert_eq!((head.status(), header(&head, "content-type")), (StatusCode::OK, MANIFEST));
        assert_eq!(text(client.send("GET", &uri, &[], "").await).await.as_bytes(), image.manifest);
    }
    let wrong = format!("/v2/api/manifests/{}", Digest::of(b"x"));
    assert_eq!(code(client.send("PUT", &wrong, &[], image.manifest.clone()).await).await.1, "DIGEST_INVALID");
    assert_eq!(code(client.send("GET", &wrong, &[], "").await).await.1, "MANIFEST_UNKNOWN");
    assert_eq!(code(client.send("PUT", "/v2/api/manifests/-", &[], "{}").await).await.1, "TAG_INVALID");
    for body in ["", "[1]", "{\"schemaVersion\":1}"] {
        assert_eq!(code(client.send("PUT", "/v2/api/manifests/v2", &[], body).await).await.1, "MANIFEST_INVALID");
    }
    let large = client.send("PUT", "/v2/api/manifests/v2", &[], vec![b' '; 5 << 20]).await;
    assert_eq!(code(large).await.1, "MANIFEST_INVALID");
    assert_eq!(client.send("DELETE", "/v2/api/manifests/v1", &[], "").await.status(), StatusCode::ACCEPTED);
    assert_eq!(client.send("GET", "/v2/api/manifests/v1", &[], "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(client.send("GET", &format!("/v2/api/manifests/{digest}"), &[], "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_index_gives_the_image_for_this_machine() {
    let fixture = Fixture::with(Duration::ZERO);
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    let (arm, intel) = (build("arm64", &[layer(&[("app", "arm")])]), build("amd64", &[layer(&[("app", "intel")])]));
    let entry = |image: &Built, architecture: &str| {
        let mut entry = descriptor(MANIFEST, &image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    };
    let index = |entries: Vec<Value>| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    let both = index(vec![entry(&arm, "arm64"), entry(&intel, "amd64")]);
    let early = client.send("PUT", "/v2/api/manifests/both", &[("content-type", INDEX)], both.clone()).await;
    assert_eq!(code(early).await.1, "MANIFEST_BLOB_UNKNOWN");
    for image in [&arm, &intel] {
        client.push("api", &Digest::of(&image.manifest).to_string(), image).await;
    }
    let pushed = client.send("PUT", "/v2/api/manifests/both", &[("content-type", INDEX)], both).await;
    assert_eq!(pushed.status(), StatusCode::CREATED);
    client.send("PUT", "/v2/api/manifests/arm", &[], index(vec![entry(&arm, "arm64")])).await;
    // The images of an index are needed though they have no tags, and in each repository that holds them.
    fixture.repository("copy");
    client.push("copy", "intel", &intel).await;
    assert_eq!(fixture.images.collect(&BTreeSet::new()).unwrap().blobs, 0);

    let image = fixture.images.resolve("localhost:4566/api:both", &scope()).await.unwrap();
    assert_eq!(fs::read_to_string(image.layers[0].join("app")).unwrap(), "intel");
    assert_eq!(image.digest, Digest::of(&intel.manifest));
    let wrong = fixture.images.resolve("localhost:4566/api:arm", &scope()).await.unwrap_err();
    assert!(wrong.stopped_reason().starts_with("CannotPullContainerError: image Manifest does not contain"), "{wrong}");
    assert!(wrong.to_string().contains("linux/arm64"));
}

#[tokio::test]
async fn tags_come_in_pages() {
    let fixture = Fixture::new();
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    let image = build("amd64", &[]);
    for tag in ["b", "a", "c"] {
        client.push("api", tag, &image).await;
    }
    let first = client.send("GET", "/v2/api/tags/list?n=2", &[], "").await;
    assert_eq!(header(&first, "link"), "</v2/api/tags/list?n=2&last=b>; rel=\"next\"");
    assert_eq!(text(first).await, r#"{"name":"api","tags":["a","b"]}"#);
    let last = client.send("GET", "/v2/api/tags/list?n=2&last=b", &[], "").await;
    assert!(last.headers().get("link").is_none());
    assert_eq!(text(last).await, r#"{"name":"api","tags":["c"]}"#);
}

#[tokio::test]
async fn without_a_password_only_this_machine_is_served() {
    let fixture = Fixture::new();
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    let base = client.send("GET", "/v2/", &[], "").await;
    assert!(header(&base, "www-authenticate").starts_with("Basic "));
    assert_eq!(base.status(), StatusCode::UNAUTHORIZED);
    let far = "10.0.0.7:1".parse().unwrap();
    let refused = client.send_from(far, "GET", "/v2/api/tags/list", &[], "").await;
    assert_eq!(code(refused).await, (StatusCode::UNAUTHORIZED, "UNAUTHORIZED".to_owned()));
    let mapped = "[::ffff:127.0.0.1]:1".parse().unwrap();
    assert_eq!(client.send_from(mapped, "GET", "/v2/api/tags/list", &[], "").await.status(), StatusCode::OK);

    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("AWS:{}", fixture.password())));
    let headers = [("authorization", basic.as_str())];
    assert_eq!(client.send_from(far, "GET", "/v2/", &headers, "").await.status(), StatusCode::OK);
    assert_eq!(client.send_from(far, "GET", "/v2/api/tags/list", &headers, "").await.status(), StatusCode::OK);
    let bearer = [("authorization", "Bearer x")];
    assert_eq!(client.send("GET", "/v2/api/tags/list", &bearer, "").await.status(), StatusCode::UNAUTHORIZED);

    let unknown = client.send("GET", "/v2/nowhere/tags/list", &[], "").await;
    assert_eq!(code(unknown).await, (StatusCode::NOT_FOUND, "NAME_UNKNOWN".to_owned()));
    assert_eq!(code(client.send("GET", "/v2/UPPER/tags/list", &[], "").await).await.1, "NAME_INVALID");
    let catalogue = client.send("GET", "/v2/_catalog", &headers, "").await;
    assert_eq!(code(catalogue).await, (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED".to_owned()));
}

#[tokio::test]
async fn names_lead_to_our_images_to_built_in_ones_or_to_a_clear_refusal() {
    let fixture = Fixture::new();
    let client = Client::new(&fixture.images);
    fixture.repository("api");
    client.push("api", "latest", &build("amd64", &[layer(&[("app", "v1")])])).await;
    let own = scope();
    let resolve = |name: &'static str| fixture.images.resolve(name, &own);
    for name in ["localhost:1/api", "127.0.0.1:4566/api:latest", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api"] {
        assert!(resolve(name).await.is_ok(), "{name}");
    }
    // A file that names another account's registry runs what was pushed here.
    assert!(resolve("999999999999.dkr.ecr.us-east-1.amazonaws.com/api").await.is_ok());
    let refused = resolve("nginx:1.25").await.unwrap_err().stopped_reason();
    assert!(refused.starts_with("CannotPullContainerError: pull access denied for nginx:1.25"), "{refused}");
    assert!(refused.contains("aws ecr create-repository"), "{refused}");
    assert!(matches!(resolve("localhost/nothing").await, Err(Error::NoRepository { .. })));
    assert!(matches!(resolve("localhost/api:v9").await, Err(Error::NoImage { .. })));
    assert!(matches!(resolve("Not A Name").await, Err(Error::Reference(_))));

    let envoy = "840364872350.dkr.ecr.eu-west-1.amazonaws.com/aws-appmesh-envoy:v1.29.12.1-prod";
    let builtin = resolve(envoy).await.unwrap();
    assert_eq!(builtin.config.entrypoint, ["/bin/serin", "proxy"]);
    assert!(builtin.layers[0].join("bin/sh").exists());
    let theirs = Scope::new("840364872350".parse().unwrap(), Region::new("eu-west-1"));
    fixture.memory.create(&RepositoryId::new(theirs, "aws-appmesh-envoy"));
    assert_eq!(resolve(envoy).await.unwrap(), builtin, "the repository is there, the image is not");
    client.push("aws-appmesh-envoy", "v1.29.12.1-prod", &build("amd64", &[layer(&[("envoy", "x")])])).await;
    assert_eq!(resolve(envoy).await.unwrap().config.entrypoint, ["/app"], "an image of ours comes first");
}

#[tokio::test]
async fn garbage_goes_and_what_is_needed_stays() {
    let fixture = Fixture::with(Duration::ZERO);
    let api = fixture.repository("api");
    let client = Client::new(&fixture.images);
    let (one, two) = (
        build("amd64", &[layer(&[("base", "x")]), layer(&[("app", "v1")])]),
        build("amd64", &[layer(&[("base", "x")]), layer(&[("app", "v2")])]),
    );
    client.push("api", "v1", &one).await;
    client.push("api", "v2", &two).await;
    client.push_blob("api", b"never named by a manifest").await;
    client.send("POST", "/v2/api/blobs/uploads/", &[], "").await;
    fixture.images.resolve("localhost/api:v1", &scope()).await.unwrap();
    let image = fixture.images.resolve("localhost/api:v2", &scope()).await.unwrap();
    let collected = fixture.images.collect(&BTreeSet::new()).unwrap();
    assert_eq!((collected.uploads, collected.blobs, collected.directories), (1, 1, 0));

    let uri = format!("/v2/api/manifests/{}", Digest::of(&one.manifest));
    client.send("DELETE", &uri, &[], "").await;
    let collected = fixture.images.collect(&BTreeSet::new()).unwrap();
    // Its layer, configuration and manifest; the base is shared.
    assert_eq!((collected.uploads, collected.blobs, collected.directories), (0, 3, 1));
    assert_eq!(fixture.images.resolve("localhost/api:v2", &scope()).await.unwrap(), image);

    fixture.memory.delete(&api);
    let in_use = BTreeSet::from([image.layers[1].clone()]);
    assert_eq!(fixture.images.collect(&in_use).unwrap().directories, 1, "a task is made of the other");
    assert!(image.layers[1].join("app").exists());
    let collected = fixture.images.collect(&BTreeSet::new()).unwrap();
    assert_eq!((collected.blobs, collected.directories, fixture.blobs()), (0, 1, 0));
}

#[tokio::test]
async fn content_just_asked_for_is_spared() {
    let fixture = Fixture::new();
    fixture.repository("api");
    let client = Client::new(&fixture.images);
    client.push_blob("api", b"about to be named").await;
    assert_eq!(fixture.images.collect(&BTreeSet::new()).unwrap(), image::Collected::default());
}
