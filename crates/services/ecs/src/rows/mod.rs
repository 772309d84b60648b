//! What is kept: what users asked for (desired) and what controllers saw (observed).
//!
//! | kind | key | written by |
//! |---|---|---|
//! | `ecs/cluster` | cluster | operations |
//! | `ecs/family`, `ecs/task-definition` | family, family:revision | operations |
//! | `ecs/service` | cluster/service | operations |
//! | `ecs/service.observed` | cluster/service | the service controller; the task controller adds events |
//! | `ecs/task` | cluster/task | operations, and the service controller, which runs and stops tasks as users do |
//! | `ecs/task.observed` | cluster/task | the task controller |
//! | `ecs/task.runtime` | cluster/task | the task controller's followers: what the task's shim last said |
//! | `ecs/task.logs` | cluster/task | the task controller's followers: how far logs were carried |
//! | `ecs/service-deployment`, `ecs/service-revision` | cluster/service/digits | the service controller: its story |
//! | `ecs/service.traffic` | cluster/service | the traffic controller: what load balancers were told |
//! | `ecs/service.hooks` | cluster/service | the hook controller: what hooks answered |
//! | `ecs/service.alarms` | cluster/service | the alarm controller: which alarms sounded |
//! | `ecs/setting` | setting | operations |

mod cluster;
mod history;
mod service;
mod task;
mod task_definition;

pub(crate) use cluster::{Cluster, Setting};
pub(crate) use history::{
    AlarmsSeen, Rollback, ServiceAlarms, ServiceDeployment, ServiceHooks, ServiceRevision, ServiceTraffic,
};
pub(crate) use service::{Deployment, Event, Orders, Revision, Service, ServiceObserved, digits};
pub(crate) use task::{
    Fitness, Interface, LogCheckpoint, Membership, RegistryInstance, Status, Stop, Target, Task, TaskLogs,
    TaskObserved, TaskRuntime,
};
pub(crate) use task_definition::{Family, TaskDefinition};
