//! How files are opened.

use rustix::fs::OFlags;

bitflags::bitflags! {
    /// The flags of `open(2)`, by their names there.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Read alone.
        const O_RDONLY = OFlags::RDONLY.bits();
        /// Write alone.
        const O_WRONLY = OFlags::WRONLY.bits();
        /// Both.
        const O_RDWR = OFlags::RDWR.bits();
        /// Closed when the process executes another program.
        const O_CLOEXEC = OFlags::CLOEXEC.bits();
        /// Made if it is not there.
        const O_CREAT = OFlags::CREATE.bits();
        /// Has to be a directory.
        const O_DIRECTORY = OFlags::DIRECTORY.bits();
        /// Must not be there yet.
        const O_EXCL = OFlags::EXCL.bits();
        /// Must not be a symbolic link.
        const O_NOFOLLOW = OFlags::NOFOLLOW.bits();
        /// Any other.
        const _ = !0;
    }
}

impl From<OpenFlags> for OFlags {
    fn from(flags: OpenFlags) -> Self {
        Self::from_bits_retain(flags.bits())
    }
}
