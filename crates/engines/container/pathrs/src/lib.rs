//! Paths that cannot leave a root, by `openat2(2)`: the few doors that `libcontainer` and `libcgroups` use.
//!
//! They ask for a crate of this name. The one in the registry may be used only under copyleft licences, which the house
//! does not want in its binary; so the workspace puts this one in its place (`[patch.crates-io]` in the root manifest,
//! `docs/decisions/0006`). It leaves resolution to the kernel: Linux 5.6 or later, without a fallback.
//!
//! - [`Root`] is a container's root file system: symbolic links in it, `/` and `..` are taken as the container would.
//! - [`procfs::ProcfsHandle`] is `/proc`, and nothing that somebody mounted over it or into it.

pub mod error;
pub mod flags;
pub mod procfs;
mod root;

pub use root::{Handle, Root};
