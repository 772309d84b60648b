//! A directory that files are put into by paths nobody trusts.
//!
//! Paths of an archive may hold `..`, be absolute, or lead through links that the same archive made a moment ago.
//! Here every path is resolved by the kernel with the tree's directory as its root (`openat2`, `RESOLVE_IN_ROOT`),
//! down to the parent; the last component is then acted on relative to that parent, never following a link. So there is
//! no path, and no race, by which anything outside can be named.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{self, AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid, XattrFlags},
    io::Errno,
};

use super::LayerError;

/// What marks a directory whose namesakes in lower layers are hidden.
pub(super) const OPAQUE: &str = "trusted.overlay.opaque";
/// The deepest a path may lead.
const DEPTH_MAX: usize = 256;

/// Owner, mode, times and attributes of one file.
pub(super) struct Attributes<'a> {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) modified: (i64, i64),
    pub(super) xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

/// A place in the tree: its parent, open, and its name there.
pub(super) struct Place<'a> {
    parent: &'a OwnedFd,
    name: &'a OsStr,
}

/// The tree.
pub(super) struct Tree {
    root: OwnedFd,
    /// The parent used last: members of one directory follow each other.
    last: Option<(PathBuf, OwnedFd)>,
}

/// A path as components, checked to stay inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inner(Vec<OsString>);

impl Inner {
    /// Reads a path as an archive spells it: a leading slash, empty components and `.` mean nothing, and `..` may go
    /// up only inside.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, LayerError> {
        let mut components = Vec::new();
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." if components.pop().is_some() => {}
                b".." => return Err(LayerError::Escape(lossy(bytes))),
                _ if component.contains(&0) || component.len() > 255 || components.len() == DEPTH_MAX => {
                    return Err(LayerError::Malformed(format!("`{}` is no path", lossy(bytes))));
                }
                _ => components.push(OsString::from_vec(component.to_owned())),
            }
        }
        Ok(Self(components))
    }

    /// The parent and the name; none for the root itself.
    pub(super) fn split(&self) -> Option<(&[OsString], &OsStr)> {
        self.0.split_last().map(|(name, parent)| (parent, name.as_os_str()))
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Tree {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let root = fs::open(directory, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root, last: None })
    }

    /// The place of `name` in `parent`; directories that lead there are made if they are missing.
    pub(super) fn place<'a>(&'a mut self, parent: &[OsString], name: &'a OsStr) -> io::Result<Place<'a>> {
        let path: PathBuf = parent.iter().collect();
        if self.last.as_ref().is_none_or(|(last, _)| *last != path) {
            let opened = match self.resolve(&path) {
                Err(Errno::NOENT | Errno::NOTDIR) => self.make(parent)?,
                opened => opened?,
            };
            self.last = Some((path, opened));
        }
        let parent = self.last.as_ref().map_or(&self.root, |(_, parent)| parent);
        Ok(Place { parent, name })
    }

    /// Forgets the directory used last; whoever replaced something that may have been it calls this.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// The directory at `components`, made if missing, open for changes to itself.
    pub(super) fn directory(&mut self, components: &Inner) -> io::Result<File> {
        match components.split() {
            None => Ok(self.root.try_clone()?.into()),
            Some((parent, name)) => self.place(parent, name)?.make_directory(),
        }
    }

    /// Opens a directory by a path, with this tree as its root.
    fn resolve(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    fn make(&self, components: &[OsString]) -> io::Result<OwnedFd> {
        let mut path = PathBuf::from(".");
        let mut parent = self.resolve(&path)?;
        for name in components {
            path.push(name);
            parent = match self.resolve(&path) {
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    let place = Place { parent: &parent, name };
                    if place.stat()?.is_some_and(|stat| kind(&stat) == FileType::Symlink) {
                        return Err(io::Error::other("the path leads through a link to nothing"));
                    }
                    place.make_directory()?;
                    self.resolve(&path)?
                }
                opened => opened?,
            };
        }
        Ok(parent)
    }
}

impl Place<'_> {
    /// What is there, not following a link.
    pub(super) fn stat(&self) -> io::Result<Option<Stat>> {
        match fs::statat(self.parent, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory, or opens the one that is there. In the place of a whiteout it hides what lower layers have.
    pub(super) fn make_directory(&self) -> io::Result<File> {
        let stat = self.stat()?;
        if stat.as_ref().is_none_or(|stat| kind(stat) != FileType::Directory) {
            if stat.is_some() {
                fs::unlinkat(self.parent, self.name, AtFlags::empty())?;
            }
            fs::mkdirat(self.parent, self.name, Mode::from_raw_mode(0o755))?;
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = File::from(fs::openat(self.parent, self.name, flags, Mode::empty())?);
        match stat {
            None => fs::fchmod(&directory, Mode::from_raw_mode(0o755))?,
            Some(stat) if is_whiteout(&stat) => make_opaque(&directory)?,
            Some(_) => {}
        }
        Ok(directory)
    }

    /// Removes what is there, with all below it; answers whether there was something.
    pub(super) fn clear(&self) -> io::Result<bool> {
        match self.stat()? {
            None => return Ok(false),
            Some(stat) if kind(&stat) == FileType::Directory => remove_below(self.parent, self.name, 0)?,
            Some(_) => fs::unlinkat(self.parent, self.name, AtFlags::empty())?,
        }
        Ok(true)
    }

    /// Makes an empty file where nothing is.
    pub(super) fn make_file(&self) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(self.parent, self.name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    pub(super) fn make_symlink(&self, target: &[u8], attributes: &Attributes<'_>) -> io::Result<()> {
        fs::symlinkat(OsStr::from_bytes(target), self.parent, self.name)?;
        let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
        fs::chownat(self.parent, self.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        self.set_modified(attributes.modified)
    }

    pub(super) fn make_fifo(&self, attributes: &Attributes<'_>) -> io::Result<()> {
        fs::mknodat(self.parent, self.name, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
        let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
        fs::chownat(self.parent, self.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        fs::chmodat(self.parent, self.name, Mode::from_raw_mode(attributes.mode & 0o7777), AtFlags::empty())?;
        self.set_modified(attributes.modified)
    }

    /// Says that lower layers' file of this name is gone, as overlay file systems read it: a character device 0:0.
    pub(super) fn make_whiteout(&self) -> io::Result<()> {
        Ok(fs::mknodat(self.parent, self.name, FileType::CharacterDevice, Mode::empty(), 0)?)
    }

    pub(super) fn set_modified(&self, modified: (i64, i64)) -> io::Result<()> {
        Ok(fs::utimensat(self.parent, self.name, &times(modified), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Another name, in this tree, for the file that is here.
    pub(super) fn handle(&self) -> io::Result<(OwnedFd, OsString)> {
        Ok((self.parent.try_clone()?, self.name.to_owned()))
    }

    pub(super) fn make_hard_link(&self, to: &(OwnedFd, OsString)) -> io::Result<()> {
        Ok(fs::linkat(&to.0, &to.1, self.parent, self.name, AtFlags::empty())?)
    }
}

pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

pub(super) fn is_whiteout(stat: &Stat) -> bool {
    kind(stat) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Marks a directory as hiding its namesakes in lower layers.
pub(super) fn make_opaque(directory: &File) -> io::Result<()> {
    Ok(fs::fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())?)
}

/// Sets everything but the times of a file or directory. The owner comes first: changing it takes away set-user-id
/// bits and capabilities.
pub(super) fn set_attributes(file: &File, attributes: &Attributes<'_>) -> io::Result<()> {
    fs::fchown(file, Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)))?;
    fs::fchmod(file, Mode::from_raw_mode(attributes.mode & 0o7777))?;
    for (name, value) in attributes.xattrs {
        fs::fsetxattr(file, OsStr::from_bytes(name), value, XattrFlags::empty())?;
    }
    Ok(())
}

pub(super) fn set_modified(file: &File, modified: (i64, i64)) -> io::Result<()> {
    Ok(fs::futimens(file, &times(modified))?)
}

fn times((seconds, nanoseconds): (i64, i64)) -> Timestamps {
    let moment = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps { last_access: moment, last_modification: moment }
}

/// Removes a directory and what is in it, never leaving it by a link. Its depth is that of paths of this tree.
fn remove_below(parent: &impl AsFd, name: &OsStr, depth: usize) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other("directories lie too deep in each other"));
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = fs::openat(parent, name, flags, Mode::empty())?;
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        match fs::unlinkat(&directory, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => remove_below(&directory, name, depth + 1)?,
            removed => removed?,
        }
    }
    Ok(fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_by_their_text_alone() {
        for (text, inner) in [("./a/b", "a/b"), ("/etc//passwd", "etc/passwd"), ("a/../b", "b"), ("./", ""), ("", "")] {
            let expected: Vec<OsString> = Path::new(inner).iter().map(ToOwned::to_owned).collect();
            assert_eq!(Inner::parse(text.as_bytes()).unwrap(), Inner(expected), "{text}");
        }
        for escape in ["..", "../x", "a/../../x", "/../x"] {
            assert!(matches!(Inner::parse(escape.as_bytes()), Err(LayerError::Escape(_))), "{escape}");
        }
        assert!(Inner::parse("d/".repeat(300).as_bytes()).is_err());
    }

    #[test]
    fn links_on_the_way_lead_nowhere_outside() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        std::os::unix::fs::symlink("../../../..", inside.path().join("up")).unwrap();
        let mut tree = Tree::open(inside.path()).unwrap();
        // The target, taken from the tree's own root, is not there.
        tree.place(&["out".into()], OsStr::new("f")).and_then(|place| place.make_file()).unwrap_err();
        tree.place(&["up".into()], OsStr::new("f")).and_then(|place| place.make_file()).unwrap();
        assert!(inside.path().join("f").exists());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
