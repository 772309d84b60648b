//! The filter that every container's system calls pass: container engines' default profile, compiled and loaded.
//!
//! libcontainer would do this with libseccomp, a C library that cannot be part of the static binary; so `seccompiler`
//! compiles the filters here, and [`Filters::load`] gives them to the kernel as the last thing before the command.
//! Loading needs `CAP_SYS_ADMIN`, for the other way (`no_new_privs`) would take `sudo`, `ping` and all that carries
//! file capabilities from images that work elsewhere. libcontainer is therefore told to leave that one capability to
//! the process, and [`Filters::load`] takes it away.
//!
//! Two filters, since each can refuse in one way only: what is not allowed answers EPERM, what is not known ENOSYS, by
//! which a C library takes the older way. The later one loaded wins where both refuse.

mod profile;

use std::{collections::BTreeMap, io, sync::Arc};

use caps::{CapSet, Capability};
use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// What the process must hold to load the filters; libcontainer calls it so.
pub(crate) const LOADER_CAPABILITY: &str = "CAP_SYS_ADMIN";

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// A container's filters, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Filters(Arc<[BpfProgram]>);

impl Filters {
    /// The filters for a container whose processes can have `capabilities` (`CAP_…`).
    pub(crate) fn compile(capabilities: &[&str]) -> Result<Self, BackendError> {
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let refused = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
        let allowed =
            SeccompFilter::new(allowed(capabilities)?, refused(libc::EPERM), SeccompAction::Allow, architecture)?;
        let unknown = SeccompFilter::new(unknown(), SeccompAction::Allow, refused(libc::ENOSYS), architecture)?;
        Ok(Self([allowed.try_into()?, unknown.try_into()?].into()))
    }

    /// Puts the calling process, which must have one thread, and all that will come of it under the filters, and takes
    /// from it the capability that this needs.
    pub(crate) fn load(&self) -> Result<(), String> {
        for program in self.0.iter() {
            load(program).map_err(|error| format!("cannot load the seccomp filter: {error}"))?;
        }
        for set in [CapSet::Effective, CapSet::Permitted] {
            caps::drop(None, set, Capability::CAP_SYS_ADMIN)
                .map_err(|error| format!("cannot give up {LOADER_CAPABILITY}: {error}"))?;
        }
        Ok(())
    }
}

/// `seccompiler`'s own way would set `no_new_privs`.
fn load(program: &BpfProgram) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: the kernel copies `len` instructions from `filter` and keeps neither pointer; `seccompiler`'s instruction
    // is laid out as the kernel's.
    let loaded = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if loaded == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn allowed(capabilities: &[&str]) -> Result<Rules, BackendError> {
    let held = profile::BY_CAPABILITY.iter().filter(|(capability, _)| capabilities.contains(capability));
    let held = held.flat_map(|(_, calls)| calls.iter());
    let free = profile::ALLOWED.iter().chain(profile::ARCHITECTURE).chain(held);
    let mut rules: Rules = free.map(|call| (*call, Vec::new())).collect();
    let first =
        |operator, value| SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Dword, operator, value)?]);
    rules.insert(libc::SYS_clone, vec![first(SeccompCmpOp::MaskedEq(profile::NAMESPACE_FLAGS), 0)?]);
    rules.insert(libc::SYS_socket, vec![first(SeccompCmpOp::Ne, profile::REFUSED_FAMILY)?]);
    let personalities = profile::PERSONALITIES.map(|value| first(SeccompCmpOp::Eq, value));
    rules.insert(libc::SYS_personality, personalities.into_iter().collect::<Result<_, _>>()?);
    // The second filter has the answer.
    rules.insert(profile::HIDDEN_FLAGS, Vec::new());
    Ok(rules)
}

fn unknown() -> Rules {
    let calls = profile::UNKNOWN.into_iter().flatten().chain([profile::HIDDEN_FLAGS]);
    calls.map(|call| (call, Vec::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What must never be in the list, whatever a container holds.
    const NEVER: &[c_long] = &[
        libc::SYS_add_key,
        libc::SYS_bpf,
        libc::SYS_delete_module,
        libc::SYS_finit_module,
        libc::SYS_fsopen,
        libc::SYS_init_module,
        libc::SYS_io_uring_setup,
        libc::SYS_kexec_file_load,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_mount,
        libc::SYS_move_mount,
        libc::SYS_open_by_handle_at,
        libc::SYS_perf_event_open,
        libc::SYS_pivot_root,
        libc::SYS_reboot,
        libc::SYS_request_key,
        libc::SYS_setns,
        libc::SYS_swapon,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
    ];

    #[test]
    fn what_breaks_out_of_containers_is_never_allowed() {
        let rules = allowed(&["CAP_SYS_CHROOT", "CAP_SYS_PTRACE"]).unwrap();
        let found: Vec<_> = NEVER.iter().filter(|call| rules.contains_key(call)).collect();
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn some_calls_hang_on_a_capability() {
        assert!(allowed(&["CAP_SYS_CHROOT"]).unwrap().contains_key(&libc::SYS_chroot));
        assert!(!allowed(&[]).unwrap().contains_key(&libc::SYS_chroot));
        assert!(!allowed(&["CAP_SYS_CHROOT"]).unwrap().contains_key(&libc::SYS_kcmp));
    }

    #[test]
    fn no_call_is_both_allowed_and_unknown() {
        let (allowed, unknown) = (allowed(&[]).unwrap(), unknown());
        let both: Vec<_> = allowed.keys().filter(|call| unknown.contains_key(call)).collect();
        assert_eq!(both, [&profile::HIDDEN_FLAGS]);
    }

    #[test]
    fn the_filters_are_of_a_size_the_kernel_takes() {
        let filters = Filters::compile(&[]).unwrap();
        assert!(filters.0.iter().all(|program| program.len() < 4096));
    }
}
