//! Version 2 of control groups: one hierarchy, whose controllers are handed down from group to group.
//!
//! A group with processes in it hands nothing down, except the root of the machine. So the processes of containers are in
//! the lowest groups alone, `serin/<task>/<container>`, and the limits of a task lie in the one above. Only the
//! controllers that limits are made of are handed down; libcontainer would hand down all there are, and does so only
//! for groups it has to make itself.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::write;

/// What limits are made of.
pub(crate) const CONTROLLERS: [&str; 2] = ["cpu", "memory"];
/// What a group may hand down.
const AVAILABLE: &str = "cgroup.controllers";
/// What it does hand down.
const HANDED_DOWN: &str = "cgroup.subtree_control";
/// Tries to hand down what somebody else takes back in the same moment, as systemd may from groups that nobody uses.
const TRIES: u32 = 10;

/// Those of [`CONTROLLERS`] that `group` has.
pub(crate) fn available(group: &Path) -> io::Result<BTreeSet<&'static str>> {
    read(group.join(AVAILABLE))
}

/// Hands what `root` has of [`CONTROLLERS`] down to what lies in `group`, by all groups in between, and answers what
/// that is.
pub(super) fn hand_down(root: &Path, group: &Path) -> io::Result<BTreeSet<&'static str>> {
    let wanted = available(root)?;
    let ways: Vec<&Path> = group.ancestors().take_while(|ancestor| ancestor.starts_with(root)).collect();
    let mut tries = 0;
    loop {
        match ways.iter().rev().try_for_each(|ancestor| hand_on(ancestor, &wanted)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
            handed => return handed.map(|()| wanted),
        }
    }
}

/// Lets `group` hand `wanted` on, where it does not yet.
pub(crate) fn hand_on(group: &Path, wanted: &BTreeSet<&'static str>) -> io::Result<()> {
    let file = group.join(HANDED_DOWN);
    let handed = read(file.clone())?;
    let missing: Vec<String> = wanted.difference(&handed).map(|controller| format!("+{controller}")).collect();
    if missing.is_empty() { Ok(()) } else { write(&file, &missing.join(" ")) }
}

fn read(file: PathBuf) -> io::Result<BTreeSet<&'static str>> {
    let text = fs::read_to_string(&file)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", file.display())))?;
    let is_named = |controller: &&str| text.split_whitespace().any(|name| name == *controller);
    Ok(CONTROLLERS.into_iter().filter(is_named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of files that a kernel would make, each with all that `has` says.
    fn groups(has: &str) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let task = root.path().join("serin/t");
        fs::create_dir_all(&task).unwrap();
        for group in task.ancestors().take(3) {
            fs::write(group.join(AVAILABLE), has).unwrap();
            fs::write(group.join(HANDED_DOWN), "").unwrap();
        }
        (root, task)
    }

    fn handed_down(group: &Path) -> String {
        fs::read_to_string(group.join(HANDED_DOWN)).unwrap()
    }

    #[test]
    fn what_limits_need_is_handed_down_by_every_group_and_nothing_else() {
        let (root, task) = groups("cpuset cpu io memory hugetlb pids rdma\n");
        assert_eq!(hand_down(root.path(), &task).unwrap(), BTreeSet::from(CONTROLLERS));
        for group in [root.path(), &root.path().join("serin"), &task] {
            assert_eq!(handed_down(group), "+cpu +memory");
        }
    }

    #[test]
    fn a_group_that_hands_it_down_already_is_left_alone() {
        let (root, task) = groups("cpu memory\n");
        fs::write(root.path().join(HANDED_DOWN), "cpu io memory\n").unwrap();
        fs::write(root.path().join("serin").join(HANDED_DOWN), "memory\n").unwrap();
        hand_down(root.path(), &task).unwrap();
        assert_eq!(handed_down(root.path()), "cpu io memory\n");
        assert_eq!(handed_down(&root.path().join("serin")), "+cpu");
    }

    #[test]
    fn what_a_machine_does_not_have_is_not_handed_down() {
        let (root, task) = groups("hugetlb\n");
        assert_eq!(hand_down(root.path(), &task).unwrap(), BTreeSet::new());
        assert_eq!(handed_down(&task), "");
    }
}
