//! Layers, unpacked: one directory for each, named by the digest of its uncompressed content (its `diff_id`).
//!
//! A directory under its final name is whole: it is unpacked elsewhere, its content is checked against the name, and
//! then it is renamed. Images that share a layer share its directory. The directories are a cache of the pushed blobs
//! and are not synced file by file; instead they count for one boot of the machine only. After a power failure they are
//! unpacked anew, which is quicker than syncing ten thousand files would have been.

mod apply;
mod archive;
mod decompress;
mod tree;

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufReader, Read},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::info;

use crate::{
    Digest,
    content::{Content, found, private_directory, remove_tree},
    digest::HashingReader,
};

/// How large a layer may become.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes of a pushed blob.
    pub blob_bytes: u64,
    /// The most bytes of an unpacked layer, headers included.
    pub unpacked_bytes: u64,
    /// The most times its packed size a layer may unpack to, beyond [`Self::unpacked_free`].
    pub ratio: u64,
    /// Bytes that any layer may unpack to, whatever its ratio: small files of zeros pack very well.
    pub unpacked_free: u64,
    /// The most files, directories and links of a layer.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blob_bytes: 10 << 30, unpacked_bytes: 20 << 30, ratio: 200, unpacked_free: 256 << 20, files: 1_000_000 }
    }
}

/// Why a layer can't be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The disk or the kernel refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A file of it failed.
    #[error("`{path}`: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: Box<LayerError>,
    },
    /// It is no archive we can read.
    #[error("the archive is malformed: {0}")]
    Malformed(String),
    /// A path of it leads out of the image.
    #[error("`{0}` leads out of the image")]
    Escape(String),
    /// It unpacks to too much.
    #[error("it unpacks to more than {0} bytes, which its packed size does not warrant or no layer may have")]
    TooLarge(u64),
    /// It holds too many files.
    #[error("it holds more than {0} files")]
    TooMany(u64),
    /// Its content is not what the image says.
    #[error("its content hashes to {actual}, the image's configuration names {named}")]
    Content {
        /// The `diff_id`.
        named: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The blob is gone.
    #[error("its content is missing from the registry: push the image again")]
    Missing,
}

impl LayerError {
    fn at(self, path: &str) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}

/// The unpacked layers of `<data>/images/layers`.
pub(crate) struct Layers {
    directory: PathBuf,
    limits: Limits,
    /// One lock for each layer being unpacked, so that two tasks with one image do the work once.
    unpacking: Mutex<HashMap<Digest, Arc<Mutex<()>>>>,
}

/// The file that changes with each boot of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl Layers {
    pub(crate) fn open(directory: &Path, content: &Content, limits: Limits) -> io::Result<Self> {
        let layers = directory.join("layers");
        let boot = fs::read_to_string(BOOT_ID)?;
        let noted = directory.join("layers.boot");
        if found(fs::read_to_string(&noted))?.as_deref() != Some(&boot) {
            discard(&layers, content)?;
            private_directory(&layers)?;
            fs::write(noted, boot)?;
        }
        private_directory(&layers)?;
        Ok(Self { directory: layers, limits, unpacking: Mutex::default() })
    }

    /// The directory of the layer whose uncompressed content hashes to `diff_id`, unpacked from `blob` if it is not
    /// there yet. Blocks.
    pub(crate) fn ensure(&self, diff_id: &Digest, blob: &Digest, content: &Content) -> Result<PathBuf, LayerError> {
        let path = self.path(diff_id);
        let lock = Arc::clone(locked(&self.unpacking).entry(diff_id.clone()).or_default());
        let held = locked(&lock);
        let result = if path.is_dir() { Ok(()) } else { self.unpack(diff_id, blob, content, &path) };
        drop(held);
        let mut unpacking = locked(&self.unpacking);
        if Arc::strong_count(&lock) == 2 {
            unpacking.remove(diff_id);
        }
        result.map(|()| path)
    }

    /// Whether the layer hides everything below it.
    pub(crate) fn is_opaque(path: &Path) -> bool {
        let mut value = [0; 1];
        rustix::fs::getxattr(path, tree::OPAQUE, &mut value).is_ok_and(|length| length == 1 && value == *b"y")
    }

    /// The layers that are unpacked.
    pub(crate) fn list(&self) -> io::Result<Vec<Digest>> {
        let names = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name()));
        let names: Vec<_> = names.collect::<io::Result<_>>()?;
        Ok(names.iter().filter_map(|name| name.to_str().and_then(Digest::from_hex)).collect())
    }

    /// Takes a layer away from its name at once; what is answered can be removed at leisure.
    pub(crate) fn retire(&self, diff_id: &Digest, content: &Content) -> io::Result<PathBuf> {
        let scratch = content.scratch();
        fs::rename(self.path(diff_id), &scratch)?;
        Ok(scratch)
    }

    fn path(&self, diff_id: &Digest) -> PathBuf {
        self.directory.join(diff_id.hex())
    }

    fn unpack(&self, diff_id: &Digest, blob: &Digest, content: &Content, to: &Path) -> Result<(), LayerError> {
        let scratch = content.scratch();
        let unpacked = self.unpack_into(&scratch, diff_id, blob, content);
        if let Err(error) = unpacked {
            remove_tree(&scratch)?;
            return Err(error);
        }
        fs::rename(&scratch, to)?;
        info!(layer = %diff_id, %blob, "Layer unpacked.");
        Ok(())
    }

    fn unpack_into(&self, to: &Path, diff_id: &Digest, blob: &Digest, content: &Content) -> Result<(), LayerError> {
        let file = content.open_file(blob)?.ok_or(LayerError::Missing)?;
        fs::DirBuilder::new().mode(0o755).create(to)?;
        let actual = unpack_file(file, to, &self.limits)?;
        if actual == *diff_id { Ok(()) } else { Err(LayerError::Content { named: diff_id.clone(), actual }) }
    }
}

/// Unpacks the archive in `file` into the empty directory `to`; answers the digest of its uncompressed content.
fn unpack_file(file: File, to: &Path, limits: &Limits) -> Result<Digest, LayerError> {
    let packed = file.metadata()?.len();
    let most = limits.unpacked_bytes.min(packed.saturating_mul(limits.ratio).max(limits.unpacked_free));
    let source = decompress::decompress(BufReader::with_capacity(1 << 17, file))?;
    let mut bounded = Bounded { source, left: most, exceeded: false };
    let mut hashing = HashingReader::new(BufReader::with_capacity(1 << 16, &mut bounded));
    let applied = apply::apply(&mut hashing, to, limits);
    let digest = hashing.finish();
    if bounded.exceeded {
        return Err(LayerError::TooLarge(most));
    }
    applied.map(|()| digest)
}

/// Stops at a limit, and says so instead of looking like an early end.
struct Bounded<R> {
    source: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let Some(left) = self.left.checked_sub(count as u64) else {
            self.exceeded = true;
            return Err(io::Error::other("the layer is too large"));
        };
        self.left = left;
        Ok(count)
    }
}

fn discard(directory: &Path, content: &Content) -> io::Result<()> {
    let scratch = content.scratch();
    match found(fs::rename(directory, &scratch))? {
        Some(()) => remove_tree(&scratch),
        None => Ok(()),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
