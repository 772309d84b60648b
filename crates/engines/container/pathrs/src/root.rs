//! A directory that stands for `/`.

use std::{
    ffi::OsStr,
    fs::{File, Permissions},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, mkdirat, open, openat2},
    io::{Errno, Result as Outcome},
};

use crate::{error::Error, flags::OpenFlags};

/// An open root directory.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// Something found in a [`Root`], open as by `O_PATH`.
#[derive(Debug)]
pub struct Handle(OwnedFd);

impl From<Handle> for OwnedFd {
    fn from(handle: Handle) -> Self {
        handle.0
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The permissions of a new file or directory.
fn mode(permissions: &Permissions) -> Mode {
    Mode::from_raw_mode(permissions.mode())
}

impl Root {
    /// Opens the directory at `path`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(path, flags, Mode::empty()).map_err(|errno| Error::kernel("open", path, errno))?;
        Ok(Self(root))
    }

    fn open_in(&self, path: &Path, flags: OFlags, mode: Mode) -> Outcome<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new("/") } else { path };
        openat2(&self.0, path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    /// Finds `path`; a symbolic link at its end is followed too.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Result<Handle, Error> {
        let path = path.as_ref();
        let found = self.open_in(path, OFlags::PATH, Mode::empty());
        found.map(Handle).map_err(|errno| Error::kernel("find", path, errno))
    }

    /// Makes a directory and those above it that are not there; what is there is left as it is.
    pub fn mkdir_all(&self, path: impl AsRef<Path>, permissions: &Permissions) -> Result<Handle, Error> {
        let path = path.as_ref();
        let (mut reached, mut made) = (PathBuf::from("/"), false);
        let mut folder = self.folder(&reached).map_err(|errno| Error::kernel("open", path, errno))?;
        for component in path.components() {
            let name = match component {
                Component::Prefix(_) | Component::RootDir | Component::CurDir => continue,
                Component::ParentDir if made => return Err(Error::Unnamed(path.to_owned())),
                Component::ParentDir => OsStr::new(".."),
                Component::Normal(name) => name,
            };
            reached.push(name);
            folder = match self.folder(&reached) {
                Err(Errno::NOENT) => {
                    made = true;
                    self.make(&folder, name, permissions, &reached)
                }
                found => found,
            }
            .map_err(|errno| Error::kernel("make the directory", path, errno))?;
        }
        Ok(Handle(folder))
    }

    fn folder(&self, path: &Path) -> Outcome<OwnedFd> {
        self.open_in(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
    }

    fn make(&self, parent: &OwnedFd, name: &OsStr, permissions: &Permissions, path: &Path) -> Outcome<OwnedFd> {
        match mkdirat(parent, name, mode(permissions)) {
            // Somebody else was quicker, or a link that leads nowhere is in the way, which the next step finds out.
            Ok(()) | Err(Errno::EXIST) => self.folder(path),
            Err(errno) => Err(errno),
        }
    }

    /// Makes and opens a file; its directory has to be there.
    pub fn create_file(
        &self,
        path: impl AsRef<Path>,
        flags: OpenFlags,
        permissions: &Permissions,
    ) -> Result<File, Error> {
        let path = path.as_ref();
        if path.file_name().is_none() {
            return Err(Error::Unnamed(path.to_owned()));
        }
        let file = self.open_in(path, OFlags::from(flags) | OFlags::CREATE, mode(permissions));
        file.map(File::from).map_err(|errno| Error::kernel("make the file", path, errno))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// A root with a link that would lead out of it, and what is outside.
    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/etc")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        symlink(folder.path().join("outside"), folder.path().join("root/absolute")).unwrap();
        symlink("../outside", folder.path().join("root/relative")).unwrap();
        symlink("/etc", folder.path().join("root/settings")).unwrap();
        let root = Root::open(folder.path().join("root")).unwrap();
        (folder, root)
    }

    fn plain() -> Permissions {
        Permissions::from_mode(0o755)
    }

    #[test]
    fn links_are_taken_as_the_container_would() {
        let (folder, root) = root();
        root.mkdir_all("/settings/ssl/certs", &plain()).unwrap();
        assert!(folder.path().join("root/etc/ssl/certs").is_dir());
        root.resolve("settings/ssl").unwrap();
        root.resolve("../../etc").unwrap();
    }

    #[test]
    fn nothing_is_made_outside() {
        let (folder, root) = root();
        for path in ["absolute/x", "relative/x", "/absolute", "relative"] {
            root.mkdir_all(path, &plain()).expect_err(path);
            root.create_file(format!("{path}/y"), OpenFlags::O_EXCL, &plain()).expect_err(path);
        }
        root.mkdir_all("../../outside/z", &plain()).unwrap();
        assert!(folder.path().join("root/outside/z").is_dir());
        assert_eq!(fs::read_dir(folder.path().join("outside")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_there_stays() {
        let (folder, root) = root();
        fs::set_permissions(folder.path().join("root/etc"), Permissions::from_mode(0o700)).unwrap();
        root.mkdir_all("etc", &plain()).unwrap();
        assert_eq!(fs::metadata(folder.path().join("root/etc")).unwrap().permissions().mode() & 0o777, 0o700);
        let flags = OpenFlags::O_EXCL | OpenFlags::O_CREAT | OpenFlags::O_NOFOLLOW;
        root.create_file("/etc/hosts", flags, &Permissions::from_mode(0o644)).unwrap();
        root.create_file("/etc/hosts", flags, &Permissions::from_mode(0o644)).unwrap_err();
    }

    #[test]
    fn a_way_up_from_what_is_not_there_yet_is_refused() {
        let (_folder, root) = root();
        assert!(matches!(root.mkdir_all("new/../other", &plain()), Err(Error::Unnamed(_))));
    }
}
