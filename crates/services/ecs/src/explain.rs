//! What is accepted and kept, but has no effect here, each with the reason.

use api::{Explanation, explanation};

/// All of them; shown by `serin explain` and in the docs.
pub const EXPLAINED: &[Explanation] = &[
    explanation("AccountSetting", "awsvpcTrunking", "kept; every task has an interface of its own without it"),
    explanation("AccountSetting", "containerInsights", "kept; no metrics of ECS/ContainerInsights are made"),
    explanation(
        "AccountSetting",
        "defaultLogDriverMode",
        "kept; output never blocks a container: what can't be carried is kept in its log file",
    ),
    explanation("AccountSetting", "fargateEventWindows", "kept; nothing is ever retired"),
    explanation("AccountSetting", "fargateTaskRetirementWaitPeriod", "kept; nothing is ever retired"),
    explanation("AccountSetting", "tagResourceAuthorization", "kept; whoever may call may tag"),
    explanation(
        "Cluster",
        "capacityProviders",
        "FARGATE and FARGATE_SPOT are known by name; both mean this machine, and spot is never taken away",
    ),
    explanation("Cluster", "settings.containerInsights", "kept; no metrics of ECS/ContainerInsights are made"),
    explanation(
        "Service",
        "availabilityZoneRebalancing",
        "accepted; all zones are this machine, so nothing is out of balance",
    ),
    explanation("Service", "capacityProviderStrategy.weight", "accepted; all capacity providers are this machine"),
    explanation("Service", "deploymentConfiguration.lifecycleHooks.roleArn", "kept; no role is needed to ask a URL"),
    explanation(
        "Service",
        "loadBalancers.advancedConfiguration.roleArn",
        "kept; no role is needed to change listener rules",
    ),
    explanation(
        "Service",
        "networkConfiguration.awsvpcConfiguration.assignPublicIp",
        "gives tasks a way to the internet where their subnet routes there; they are reached from outside through a load \
         balancer",
    ),
    explanation("Service", "platformVersion", "kept; there is one platform"),
    explanation("Service", "role", "kept; no role is needed to register targets"),
    explanation(
        "TaskDefinition",
        "containerDefinitions.dockerLabels",
        "kept and shown; no Docker is there to read them",
    ),
    explanation(
        "TaskDefinition",
        "containerDefinitions.logConfiguration.options.awslogs-region",
        "kept; logs stay in the task's own region",
    ),
    explanation(
        "TaskDefinition",
        "containerDefinitions.logConfiguration.options.max-buffer-size",
        "kept; output waits in a log file of up to 36 MiB",
    ),
    explanation(
        "TaskDefinition",
        "containerDefinitions.logConfiguration.options.mode",
        "kept; output never blocks a container",
    ),
    explanation("TaskDefinition", "containerDefinitions.portMappings.appProtocol", "kept; it is for Service Connect"),
    explanation("TaskDefinition", "containerDefinitions.portMappings.name", "kept; it is for Service Connect"),
    explanation(
        "TaskDefinition",
        "containerDefinitions.versionConsistency",
        "kept; each task resolves its images' tags when it starts",
    ),
    explanation("TaskDefinition", "ephemeralStorage", "kept; a task's files take what room the machine has"),
    explanation("TaskDefinition", "executionRoleArn", "kept; images and logs need no role"),
    explanation(
        "TaskDefinition",
        "requiresCompatibilities",
        "FARGATE is checked as on AWS; all tasks run on this machine",
    ),
    explanation(
        "TaskDefinition",
        "taskRoleArn",
        "a task with a role gets an access key of its account; the role's policies are not enforced",
    ),
];

#[cfg(test)]
mod tests {
    use super::EXPLAINED;

    #[test]
    fn the_table_is_in_order_and_says_nothing_twice() {
        assert!(EXPLAINED.is_sorted_by(|a, b| (a.resource, a.member) < (b.resource, b.member)));
    }
}
