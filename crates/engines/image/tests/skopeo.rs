//! A real client against the registry: skopeo pushes, pulls, inspects and deletes. It fails where skopeo is missing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::{net::SocketAddr, path::Path, process::Output};

use image::{Digest, Error, RepositoryId};
use names::{Clock, Region, Scope};
use support::{Fixture, build, layer, scope, serve, write_layout};
use tokio::process::Command;

async fn skopeo(arguments: &[&str]) -> Output {
    let output = Command::new("skopeo").arg("--insecure-policy").args(arguments).output().await;
    output.expect("this test needs skopeo (apt-get install skopeo)")
}

async fn succeeds(arguments: &[&str]) -> String {
    let output = skopeo(arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "skopeo {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

async fn fails(arguments: &[&str]) -> String {
    let output = skopeo(arguments).await;
    assert!(!output.status.success(), "skopeo {arguments:?} should have failed");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct Registry {
    fixture: Fixture,
    address: SocketAddr,
    credentials: String,
    layout: tempfile::TempDir,
}

impl Registry {
    async fn new() -> Self {
        let fixture = Fixture::new();
        let address = serve(fixture.images.clone()).await;
        let credentials = format!("AWS:{}", fixture.password());
        let layout = tempfile::tempdir().unwrap();
        let v1 = build("amd64", &[layer(&[("app", "base"), ("etc/os", "x")]), layer(&[("app", "v1")])]);
        let v2 = build("amd64", &[layer(&[("app", "base"), ("etc/os", "x")]), layer(&[("app", "v2")])]);
        write_layout(layout.path(), &[("v1", &v1), ("v2", &v2)]);
        Self { fixture, address, credentials, layout }
    }

    fn local(&self, tag: &str) -> String {
        format!("oci:{}:{tag}", self.layout.path().display())
    }

    fn remote(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.address)
    }

    async fn push(&self, tag: &str, name: &str, more: &[&str]) -> String {
        let (from, to) = (self.local(tag), self.remote(name));
        let mut arguments = vec!["copy", "--dest-tls-verify=false", "--dest-creds", &self.credentials];
        arguments.extend(more);
        arguments.extend([from.as_str(), to.as_str()]);
        succeeds(&arguments).await
    }

    async fn run(&self, tag: &str) -> image::Image {
        self.fixture.images.resolve(&format!("{}/{tag}", self.address), &scope()).await.unwrap()
    }
}

fn read(image: &image::Image, path: &str) -> String {
    let layer = image.layers.iter().rev().find(|layer| layer.join(path).exists()).expect("no layer has it");
    std::fs::read_to_string(layer.join(path)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_pulled_and_run() {
    let registry = Registry::new().await;
    registry.fixture.repository("project/api");
    registry.push("v1", "project/api:v1", &[]).await;
    registry.push("v2", "project/api:v2", &[]).await;
    assert_eq!(registry.fixture.blobs(), 7, "three layers, two configurations, two manifests: the base is shared");

    let (one, two) = (registry.run("project/api:v1").await, registry.run("project/api:v2").await);
    assert_eq!((read(&one, "app"), read(&two, "app"), read(&two, "etc/os")), ("v1".into(), "v2".into(), "x".into()));
    assert_eq!(one.layers[0], two.layers[0], "the base is unpacked once");
    assert_eq!(one.config.entrypoint, ["/app"]);
    assert_eq!(one.config.command, ["--port", "3000"]);
    assert_eq!((one.config.user.as_str(), one.config.working_directory.as_str()), ("1000:1000", "/srv"));
    assert_eq!(one.config.exposed_ports, ["2000/udp", "3000/tcp"]);
    assert_eq!(one.config.stop_signal.as_deref(), Some("SIGINT"));

    let remote = registry.remote("project/api:v1");
    let pulled = tempfile::tempdir().unwrap();
    let target = format!("dir:{}", pulled.path().display());
    succeeds(&["copy", "--src-tls-verify=false", "--src-creds", &registry.credentials, &remote, &target]).await;
    let manifest = std::fs::read(pulled.path().join("manifest.json")).unwrap();
    assert_eq!(Digest::of(&manifest), one.digest, "byte for byte");

    let tags = ["list-tags", "--tls-verify=false", "--creds", &registry.credentials];
    let listed = succeeds(&[&tags[..], &[&registry.remote("project/api")]].concat()).await;
    assert!(listed.contains("\"v1\"") && listed.contains("\"v2\""), "{listed}");
    succeeds(&["delete", "--tls-verify=false", "--creds", &registry.credentials, &remote]).await;
    let gone = registry.fixture.images.resolve("localhost/project/api:v1", &scope()).await.unwrap_err();
    assert!(matches!(gone, Error::NoImage { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_and_compression_is_taken() {
    let registry = Registry::new().await;
    registry.fixture.repository("api");
    registry.push("v1", "api:docker", &["--format", "v2s2"]).await;
    registry.push("v1", "api:zstd", &["--dest-compress-format", "zstd"]).await;
    for tag in ["docker", "zstd"] {
        assert_eq!(read(&registry.run(&format!("api:{tag}")).await, "app"), "v1", "{tag}");
    }
    let unpacked = tempfile::tempdir().unwrap();
    let target = format!("dir:{}", unpacked.path().display());
    succeeds(&["copy", "--dest-decompress", &registry.local("v2"), &target]).await;
    let plain = registry.remote("api:plain");
    succeeds(&["copy", "--dest-tls-verify=false", "--dest-creds", &registry.credentials, &target, &plain]).await;
    assert_eq!(read(&registry.run("api:plain").await, "app"), "v2");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_mounted_from_another_repository() {
    let registry = Registry::new().await;
    registry.fixture.repository("one");
    registry.fixture.repository("two");
    registry.push("v1", "one:v1", &[]).await;
    let before = registry.fixture.blobs();
    let (from, to) = (registry.remote("one:v1"), registry.remote("two:v1"));
    let credentials = &registry.credentials;
    let insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let keys = ["--src-creds", credentials, "--dest-creds", credentials];
    succeeds(&[&["copy"], &insecure[..], &keys[..], &[&from, &to]].concat()).await;
    assert_eq!(registry.fixture.blobs(), before);
    assert_eq!(read(&registry.run("two:v1").await, "app"), "v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_must_exist_and_immutable_tags_stay() {
    let registry = Registry::new().await;
    let (from, to) = (registry.local("v1"), registry.remote("nowhere:v1"));
    let arguments = ["copy", "--dest-tls-verify=false", "--dest-creds", &registry.credentials];
    let said = fails(&[&arguments[..], &[&from, &to]].concat()).await;
    assert!(said.contains("repository with name 'nowhere' does not exist"), "{said}");

    registry.fixture.memory.create_immutable(&RepositoryId::new(scope(), "fixed"));
    registry.push("v1", "fixed:v1", &[]).await;
    registry.push("v1", "fixed:v1", &[]).await;
    let (from, to) = (registry.local("v2"), registry.remote("fixed:v1"));
    let said = fails(&[&arguments[..], &[&from, &to]].concat()).await;
    assert!(said.contains("immutable"), "{said}");
    assert_eq!(read(&registry.run("fixed:v1").await, "app"), "v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_says_whose_repository_is_meant() {
    let registry = Registry::new().await;
    registry.fixture.repository("api");
    let (from, to) = (registry.local("v1"), registry.remote("api:v1"));
    let push = ["copy", "--dest-tls-verify=false"];
    // Without a password, as long as one scope alone has the repository.
    succeeds(&[&push[..], &[&from, &to]].concat()).await;
    assert_eq!(read(&registry.run("api:v1").await, "app"), "v1");

    let other = Scope::new("210987654321".parse().unwrap(), Region::new("us-east-1"));
    registry.fixture.memory.create(&RepositoryId::new(other.clone(), "api"));
    let said = fails(&[&push[..], &[&from, &to]].concat()).await;
    assert!(said.contains("several accounts or regions") || said.contains("unauthorized"), "{said}");

    let (password, _) = registry.fixture.images.tokens().issue(&other, Clock::System.now());
    let credentials = format!("AWS:{password}");
    let from_v2 = registry.local("v2");
    succeeds(&[&push[..], &["--dest-creds", &credentials, &from_v2, &to]].concat()).await;
    let theirs = registry.fixture.images.resolve("localhost/api:v1", &other).await.unwrap();
    assert_eq!(read(&theirs, "app"), "v2");
    assert_eq!(read(&registry.run("api:v1").await, "app"), "v1", "ours is untouched");

    let said = fails(&[&push[..], &["--dest-creds", "AWS:wrong", &from, &to]].concat()).await;
    assert!(said.contains("unauthorized") || said.contains("get-login-password"), "{said}");
    let host = registry.address.to_string();
    let file = registry.layout.path().join("auth.json");
    let login = ["login", "--tls-verify=false", "--authfile", path(&file), "-u", "AWS", "-p"];
    succeeds(&[&login[..], &[&registry.fixture.password(), &host]].concat()).await;
    fails(&[&login[..], &["wrong", &host]].concat()).await;
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
