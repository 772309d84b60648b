//! Reading rows, inside a transaction or outside one: what answers a caller reads the same way what decides.

use names::Scope;
use store::{Error, Key, Row, Store, Transaction};

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
