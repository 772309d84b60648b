//! Kernel settings of a namespace. `/proc/sys/net` shows the settings of the thread that looks.

use std::{fs, io, path::Path};

use crate::Error;

/// Writes `value` to `/proc/sys/net/<name>` of the calling thread's namespace.
pub(crate) fn write(name: &str, value: &str) -> Result<(), Error> {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).map_err(|source| Error::Setting { path, value: value.to_owned(), source })
}

/// Like [`write`], for a setting that a kernel may lack: IPv6 switched off, connection tracking not loaded yet.
pub(crate) fn write_if_there(name: &str, value: &str) -> Result<(), Error> {
    match write(name, value) {
        Err(Error::Setting { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// How long a closed TCP connection is remembered, in seconds. The kernel's 120 would let a thousand short
/// connections a second fill the table of 2¹⁸ within minutes, since every hop of a namespace counts them again.
const TIME_WAIT_SECONDS: &str = "20";

/// Settles connection tracking in the calling thread's namespace, once there are rules that use it.
pub(crate) fn connection_tracking() -> Result<(), Error> {
    if Path::new("/proc/sys/net/netfilter").exists() {
        write_if_there("netfilter/nf_conntrack_tcp_timeout_time_wait", TIME_WAIT_SECONDS)?;
    }
    Ok(())
}
