//! Whether a task finds room on the machine.
//!
//! Memory is promised: what all tasks that have not stopped may use together must fit the machine. Processor time is
//! shared: a task must only not ask for more processors than there are.

use std::fmt;

use store::Transaction;

use crate::rows::{Status, Task, TaskObserved};

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// Units of processor in one processor.
const UNITS: u32 = 1024;

/// What a task lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Processors.
    Cpu {
        /// What it asks for, in units of 1/1024.
        asked: u32,
        /// What there is.
        machine: u32,
    },
    /// Memory.
    Memory {
        /// What it asks for, in MiB.
        asked: u64,
        /// What is not promised to others, in MiB.
        free: u64,
        /// What there is, in MiB.
        machine: u64,
    },
}

impl Lack {
    /// The word for it in a failure.
    pub(crate) fn resource(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "RESOURCE:CPU",
            Self::Memory { .. } => "RESOURCE:MEMORY",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { asked, machine } => {
                write!(f, "the task asks for {asked} CPU units, the machine has {machine}")
            }
            Self::Memory { asked, free, machine } => write!(
                f,
                "the task asks for {asked} MiB of memory, the machine has {machine} MiB, of which {free} MiB are not \
                 promised to other tasks"
            ),
        }
    }
}

/// Whether `task` finds room beside all tasks of all accounts and regions.
pub(crate) fn fits(tx: &Transaction<'_>, machine: Machine, task: &Task) -> Result<Result<(), Lack>, store::Error> {
    let units = machine.cpus.saturating_mul(UNITS);
    if let Some(asked) = task.cpu.filter(|asked| *asked > units) {
        return Ok(Err(Lack::Cpu { asked, machine: units }));
    }
    let mut promised = 0;
    for (key, other) in tx.list_all::<Task>()? {
        let stopped = tx.get::<TaskObserved>(&key)?.is_some_and(|observed| observed.status == Status::Stopped);
        promised += if stopped { 0 } else { other.memory };
    }
    let free = machine.memory_mib.saturating_sub(promised);
    if task.memory > free {
        return Ok(Err(Lack::Memory { asked: task.memory, free, machine: machine.memory_mib }));
    }
    Ok(Ok(()))
}
