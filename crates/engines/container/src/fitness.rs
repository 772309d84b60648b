//! Whether the machine has what containers need, asked before anything is started.
//!
//! What is asked for here can be missing on machines that people really have: a kernel without the memory controller, a
//! container whose own control groups are in use. A task would find out too, long after, and nobody who waits for it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};

use crate::cgroup::{ROOT, unified};

/// The hierarchies of version 1 that limits and usage are read from and written to.
const HIERARCHIES: [&str; 3] = ["cpu", "cpuacct", "memory"];

/// What a machine lacks, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// There are no control groups at all.
    #[error(
        "no control groups are mounted at {0}, without which nothing holds tasks to their memory and processor: mount \
         them (`mount -t cgroup2 cgroup2 {0}`), or start the container that this runs in with --privileged"
    )]
    NotMounted(PathBuf),
    /// Version 2 without a controller.
    #[error(
        "the control groups of this machine have no {0} controller, without which nothing holds tasks to their limits: \
         start its kernel with it (cgroup_enable=memory, and not cgroup_disable), or, if this runs in a container, start \
         that with --privileged and --cgroupns=host"
    )]
    NoController(String),
    /// Version 1 without a hierarchy.
    #[error(
        "control groups of version 1 are mounted at {root} without the hierarchy of {missing}, without which nothing \
         holds tasks to their limits: mount it (`mkdir -p {root}/{missing} && mount -t cgroup -o {missing} {missing} \
         {root}/{missing}`)"
    )]
    NoHierarchy {
        /// Where the others are.
        root: PathBuf,
        /// The controller.
        missing: &'static str,
    },
    /// Version 2 whose root is none: a container's own.
    #[error(
        "processes are in the control group at {0}, which therefore hands no limits on to others, as in a container with \
         control groups of its own: start that with --cgroupns=host, or move them first (`mkdir {0}/init; for pid in \
         $(cat {0}/cgroup.procs); do echo $pid > {0}/init/cgroup.procs; done`)"
    )]
    Busy(PathBuf),
    /// It cannot be written to.
    #[error(
        "the control groups at {root} cannot be changed ({source}): if this runs in a container, start that with \
         --privileged"
    )]
    Closed {
        /// Where they are.
        root: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
}

/// Fails with what the machine lacks of control groups to run tasks. Leaves them as they are, but that under version 2 the
/// root hands on what tasks need.
pub fn check_control_groups() -> Result<(), Unfit> {
    check(Path::new(ROOT), kind)
}

/// What is mounted somewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A hierarchy of version 1.
    Hierarchy,
    /// Version 2.
    Unified,
    /// Something else.
    Other,
}

fn kind(path: &Path) -> Kind {
    match statfs(path).map(|stat| stat.filesystem_type()) {
        Ok(CGROUP2_SUPER_MAGIC) => Kind::Unified,
        Ok(CGROUP_SUPER_MAGIC) => Kind::Hierarchy,
        _ => Kind::Other,
    }
}

fn check(root: &Path, kind: impl Fn(&Path) -> Kind) -> Result<(), Unfit> {
    if kind(root) == Kind::Unified {
        return check_unified(root);
    }
    let has = |name: &str| kind(&root.join(name)) == Kind::Hierarchy;
    if !HIERARCHIES.iter().any(|name| has(name)) {
        return Err(Unfit::NotMounted(root.to_owned()));
    }
    if let Some(missing) = HIERARCHIES.into_iter().find(|name| !has(name)) {
        return Err(Unfit::NoHierarchy { root: root.to_owned(), missing });
    }
    Ok(())
}

fn check_unified(root: &Path) -> Result<(), Unfit> {
    let closed = |source| Unfit::Closed { root: root.to_owned(), source };
    let available = unified::available(root).map_err(closed)?;
    let missing: Vec<&str> = unified::CONTROLLERS.into_iter().filter(|name| !available.contains(name)).collect();
    if !missing.is_empty() {
        return Err(Unfit::NoController(missing.join(" and no ")));
    }
    unified::hand_on(root, &available).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => Unfit::Busy(root.to_owned()),
        _ if in_use(root) => Unfit::Busy(root.to_owned()),
        _ => closed(error),
    })
}

/// Whether processes are in it, though it is no machine's root: that has no `cgroup.type`.
fn in_use(root: &Path) -> bool {
    let processes = fs::read_to_string(root.join("cgroup.procs")).unwrap_or_default();
    root.join("cgroup.type").exists() && !processes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unified(available: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), available).unwrap();
        fs::write(root.path().join("cgroup.subtree_control"), "").unwrap();
        root
    }

    fn said(root: &Path, kind: impl Fn(&Path) -> Kind) -> String {
        check(root, kind).map_or_else(|unfit| unfit.to_string(), |()| "fit".to_owned())
    }

    #[test]
    fn this_machine_is_fit() {
        check_control_groups().unwrap();
    }

    #[test]
    fn a_machine_without_control_groups_is_told_how_to_mount_them() {
        let said = said(Path::new("/nowhere"), |_| Kind::Other);
        assert!(said.contains("mount -t cgroup2 cgroup2 /nowhere"), "{said}");
    }

    #[test]
    fn version_1_is_asked_for_each_of_its_hierarchies() {
        let without = |missing: &'static str| {
            move |path: &Path| if path.ends_with(missing) { Kind::Other } else { Kind::Hierarchy }
        };
        assert_eq!(said(Path::new("/c"), without("io")), "fit");
        let said = said(Path::new("/c"), without("memory"));
        assert!(said.contains("mount -t cgroup -o memory memory /c/memory"), "{said}");
    }

    #[test]
    fn version_2_is_asked_for_its_controllers_and_hands_them_on() {
        let all = |_: &Path| Kind::Unified;
        let root = unified("cpuset cpu io memory pids\n");
        assert_eq!(said(root.path(), all), "fit");
        let handed_on = fs::read_to_string(root.path().join("cgroup.subtree_control")).unwrap();
        assert_eq!(handed_on, "+cpu +memory");
        let without_memory = said(unified("cpuset cpu io pids\n").path(), all);
        assert!(without_memory.contains("no memory controller") && without_memory.contains("cgroup_enable=memory"));
        assert!(said(unified("hugetlb\n").path(), all).contains("no cpu and no memory controller"));
    }

    #[test]
    fn version_2_that_cannot_be_changed_is_told_by_the_kernels_word() {
        let root = unified("cpu memory\n");
        let file = root.path().join("cgroup.subtree_control");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let closed = said(root.path(), |_| Kind::Unified);
        assert!(closed.contains("cannot be changed") && closed.contains("--privileged"), "{closed}");
        // A container's own root: a kernel refuses as long as processes are in it.
        fs::write(root.path().join("cgroup.type"), "domain\n").unwrap();
        fs::write(root.path().join("cgroup.procs"), "1\n").unwrap();
        let busy = said(root.path(), |_| Kind::Unified);
        assert!(busy.contains("--cgroupns=host") && busy.contains("/init/cgroup.procs"), "{busy}");
    }
}
