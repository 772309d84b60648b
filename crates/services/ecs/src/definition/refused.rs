//! Members that can't be honoured on one machine of one's own. Each is refused by its name, and only when it says
//! something: clients write out empty lists and `false` for what they don't use.

use api::ecs::{ContainerDefinition, LinuxParameters, RegisterTaskDefinitionRequest, Unsupported, Volume};

use container::ADDABLE_CAPABILITIES;

use crate::Error;

/// What stands for "this is refused because", by member.
type Check<'a> = (bool, &'a str, &'static str);

/// Refuses what can't be honoured of a whole task.
pub(super) fn in_task(request: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let checks: [Check<'_>; 6] = [
        (!request.placement_constraints.is_empty(), "placementConstraints", "there is one machine, and all run on it"),
        (is_set(request.pid_mode.as_deref()), "pidMode", "each container sees its own processes only"),
        (is_set(request.ipc_mode.as_deref()), "ipcMode", "each container has its own shared memory"),
        (says(request.inference_accelerators.as_ref()), "inferenceAccelerators", "there are no such devices"),
        (request.enable_fault_injection == Some(true), "enableFaultInjection", "nothing injects faults"),
        (
            says(request.trusted_execution_configuration.as_ref()),
            "trustedExecutionConfiguration",
            "containers share the machine's kernel",
        ),
    ];
    first(&checks, "")?;
    platform(request)?;
    request.volumes.iter().try_for_each(|volume| in_volume(volume, request))
}

fn platform(request: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let Some(platform) = &request.runtime_platform else { return Ok(()) };
    let own = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X86_64" };
    let (architecture, system) = (platform.cpu_architecture.as_deref(), platform.operating_system_family.as_deref());
    let checks: [Check<'_>; 2] = [
        (
            architecture.is_some_and(|name| !name.is_empty() && name != own),
            "runtimePlatform.cpuArchitecture",
            "this machine's processor is of the other kind",
        ),
        (
            system.is_some_and(|name| !name.is_empty() && name != "LINUX"),
            "runtimePlatform.operatingSystemFamily",
            "this machine runs Linux",
        ),
    ];
    first(&checks, "")
}

fn in_volume(volume: &Volume, request: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let path = volume.host.as_ref().and_then(|host| host.source_path.as_deref());
    let fargate = request.requires_compatibilities.iter().any(|kind| kind == "FARGATE");
    let checks: [Check<'_>; 6] = [
        (says(volume.docker_volume_configuration.as_ref()), "dockerVolumeConfiguration", "no Docker is involved"),
        (says(volume.efs_volume_configuration.as_ref()), "efsVolumeConfiguration", "there is no EFS"),
        (says(volume.s3files_volume_configuration.as_ref()), "s3filesVolumeConfiguration", "there is no S3"),
        (
            says(volume.fsx_windows_file_server_volume_configuration.as_ref()),
            "fsxWindowsFileServerVolumeConfiguration",
            "there is no FSx",
        ),
        (volume.configured_at_launch == Some(true), "configuredAtLaunch", "there is no EBS"),
        (
            is_set(path) && fargate,
            "host.sourcePath",
            "Fargate has no host whose directories could be shared; leave FARGATE out of requiresCompatibilities",
        ),
    ];
    first(&checks, &format!("volumes[{}].", volume.name.as_deref().unwrap_or_default()))
}

/// Refuses what can't be honoured of a container.
pub(super) fn in_container(container: &ContainerDefinition) -> Result<(), Error> {
    const VPC: &str = "awsvpc mode does not allow it: the task's own name and resolver serve all its containers";
    let checks: [Check<'_>; 17] = [
        (says(container.repository_credentials.as_ref()), "repositoryCredentials", "there is no Secrets Manager"),
        (!container.links.is_empty(), "links", "containers of a task reach each other at localhost"),
        (says(container.environment_files.as_ref()), "environmentFiles", "there is no S3"),
        (!container.volumes_from.is_empty(), "volumesFrom", "use volumes and mountPoints"),
        (
            !container.secrets.is_empty(),
            "secrets",
            "there is no Secrets Manager and no Parameter Store; use environment",
        ),
        (is_set(container.hostname.as_deref()), "hostname", VPC),
        (!container.dns_servers.is_empty(), "dnsServers", VPC),
        (!container.dns_search_domains.is_empty(), "dnsSearchDomains", VPC),
        (!container.extra_hosts.is_empty(), "extraHosts", VPC),
        (container.disable_networking == Some(true), "disableNetworking", "awsvpc mode does not allow it"),
        (container.privileged == Some(true), "privileged", "as on Fargate, no container gets the machine's own rights"),
        (!container.docker_security_options.is_empty(), "dockerSecurityOptions", "no such labels are set"),
        (container.interactive == Some(true), "interactive", "nobody is at the other end of its input"),
        (container.pseudo_terminal == Some(true), "pseudoTerminal", "its output goes to logs, not to a terminal"),
        (says(container.resource_requirements.as_ref()), "resourceRequirements", "there are no such devices"),
        (says(container.firelens_configuration.as_ref()), "firelensConfiguration", "logs go to awslogs only"),
        (!container.credential_specs.is_empty(), "credentialSpecs", "there is no Active Directory"),
    ];
    let at = format!("containerDefinitions[{}].", container.name.as_deref().unwrap_or_default());
    first(&checks, &at)?;
    let kernel = !container.system_controls.is_empty();
    first(&[(kernel, "systemControls", "kernel parameters are those of the machine")], &at)?;
    container.linux_parameters.as_ref().map_or(Ok(()), |linux| in_linux(linux, &format!("{at}linuxParameters.")))
}

fn in_linux(linux: &LinuxParameters, at: &str) -> Result<(), Error> {
    let mut added = linux.capabilities.iter().flat_map(|capabilities| &capabilities.add);
    let unfit = added.any(|name| !ADDABLE_CAPABILITIES.contains(&name.as_str()));
    let checks: [Check<'_>; 6] = [
        (unfit, "capabilities.add", "as on Fargate, SYS_PTRACE is all that can be added"),
        (says(linux.devices.as_ref()), "devices", "no device of the machine is given away"),
        (says(linux.tmpfs.as_ref()), "tmpfs", "use a volume"),
        (linux.shared_memory_size.is_some_and(|mib| mib > 0), "sharedMemorySize", "it is always 64 MiB"),
        (linux.max_swap.is_some(), "maxSwap", "there is no swap for containers"),
        (linux.swappiness.is_some(), "swappiness", "there is no swap for containers"),
    ];
    first(&checks, at)
}

fn first(checks: &[Check<'_>], at: &str) -> Result<(), Error> {
    match checks.iter().find(|(refused, _, _)| *refused) {
        Some((_, member, reason)) => Err(Error::Unsupported { member: format!("{at}{member}"), reason }),
        None => Ok(()),
    }
}

fn says(member: Option<&Unsupported>) -> bool {
    member.is_some_and(|member| !member.is_empty())
}

fn is_set(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}
