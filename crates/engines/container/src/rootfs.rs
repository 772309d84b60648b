//! A container's root file system: the image's layers below, a directory of its own on top, by overlayfs.
//!
//! The mounts are made in the shim's mount namespace and vanish with it. What an image holds is not trusted: its
//! files are opened, and directories in it made, so that no link in it leads out of it.

use std::{
    ffi::CString,
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::{AsRawFd, FromRawFd},
        unix::{ffi::OsStrExt, fs::symlink},
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    fcntl::AtFlags,
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::{Mode, SFlag, fstatat, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};

/// The most that is read of `/etc/passwd` and the like, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// The overlay of one container, mounted from [`Overlay::mount`] until it is dropped.
#[derive(Debug)]
pub(crate) struct Overlay {
    root: PathBuf,
}

impl Overlay {
    /// Mounts `layers`, lowest first, with what is written going to a fresh directory in `bundle`.
    pub(crate) fn mount(bundle: &Path, layers: &[PathBuf]) -> io::Result<Self> {
        for directory in ["layers", "upper", "work", "root"] {
            fs::create_dir_all(bundle.join(directory))?;
        }
        // The options have to fit into a page, and commas and colons divide them: so each layer gets a short name.
        for (number, layer) in layers.iter().enumerate() {
            if !layer.is_dir() {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("no layer at {}", layer.display())));
            }
            symlink(layer, bundle.join(format!("layers/{number}")))?;
        }
        let lower: Vec<String> = (0..layers.len()).rev().map(|number| format!("layers/{number}")).collect();
        let options = format!("lowerdir={},upperdir=upper,workdir=work", lower.join(":"));
        // Names in the options are relative to the working directory; a shim has one thread, so nobody else minds.
        std::env::set_current_dir(bundle)?;
        let mounted = mount(Some("overlay"), "root", Some("overlay"), MsFlags::empty(), Some(options.as_str()));
        std::env::set_current_dir("/")?;
        mounted.map_err(|error| {
            let problem = format!("cannot mount an overlay of {} layers: {error}", layers.len());
            io::Error::new(io::Error::from(error).kind(), problem)
        })?;
        Ok(Self { root: bundle.join("root") })
    }

    /// Where it is mounted.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file of the image, empty when there is none.
    pub(crate) fn read_text(&self, path: &str) -> io::Result<String> {
        let mut file = match open_inside(&File::open(&self.root)?, Path::new(path), libc::O_RDONLY | libc::O_NONBLOCK) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Ok(String::new());
        }
        let mut bytes = Vec::new();
        file.by_ref().take(FILE_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Makes directory `path` and those above it where missing, as Docker does with a working directory.
    pub(crate) fn make_directory(&self, path: &Path) -> io::Result<()> {
        let root = File::open(&self.root)?;
        let mut made = PathBuf::from("/");
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let next = made.join(name);
            if open_inside(&root, &next, libc::O_PATH | libc::O_DIRECTORY).is_err() {
                let parent = open_inside(&root, &made, libc::O_PATH | libc::O_DIRECTORY)?;
                mkdirat(Some(parent.as_raw_fd()), name, Mode::from_bits_truncate(0o755))?;
            }
            made = next;
        }
        Ok(())
    }

    /// Removes `path` if it is a link to nothing: nothing could be bound over it.
    pub(crate) fn remove_dangling_link(&self, path: &Path) -> io::Result<()> {
        let root = File::open(&self.root)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let Ok(parent) = open_inside(&root, parent, libc::O_PATH | libc::O_DIRECTORY) else { return Ok(()) };
        let is_link = fstatat(Some(parent.as_raw_fd()), name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFLNK);
        if is_link && open_inside(&root, path, libc::O_PATH).is_err() {
            unlinkat(Some(parent.as_raw_fd()), name, UnlinkatFlags::NoRemoveDir)?;
        }
        Ok(())
    }
}

impl Drop for Overlay {
    /// What was written to it stays in the bundle.
    fn drop(&mut self) {
        if let Err(error) = umount2(&self.root, MntFlags::MNT_DETACH) {
            tracing::warn!(root = %self.root.display(), %error, "root file system not unmounted");
        }
    }
}

/// The kernel's `struct open_how`.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Opens `path` as a process whose root directory is `root` would: links cannot lead out of it.
fn open_inside(root: &File, path: &Path, flags: i32) -> io::Result<File> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = u64::from((flags | libc::O_CLOEXEC).cast_unsigned());
    let how = OpenHow { flags, mode: 0, resolve: libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS };
    // SAFETY: `path` is a C string and `how` a whole `open_how`, both alive during the call, which keeps neither.
    let descriptor = unsafe {
        libc::syscall(libc::SYS_openat2, root.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<OpenHow>())
    };
    let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that looks like a mounted root.
    fn root(directory: &tempfile::TempDir) -> Overlay {
        Overlay { root: directory.path().to_owned() }
    }

    #[test]
    fn links_in_an_image_do_not_lead_out_of_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        symlink("/../../../../etc/hostname", directory.path().join("etc/passwd")).unwrap();
        assert_eq!(root(&directory).read_text("/etc/passwd").unwrap(), "");
        fs::write(directory.path().join("etc/hostname"), "inside").unwrap();
        assert_eq!(root(&directory).read_text("/etc/passwd").unwrap(), "inside");
    }

    #[test]
    fn directories_are_made_inside() {
        let directory = tempfile::tempdir().unwrap();
        symlink("/elsewhere", directory.path().join("link")).unwrap();
        fs::create_dir(directory.path().join("elsewhere")).unwrap();
        root(&directory).make_directory(Path::new("/link/a/../b")).unwrap();
        assert!(directory.path().join("elsewhere/a").is_dir());
        assert!(!Path::new("/elsewhere").exists());
    }

    #[test]
    fn links_to_nothing_are_removed_and_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        symlink("/run/nothing", directory.path().join("dangling")).unwrap();
        symlink("/target", directory.path().join("good")).unwrap();
        fs::write(directory.path().join("target"), "").unwrap();
        let root = root(&directory);
        root.remove_dangling_link(Path::new("/dangling")).unwrap();
        root.remove_dangling_link(Path::new("/good")).unwrap();
        assert!(fs::symlink_metadata(directory.path().join("dangling")).is_err());
        assert!(fs::symlink_metadata(directory.path().join("good")).is_ok());
    }

    #[test]
    fn a_fifo_in_place_of_a_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&directory.path().join("passwd"), Mode::S_IRUSR).unwrap();
        assert_eq!(root(&directory).read_text("/passwd").unwrap(), "");
    }
}
