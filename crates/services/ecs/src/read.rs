//! Reading rows, inside a transaction or outside one: what answers a caller reads the same way what decides.

use std::collections::HashMap;

use names::Scope;
use store::{Error, Key, Row, Store, Transaction};

use crate::rows::{Task, TaskObserved};

/// Something rows can be read from.
pub(crate) trait Read {
    /// The row at `key`.
    fn row<R: Row>(&self, key: &Key) -> Result<Option<R>, Error>;
    /// The rows whose names begin with `prefix`, by name.
    fn rows_under<R: Row>(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, R)>, Error>;
}

impl Read for Store {
    fn row<R: Row>(&self, key: &Key) -> Result<Option<R>, Error> {
        self.get(key)
    }

    fn rows_under<R: Row>(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, R)>, Error> {
        self.list_under(scope, prefix)
    }
}

impl Read for Transaction<'_> {
    fn row<R: Row>(&self, key: &Key) -> Result<Option<R>, Error> {
        self.get(key)
    }

    fn rows_under<R: Row>(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, R)>, Error> {
        self.list_under(scope, prefix)
    }
}

/// The tasks whose names begin with `prefix`, each with what is seen of it: two questions, however many tasks there are.
pub(crate) fn tasks_under(rows: &impl Read, scope: &Scope, prefix: &str) -> Result<Vec<(Task, TaskObserved)>, Error> {
    let tasks = rows.rows_under::<Task>(scope, prefix)?;
    let mut seen: HashMap<Key, TaskObserved> = rows.rows_under(scope, prefix)?.into_iter().collect();
    Ok(tasks.into_iter().map(|(key, task)| (task, seen.remove(&key).unwrap_or_default())).collect())
}
