//! How much processor and memory a task may ask for.
//!
//! Fargate sells fixed combinations; a definition that requires `FARGATE` must be one of them. Values come in units or
//! with words (`256`, `.25 vCPU`, `1 GB`) and are kept in units.

use api::ecs::RegisterTaskDefinitionRequest;

use super::wrong;
use crate::Error;

/// Processor units of one processor.
const UNITS_PER_PROCESSOR: f64 = 1024.0;

/// One row of Fargate's price list: units of processor, and memory in MiB from, to, by.
const COMBINATIONS: [(u32, u64, u64, u64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

/// What a whole task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Units of processor; no limit if none.
    pub cpu: Option<u32>,
    /// Memory in MiB.
    pub memory: u64,
}

/// Checks a task's size, its containers' shares of it, and brings its values into units.
pub(super) fn check(request: &mut RegisterTaskDefinitionRequest) -> Result<(), Error> {
    for kind in &request.requires_compatibilities {
        if !["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"].contains(&kind.as_str()) {
            return Err(wrong(format!("Invalid requiresCompatibilities: {kind}.")));
        }
    }
    let cpu = request.cpu.as_deref().map(cpu_units).transpose()?;
    let memory = request.memory.as_deref().map(memory_mib).transpose()?;
    if request.requires_compatibilities.iter().any(|kind| kind == "FARGATE") {
        let (Some(cpu), Some(memory)) = (cpu, memory) else {
            return Err(wrong("Fargate requires that 'cpu' and 'memory' be defined at the task level.".to_owned()));
        };
        sold(cpu, memory)?;
    }
    request.cpu = cpu.map(|units| units.to_string());
    request.memory = memory.map(|mib| mib.to_string());
    shares(request, cpu, memory)
}

/// Whether Fargate sells `cpu` units with `memory` MiB.
fn sold(cpu: u32, memory: u64) -> Result<(), Error> {
    let fits = |(units, from, to, by): &(u32, u64, u64, u64)| {
        *units == cpu && (*from..=*to).contains(&memory) && (memory - from).is_multiple_of(*by)
    };
    // The one irregular step of the list: a quarter of a processor comes with 0.5, 1 or 2 GB, not with 1.5.
    if COMBINATIONS.iter().any(fits) && (cpu, memory) != (256, 1536) {
        Ok(())
    } else {
        Err(wrong(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. \
             See the Amazon ECS documentation for the valid values."
        )))
    }
}

/// The containers' shares must fit into the task.
fn shares(request: &RegisterTaskDefinitionRequest, cpu: Option<u32>, memory: Option<u64>) -> Result<(), Error> {
    let mut cpu_total = 0_u64;
    let mut reserved = 0_u64;
    for container in &request.container_definitions {
        let name = container.name.as_deref().unwrap_or_default();
        let positive = |value: Option<i32>| value.map(|value| u64::try_from(value).unwrap_or(0));
        let (hard, soft) = (positive(container.memory), positive(container.memory_reservation));
        if hard.is_some_and(|mib| mib < 6) || soft.is_some_and(|mib| mib < 6) || container.cpu < 0 {
            return Err(wrong(format!(
                "Invalid setting for container '{name}'. 'memory' and 'memoryReservation' must be at least 6, \
                 'cpu' at least 0."
            )));
        }
        if memory.is_none() && hard.is_none() && soft.is_none() {
            return Err(wrong(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be \
                 specified."
            )));
        }
        if let (Some(hard), Some(soft)) = (hard, soft)
            && soft > hard
        {
            return Err(wrong(format!(
                "Invalid setting for container '{name}'. The 'memory' value must be greater than the \
                 'memoryReservation' value."
            )));
        }
        if memory.is_some_and(|task| hard.is_some_and(|hard| hard > task)) {
            return Err(wrong(format!(
                "Invalid setting for container '{name}'. The 'memory' value exceeds that of the task."
            )));
        }
        cpu_total += u64::try_from(container.cpu).unwrap_or(0);
        reserved += soft.or(hard).unwrap_or(0);
    }
    if cpu.is_some_and(|task| cpu_total > u64::from(task)) {
        return Err(wrong("The sum of 'cpu' of the containers exceeds that of the task.".to_owned()));
    }
    if memory.is_some_and(|task| reserved > task) {
        return Err(wrong("The sum of memory promised to the containers exceeds that of the task.".to_owned()));
    }
    Ok(())
}

/// What a checked definition's tasks take of the machine; without a task's own limit, what its containers are promised.
pub(crate) fn size_of(request: &RegisterTaskDefinitionRequest) -> Size {
    let promised = |container: &api::ecs::ContainerDefinition| {
        u64::try_from(container.memory_reservation.or(container.memory).unwrap_or(0)).unwrap_or(0)
    };
    let memory = request.memory.as_deref().and_then(|text| text.parse().ok());
    Size {
        cpu: request.cpu.as_deref().and_then(|text| text.parse().ok()),
        memory: memory.unwrap_or_else(|| request.container_definitions.iter().map(promised).sum()),
    }
}

/// Units of processor from `256`, `.25 vCPU` or `1 vcpu`.
pub(crate) fn cpu_units(text: &str) -> Result<u32, Error> {
    let bad = || wrong(format!("Invalid 'cpu' setting for task: {text}."));
    let lower = text.trim().to_ascii_lowercase();
    if let Some(processors) = lower.strip_suffix("vcpu") {
        let processors: f64 = processors.trim().parse().map_err(|_| bad())?;
        return whole(processors * UNITS_PER_PROCESSOR).and_then(|units| u32::try_from(units).ok()).ok_or_else(bad);
    }
    lower.parse().ok().filter(|units| *units >= 1).ok_or_else(bad)
}

/// MiB from `512`, `1 GB` or `0.5GB`.
pub(crate) fn memory_mib(text: &str) -> Result<u64, Error> {
    let bad = || wrong(format!("Invalid 'memory' setting for task: {text}."));
    let lower = text.trim().to_ascii_lowercase();
    if let Some(gib) = lower.strip_suffix("gb") {
        let gib: f64 = gib.trim().parse().map_err(|_| bad())?;
        return whole(gib * 1024.0).ok_or_else(bad);
    }
    lower.parse().ok().filter(|mib| *mib >= 1).ok_or_else(bad)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a small whole number")]
fn whole(value: f64) -> Option<u64> {
    ((1.0..=1e9).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_units_and_in_words() {
        assert_eq!([".25 vCPU", "256", "1vcpu", "2 vCPU"].map(|text| cpu_units(text).unwrap()), [256, 256, 1024, 2048]);
        assert_eq!(["512", "0.5 GB", "1GB", "30 GB"].map(|text| memory_mib(text).unwrap()), [512, 512, 1024, 30720]);
        for wrong in ["", "vCPU", "-1", "0", "1.3 vCPU", "x"] {
            assert!(cpu_units(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_on_the_list_is_sold() {
        for (cpu, memory) in [(256, 512), (256, 1024), (256, 2048), (512, 3072), (4096, 8192), (8192, 20480)] {
            assert!(sold(cpu, memory).is_ok(), "{cpu} {memory}");
        }
        for (cpu, memory) in [(256, 1536), (256, 4096), (300, 512), (512, 512), (1024, 9216), (8192, 17408)] {
            assert!(sold(cpu, memory).is_err(), "{cpu} {memory}");
        }
    }
}
