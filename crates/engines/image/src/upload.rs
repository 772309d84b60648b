//! Uploads: content on its way in, in as many pieces as the client likes.
//!
//! An upload is a directory, `uploads/<id>/`, with the repository it is meant for and the bytes so far. It therefore
//! outlives the process: a client goes on where it was after a restart. Nobody's word is taken for the content: when
//! the last piece is in, the file on the disk is read back and hashed.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use names::Ids;
use tokio::io::AsyncWriteExt;

use crate::{
    Digest, RepositoryId,
    content::{Content, found, private_directory, remove_tree},
};

/// The most uploads at a time; a client that begins more is told to wait.
const UPLOADS_MAX: usize = 512;
/// How long a client may send nothing in the middle of a piece.
const PIECE_IDLE_MAX: Duration = Duration::from_mins(1);

/// All uploads under way.
pub(crate) struct Uploads {
    directory: PathBuf,
    ids: Ids,
    size_max: u64,
    claimed: Arc<Mutex<HashSet<String>>>,
}

/// What can go wrong with an upload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("there is no upload `{0}` to this repository: it was finished, cancelled or has expired; begin anew")]
    Unknown(String),
    #[error("another request is writing to the upload `{0}`: wait for it to end")]
    Busy(String),
    #[error("{UPLOADS_MAX} uploads are under way already: try again later")]
    TooMany,
    #[error("the piece begins at byte {begins}, but the upload holds {holds} bytes: go on from there")]
    Gap { begins: u64, holds: u64 },
    #[error("the content is larger than the {0} bytes a layer may have")]
    TooLarge(u64),
    #[error("the content hashes to {actual}, not to {asked}: it was damaged on the way, push it again")]
    Digest { asked: Digest, actual: Digest },
    #[error("the client sent nothing for {} seconds", PIECE_IDLE_MAX.as_secs())]
    Idle,
    #[error("the client broke off: {0}")]
    Broken(String),
    #[error("the upload can't be stored: {0}")]
    Io(#[from] io::Error),
}

impl Uploads {
    pub(crate) fn open(directory: &Path, ids: Ids, size_max: u64) -> io::Result<Self> {
        let directory = directory.join("uploads");
        private_directory(&directory)?;
        Ok(Self { directory, ids, size_max, claimed: Arc::default() })
    }

    /// Begins an upload to `repository`.
    pub(crate) fn begin(&self, repository: &RepositoryId) -> Result<Upload, UploadError> {
        if fs::read_dir(&self.directory)?.count() >= UPLOADS_MAX {
            return Err(UploadError::TooMany);
        }
        let id = self.ids.uuid();
        let directory = self.directory.join(&id);
        private_directory(&directory)?;
        File::create(directory.join("data"))?;
        let meant_for = serde_json::to_vec(repository).map_err(io::Error::other)?;
        fs::write(directory.join("repository"), meant_for)?;
        self.claim(repository, &id)
    }

    /// Takes hold of an upload; until the result is dropped nobody else can.
    pub(crate) fn claim(&self, repository: &RepositoryId, id: &str) -> Result<Upload, UploadError> {
        let unknown = || UploadError::Unknown(id.to_owned());
        if !is_id(id) {
            return Err(unknown());
        }
        let directory = self.directory.join(id);
        let meant_for = found(fs::read(directory.join("repository")))?.ok_or_else(unknown)?;
        if serde_json::from_slice::<RepositoryId>(&meant_for).ok().as_ref() != Some(repository) {
            return Err(unknown());
        }
        if !locked(&self.claimed).insert(id.to_owned()) {
            return Err(UploadError::Busy(id.to_owned()));
        }
        let claim = Claim { id: id.to_owned(), claimed: Arc::clone(&self.claimed) };
        // Only now: whoever held it may just have written.
        let holds = found(fs::metadata(directory.join("data")))?.ok_or_else(unknown)?.len();
        Ok(Upload { directory, holds, size_max: self.size_max, claim })
    }

    /// Removes the uploads that nobody has written to for `lifetime`, and answers how many.
    pub(crate) fn expire(&self, lifetime: Duration) -> io::Result<usize> {
        let mut expired = 0;
        for entry in fs::read_dir(&self.directory)? {
            let directory = entry?.path();
            let Some(written) = found(last_written(&directory))? else { continue };
            let idle = SystemTime::now().duration_since(written).unwrap_or_default();
            let id = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if idle >= lifetime && !locked(&self.claimed).contains(&id) {
                remove_tree(&directory)?;
                expired += 1;
            }
        }
        Ok(expired)
    }
}

fn last_written(directory: &Path) -> io::Result<SystemTime> {
    fs::metadata(directory.join("data")).or_else(|_| fs::metadata(directory))?.modified()
}

/// Ids become file names, so they are looked at closely.
fn is_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn locked(claimed: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    claimed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds an upload until it is dropped.
struct Claim {
    id: String,
    claimed: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        locked(&self.claimed).remove(&self.id);
    }
}

/// One upload, held by one request.
pub(crate) struct Upload {
    directory: PathBuf,
    holds: u64,
    size_max: u64,
    claim: Claim,
}

impl Upload {
    pub(crate) fn id(&self) -> &str {
        &self.claim.id
    }

    /// How many bytes it holds.
    pub(crate) fn holds(&self) -> u64 {
        self.holds
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Appends a piece that begins at byte `begins`, if the client said where.
    pub(crate) async fn append<E: std::fmt::Display>(
        &mut self,
        begins: Option<u64>,
        mut piece: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(), UploadError> {
        if let Some(begins) = begins.filter(|begins| *begins != self.holds) {
            return Err(UploadError::Gap { begins, holds: self.holds });
        }
        let mut file = tokio::fs::OpenOptions::new().append(true).open(self.data()).await?;
        while let Some(bytes) =
            tokio::time::timeout(PIECE_IDLE_MAX, piece.next()).await.map_err(|_| UploadError::Idle)?
        {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) => {
                    file.flush().await?;
                    return Err(UploadError::Broken(error.to_string()));
                }
            };
            self.holds += bytes.len() as u64;
            if self.holds > self.size_max {
                return Err(UploadError::TooLarge(self.size_max));
            }
            file.write_all(&bytes).await?;
        }
        // Without this the last write may still be on its way when the next request asks for the size.
        file.flush().await?;
        Ok(())
    }

    /// Checks the content against its `digest` and moves it into the store. What does not match is thrown away.
    pub(crate) fn finish(self, digest: &Digest, content: &Content) -> Result<u64, UploadError> {
        let actual = Digest::of_reader(io::BufReader::with_capacity(1 << 17, File::open(self.data())?))?;
        if actual == *digest {
            content.adopt(&self.data(), digest)?;
        }
        remove_tree(&self.directory)?;
        if actual == *digest { Ok(self.holds) } else { Err(UploadError::Digest { asked: digest.clone(), actual }) }
    }

    pub(crate) fn cancel(self) -> io::Result<()> {
        remove_tree(&self.directory)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use names::Scope;

    use super::*;

    fn piece(text: &'static str) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
        futures::stream::iter([Ok(Bytes::from_static(text.as_bytes()))])
    }

    #[tokio::test]
    async fn an_upload_goes_on_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let repository = RepositoryId::new(Scope::default(), "api");
        let uploads = Uploads::open(directory.path(), Ids::counting(), 100).unwrap();
        let mut upload = uploads.begin(&repository).unwrap();
        upload.append(None, piece("hello ")).await.unwrap();
        let id = upload.id().to_owned();
        assert!(matches!(uploads.claim(&repository, &id), Err(UploadError::Busy(_))));
        drop(uploads);
        drop(upload);

        let uploads = Uploads::open(directory.path(), Ids::counting(), 100).unwrap();
        let other = RepositoryId::new(Scope::default(), "other");
        assert!(matches!(uploads.claim(&other, &id), Err(UploadError::Unknown(_))));
        let mut upload = uploads.claim(&repository, &id).unwrap();
        assert_eq!(upload.holds(), 6);
        assert!(matches!(upload.append(Some(0), piece("hello ")).await, Err(UploadError::Gap { begins: 0, holds: 6 })));
        upload.append(Some(6), piece("world")).await.unwrap();
        let digest = Digest::of(b"hello world");
        assert_eq!(upload.finish(&digest, &content).unwrap(), 11);
        assert_eq!(content.read(&digest, 11).unwrap().unwrap(), b"hello world");
        assert!(matches!(uploads.claim(&repository, &id), Err(UploadError::Unknown(_))));
    }

    #[tokio::test]
    async fn damaged_or_oversized_content_is_thrown_away() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let repository = RepositoryId::new(Scope::default(), "api");
        let uploads = Uploads::open(directory.path(), Ids::counting(), 8).unwrap();
        let mut upload = uploads.begin(&repository).unwrap();
        upload.append(None, piece("hallo")).await.unwrap();
        let digest = Digest::of(b"hello");
        assert!(matches!(upload.finish(&digest, &content), Err(UploadError::Digest { .. })));
        assert!(content.list().unwrap().is_empty());
        let mut upload = uploads.begin(&repository).unwrap();
        assert!(matches!(upload.append(None, piece("123456789")).await, Err(UploadError::TooLarge(8))));
    }

    #[tokio::test]
    async fn an_abandoned_upload_vanishes() {
        let directory = tempfile::tempdir().unwrap();
        let repository = RepositoryId::new(Scope::default(), "api");
        let uploads = Uploads::open(directory.path(), Ids::counting(), 8).unwrap();
        let held = uploads.begin(&repository).unwrap();
        let abandoned = uploads.begin(&repository).unwrap().id().to_owned();
        assert_eq!(uploads.expire(Duration::from_hours(1)).unwrap(), 0);
        assert_eq!(uploads.expire(Duration::ZERO).unwrap(), 1);
        assert!(matches!(uploads.claim(&repository, &abandoned), Err(UploadError::Unknown(_))));
        drop(held);
    }
}
