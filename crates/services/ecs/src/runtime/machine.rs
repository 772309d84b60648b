//! The machine itself.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use container::{
    Client, Condition, ContainerUsage, Netns, TaskSpec, TaskState, Usage, client::Error as ShimError, logs,
};
use futures::FutureExt;
use image::{Image, Images};
use names::Scope;
use network::Vpc;
use tokio::fs;

use super::{Answer, Error, Launch, Runtime};

/// Runs tasks on this machine; needs root.
pub struct MachineRuntime {
    images: Images,
    executable: PathBuf,
    tasks: PathBuf,
    volumes: PathBuf,
}

impl MachineRuntime {
    /// Runs tasks with `images`, keeping their files under `data_dir`. `executable` is what becomes a shim when it is
    /// started with `shim`: the running program.
    pub fn new(images: Images, data_dir: &Path, executable: PathBuf) -> Self {
        Self { images, executable, tasks: data_dir.join("tasks"), volumes: data_dir.join("volumes") }
    }

    fn task_dir(&self, task: &str) -> PathBuf {
        self.tasks.join(task)
    }

    async fn start_task(&self, launch: &Launch) -> Result<TaskState, Error> {
        let task_dir = self.task_dir(&launch.spec.id);
        match Client::adopt(&task_dir).await {
            // Started before a crash, in which the note of it was lost.
            Ok(adopted) if adopted.condition != Condition::Gone => return Ok(adopted.state),
            // The crash came between making the directory and the shim: nothing has run that counts.
            Ok(adopted) => adopted.client.forget().await?,
            Err(ShimError::NoTask(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.make_volumes(&launch.spec).await?;
        let vpc = open_vpc(&launch.vpc)?;
        let namespace = vpc.attach(&launch.place).await?;
        if let Some(redirect) = &launch.redirect {
            redirect.apply(&namespace).await?;
        }
        let netns = Netns::Descriptor(namespace.into());
        let client = Client::spawn(&self.executable, &task_dir, &launch.spec, netns).await?;
        Ok(client.state().await?)
    }

    /// Directories that tasks mount are there before they do.
    async fn make_volumes(&self, spec: &TaskSpec) -> Result<(), Error> {
        for mount in spec.containers.iter().flat_map(|container| &container.mounts) {
            fs::create_dir_all(&mount.source).await.map_err(io_error("make the directory", &mount.source))?;
        }
        Ok(())
    }

    async fn wait_state(&self, task: &str, after: u64, wait: Duration) -> Result<Option<TaskState>, Error> {
        let task_dir = self.task_dir(task);
        match Client::at(&task_dir).wait(after, wait).await {
            Ok(state) => Ok(Some(state)),
            Err(ShimError::Gone(_)) => match Client::adopt(&task_dir).await {
                Ok(adopted) => Ok(Some(adopted.state)),
                Err(ShimError::NoTask(_)) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn stop_task(&self, task: &str, reason: &str) -> Result<bool, Error> {
        match Client::adopt(self.task_dir(task)).await {
            Ok(adopted) => {
                adopted.client.stop(reason, None).await?;
                Ok(true)
            }
            Err(ShimError::NoTask(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait_task_output(
        &self,
        task: &str,
        offsets: BTreeMap<String, u64>,
        wait: Duration,
    ) -> Result<bool, Error> {
        match Client::at(self.task_dir(task)).wait_logs(offsets, wait).await {
            Ok(_) => Ok(true),
            Err(ShimError::Gone(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn relink_task(&self, task: &str, vpc: &(PathBuf, u64), place: &network::task::Spec) -> Result<bool, Error> {
        let vpc = open_vpc(vpc)?;
        if vpc.attached().await?.contains(&network::task::link_name(&place.interface_id)?) {
            return Ok(false);
        }
        let shim = Client::at(self.task_dir(task)).state().await?.shim_pid;
        let namespace = network::Namespace::open(Path::new(&format!("/proc/{shim}/ns/net")))?;
        vpc.reattach(&namespace, place).await?;
        Ok(true)
    }

    async fn remove_task(&self, task: &str, link: Option<(&Path, &str)>) -> Result<(), Error> {
        if let Some((path, interface)) = link {
            // A VPC that is gone has taken its links along.
            if let Ok(vpc) = Vpc::open(path) {
                vpc.detach(interface).await?;
            }
        }
        match Client::at(self.task_dir(task)).forget().await {
            // It never came so far as to start.
            Ok(()) | Err(ShimError::NoTask(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let volumes = self.volumes.join(task);
        match fs::remove_dir_all(&volumes).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &volumes)(error)),
            _ => Ok(()),
        }
    }

    async fn list_tasks(&self) -> Result<Vec<String>, Error> {
        let mut listed = match fs::read_dir(&self.tasks).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(io_error("list", &self.tasks))?,
        };
        let mut ids = Vec::new();
        while let Some(entry) = listed.next_entry().await.map_err(io_error("list", &self.tasks))? {
            ids.extend(entry.file_name().into_string());
        }
        Ok(ids)
    }
}

impl Runtime for MachineRuntime {
    fn image<'a>(&'a self, scope: &'a Scope, reference: &'a str) -> Answer<'a, Image> {
        let resolved = self.images.resolve(reference, scope);
        async move { resolved.await.map_err(|error| Error::Image(error.stopped_reason())) }.boxed()
    }

    fn start<'a>(&'a self, launch: &'a Launch) -> Answer<'a, TaskState> {
        self.start_task(launch).boxed()
    }

    fn wait<'a>(&'a self, task: &'a str, after: u64, wait: Duration) -> Answer<'a, Option<TaskState>> {
        self.wait_state(task, after, wait).boxed()
    }

    fn stop<'a>(&'a self, task: &'a str, reason: &'a str) -> Answer<'a, bool> {
        self.stop_task(task, reason).boxed()
    }

    fn wait_output<'a>(&'a self, task: &'a str, offsets: BTreeMap<String, u64>, wait: Duration) -> Answer<'a, bool> {
        self.wait_task_output(task, offsets, wait).boxed()
    }

    fn output<'a>(
        &'a self,
        task: &'a str,
        container: &'a str,
        offset: u64,
        max: usize,
    ) -> Answer<'a, (Vec<logs::Entry>, u64)> {
        let log = logs::path(&self.task_dir(task), container);
        async move {
            let read = {
                let log = log.clone();
                tokio::task::spawn_blocking(move || logs::read_from(&log, offset, max)).await
            };
            read.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(io_error("read", &log))
        }
        .boxed()
    }

    fn relink<'a>(
        &'a self,
        task: &'a str,
        vpc: &'a (PathBuf, u64),
        place: &'a network::task::Spec,
    ) -> Answer<'a, bool> {
        self.relink_task(task, vpc, place).boxed()
    }

    fn remove<'a>(&'a self, task: &'a str, link: Option<(&'a Path, &'a str)>) -> Answer<'a, ()> {
        self.remove_task(task, link).boxed()
    }

    fn usage(&self, tasks: Vec<String>) -> Answer<'_, BTreeMap<String, Usage>> {
        async move {
            let used = |task: String| Usage::of(&task).map(|usage| (task, usage));
            let read = tokio::task::spawn_blocking(move || tasks.into_iter().filter_map(used).collect());
            read.await.map_err(|error| io_error("read the cgroups of", &self.tasks)(io::Error::other(error)))
        }
        .boxed()
    }

    fn containers<'a>(
        &'a self,
        task: &'a str,
        processes: BTreeMap<String, i32>,
    ) -> Answer<'a, BTreeMap<String, ContainerUsage>> {
        let id = task.to_owned();
        async move {
            let used = move |(name, pid): (String, i32)| ContainerUsage::of(&id, &name, pid).map(|usage| (name, usage));
            let read = tokio::task::spawn_blocking(move || processes.into_iter().filter_map(used).collect());
            read.await.map_err(|error| io_error("read the cgroups of", &self.task_dir(task))(io::Error::other(error)))
        }
        .boxed()
    }

    fn tasks(&self) -> Answer<'_, Vec<String>> {
        self.list_tasks().boxed()
    }

    fn volume(&self, task: &str, name: &str) -> PathBuf {
        self.volumes.join(task).join(name)
    }
}

/// Opens a VPC by path, if it is the one that is meant.
fn open_vpc((path, inode): &(PathBuf, u64)) -> Result<Vpc, Error> {
    let vpc = Vpc::open(path)?;
    if vpc.namespace().identity().inode == *inode { Ok(vpc) } else { Err(Error::StaleVpc(path.clone())) }
}

fn io_error(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { what, path: path.clone(), source }
}
