//! What root may do in a container: Docker's usual capabilities, with what a task definition adds and takes away.

use crate::{
    ContainerSpec,
    cgroup::{TaskCgroup, Version},
};

/// Docker's default capabilities.
const USUAL: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// What may be added, as on Fargate: nothing that reaches beyond the container.
pub const ADDABLE_CAPABILITIES: [&str; 1] = ["SYS_PTRACE"];

/// What takes every capability away.
pub const ALL_CAPABILITIES: &str = "ALL";

/// The capabilities that processes of `container` can come by, as `CAP_…`.
pub(crate) fn capabilities(container: &ContainerSpec) -> Vec<&'static str> {
    let added = ADDABLE_CAPABILITIES.iter().zip(["CAP_SYS_PTRACE"]);
    let added = added.filter(|(name, _)| container.added_capabilities.iter().any(|given| given == *name));
    let added = added.map(|(_, capability)| capability);
    let dropped = |name: &str| container.dropped_capabilities.iter().any(|given| given == name);
    // Where the device controller is missing (cgroup v2), nobody may make device nodes.
    let makes_devices = TaskCgroup::version() == Version::V1;
    let usual = USUAL.into_iter().filter(|name| makes_devices || *name != "CAP_MKNOD");
    let usual = usual.filter(|_| !dropped(ALL_CAPABILITIES));
    usual.filter(|name| !dropped(name.trim_start_matches("CAP_"))).chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::container;

    #[test]
    fn what_is_dropped_is_gone_and_what_is_added_is_there() {
        let mut app = container("app");
        app.dropped_capabilities = vec!["NET_RAW".to_owned()];
        app.added_capabilities = vec!["SYS_PTRACE".to_owned()];
        let held = capabilities(&app);
        assert!(!held.contains(&"CAP_NET_RAW") && held.contains(&"CAP_SYS_PTRACE") && held.contains(&"CAP_CHOWN"));
        app.dropped_capabilities = vec![ALL_CAPABILITIES.to_owned()];
        assert_eq!(capabilities(&app), ["CAP_SYS_PTRACE"]);
    }
}
