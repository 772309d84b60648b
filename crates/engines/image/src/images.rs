//! The door of the engine: everything of `<data>/images` in one handle.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use names::{Clock, Ids, Scope};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    Digest, Error, Executable, Image, Limits, ManifestRecord, ParseManifestError, Repositories, RepositoriesError,
    RepositoryId, Tokens,
    builtin::Builtins,
    content::Content,
    layer::Layers,
    manifest::{Document, MANIFEST_SIZE_MAX},
    upload::Uploads,
};

/// How many images are unpacked at a time: more would only share the disk.
const PULLS_MAX: usize = 2;

/// Where the engine keeps things, and within what bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `<data>/images`.
    pub directory: PathBuf,
    /// The host and port under which clients and task definitions know the registry: `localhost:4566`.
    pub registry: String,
    /// What the built-in images are made of.
    pub executable: Executable,
    /// How large pushed and unpacked content may be.
    pub limits: Limits,
    /// Whether requests from this machine may come without a password. Tasks are on it too.
    pub trusts_loopback: bool,
    /// How long content stays that no image needs.
    pub grace: Duration,
    /// How long an upload stays that nobody goes on with.
    pub upload_lifetime: Duration,
}

impl Settings {
    /// Settings with the usual bounds: content no image needs stays an hour, as does an abandoned upload.
    pub fn new(directory: impl Into<PathBuf>, registry: impl Into<String>, executable: Executable) -> Self {
        let hour = Duration::from_hours(1);
        Self {
            directory: directory.into(),
            registry: registry.into(),
            executable,
            limits: Limits::default(),
            trusts_loopback: true,
            grace: hour,
            upload_lifetime: hour,
        }
    }
}

/// The engine. Clones share it.
#[derive(Clone)]
pub struct Images(pub(crate) Arc<Shared>);

/// What all clones share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) repositories: Arc<dyn Repositories>,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) content: Content,
    pub(crate) uploads: Uploads,
    pub(crate) layers: Layers,
    pub(crate) builtins: Builtins,
    /// Held shared while content is given a row that keeps it, alone while content without rows is removed.
    pub(crate) collecting: RwLock<()>,
    /// When directories were last handed out, by the digest they are named by: a task may be about to mount them.
    pub(crate) handed_out: Mutex<HashMap<Digest, Instant>>,
    pulls: Semaphore,
}

/// Why a manifest is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutManifestError {
    /// It is no manifest.
    #[error(transparent)]
    Parse(#[from] ParseManifestError),
    /// It is larger than manifests may be.
    #[error("the manifest is larger than {MANIFEST_SIZE_MAX} bytes")]
    TooLarge,
    /// Its digest is not the one it was to have.
    #[error("the manifest hashes to {actual}, not to {asked}")]
    Digest {
        /// What it should be.
        asked: Digest,
        /// What it is.
        actual: Digest,
    },
    /// It needs layers that were not pushed to the repository.
    #[error("Layers with digests '{0}' required for pushed image do not exist: push them first")]
    MissingLayers(String),
    /// It names images that were not pushed to the repository.
    #[error("Images with digests '{0}' required for pushing image into repository do not exist at this time")]
    MissingImages(String),
    /// The repository refuses.
    #[error(transparent)]
    Repositories(#[from] RepositoriesError),
    /// The disk refuses.
    #[error("the manifest can't be stored: {0}")]
    Io(#[from] io::Error),
}

impl Images {
    /// Opens the engine. What a crash left half done is cleared away.
    pub fn open(settings: Settings, repositories: Arc<dyn Repositories>, clock: Clock, ids: &Ids) -> io::Result<Self> {
        let directory = &settings.directory;
        let content = Content::open(directory, ids.clone())?;
        Ok(Self(Arc::new(Shared {
            tokens: Tokens::open(directory, ids)?,
            uploads: Uploads::open(directory, ids.clone(), settings.limits.blob_bytes)?,
            layers: Layers::open(directory, &content, settings.limits.clone())?,
            builtins: Builtins::open(directory, settings.executable.clone())?,
            content,
            repositories,
            clock,
            collecting: RwLock::default(),
            handed_out: Mutex::default(),
            pulls: Semaphore::new(PULLS_MAX),
            settings,
        })))
    }

    /// The host and port of the registry: what `repositoryUri` begins with.
    pub fn registry(&self) -> &str {
        &self.0.settings.registry
    }

    /// The passwords that `docker login` takes.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// The image a task of `scope` means by `reference`, its layers unpacked.
    ///
    /// An image of that name in our registry comes before a built-in one of the same name.
    pub async fn resolve(&self, reference: &str, scope: &Scope) -> Result<Image, Error> {
        let _permit = self.0.pulls.acquire().await.map_err(io::Error::other)?;
        let (shared, reference, scope) = (Arc::clone(&self.0), reference.to_owned(), scope.clone());
        let pulled = spawn_blocking(move || shared.pull(&reference, &scope)).await;
        pulled.unwrap_or_else(|error| Err(Error::Io(io::Error::other(error))))
    }

    /// Takes a manifest into `repository` under `tag`, once everything it needs is there. Blocks.
    pub fn put_manifest(
        &self,
        repository: &RepositoryId,
        media_type: Option<&str>,
        bytes: &[u8],
        tag: Option<&str>,
        asked: Option<&Digest>,
    ) -> Result<ManifestRecord, PutManifestError> {
        if bytes.len() as u64 > MANIFEST_SIZE_MAX {
            return Err(PutManifestError::TooLarge);
        }
        let actual = Digest::of(bytes);
        if let Some(asked) = asked.filter(|asked| **asked != actual) {
            return Err(PutManifestError::Digest { asked: asked.clone(), actual });
        }
        let (document, media_type) = Document::parse(media_type, bytes)?;
        let _kept = self.0.collecting.read().unwrap_or_else(PoisonError::into_inner);
        let record = ManifestRecord {
            size: self.0.check_content(repository, &document)?,
            children: document.children()?,
            config_media_type: document.config_media_type(),
            digest: self.0.content.put(bytes)?,
            media_type,
        };
        self.0.repositories.put(repository, &record, tag)?;
        Ok(record)
    }

    /// A manifest, byte for byte as it was pushed.
    pub fn manifest(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        self.0.content.read(digest, MANIFEST_SIZE_MAX)
    }

    /// The size in bytes of what is stored under `digest`, if it is.
    pub fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        self.0.content.size(digest)
    }
}

impl Shared {
    /// Makes sure that the repository holds all that a manifest needs; answers the image's size.
    fn check_content(&self, repository: &RepositoryId, document: &Document) -> Result<u64, PutManifestError> {
        let mut missing = Vec::new();
        let mut size = 0;
        for (digest, _) in document.content()? {
            match self.content.size(&digest)? {
                Some(stored) if self.repositories.is_linked(repository, &digest)? => size += stored,
                _ => missing.push(digest.to_string()),
            }
        }
        if !missing.is_empty() {
            return Err(PutManifestError::MissingLayers(missing.join(", ")));
        }
        for digest in document.children()? {
            match self.repositories.find(repository, &crate::Selector::Digest(digest.clone()))? {
                Some(child) => size = size.max(child.size),
                None => missing.push(digest.to_string()),
            }
        }
        if missing.is_empty() { Ok(size) } else { Err(PutManifestError::MissingImages(missing.join(", "))) }
    }

    pub(crate) fn handed_out(&self) -> MutexGuard<'_, HashMap<Digest, Instant>> {
        self.handed_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
