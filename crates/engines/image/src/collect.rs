//! The collector: removes content that nothing needs.
//!
//! What is needed is computed anew each time from the repositories' rows, so nothing has to be counted and nothing can
//! be counted wrong. Content is kept while a manifest needs it; a layer's directory also while a task is made of it, which
//! the caller says; and all of it for a grace, because a client that found a layer there a minute ago will name it in a
//! manifest a minute from now, and a task that was handed an image is about to mount it.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsStr,
    io,
    path::PathBuf,
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use oci_spec::image::ImageConfiguration;
use tracing::{info, warn};

use crate::{
    Digest, Images, RepositoriesError, RepositoryId,
    content::remove_tree,
    images::Shared,
    manifest::{self, Document, MANIFEST_SIZE_MAX},
};

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Abandoned uploads.
    pub uploads: usize,
    /// Pushed content.
    pub blobs: usize,
    /// Unpacked layers and built-in root file systems.
    pub directories: usize,
}

/// Why a collection stopped; what it removed until then was not needed, and the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The rows can't be read.
    #[error(transparent)]
    Repositories(#[from] RepositoriesError),
    /// The disk refused.
    #[error("the image store can't be cleared up: {0}")]
    Io(#[from] io::Error),
}

/// What the manifests of all repositories need.
#[derive(Default)]
struct Needed {
    /// Layers and configurations, by the repository that must hold them.
    links: HashSet<(RepositoryId, Digest)>,
    /// All content: those and the manifests themselves.
    blobs: HashSet<Digest>,
    /// Unpacked layers.
    diff_ids: HashSet<Digest>,
}

impl Images {
    /// Removes what nothing needs; `in_use` are the directories that tasks are made of, running or about to. Blocks.
    pub fn collect(&self, in_use: &BTreeSet<PathBuf>) -> Result<Collected, CollectError> {
        let shared = &self.0;
        let uploads = shared.uploads.expire(shared.settings.upload_lifetime)?;
        let (blobs, retired) = {
            let _alone = shared.collecting.write().unwrap_or_else(PoisonError::into_inner);
            let needed = shared.needed()?;
            (shared.collect_blobs(&needed)?, shared.retire_directories(&needed, in_use)?)
        };
        for path in &retired {
            remove_tree(path)?;
        }
        let collected = Collected { uploads, blobs, directories: retired.len() };
        if collected != Collected::default() {
            info!(uploads, blobs, directories = collected.directories, "Images cleared up.");
        }
        Ok(collected)
    }
}

impl Shared {
    fn needed(&self) -> Result<Needed, CollectError> {
        let mut needed = Needed::default();
        for (repository, digest) in self.repositories.manifests()? {
            self.need(&repository, &digest, &mut needed)?;
            needed.blobs.insert(digest);
        }
        Ok(needed)
    }

    fn need(&self, repository: &RepositoryId, digest: &Digest, needed: &mut Needed) -> Result<(), CollectError> {
        let Some(bytes) = self.content.read(digest, MANIFEST_SIZE_MAX)? else {
            warn!(%repository, %digest, "The manifest of a pushed image is gone.");
            return Ok(());
        };
        let Ok((document, _)) = Document::parse(None, &bytes) else { return Ok(()) };
        for (blob, _) in document.content().unwrap_or_default() {
            needed.links.insert((repository.clone(), blob.clone()));
            needed.blobs.insert(blob);
        }
        needed.blobs.extend(document.children().unwrap_or_default());
        if let Document::Image(image) = &document {
            // An artifact's configuration is none of an image; it has no layers to unpack.
            let config = manifest::digest(image.config()).ok();
            let config = config.and_then(|digest| self.content.read(&digest, MANIFEST_SIZE_MAX).ok().flatten());
            let config = config.and_then(|bytes| serde_json::from_slice::<ImageConfiguration>(&bytes).ok());
            let diff_ids = config.map(|config| config.rootfs().diff_ids().clone()).unwrap_or_default();
            needed.diff_ids.extend(diff_ids.iter().filter_map(|diff_id| diff_id.parse().ok()));
        }
        Ok(())
    }

    fn collect_blobs(&self, needed: &Needed) -> Result<usize, CollectError> {
        let grace = self.settings.grace;
        let now = self.clock.now().as_millis();
        let before = now.saturating_sub(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX));
        let linked = self.repositories.unlink_unused(&needed.links, names::Timestamp::from_millis(before))?;
        let mut removed = 0;
        for stored in self.content.list()? {
            let idle = SystemTime::now().duration_since(stored.last_touched).unwrap_or_default();
            let wanted = needed.blobs.contains(&stored.digest) || linked.contains(&stored.digest) || idle < grace;
            if !wanted {
                self.content.remove(&stored.digest)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn retire_directories(&self, needed: &Needed, in_use: &BTreeSet<PathBuf>) -> Result<Vec<PathBuf>, CollectError> {
        let grace = self.settings.grace;
        self.handed_out().retain(|_, moment| moment.elapsed() < grace);
        let mut unneeded: Vec<(Digest, bool)> = Vec::new();
        let layers = self.layers.list()?.into_iter().filter(|diff_id| !needed.diff_ids.contains(diff_id));
        unneeded.extend(layers.map(|digest| (digest, true)));
        unneeded.extend(self.builtins.outdated()?.into_iter().map(|digest| (digest, false)));
        let handed_out = self.handed_out();
        unneeded.retain(|(digest, _)| !handed_out.contains_key(digest));
        drop(handed_out);
        let mounted: HashSet<&OsStr> = in_use.iter().filter_map(|path| path.file_name()).collect();
        unneeded.retain(|(digest, _)| !mounted.contains(OsStr::new(digest.hex())));
        let retire = |(digest, is_layer): &(Digest, bool)| match is_layer {
            true => self.layers.retire(digest, &self.content),
            false => self.builtins.retire(digest, &self.content),
        };
        Ok(unneeded.iter().map(retire).collect::<io::Result<_>>()?)
    }
}

/// How often a collection is worth its while.
pub const COLLECTION_INTERVAL: Duration = Duration::from_mins(10);
