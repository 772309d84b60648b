//! What a container may ask of the kernel: calls made raw, and what the kernel says.

use std::io;

use libc::{c_long, syscall};

/// What is asked, and the answer that a container must get. Where another refusal than the filter's would be an answer
/// too (`mount` needs a capability), the arguments are such that the kernel would refuse them otherwise.
pub(crate) const EXPECTED: [(&str, &str); 24] = [
    ("getpid", "allowed"),
    ("ptrace of nobody", "ESRCH"),
    ("socket", "allowed"),
    ("fork", "allowed"),
    ("personality", "allowed"),
    ("mount", "EPERM"),
    ("umount2", "EPERM"),
    ("unshare of users", "EPERM"),
    ("clone of users", "EPERM"),
    ("setns", "EPERM"),
    ("kexec_load", "EPERM"),
    ("bpf", "EPERM"),
    ("add_key", "EPERM"),
    ("keyctl", "EPERM"),
    ("init_module", "EPERM"),
    ("reboot", "EPERM"),
    ("open_by_handle_at", "EPERM"),
    ("perf_event_open", "EPERM"),
    ("userfaultfd", "EPERM"),
    ("io_uring_setup", "EPERM"),
    ("no address randomisation", "EPERM"),
    ("socket to the machine below", "EPERM"),
    ("clone3", "ENOSYS"),
    ("a call of the future", "ENOSYS"),
];

/// Prints the answers as [`EXPECTED`] has them.
pub(crate) fn report() {
    for (name, _) in EXPECTED {
        println!("{name}: {}", ask(name));
    }
}

fn ask(name: &str) -> String {
    const ADDR_NO_RANDOMIZE: c_long = 0x004_0000;
    const NOWHERE: c_long = 0;
    let raw = |number: c_long, arguments: [c_long; 5]| {
        let [first, second, third, fourth, fifth] = arguments;
        // SAFETY: every pointer among the arguments is null, which the kernel refuses and never follows.
        unsafe { syscall(number, first, second, third, fourth, fifth) }
    };
    let users = c_long::from(libc::CLONE_NEWUSER);
    let result = match name {
        "getpid" => raw(libc::SYS_getpid, [0; 5]),
        "ptrace of nobody" => raw(libc::SYS_ptrace, [c_long::from(libc::PTRACE_ATTACH), (1 << 22) - 1, 0, 0, 0]),
        "socket" => raw(libc::SYS_socket, [c_long::from(libc::AF_INET), c_long::from(libc::SOCK_STREAM), 0, 0, 0]),
        "fork" => return fork(),
        "personality" => raw(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0]),
        "mount" => raw(libc::SYS_mount, [NOWHERE; 5]),
        "umount2" => raw(libc::SYS_umount2, [NOWHERE, 0, 0, 0, 0]),
        "unshare of users" => raw(libc::SYS_unshare, [users, 0, 0, 0, 0]),
        "clone of users" => raw(libc::SYS_clone, [users | c_long::from(libc::SIGCHLD), 0, 0, 0, 0]),
        "setns" => raw(libc::SYS_setns, [-1, 0, 0, 0, 0]),
        "kexec_load" => raw(libc::SYS_kexec_load, [0; 5]),
        "bpf" => raw(libc::SYS_bpf, [-1, NOWHERE, 0, 0, 0]),
        "add_key" => raw(libc::SYS_add_key, [NOWHERE; 5]),
        "keyctl" => raw(libc::SYS_keyctl, [0, -3, 0, 0, 0]),
        "init_module" => raw(libc::SYS_init_module, [NOWHERE; 5]),
        "reboot" => raw(libc::SYS_reboot, [0; 5]),
        "open_by_handle_at" => raw(libc::SYS_open_by_handle_at, [-1, NOWHERE, 0, 0, 0]),
        "perf_event_open" => raw(libc::SYS_perf_event_open, [NOWHERE, 0, 0, 0, 0]),
        "userfaultfd" => raw(libc::SYS_userfaultfd, [1, 0, 0, 0, 0]),
        "io_uring_setup" => raw(libc::SYS_io_uring_setup, [1, NOWHERE, 0, 0, 0]),
        "no address randomisation" => raw(libc::SYS_personality, [ADDR_NO_RANDOMIZE, 0, 0, 0, 0]),
        "socket to the machine below" => {
            raw(libc::SYS_socket, [c_long::from(libc::AF_VSOCK), c_long::from(libc::SOCK_STREAM), 0, 0, 0])
        }
        "clone3" => raw(libc::SYS_clone3, [NOWHERE, 0, 0, 0, 0]),
        "a call of the future" => raw(599, [0; 5]),
        other => panic!("unknown call {other}"),
    };
    answer(result)
}

fn fork() -> String {
    // SAFETY: this process has a single thread, and the child does nothing but end.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: `_exit` does nothing but end the process.
        unsafe { libc::_exit(0) }
    }
    let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child), None);
    answer(c_long::from(child))
}

fn answer(result: c_long) -> String {
    match io::Error::last_os_error().raw_os_error() {
        _ if result >= 0 => "allowed".to_owned(),
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::ESRCH) => "ESRCH".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        other => format!("{other:?}"),
    }
}
