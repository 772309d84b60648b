//! `/proc`, as the kernel shows it.
//!
//! A container's image could have something of its own there, or a mount over a single file, to have the runtime read
//! or write what it did not mean to. So the file system is looked at before it is used, and no mount in it is crossed.

use std::{fs::File, os::fd::OwnedFd, path::Path};

use rustix::fs::{Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, fstatfs, open, openat2};

use crate::{error::Error, flags::OpenFlags};

/// Where a path in `/proc` begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcfsBase {
    /// `/proc`
    ProcRoot,
    /// `/proc/self`
    ProcSelf,
}

/// An open `/proc`.
#[derive(Debug)]
pub struct ProcfsHandle(OwnedFd);

impl ProcfsHandle {
    /// Opens `/proc`.
    pub fn new() -> Result<Self, Error> {
        let path = Path::new("/proc");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = open(path, flags, Mode::empty()).map_err(|errno| Error::kernel("open", path, errno))?;
        let found = fstatfs(&folder).map_err(|errno| Error::kernel("look at", path, errno))?;
        if found.f_type == PROC_SUPER_MAGIC { Ok(Self(folder)) } else { Err(Error::NotProc) }
    }

    /// Opens a file of it. Links to other files, such as those in `/proc/self/fd`, are not followed.
    pub fn open(
        &self,
        base: ProcfsBase,
        subpath: impl AsRef<Path>,
        flags: impl Into<OpenFlags>,
    ) -> Result<File, Error> {
        let path = match base {
            ProcfsBase::ProcRoot => subpath.as_ref().to_owned(),
            ProcfsBase::ProcSelf => Path::new("self").join(subpath),
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        let file = openat2(&self.0, &path, flags.into().into(), Mode::empty(), resolve);
        file.map(File::from).map_err(|errno| Error::kernel("open in /proc", &path, errno))
    }
}

/// Makes a [`ProcfsHandle`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcfsHandleBuilder;

impl ProcfsHandleBuilder {
    /// A builder.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Wants all of `/proc`, not only what concerns processes; this is always so here.
    #[must_use]
    pub fn unmasked(self) -> Self {
        self
    }

    /// Opens it.
    pub fn build(self) -> Result<ProcfsHandle, Error> {
        ProcfsHandle::new()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_process_reads_about_itself() {
        let mut text = String::new();
        let proc = ProcfsHandle::new().unwrap();
        proc.open(ProcfsBase::ProcSelf, "status", OpenFlags::O_RDONLY).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains(&format!("Pid:\t{}\n", std::process::id())), "{text}");
        proc.open(ProcfsBase::ProcRoot, "sys/kernel/ostype", OpenFlags::O_RDONLY).unwrap();
    }

    #[test]
    fn a_path_stays_in_proc() {
        let proc = ProcfsHandle::new().unwrap();
        for outside in ["root/etc", "../../etc", "fd/0", "exe"] {
            proc.open(ProcfsBase::ProcSelf, outside, OpenFlags::O_RDONLY).expect_err(outside);
        }
    }
}
