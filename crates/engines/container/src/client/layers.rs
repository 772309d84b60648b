//! Which image layers tasks are made of, so that whoever keeps images keeps those.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Error, TaskFiles};

/// The layers of every task whose directory lies in `tasks`, those that have ended included: their directories may be
/// about to go, but are still there.
///
/// It is read from the specifications, which are there before a shim starts, and not from mounts, which are seen in each
/// shim's namespace alone.
pub fn layers_in_use(tasks: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let mut layers = BTreeSet::new();
    let listed = match fs::read_dir(tasks) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(layers),
        listed => listed.map_err(TaskFiles::new(tasks.to_owned()).io("list the tasks"))?,
    };
    for entry in listed {
        let entry = entry.map_err(TaskFiles::new(tasks.to_owned()).io("list the tasks"))?;
        let files = TaskFiles::new(entry.path());
        match files.read_spec() {
            Ok(spec) => layers.extend(spec.containers.into_iter().flat_map(|container| container.layers)),
            // Not a task, not yet one, or one that was removed while we looked.
            Err(Error::NoTask(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{container, task};

    #[test]
    fn every_task_is_asked_and_what_is_none_passed_over() {
        let tasks = tempfile::tempdir().unwrap();
        for (name, layers) in [("one", ["/a", "/b"]), ("two", ["/b", "/c"])] {
            let mut spec = task(vec![container("app")]);
            spec.containers[0].layers = layers.map(PathBuf::from).to_vec();
            fs::create_dir(tasks.path().join(name)).unwrap();
            TaskFiles::new(tasks.path().join(name)).write_spec(&spec).unwrap();
        }
        fs::create_dir(tasks.path().join("empty")).unwrap();
        let layers = layers_in_use(tasks.path()).unwrap();
        assert_eq!(layers, ["/a", "/b", "/c"].map(PathBuf::from).into());
        assert!(layers_in_use(Path::new("/nonexistent")).unwrap().is_empty());
        fs::write(tasks.path().join("one/task.json"), "half").unwrap();
        assert!(layers_in_use(tasks.path()).is_err(), "what can't be read may need anything");
    }
}
