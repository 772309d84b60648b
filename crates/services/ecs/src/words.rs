//! What services say of themselves in their events and deployments, in AWS's words: scripts read them.

use std::fmt::Write;

use crate::plan::release::Cause;

/// The words of the service of this name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a>(pub(crate) &'a str);

impl Words<'_> {
    pub(crate) fn started(self, tasks: &[String]) -> String {
        format!("(service {}) has started {} tasks:{}.", self.0, tasks.len(), list(tasks))
    }

    pub(crate) fn stopped(self, tasks: &[String]) -> String {
        format!("(service {}) has stopped {} running tasks:{}.", self.0, tasks.len(), list(tasks))
    }

    pub(crate) fn registered(self, group: &str) -> String {
        format!("(service {}) registered 1 targets in (target-group {group})", self.0)
    }

    pub(crate) fn deregistered(self, group: &str) -> String {
        format!("(service {}) deregistered 1 targets in (target-group {group})", self.0)
    }

    pub(crate) fn draining(self) -> String {
        format!("(service {}) has begun draining connections on 1 tasks.", self.0)
    }

    pub(crate) fn unhealthy_target(self, port: u16, group: &str, reason: &str) -> String {
        format!("(service {}) (port {port}) is unhealthy in (target-group {group}) due to (reason {reason})", self.0)
    }

    pub(crate) fn unhealthy_container(self, task: &str) -> String {
        format!("(service {}) (task {task}) failed container health checks.", self.0)
    }

    pub(crate) fn steady(self) -> String {
        format!("(service {}) has reached a steady state.", self.0)
    }

    pub(crate) fn completed(self, deployment: &str) -> String {
        format!("(service {}) (deployment {deployment}) deployment completed.", self.0)
    }

    pub(crate) fn failed(self, deployment: &str, cause: &Cause) -> String {
        let why = match cause {
            Cause::Breaker => "tasks failed to start.".to_owned(),
            Cause::Alarms(_) => "alarm detected.".to_owned(),
            cause => self::cause(cause),
        };
        format!("(service {}) (deployment {deployment}) deployment failed: {why}", self.0)
    }

    pub(crate) fn no_alarms(self, missing: &[String]) -> String {
        format!("(service {}) is to be watched by alarms that do not exist: {}.", self.0, missing.join(", "))
    }

    pub(crate) fn shifted(self, percent: &str) -> String {
        format!("(service {}) has shifted {percent}% of production traffic to the new service revision.", self.0)
    }

    pub(crate) fn rolling_back(self, deployment: &str) -> String {
        format!("(service {}) rolling back to deployment {deployment}.", self.0)
    }

    pub(crate) fn impaired(self) -> String {
        format!(
            "(service {}) is unable to consistently start tasks successfully. For more information, see the \
             Troubleshooting section of the Amazon ECS Developer Guide.",
            self.0
        )
    }

    pub(crate) fn stuck(self) -> String {
        format!(
            "(service {}) was unable to stop or start tasks during a deployment because of the service deployment \
             configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
            self.0
        )
    }

    pub(crate) fn no_room(self, why: &str) -> String {
        format!(
            "(service {}) was unable to place a task because no container instance met all of its requirements: {why}.",
            self.0
        )
    }

    pub(crate) fn no_definition(self, arn: &str) -> String {
        format!("(service {}) was unable to place a task because its task definition {arn} was deleted.", self.0)
    }
}

fn list(tasks: &[String]) -> String {
    tasks.iter().fold(String::new(), |mut text, task| {
        let _ = write!(text, " (task {task})");
        text
    })
}

/// Why a task stops that its service does not need any more.
pub(crate) fn scaling(deployment: &str) -> String {
    format!("Scaling activity initiated by (deployment {deployment})")
}

/// Why a task stops whose target is not well.
pub(crate) fn failed_target(group: &str) -> String {
    format!("Task failed ELB health checks in (target-group {group})")
}

/// Why a task stops whose containers are not well.
pub(crate) const FAILED_CONTAINER: &str = "Task failed container health checks";

/// Thousandths as a percentage.
pub(crate) fn percent(thousandths: u16) -> String {
    match (thousandths / 10, thousandths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

/// What a rolling deployment says of itself that was given up.
pub(crate) fn given_up(cause: &Cause) -> String {
    match cause {
        Cause::Breaker => "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
        Cause::Alarms(_) => "ECS deployment alarm: alarm detected.".to_owned(),
        cause => self::cause(cause),
    }
}

/// What the deployment says of itself that is gone back to.
pub(crate) fn back(cause: &Cause, deployment: &str) -> String {
    match cause {
        Cause::Breaker => format!("ECS deployment circuit breaker: rolling back to deploymentId {deployment}."),
        Cause::Alarms(_) => format!("ECS deployment alarm: rolling back to deploymentId {deployment}."),
        _ => format!("ECS deployment: rolling back to deploymentId {deployment}."),
    }
}

/// Why a service deployment was given up.
pub(crate) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Asked => "Service deployment was stopped by a user request.".to_owned(),
        Cause::Breaker => "The deployment circuit breaker threshold was exceeded: tasks failed to start.".to_owned(),
        Cause::Alarms(names) => {
            format!("The deployment was watched by alarms, and one was detected: {}.", names.join(", "))
        }
        Cause::Judged(reason) => format!("The canary was taken back: {reason}."),
        Cause::Hook(stage) => format!("A lifecycle hook failed or was not answered in time at {}.", stage.as_str()),
        Cause::Traffic(reason) => format!("Traffic could not be shifted: {reason}"),
        Cause::Slow(stage) => format!("The deployment did not leave {} within 24 hours.", stage.as_str()),
    }
}
