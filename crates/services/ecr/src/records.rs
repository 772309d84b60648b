//! The rows as the image engine sees them: which repositories there are and what they hold.

use std::collections::HashSet;

use image::{Digest, ManifestRecord, Repositories, RepositoriesError, RepositoryId, Selector};
use names::{Clock, Scope, Timestamp};
use store::{Key, Store, Transaction};

use crate::{
    plan::is_match,
    rows::{ImageTag, Link, Manifest, Repository, content_key, tag_key},
};

/// The keeper of repositories for [`image::Images`], on the store. Each call is one transaction.
pub struct Records {
    store: Store,
    clock: Clock,
}

impl Records {
    /// The repositories in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

/// A failure on its way out of a transaction.
pub(crate) enum Failed {
    /// The repository refuses.
    Refused(RepositoriesError),
    /// The rows can't be read or written.
    Store(store::Error),
}

impl From<store::Error> for Failed {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Failed> for RepositoriesError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(error) => error,
            Failed::Store(error) => Self::Store(Box::new(error)),
        }
    }
}

fn failed(error: store::Error) -> RepositoriesError {
    Failed::from(error).into()
}

fn repository(tx: &Transaction<'_>, id: &RepositoryId) -> Result<Repository, Failed> {
    let row = tx.get::<Repository>(&Key::new(&id.scope, id.name.clone()))?;
    row.ok_or_else(|| Failed::Refused(RepositoriesError::NotFound(id.clone())))
}

/// The digest a selector means now.
fn digest_of(tx: &Transaction<'_>, id: &RepositoryId, selector: &Selector) -> Result<Option<Digest>, store::Error> {
    match selector {
        Selector::Digest(digest) => Ok(Some(digest.clone())),
        Selector::Tag(tag) => Ok(tx.get::<ImageTag>(&tag_key(&id.scope, &id.name, tag))?.map(|row| row.digest)),
    }
}

/// The tags of a repository with what they stand for.
pub(crate) fn tags(tx: &Transaction<'_>, scope: &Scope, name: &str) -> Result<Vec<(String, Digest)>, store::Error> {
    let prefix = format!("{name}:");
    let rows = tx.list_under::<ImageTag>(scope, &prefix)?;
    Ok(rows.into_iter().map(|(key, row)| (key.name[prefix.len()..].to_owned(), row.digest)).collect())
}

/// Removes a tag, or a manifest with its tags; `false` if there is none.
pub(crate) fn remove(tx: &mut Transaction<'_>, id: &RepositoryId, selector: &Selector) -> Result<bool, Failed> {
    let digest = match selector {
        Selector::Tag(tag) => return Ok(tx.delete::<ImageTag>(&tag_key(&id.scope, &id.name, tag))?),
        Selector::Digest(digest) => digest,
    };
    let key = content_key(&id.scope, &id.name, digest);
    if tx.get::<Manifest>(&key)?.is_none() {
        return Ok(false);
    }
    let siblings = tx.list_under::<Manifest>(&id.scope, &format!("{}@", id.name))?;
    if let Some((_, by)) = siblings.into_iter().find(|(_, row)| row.record.children.contains(digest)) {
        return Err(Failed::Refused(RepositoriesError::Referenced { digest: digest.clone(), by: by.record.digest }));
    }
    for (tag, _) in tags(tx, &id.scope, &id.name)?.into_iter().filter(|(_, tagged)| tagged == digest) {
        tx.delete::<ImageTag>(&tag_key(&id.scope, &id.name, &tag))?;
    }
    Ok(tx.delete::<Manifest>(&key)?)
}

impl Repositories for Records {
    fn scopes_with(&self, name: &str) -> Result<Vec<Scope>, RepositoriesError> {
        let all = self.store.list_all::<Repository>().map_err(failed)?;
        Ok(all.into_iter().filter(|(key, _)| key.name == name).map(|(key, _)| key.scope).collect())
    }

    fn exists(&self, id: &RepositoryId) -> Result<bool, RepositoriesError> {
        let row = self.store.get::<Repository>(&Key::new(&id.scope, id.name.clone())).map_err(failed)?;
        Ok(row.is_some())
    }

    fn link(&self, id: &RepositoryId, content: &Digest, size: u64) -> Result<(), RepositoriesError> {
        let link = Link { digest: content.clone(), size, wanted: self.clock.now() };
        let work = |tx: &mut Transaction<'_>| {
            repository(tx, id)?;
            Ok::<_, Failed>(tx.put(&content_key(&id.scope, &id.name, content), &link)?)
        };
        self.store.write(work).map_err(RepositoriesError::from)
    }

    fn is_linked(&self, id: &RepositoryId, content: &Digest) -> Result<bool, RepositoriesError> {
        let row = self.store.get::<Link>(&content_key(&id.scope, &id.name, content)).map_err(failed)?;
        Ok(row.is_some())
    }

    fn put(&self, id: &RepositoryId, manifest: &ManifestRecord, tag: Option<&str>) -> Result<(), RepositoriesError> {
        let pushed = self.clock.now();
        let work = |tx: &mut Transaction<'_>| {
            let row = repository(tx, id)?;
            if let Some(tag) = tag {
                let key = tag_key(&id.scope, &id.name, tag);
                let taken = tx.get::<ImageTag>(&key)?.is_some_and(|row| row.digest != manifest.digest);
                if taken && is_immutable(&row, tag) {
                    let (repository, tag) = (Box::new(id.clone()), tag.to_owned());
                    return Err(Failed::Refused(RepositoriesError::TagImmutable { repository, tag }));
                }
                tx.put(&key, &ImageTag { digest: manifest.digest.clone() })?;
            }
            let key = content_key(&id.scope, &id.name, &manifest.digest);
            if tx.get::<Manifest>(&key)?.is_none() {
                tx.put(&key, &Manifest { record: manifest.clone(), pushed })?;
            }
            Ok(())
        };
        self.store.write(work).map_err(RepositoriesError::from)
    }

    fn find(&self, id: &RepositoryId, selector: &Selector) -> Result<Option<ManifestRecord>, RepositoriesError> {
        let work = |tx: &mut Transaction<'_>| {
            let Some(digest) = digest_of(tx, id, selector)? else { return Ok::<_, Failed>(None) };
            let row = tx.get::<Manifest>(&content_key(&id.scope, &id.name, &digest))?;
            Ok(row.map(|row| row.record))
        };
        self.store.write(work).map_err(RepositoriesError::from)
    }

    fn remove(&self, id: &RepositoryId, selector: &Selector) -> Result<bool, RepositoriesError> {
        self.store.write(|tx| remove(tx, id, selector)).map_err(RepositoriesError::from)
    }

    fn tags(&self, id: &RepositoryId) -> Result<Vec<String>, RepositoriesError> {
        let work = |tx: &mut Transaction<'_>| {
            repository(tx, id)?;
            Ok::<_, Failed>(tags(tx, &id.scope, &id.name)?.into_iter().map(|(tag, _)| tag).collect())
        };
        self.store.write(work).map_err(RepositoriesError::from)
    }

    fn manifests(&self) -> Result<Vec<(RepositoryId, Digest)>, RepositoriesError> {
        let all = self.store.list_all::<Manifest>().map_err(failed)?;
        Ok(all.into_iter().map(|(key, row)| (repository_of(&key), row.record.digest)).collect())
    }

    fn unlink_unused(
        &self,
        used: &HashSet<(RepositoryId, Digest)>,
        before: Timestamp,
    ) -> Result<HashSet<Digest>, RepositoriesError> {
        let work = |tx: &mut Transaction<'_>| {
            let mut kept = HashSet::new();
            for (key, link) in tx.list_all::<Link>()? {
                let content = (repository_of(&key), link.digest);
                if used.contains(&content) || link.wanted >= before {
                    kept.insert(content.1);
                } else {
                    tx.delete::<Link>(&key)?;
                }
            }
            Ok::<_, Failed>(kept)
        };
        self.store.write(work).map_err(RepositoriesError::from)
    }
}

/// The repository that a manifest's or link's key names.
fn repository_of(key: &Key) -> RepositoryId {
    let name = key.name.split_once('@').map_or(key.name.as_str(), |(name, _)| name);
    RepositoryId::new(key.scope.clone(), name)
}

/// Whether a tag, once given, stays where it is.
fn is_immutable(repository: &Repository, tag: &str) -> bool {
    let excluded = || repository.exclusions.iter().any(|exclusion| is_match(&exclusion.filter, tag));
    match repository.mutability.as_str() {
        "IMMUTABLE" => true,
        "IMMUTABLE_WITH_EXCLUSION" => !excluded(),
        "MUTABLE_WITH_EXCLUSION" => excluded(),
        _ => false,
    }
}
