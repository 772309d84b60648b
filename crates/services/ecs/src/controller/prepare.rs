//! What a task needs before its containers can be made: log streams and images.

use api::{Fault, ecs::ContainerDefinition, logs};
use futures::future::try_join_all;
use reconcile::Next;

use super::{Error, is_final, task::Visit};
use crate::{definition::log_options, runtime};

/// The name of the stream for what `container` of a task prints: `<prefix>/<container>/<task>`.
///
/// Without a prefix AWS takes the id that Docker gave the container; here it is the container's id in ECS.
pub(crate) fn stream_name(prefix: Option<&str>, container: &str, task: &crate::rows::Task) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}/{container}/{}", task.id),
        None => task.containers.get(container).cloned().unwrap_or_else(|| format!("{container}/{}", task.id)),
    }
}

impl Visit<'_> {
    /// Makes the log streams and fetches the images; the task fails in AWS's words if it can't be.
    pub(super) async fn prepare(&self) -> Result<Next, Error> {
        let Some(row) = self.definition()? else {
            return self.fail("The task definition was deleted before the task could start".to_owned());
        };
        let containers = &row.definition.container_definitions;
        let mut after = self.before.clone();
        after.pull_started_at.get_or_insert(self.ecs.clock.now());
        for container in containers {
            match self.make_stream(container).await {
                Err(fault) if is_final(&fault) => {
                    return self.fail(format!(
                        "ResourceInitializationError: failed to validate logger args: create stream has been retried \
                         1 times: failed to create CloudWatch log stream: {}: {}",
                        fault.code, fault.message
                    ));
                }
                made => made?,
            }
        }
        match self.images(containers).await {
            Ok(images) => {
                let digests = images.into_iter().map(|(name, image)| (name, image.digest.to_string()));
                after.digests = digests.collect();
                after.pull_stopped_at = Some(self.ecs.clock.now());
                self.go_on(after, self.before.status, &[])
            }
            Err((container, runtime::Error::Image(reason))) => {
                after.failures.insert(container, reason.clone());
                self.note(after.clone(), &[])?;
                Visit { before: &after, ..*self }.fail(reason)
            }
            Err((_, error)) => Err(error.into()),
        }
    }

    async fn make_stream(&self, container: &ContainerDefinition) -> Result<(), Fault> {
        let Some((group, prefix, create_group)) = log_options(container) else { return Ok(()) };
        let caller = &self.ecs.caller;
        if create_group {
            let request = logs::CreateLogGroupRequest { log_group_name: group.to_owned(), ..Default::default() };
            unless_there(caller.call::<logs::CreateLogGroup>(&self.key.scope, request).await)?;
        }
        let name = container.name.as_deref().unwrap_or_default();
        let request = logs::CreateLogStreamRequest {
            log_group_name: group.to_owned(),
            log_stream_name: stream_name(prefix, name, self.task),
        };
        unless_there(caller.call::<logs::CreateLogStream>(&self.key.scope, request).await)
    }

    /// The image of each container, by container.
    pub(super) async fn images(
        &self,
        containers: &[ContainerDefinition],
    ) -> Result<Vec<(String, image::Image)>, (String, runtime::Error)> {
        try_join_all(containers.iter().map(async |container| {
            let name = container.name.clone().unwrap_or_default();
            let reference = container.image.as_deref().unwrap_or_default();
            match self.ecs.runtime.image(&self.key.scope, reference).await {
                Ok(image) => Ok((name, image)),
                Err(error) => Err((name, error)),
            }
        }))
        .await
    }
}

/// What exists already need not be made.
fn unless_there<T>(made: Result<T, Fault>) -> Result<(), Fault> {
    match made {
        Err(fault) if fault.code == "ResourceAlreadyExistsException" => Ok(()),
        made => made.map(drop),
    }
}
