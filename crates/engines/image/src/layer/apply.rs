//! Applies a layer's archive to an empty directory, so that the directory can be a lower directory of an overlay.
//!
//! - A whiteout (`.wh.name`) becomes a character device 0:0, an opaque mark (`.wh..wh..opq`) an attribute of its
//!   directory: what overlay file systems call the same things.
//! - Owners, modes with set-user-id bits, times, hard links and named pipes are kept. Of extended attributes the file's
//!   capabilities and `user.*` are; the others belong to the host (`trusted.*`, `system.*`) or to its policy
//!   (`security.selinux`) and are left out.
//! - Device nodes are left out. A container's `/dev` is made by its runtime, and a node in an image would be a door to
//!   the machine's disk.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use rustix::fs::FileType;
use tar::EntryType;
use tracing::debug;

use super::{
    LayerError, Limits,
    archive::{Member, Members},
    tree::{self, Attributes, Inner, Place, Tree, lossy},
};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What aufs kept for itself begins so; it means nothing in an overlay.
const AUFS: &[u8] = b".wh..wh.";

/// Unpacks `archive` into `directory`, which is empty, and reads the source to its end.
pub(super) fn apply(archive: impl Read, directory: &Path, limits: &Limits) -> Result<(), LayerError> {
    let mut members = Members::new(archive);
    let mut layer = Layer { tree: Tree::open(directory)?, directories: Vec::new() };
    let mut count = 0;
    while let Some(member) = members.next()? {
        count += 1;
        if count > limits.files {
            return Err(LayerError::TooMany(limits.files));
        }
        layer.add(&member, &mut members).map_err(|error| error.at(&lossy(&member.path)))?;
    }
    layer.finish()?;
    Ok(members.drain()?)
}

struct Layer {
    tree: Tree,
    /// Directories and their times, set at the end: each file put in changes them.
    directories: Vec<(Inner, (i64, i64))>,
}

impl Layer {
    fn add<R: Read>(&mut self, member: &Member, members: &mut Members<R>) -> Result<(), LayerError> {
        let path = Inner::parse(&member.path)?;
        let xattrs: Vec<_> = member.xattrs.iter().filter(|(name, _)| is_kept(name)).cloned().collect();
        let attributes = Attributes {
            uid: member.uid,
            gid: member.gid,
            mode: member.mode,
            modified: member.modified,
            xattrs: &xattrs,
        };
        let Some((parent, name)) = path.split() else {
            return self.add_directory(&path, &attributes);
        };
        if name.as_bytes().starts_with(WHITEOUT) {
            return self.add_whiteout(parent, name);
        }
        match member.kind {
            EntryType::Directory => self.add_directory(&path, &attributes),
            EntryType::Regular | EntryType::Continuous => self.replace(parent, name, |place| {
                let mut file = place.make_file()?;
                io::copy(&mut members.content(), &mut file)?;
                tree::set_attributes(&file, &attributes)?;
                tree::set_modified(&file, attributes.modified)
            }),
            EntryType::Symlink => self.replace(parent, name, |place| place.make_symlink(&member.link, &attributes)),
            EntryType::Link => self.add_hard_link(parent, name, &member.link),
            EntryType::Fifo => self.replace(parent, name, |place| place.make_fifo(&attributes)),
            EntryType::Char | EntryType::Block => {
                debug!(path = %lossy(&member.path), "Device node left out.");
                Ok(())
            }
            other => Err(LayerError::Malformed(format!("files of type {other:?} are not supported"))),
        }
    }

    fn add_directory(&mut self, path: &Inner, attributes: &Attributes<'_>) -> Result<(), LayerError> {
        self.tree.forget();
        let directory = self.tree.directory(path)?;
        tree::set_attributes(&directory, attributes)?;
        self.directories.push((path.clone(), attributes.modified));
        Ok(())
    }

    /// Puts what `make` makes in the place of whatever is there.
    fn replace(
        &mut self,
        parent: &[OsString],
        name: &OsStr,
        make: impl FnOnce(&Place<'_>) -> io::Result<()>,
    ) -> Result<(), LayerError> {
        let place = self.tree.place(parent, name)?;
        let replaced = place.clear()?;
        make(&place)?;
        if replaced {
            self.tree.forget();
        }
        Ok(())
    }

    fn add_hard_link(&mut self, parent: &[OsString], name: &OsStr, target: &[u8]) -> Result<(), LayerError> {
        let target_path = Inner::parse(target)?;
        let Some((target_parent, target_name)) = target_path.split() else {
            return Err(LayerError::Malformed("a hard link to the root directory".to_owned()));
        };
        if (target_parent, target_name) == (parent, name) {
            return Ok(());
        }
        let place = self.tree.place(target_parent, target_name)?;
        let there = place.stat()?.is_some_and(|stat| tree::kind(&stat) != FileType::Directory);
        if !there {
            return Err(LayerError::Malformed(format!("a hard link to `{}`, which the layer lacks", lossy(target))));
        }
        let target = place.handle()?;
        self.replace(parent, name, |place| place.make_hard_link(&target))
    }

    fn add_whiteout(&mut self, parent: &[OsString], name: &OsStr) -> Result<(), LayerError> {
        let bytes = name.as_bytes();
        if bytes == OPAQUE {
            let directory = match parent.split_last() {
                Some((name, parent)) => self.tree.place(parent, name)?.make_directory()?,
                None => self.tree.directory(&Inner::parse(b"")?)?,
            };
            return Ok(tree::make_opaque(&directory)?);
        }
        if bytes.starts_with(AUFS) {
            return Ok(());
        }
        let hidden = &bytes[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(LayerError::Escape(lossy(bytes)));
        }
        let place = self.tree.place(parent, OsStr::from_bytes(hidden))?;
        match place.stat()? {
            None => Ok(place.make_whiteout()?),
            // The layer has its own of that name, which hides the lower one: a directory must say so.
            Some(stat) if tree::kind(&stat) == FileType::Directory => Ok(tree::make_opaque(&place.make_directory()?)?),
            Some(_) => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), LayerError> {
        self.tree.forget();
        for (path, modified) in self.directories.iter().rev() {
            match path.split() {
                None => tree::set_modified(&self.tree.directory(path)?, *modified)?,
                // A later member may have taken its place; then the time is no longer its.
                Some((parent, name)) => {
                    let place = self.tree.place(parent, name)?;
                    if place.stat()?.is_some_and(|stat| tree::kind(&stat) == FileType::Directory) {
                        place.set_modified(*modified)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_kept(name: &[u8]) -> bool {
    name == b"security.capability" || name.starts_with(b"user.")
}
