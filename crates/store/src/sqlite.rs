//! The store on SQLite.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use names::{AccountId, Region, Scope};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, params};
use tracing::error;

use crate::{Change, Error, Key, Row, Watch, schema, watch::Watchers};

/// How long a statement waits for another process that holds the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared for each connection.
const STATEMENTS_CACHED: usize = 64;

/// A handle on the rows; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: Mutex<Connection>,
    /// A connection of its own for reads, so that they never wait for a commit; none in memory, where nothing waits.
    reader: Option<Mutex<Connection>>,
    watchers: Watchers,
    relief: OnceLock<Relief>,
}

/// Makes room on the disk by letting go of something less worth than rows.
type Relief = Box<dyn Fn() + Send + Sync>;

impl Store {
    /// Opens the database at `path`, making or migrating it as needed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let at = |source| Error::Open { path: path.to_owned(), source };
        let mut writer = Connection::open(path).map_err(at)?;
        writer.pragma_update(None, "journal_mode", "WAL").map_err(at)?;
        let finding: String = writer.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(at)?;
        if finding != "ok" {
            return Err(Error::Damaged { path: path.to_owned(), finding });
        }
        let (found, known) = (schema::version(&writer).map_err(at)?, schema::newest());
        if found > known {
            return Err(Error::Newer { path: path.to_owned(), found, known });
        }
        prepare(&mut writer).map_err(at)?;
        let reader =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                .map_err(at)?;
        reader.busy_timeout(BUSY_TIMEOUT).map_err(at)?;
        reader.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Ok(Self::of(writer, Some(reader)))
    }

    /// A store that is gone with its last handle: for tests.
    pub fn in_memory() -> Result<Self, Error> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&mut connection)?;
        Ok(Self::of(connection, None))
    }

    fn of(writer: Connection, reader: Option<Connection>) -> Self {
        Self(Arc::new(Inner {
            writer: Mutex::new(writer),
            reader: reader.map(Mutex::new),
            watchers: Watchers::default(),
            relief: OnceLock::new(),
        }))
    }

    /// Has `relief` make room whenever the disk is full; the first one stays. What found no room is refused all the
    /// same, and finds it when it is tried again.
    pub fn when_full(&self, relief: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.relief.set(Box::new(relief));
    }

    /// Runs `work` as one transaction: all of it is on disk when this returns `Ok`, none of it on `Err`.
    ///
    /// `work` must not call back into the store (it would wait for itself); everything it needs is on its argument.
    pub fn write<T, E: From<Error>>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let (result, is_full) = self.attempt(work);
        if is_full {
            error!("The disk that holds the store is full: what is asked cannot be kept.");
            self.0.relief.get().iter().for_each(|relieve| relieve());
        }
        result
    }

    /// Runs `work` as one transaction; says also whether the disk is full.
    fn attempt<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> (Result<T, E>, bool) {
        let mut writer = lock(&self.0.writer);
        let inner = match writer.transaction().map_err(Error::from) {
            Ok(inner) => inner,
            Err(error) => return failed(error),
        };
        let mut transaction = Transaction { inner, changes: Vec::new(), is_full: false };
        let result = match work(&mut transaction) {
            Ok(result) => result,
            Err(error) => return (Err(error), transaction.is_full),
        };
        let Transaction { inner, changes, .. } = transaction;
        if let Err(error) = inner.commit().map_err(Error::from) {
            return failed(error);
        }
        // Told while the writer is still held: whoever wakes sees commits in their order.
        self.0.watchers.tell(&changes);
        (Ok(result), false)
    }

    /// The row at `key`.
    pub fn get<R: Row>(&self, key: &Key) -> Result<Option<R>, Error> {
        get(&self.reader(), key)
    }

    /// All rows of the kind in `scope`, by name.
    pub fn list<R: Row>(&self, scope: &Scope) -> Result<Vec<(Key, R)>, Error> {
        list_under(&self.reader(), scope, "")
    }

    /// The rows of the kind in `scope` whose names begin with `prefix`, by name.
    pub fn list_under<R: Row>(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, R)>, Error> {
        list_under(&self.reader(), scope, prefix)
    }

    /// All rows of the kind in every scope: for controllers.
    pub fn list_all<R: Row>(&self) -> Result<Vec<(Key, R)>, Error> {
        list_all(&self.reader())
    }

    /// Every scope that has a row of any kind.
    pub fn scopes(&self) -> Result<Vec<Scope>, Error> {
        let connection = self.reader();
        let mut statement = connection.prepare_cached("SELECT DISTINCT account, region FROM rows ORDER BY 1, 2")?;
        let mut found = statement.query([])?;
        let mut scopes = Vec::new();
        while let Some(row) = found.next()? {
            let (account, region): (String, String) = (row.get(0)?, row.get(1)?);
            scopes.push(Scope::new(account.parse::<AccountId>().unwrap_or_default(), Region::new(region)));
        }
        Ok(scopes)
    }

    /// Tells from now on which rows of these kinds change.
    pub fn watch(&self, kinds: &[&'static str]) -> Watch {
        self.0.watchers.add(kinds)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(self.0.reader.as_ref().unwrap_or(&self.0.writer))
    }
}

/// One transaction: sees its own writes.
pub struct Transaction<'a> {
    inner: rusqlite::Transaction<'a>,
    changes: Vec<Change>,
    /// Whether something found no room.
    is_full: bool,
}

impl Transaction<'_> {
    /// The row at `key`.
    pub fn get<R: Row>(&self, key: &Key) -> Result<Option<R>, Error> {
        get(&self.inner, key)
    }

    /// All rows of the kind in `scope`, by name.
    pub fn list<R: Row>(&self, scope: &Scope) -> Result<Vec<(Key, R)>, Error> {
        list_under(&self.inner, scope, "")
    }

    /// The rows of the kind in `scope` whose names begin with `prefix`, by name.
    pub fn list_under<R: Row>(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, R)>, Error> {
        list_under(&self.inner, scope, prefix)
    }

    /// All rows of the kind in every scope.
    pub fn list_all<R: Row>(&self) -> Result<Vec<(Key, R)>, Error> {
        list_all(&self.inner)
    }

    /// Writes `row` at `key`. Writing what is there already changes nothing and wakes nobody.
    pub fn put<R: Row>(&mut self, key: &Key, row: &R) -> Result<(), Error> {
        let body = serde_json::to_string(row).map_err(|source| shape::<R>(key, source))?;
        let sql = "INSERT INTO rows (kind, account, region, name, body) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET body = excluded.body WHERE body <> excluded.body";
        let (account, region) = (key.scope.account.as_str(), key.scope.region.as_str());
        let written = self.execute(sql, params![R::KIND, account, region, key.name, body])?;
        self.note::<R>(written, key);
        Ok(())
    }

    /// Removes the row at `key`, if there is one; says whether there was.
    pub fn delete<R: Row>(&mut self, key: &Key) -> Result<bool, Error> {
        let sql = "DELETE FROM rows WHERE kind = ?1 AND account = ?2 AND region = ?3 AND name = ?4";
        let (account, region) = (key.scope.account.as_str(), key.scope.region.as_str());
        let removed = self.execute(sql, params![R::KIND, account, region, key.name])?;
        self.note::<R>(removed, key);
        Ok(removed > 0)
    }

    fn execute(&mut self, sql: &str, params: impl Params) -> Result<usize, Error> {
        let done = self.inner.prepare_cached(sql).and_then(|mut statement| statement.execute(params));
        done.map_err(|error| {
            let error = Error::from(error);
            self.is_full |= matches!(error, Error::Full);
            error
        })
    }

    fn note<R: Row>(&mut self, rows: usize, key: &Key) {
        if rows > 0 {
            self.changes.push(Change { kind: R::KIND, key: key.clone() });
        }
    }
}

/// The failure, and whether a full disk is behind it.
fn failed<T, E: From<Error>>(error: Error) -> (Result<T, E>, bool) {
    let is_full = matches!(error, Error::Full);
    (Err(error.into()), is_full)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    schema::migrate(connection)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic while holding it rolled its transaction back, so the connection is fit to use.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn get<R: Row>(connection: &Connection, key: &Key) -> Result<Option<R>, Error> {
    let sql = "SELECT body FROM rows WHERE kind = ?1 AND account = ?2 AND region = ?3 AND name = ?4";
    let (account, region) = (key.scope.account.as_str(), key.scope.region.as_str());
    let mut statement = connection.prepare_cached(sql)?;
    let body: Option<String> =
        statement.query_row(params![R::KIND, account, region, key.name], |row| row.get(0)).optional()?;
    body.map(|body| read(key, &body)).transpose()
}

fn list_under<R: Row>(connection: &Connection, scope: &Scope, prefix: &str) -> Result<Vec<(Key, R)>, Error> {
    let sql = "SELECT account, region, name, body FROM rows
               WHERE kind = ?1 AND account = ?2 AND region = ?3 AND name >= ?4 AND name < ?5 ORDER BY name";
    let end = format!("{prefix}{}", char::MAX);
    rows(connection, sql, params![R::KIND, scope.account.as_str(), scope.region.as_str(), prefix, end])
}

fn list_all<R: Row>(connection: &Connection) -> Result<Vec<(Key, R)>, Error> {
    let sql = "SELECT account, region, name, body FROM rows WHERE kind = ?1 ORDER BY account, region, name";
    rows(connection, sql, params![R::KIND])
}

fn rows<R: Row>(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<(Key, R)>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let (account, region, name, body): (String, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let account: AccountId = account.parse().unwrap_or_default();
        let key = Key::new(&Scope::new(account, Region::new(region)), name);
        let row = read(&key, &body)?;
        rows.push((key, row));
    }
    Ok(rows)
}

fn read<R: Row>(key: &Key, body: &str) -> Result<R, Error> {
    serde_json::from_str(body).map_err(|source| shape::<R>(key, source))
}

fn shape<R: Row>(key: &Key, source: serde_json::Error) -> Error {
    Error::Shape { kind: R::KIND, key: key.clone(), source }
}
