//! What the tests of the engine share: repositories kept in memory, a running registry, and images made on the spot.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use image::{
    Digest, Executable, Images, Limits, ManifestRecord, Repositories, RepositoriesError, RepositoryId, Selector,
    Settings,
};
use names::{Clock, Ids, Region, Scope, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Default)]
struct Repository {
    manifests: BTreeMap<Digest, ManifestRecord>,
    tags: BTreeMap<String, Digest>,
    links: BTreeMap<Digest, Timestamp>,
    immutable: bool,
}

/// Repositories in a map.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<RepositoryId, Repository>>);

impl Memory {
    pub(crate) fn create(&self, id: &RepositoryId) {
        self.0.lock().unwrap().entry(id.clone()).or_default();
    }

    pub(crate) fn create_immutable(&self, id: &RepositoryId) {
        self.0.lock().unwrap().entry(id.clone()).or_default().immutable = true;
    }

    pub(crate) fn delete(&self, id: &RepositoryId) {
        self.0.lock().unwrap().remove(id);
    }

    fn with<T>(
        &self,
        id: &RepositoryId,
        act: impl FnOnce(&mut Repository) -> Result<T, RepositoriesError>,
    ) -> Result<T, RepositoriesError> {
        match self.0.lock().unwrap().get_mut(id) {
            Some(repository) => act(repository),
            None => Err(RepositoriesError::NotFound(id.clone())),
        }
    }
}

impl Repositories for Memory {
    fn scopes_with(&self, name: &str) -> Result<Vec<Scope>, RepositoriesError> {
        let all = self.0.lock().unwrap();
        Ok(all.keys().filter(|id| id.name == name).map(|id| id.scope.clone()).collect())
    }

    fn exists(&self, repository: &RepositoryId) -> Result<bool, RepositoriesError> {
        Ok(self.0.lock().unwrap().contains_key(repository))
    }

    fn link(&self, repository: &RepositoryId, content: &Digest, _: u64) -> Result<(), RepositoriesError> {
        self.with(repository, |repository| {
            repository.links.insert(content.clone(), Clock::System.now());
            Ok(())
        })
    }

    fn is_linked(&self, repository: &RepositoryId, content: &Digest) -> Result<bool, RepositoriesError> {
        self.with(repository, |repository| Ok(repository.links.contains_key(content)))
    }

    fn put(&self, id: &RepositoryId, manifest: &ManifestRecord, tag: Option<&str>) -> Result<(), RepositoriesError> {
        self.with(id, |repository| {
            if let Some(tag) = tag {
                let other = repository.tags.get(tag).is_some_and(|digest| *digest != manifest.digest);
                if repository.immutable && other {
                    return Err(RepositoriesError::TagImmutable {
                        repository: Box::new(id.clone()),
                        tag: tag.to_owned(),
                    });
                }
                repository.tags.insert(tag.to_owned(), manifest.digest.clone());
            }
            repository.manifests.insert(manifest.digest.clone(), manifest.clone());
            Ok(())
        })
    }

    fn find(&self, id: &RepositoryId, selector: &Selector) -> Result<Option<ManifestRecord>, RepositoriesError> {
        self.with(id, |repository| {
            let digest = match selector {
                Selector::Tag(tag) => repository.tags.get(tag),
                Selector::Digest(digest) => Some(digest),
            };
            Ok(digest.and_then(|digest| repository.manifests.get(digest)).cloned())
        })
    }

    fn remove(&self, id: &RepositoryId, selector: &Selector) -> Result<bool, RepositoriesError> {
        self.with(id, |repository| {
            Ok(match selector {
                Selector::Tag(tag) => repository.tags.remove(tag).is_some(),
                Selector::Digest(digest) => {
                    repository.tags.retain(|_, tagged| tagged != digest);
                    repository.manifests.remove(digest).is_some()
                }
            })
        })
    }

    fn tags(&self, id: &RepositoryId) -> Result<Vec<String>, RepositoriesError> {
        self.with(id, |repository| Ok(repository.tags.keys().cloned().collect()))
    }

    fn manifests(&self) -> Result<Vec<(RepositoryId, Digest)>, RepositoriesError> {
        let all = self.0.lock().unwrap();
        Ok(all.iter().flat_map(|(id, r)| r.manifests.keys().map(|digest| (id.clone(), digest.clone()))).collect())
    }

    fn unlink_unused(
        &self,
        used: &HashSet<(RepositoryId, Digest)>,
        before: Timestamp,
    ) -> Result<HashSet<Digest>, RepositoriesError> {
        let mut all = self.0.lock().unwrap();
        for (id, repository) in all.iter_mut() {
            repository.links.retain(|digest, at| used.contains(&(id.clone(), digest.clone())) || *at >= before);
        }
        Ok(all.values().flat_map(|repository| repository.links.keys().cloned()).collect())
    }
}

/// An engine with its data in a directory that goes away with it.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) memory: Arc<Memory>,
    pub(crate) images: Images,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Duration::from_hours(1))
    }

    pub(crate) fn with(grace: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let memory = Arc::new(Memory::default());
        let images = open(directory.path(), Arc::clone(&memory), grace);
        Self { directory, memory, images }
    }

    /// The engine as a new process would find it.
    pub(crate) fn restarted(&self) -> Images {
        open(self.directory.path(), Arc::clone(&self.memory), Duration::from_hours(1))
    }

    pub(crate) fn repository(&self, name: &str) -> RepositoryId {
        let id = RepositoryId::new(scope(), name);
        self.memory.create(&id);
        id
    }

    pub(crate) fn password(&self) -> String {
        self.images.tokens().issue(&scope(), Clock::System.now()).0
    }

    pub(crate) fn blobs(&self) -> usize {
        fs::read_dir(self.directory.path().join("images/blobs/sha256")).unwrap().count()
    }
}

fn open(directory: &Path, memory: Arc<Memory>, grace: Duration) -> Images {
    let executable = Executable { path: std::env::current_exe().unwrap(), applets: &["sh"], envoy: Vec::new() };
    let settings = Settings {
        limits: Limits { blob_bytes: 64 << 20, ..Limits::default() },
        grace,
        upload_lifetime: grace,
        ..Settings::new(directory.join("images"), "localhost:4566", executable)
    };
    Images::open(settings, memory, Clock::System, &Ids::new(rand::random)).unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope::new("123456789012".parse().unwrap(), Region::new("eu-west-1"))
}

/// Serves the registry on a port of the loopback until the test ends.
pub(crate) async fn serve(images: Images) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = image::registry::router(images).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A layer's archive, plain.
pub(crate) fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image as content to push: blobs, and the manifest last.
pub(crate) struct Built {
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
}

pub(crate) fn build(architecture: &str, layers: &[Vec<u8>]) -> Built {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = json!({"architecture": architecture, "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "config": {"Entrypoint": ["/app"], "Cmd": ["--port", "3000"], "Env": ["A=b"], "User": "1000:1000",
            "WorkingDir": "/srv", "ExposedPorts": {"3000/tcp": {}, "2000/udp": {}}, "StopSignal": "SIGINT",
            "Labels": null, "Volumes": null}})
    .to_string()
    .into_bytes();
    let packed: Vec<_> = layers.iter().map(|layer| gzip(layer)).collect();
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": packed.iter().map(|layer| descriptor(kind, layer)).collect::<Vec<_>>()})
    .to_string()
    .into_bytes();
    Built { layers: packed, config, manifest }
}

/// Writes images as an OCI image directory, which skopeo reads; each under its tag.
pub(crate) fn write_layout(directory: &Path, images: &[(&str, &Built)]) {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let mut manifests = Vec::new();
    for (tag, image) in images {
        for blob in image.layers.iter().chain([&image.config, &image.manifest]) {
            fs::write(blobs.join(Digest::of(blob).hex()), blob).unwrap();
        }
        let mut entry = descriptor(MANIFEST, &image.manifest);
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        manifests.push(entry);
    }
    fs::write(directory.join("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}).to_string()).unwrap();
    fs::write(directory.join("index.json"), json!({"schemaVersion": 2, "manifests": manifests}).to_string()).unwrap();
}
