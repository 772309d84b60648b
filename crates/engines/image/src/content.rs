//! Content on disk: one file for each digest, in the layout of an OCI image directory (`blobs/sha256/<hex>`).
//!
//! A file under its final name is whole and on the disk: it is written elsewhere, synced, hashed, and only then
//! renamed. Whoever was told that a push succeeded finds it after a crash, and no reader ever meets half a layer.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use names::Ids;

use crate::Digest;

/// The files of `<data>/images`, without knowing what they mean.
pub(crate) struct Content {
    directory: PathBuf,
    ids: Ids,
}

/// One file of the store, as the collector sees it.
pub(crate) struct Stored {
    pub(crate) digest: Digest,
    pub(crate) last_touched: SystemTime,
}

impl Content {
    /// Opens the store in `directory`, making what is missing.
    pub(crate) fn open(directory: &Path, ids: Ids) -> io::Result<Self> {
        private_directory(directory)?;
        let content = Self { directory: directory.to_owned(), ids };
        private_directory(&content.blobs())?;
        // What was being written when the process last died belongs to nobody.
        remove_tree(&content.temporary())?;
        private_directory(&content.temporary())?;
        Ok(content)
    }

    fn blobs(&self) -> PathBuf {
        self.directory.join("blobs/sha256")
    }

    fn temporary(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// A name in the scratch directory that nobody else uses; it is on the same file system as everything else here.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.temporary().join(self.ids.uuid())
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The size in bytes of what is stored under `digest`, if it is.
    pub(crate) fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        Ok(found(fs::metadata(self.path(digest)))?.map(|metadata| metadata.len()))
    }

    pub(crate) fn open_file(&self, digest: &Digest) -> io::Result<Option<File>> {
        found(File::open(self.path(digest)))
    }

    /// Reads something small whole, and checks it against its name: a manifest that rotted on the disk is an error
    /// and not an image.
    pub(crate) fn read(&self, digest: &Digest, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("{digest} is larger than the {limit} bytes it may have")));
        }
        if Digest::of(&bytes) != *digest {
            return Err(io::Error::other(format!("{digest} is damaged on the disk: push it again")));
        }
        Ok(Some(bytes))
    }

    /// Stores something small.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        if self.size(&digest)?.is_none() {
            let scratch = self.scratch();
            File::create(&scratch)?.write_all(bytes)?;
            self.adopt(&scratch, &digest)?;
        }
        Ok(digest)
    }

    /// Takes the file at `from`, whose content is known to hash to `digest`, into the store.
    pub(crate) fn adopt(&self, from: &Path, digest: &Digest) -> io::Result<()> {
        File::open(from)?.sync_all()?;
        fs::rename(from, self.path(digest))?;
        File::open(self.blobs())?.sync_all()
    }

    /// Marks what is stored under `digest` as wanted now, which keeps the collector away for its grace.
    pub(crate) fn touch(&self, digest: &Digest) -> io::Result<()> {
        match self.open_file(digest)? {
            Some(file) => file.set_modified(SystemTime::now()),
            None => Ok(()),
        }
    }

    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        found(fs::remove_file(self.path(digest))).map(|_| ())
    }

    pub(crate) fn list(&self) -> io::Result<Vec<Stored>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.blobs())? {
            let entry = entry?;
            let name = entry.file_name();
            let (Some(digest), Some(metadata)) = (name.to_str().and_then(Digest::from_hex), found(entry.metadata())?)
            else {
                continue;
            };
            all.push(Stored { digest, last_touched: metadata.modified()? });
        }
        Ok(all)
    }
}

/// Turns "not found" into `None`.
pub(crate) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes `path` and its parents, readable by nobody else: images hold whatever their authors put in them, set-user-id
/// programs included.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes `path` with all below it, if it is there.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    found(fs::remove_dir_all(path)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_back_and_rot_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let digest = content.put(b"hello").unwrap();
        assert_eq!(content.read(&digest, 5).unwrap().unwrap(), b"hello");
        assert!(content.read(&digest, 4).is_err());
        fs::write(content.path(&digest), b"hallo").unwrap();
        assert!(content.read(&digest, 5).is_err());
        assert!(content.read(&Digest::of(b"other"), 5).unwrap().is_none());
    }

    #[test]
    fn a_restart_clears_what_was_half_written() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let scratch = content.scratch();
        fs::write(&scratch, b"half").unwrap();
        let again = Content::open(directory.path(), Ids::counting()).unwrap();
        assert!(!scratch.exists());
        assert!(again.list().unwrap().is_empty());
    }
}
