//! A container in OCI's words: the `config.json` that libcontainer reads, with Docker's defaults.
//!
//! The system calls are filtered by [`crate::seccomp`]. What Docker would do and this does not: an `AppArmor` profile,
//! which would have to be loaded into the machine's kernel for all of it. What it does beyond Docker: under cgroup v2,
//! where the device controller is missing, nobody may make device nodes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    BindMount, ContainerSpec, TaskSpec,
    capabilities::capabilities,
    cgroup::{TaskCgroup, Version},
    executor::DEFAULT_PATH,
    image_user::Identity,
    seccomp::LOADER_CAPABILITY,
    ulimits,
};

/// What of `/proc` and `/sys` nobody in a container has to see, as in Docker.
const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What of `/proc` nobody in a container has to change, as in Docker.
const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The least CPU share the kernel knows.
const CPU_SHARES_MIN: u32 = 2;

/// All a bundle is made of.
pub(crate) struct Bundle<'a> {
    pub(crate) task: &'a TaskSpec,
    pub(crate) container: &'a ContainerSpec,
    pub(crate) identity: &'a Identity,
    pub(crate) cgroup: &'a TaskCgroup,
    /// Where the root file system is mounted.
    pub(crate) root: &'a Path,
    /// The directory of the task's `hosts`, `hostname` and `resolv.conf`.
    pub(crate) etc: &'a Path,
}

impl Bundle<'_> {
    /// The content of `config.json`.
    pub(crate) fn config(&self) -> Value {
        json!({
            "ociVersion": "1.0.2",
            "hostname": self.task.hostname,
            "root": {"path": self.root, "readonly": self.container.read_only_root},
            "process": self.process(),
            "mounts": self.mounts(),
            "linux": {
                "cgroupsPath": self.cgroup.container_path(&self.container.name),
                // The network namespace is the shim's own.
                "namespaces": namespaces(),
                "resources": self.resources(),
                "maskedPaths": MASKED_PATHS,
                "readonlyPaths": READ_ONLY_PATHS,
            },
        })
    }

    fn process(&self) -> Value {
        json!({
            "terminal": false,
            "user": {
                "uid": self.identity.uid,
                "gid": self.identity.gid,
                "additionalGids": self.identity.groups,
            },
            "args": self.container.args,
            "env": self.environment(),
            "cwd": self.working_directory(),
            "capabilities": self.capabilities(),
            "rlimits": ulimits::rlimits(&self.container.ulimits),
            "noNewPrivileges": false,
        })
    }

    /// Where the command starts.
    pub(crate) fn working_directory(&self) -> PathBuf {
        self.container.working_directory.clone().unwrap_or_else(|| PathBuf::from("/"))
    }

    /// The container's own variables, after those that Docker gives every container.
    fn environment(&self) -> Vec<String> {
        let defaults =
            [("PATH", DEFAULT_PATH), ("HOSTNAME", &self.task.hostname), ("HOME", self.identity.home.as_str())];
        let given = |name: &str| self.container.env.iter().any(|(given, value)| given == name && !value.is_empty());
        let missing = defaults.iter().filter(|(name, _)| !given(name));
        let missing = missing.map(|(name, value)| format!("{name}={value}"));
        missing.chain(self.container.env.iter().map(|(name, value)| format!("{name}={value}"))).collect()
    }

    /// Only root has any from the start; others may come by them through files that carry them. Each process has one
    /// more for a moment, to load its filter with.
    fn capabilities(&self) -> Value {
        let all = capabilities(self.container);
        let mut held = if self.identity.uid == 0 { all.clone() } else { Vec::new() };
        held.push(LOADER_CAPABILITY);
        json!({"bounding": all, "effective": held, "permitted": held, "inheritable": [], "ambient": []})
    }

    fn mounts(&self) -> Vec<Value> {
        let safe = ["nosuid", "noexec", "nodev"];
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc", "options": safe}),
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
            json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]}),
            json!({"destination": "/sys", "type": "sysfs", "source": "sysfs",
                "options": ["nosuid", "noexec", "nodev", "ro"]}),
            json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}),
        ];
        if kernel_has_mqueue() {
            mounts.push(json!({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": safe}));
        }
        mounts.extend(self.cgroup_mounts());
        for name in ["hosts", "hostname", "resolv.conf"] {
            mounts.push(bind(&self.etc.join(name), &Path::new("/etc").join(name), &["rbind", "rprivate"]));
        }
        mounts.extend(self.container.mounts.iter().map(user_mount));
        mounts
    }

    /// Language runtimes size themselves by the limits they find here. libcontainer's own way under v1 would leave
    /// the hierarchies writable, so each is bound read-only.
    fn cgroup_mounts(&self) -> Vec<Value> {
        let options = ["nosuid", "noexec", "nodev", "ro"];
        if TaskCgroup::version() == Version::V2 {
            let mount =
                json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": options});
            return vec![mount];
        }
        let mut mounts = vec![json!({"destination": "/sys/fs/cgroup", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "noexec", "nodev", "mode=755", "size=64k"]})];
        for controller in ["cpu", "cpuacct", "memory"] {
            if let Some(directory) = self.cgroup.container_directory(controller, &self.container.name) {
                let destination = Path::new("/sys/fs/cgroup").join(controller);
                mounts.push(bind(&directory, &destination, &["bind", "nosuid", "noexec", "nodev", "ro"]));
            }
        }
        mounts
    }

    fn resources(&self) -> Value {
        let bytes = |mib: u64| mib.saturating_mul(1 << 20);
        let mut memory = json!({});
        if let Some(mib) = self.container.memory_mib {
            memory["limit"] = bytes(mib).into();
            if self.cgroup.counts_swap() {
                memory["swap"] = bytes(mib).into();
            }
        }
        if let Some(mib) = self.container.memory_reservation_mib {
            memory["reservation"] = bytes(mib).into();
        }
        let mut resources = json!({"devices": [{"allow": false, "access": "rwm"}], "memory": memory});
        if self.cgroup.shares_processors() {
            resources["cpu"] = json!({"shares": self.container.cpu_units.unwrap_or(0).max(CPU_SHARES_MIN)});
        }
        resources
    }
}

/// A view of its own of everything but the network; of cgroups only under v2, as in Docker.
fn namespaces() -> Vec<Value> {
    let mut types = vec!["pid", "ipc", "uts", "mount"];
    if TaskCgroup::version() == Version::V2 {
        types.push("cgroup");
    }
    types.into_iter().map(|name| json!({"type": name})).collect()
}

fn user_mount(mount: &BindMount) -> Value {
    let access = if mount.read_only { "ro" } else { "rw" };
    bind(&mount.source, &mount.destination, &["rbind", "rprivate", access])
}

fn bind(source: &Path, destination: &Path, options: &[&str]) -> Value {
    json!({"destination": destination, "type": "bind", "source": source, "options": options})
}

/// Kernels can be built without it.
fn kernel_has_mqueue() -> bool {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    known.lines().any(|line| line.ends_with("mqueue"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{container, task};

    fn config(container: ContainerSpec, uid: u32) -> Value {
        let task = task(vec![container]);
        let bundle = Bundle {
            task: &task,
            container: &task.containers[0],
            identity: &Identity { uid, gid: uid, groups: vec![], home: "/home/app".to_owned() },
            cgroup: &TaskCgroup::of("task"),
            root: Path::new("/bundle/root"),
            etc: Path::new("/etc-files"),
        };
        bundle.config()
    }

    #[test]
    fn only_root_holds_capabilities_from_the_start() {
        let root = config(container("app"), 0);
        let other = config(container("app"), 1337);
        assert!(root["process"]["capabilities"]["effective"].as_array().unwrap().len() > 10);
        assert_eq!(other["process"]["capabilities"]["effective"], json!([LOADER_CAPABILITY]));
        let bounding = other["process"]["capabilities"]["bounding"].to_string();
        assert!(!bounding.contains("NET_ADMIN") && !bounding.contains("SYS_ADMIN"), "{bounding}");
    }

    #[test]
    fn what_is_not_given_in_the_environment_is_filled_in() {
        let mut app = container("app");
        app.env = vec![("HOME".to_owned(), "/elsewhere".to_owned()), ("A".to_owned(), "b".to_owned())];
        let expected = json!([format!("PATH={DEFAULT_PATH}"), "HOSTNAME=task", "HOME=/elsewhere", "A=b"]);
        assert_eq!(config(app, 0)["process"]["env"], expected);
    }

    #[test]
    fn limits_become_bytes() {
        let mut app = container("app");
        app.memory_mib = Some(64);
        assert_eq!(config(app, 0)["linux"]["resources"]["memory"]["limit"], json!(64 << 20));
    }

    #[test]
    fn the_configuration_is_one_that_libcontainer_reads() {
        let text = config(container("app"), 0).to_string();
        let spec: oci_spec::runtime::Spec = serde_json::from_str(&text).unwrap();
        assert_eq!(spec.linux().as_ref().unwrap().namespaces().as_ref().unwrap().len(), namespaces().len());
    }
}
