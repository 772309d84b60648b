//! The tables, and how an older file becomes a newer one. Migrations only go forward.

use rusqlite::Connection;

/// One step each; the file's `user_version` says how many it has taken.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE rows (
        kind     TEXT NOT NULL,
        account  TEXT NOT NULL,
        region   TEXT NOT NULL,
        name     TEXT NOT NULL,
        body     TEXT NOT NULL,
        PRIMARY KEY (kind, account, region, name)
    ) WITHOUT ROWID, STRICT;
"];

/// The newest version this release knows.
pub(crate) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version of the file behind `connection`.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes every step the file has not taken, each with its new version in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let taken = usize::try_from(version(connection)?).unwrap_or(0);
    for (index, step) in MIGRATIONS.iter().enumerate().skip(taken) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}
