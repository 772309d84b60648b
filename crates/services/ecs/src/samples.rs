//! Things that tests of several modules start from.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf};

use api::ecs::{AwsVpcConfiguration, LaunchType, RegisterTaskDefinitionRequest, TaskOverride, TaskStopCode};
use container::{ContainerState, ContainerStatus, Health, TaskState, TaskStatus};
use image::{Digest, Image, ImageConfig};
use names::{Tags, Timestamp};

use crate::rows::{Interface, RegistryInstance, Stop, Target, Task};

/// A task definition of the shape of a mesh's gateway: an app behind its proxy, and a tracing daemon.
pub(crate) fn gateway_definition() -> RegisterTaskDefinitionRequest {
    serde_json::from_value(serde_json::json!({
        "family": "gateway",
        "proxyConfiguration": {
            "type": "APPMESH",
            "containerName": "envoy",
            "properties": [
                {"name": "IgnoredUID", "value": "1337"},
                {"name": "ProxyIngressPort", "value": "15000"},
                {"name": "ProxyEgressPort", "value": "15001"},
                {"name": "AppPorts", "value": "9080"},
                {"name": "EgressIgnoredIPs", "value": "169.254.170.2,169.254.169.254"}
            ]
        },
        "containerDefinitions": [
            {
                "name": "app",
                "image": "localhost:4566/gateway",
                "portMappings": [{"containerPort": 3000, "hostPort": 3000, "protocol": "tcp"}],
                "environment": [{"name": "SERVER_PORT", "value": "3000"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "flask", "awslogs-region": "ap-southeast-2", "awslogs-stream-prefix": "gateway"
                }},
                "essential": true,
                "dependsOn": [{"containerName": "envoy", "condition": "HEALTHY"}]
            },
            {
                "name": "envoy",
                "image": "111345817488.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.9.1.0-prod",
                "user": "1337",
                "essential": true,
                "ulimits": [{"name": "nofile", "hardLimit": 15000, "softLimit": 15000}],
                "portMappings": [{"containerPort": 9901, "hostPort": 9901, "protocol": "tcp"}],
                "environment": [{"name": "APPMESH_VIRTUAL_NODE_NAME", "value": "mesh/m/virtualNode/gateway-vn"}],
                "healthCheck": {
                    "command": ["CMD-SHELL", "curl -s http://localhost:9901/server_info | grep state | grep -q LIVE"],
                    "interval": 5, "timeout": 2, "retries": 3
                }
            },
            {
                "name": "xray-daemon",
                "image": "amazon/aws-xray-daemon",
                "user": "1337",
                "essential": true,
                "cpu": 32,
                "memoryReservation": 256,
                "portMappings": [{"hostPort": 2000, "containerPort": 2000, "protocol": "udp"}]
            }
        ],
        "taskRoleArn": "arn:aws:iam::000000000000:role/task",
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "requiresCompatibilities": ["FARGATE", "EC2"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512"
    }))
    .expect("the sample is of the right shape")
}

/// A task that is meant to run.
pub(crate) fn task() -> Task {
    Task {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        cluster: "flask".to_owned(),
        family: "gateway".to_owned(),
        revision: 1,
        group: "family:gateway".to_owned(),
        started_by: None,
        launch_type: LaunchType::Fargate,
        capacity_provider: None,
        platform_version: None,
        network: AwsVpcConfiguration { subnets: vec!["subnet-1".to_owned()], ..AwsVpcConfiguration::default() },
        overrides: TaskOverride::default(),
        cpu: Some(256),
        memory: 512,
        membership: None,
        containers: BTreeMap::new(),
        tags: Tags::new(),
        client_token: None,
        created_at: Timestamp::default(),
        stop: None,
    }
}

/// A task that is meant to stop.
pub(crate) fn stopping_task() -> Task {
    let stop = Stop {
        code: TaskStopCode::UserInitiated,
        reason: "Task stopped by user".to_owned(),
        at: Timestamp::default(),
        failed: false,
    };
    Task { stop: Some(stop), ..task() }
}

/// What a shim says of a task with one container.
pub(crate) fn state(status: TaskStatus) -> TaskState {
    TaskState {
        id: task().id,
        revision: 1,
        shim_pid: 1,
        status,
        stop: None,
        containers: vec![container_state("app")],
        created_at: Timestamp::default(),
        started_at: None,
        stopped_at: None,
    }
}

/// A container that runs.
pub(crate) fn container_state(name: &str) -> ContainerState {
    ContainerState {
        name: name.to_owned(),
        status: ContainerStatus::Running,
        pid: None,
        exit_code: None,
        reason: None,
        health: Health::Unknown,
        health_output: None,
        started_at: None,
        finished_at: None,
        restarts: 0,
    }
}

/// A registered target.
pub(crate) fn target(health: &str) -> Target {
    Target {
        group: "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/api/0123456789abcdef".to_owned(),
        port: 3000,
        registered: true,
        health: Some(health.to_owned()),
        description: None,
    }
}

/// A registered instance.
pub(crate) fn instance() -> RegistryInstance {
    RegistryInstance { service: "srv-1".to_owned(), registered: true, healthy: Some(true) }
}

/// A network interface.
pub(crate) fn interface() -> Interface {
    Interface {
        attachment: "0-0".to_owned(),
        id: "eni-0123456789abcdef0".to_owned(),
        mac: "02:00:0a:00:00:05".to_owned(),
        address: Ipv4Addr::new(10, 0, 0, 5),
        subnet: "subnet-1".to_owned(),
        vpc: "vpc-1".to_owned(),
        zone: "us-east-1a".to_owned(),
        dns_name: None,
    }
}

/// An image that serves.
pub(crate) fn image() -> Image {
    Image {
        reference: "sample".to_owned(),
        digest: Digest::of(b"sample"),
        config: ImageConfig {
            entrypoint: vec!["/entry".to_owned()],
            command: vec!["serve".to_owned()],
            environment: vec!["PATH=/bin".to_owned()],
            ..ImageConfig::default()
        },
        layers: vec![PathBuf::from("/layers/1")],
    }
}
