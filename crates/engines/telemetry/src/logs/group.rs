//! Groups: made, listed, changed, deleted.

use names::{Scope, Tags, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{Error, Group, Logs, after_prefix};

/// A group to make.
#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// For how many days its events are kept; for ever if none.
    pub retention_days: Option<u32>,
    /// Whether it refuses to be deleted.
    pub protected: bool,
    /// Its tags.
    pub tags: Tags,
}

/// Which groups to list, by name.
#[derive(Clone, Debug, Default)]
pub struct GroupQuery {
    /// Only those whose names begin with this.
    pub prefix: String,
    /// Only those whose names contain this, whatever its case.
    pub infix: String,
    /// Only these, if any are given.
    pub names: Vec<String>,
    /// Only those after this name.
    pub after: String,
    /// How many at most.
    pub limit: usize,
}

impl Logs {
    /// Makes a group.
    pub fn create_group(&self, scope: &Scope, group: &NewGroup, now: Timestamp) -> Result<(), Error> {
        let made = self.0.writer().execute(
            "INSERT INTO log_group (scope, name, created, retention, protected, tags) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
            params![
                scope.to_string(),
                group.name,
                now.as_millis(),
                group.retention_days,
                group.protected,
                encode(&group.tags)
            ],
        )?;
        if made == 0 { Err(Error::GroupExists(group.name.clone())) } else { Ok(()) }
    }

    /// Deletes a group. Its events are out of sight at once and swept later.
    pub fn delete_group(&self, scope: &Scope, name: &str) -> Result<(), Error> {
        let writer = self.0.writer();
        if get(&writer, scope, name)?.protected {
            return Err(Error::Protected(name.to_owned()));
        }
        writer.execute("DELETE FROM log_group WHERE scope = ?1 AND name = ?2", params![scope.to_string(), name])?;
        Ok(())
    }

    /// The group called `name`.
    pub fn group(&self, scope: &Scope, name: &str) -> Result<Group, Error> {
        get(&self.0.reader(), scope, name)
    }

    /// The groups that `query` asks for, by name, and whether there are more.
    pub fn groups(&self, scope: &Scope, query: &GroupQuery) -> Result<(Vec<Group>, bool), Error> {
        let reader = self.0.reader();
        let mut statement = reader.prepare_cached(
            "SELECT name, created, retention, protected, tags, bytes FROM log_group
             WHERE scope = ?1 AND name > ?2 AND name >= ?3 AND (?4 IS NULL OR name < ?4) ORDER BY name",
        )?;
        let infix = query.infix.to_lowercase();
        let bounds = params![scope.to_string(), query.after, query.prefix, after_prefix(&query.prefix)];
        let mut found = Vec::new();
        for group in statement.query_map(bounds, read)? {
            let group = group?;
            let named = query.names.is_empty() || query.names.contains(&group.name);
            if named && (infix.is_empty() || group.name.to_lowercase().contains(&infix)) {
                if found.len() == query.limit {
                    return Ok((found, true));
                }
                found.push(group);
            }
        }
        Ok((found, false))
    }

    /// Keeps the group's events for `days` from now on; for ever if none.
    pub fn set_retention(&self, scope: &Scope, name: &str, days: Option<u32>) -> Result<(), Error> {
        let change = "UPDATE log_group SET retention = ?3 WHERE scope = ?1 AND name = ?2";
        changed(name, self.0.writer().execute(change, params![scope.to_string(), name, days])?)
    }

    /// Makes the group refuse to be deleted, or not.
    pub fn set_protected(&self, scope: &Scope, name: &str, protected: bool) -> Result<(), Error> {
        let change = "UPDATE log_group SET protected = ?3 WHERE scope = ?1 AND name = ?2";
        changed(name, self.0.writer().execute(change, params![scope.to_string(), name, protected])?)
    }

    /// Hands the group's tags to `change` and keeps what it makes of them; its own failure changes nothing.
    pub fn change_tags<E: From<Error>>(
        &self,
        scope: &Scope,
        name: &str,
        change: impl FnOnce(&mut Tags) -> Result<(), E>,
    ) -> Result<(), E> {
        let writer = self.0.writer();
        let mut tags = get(&writer, scope, name)?.tags;
        change(&mut tags)?;
        let statement = "UPDATE log_group SET tags = ?3 WHERE scope = ?1 AND name = ?2";
        let rows = writer
            .execute(statement, params![scope.to_string(), name, encode(&tags)])
            .map_err(|error| E::from(Error::from(error)))?;
        changed(name, rows).map_err(E::from)
    }
}

fn get(connection: &Connection, scope: &Scope, name: &str) -> Result<Group, Error> {
    let query = "SELECT name, created, retention, protected, tags, bytes FROM log_group WHERE scope = ?1 AND name = ?2";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query_map(params![scope.to_string(), name], read)?;
    rows.next().transpose()?.ok_or_else(|| Error::NoGroup(name.to_owned()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        name: row.get(0)?,
        created: Timestamp::from_millis(row.get(1)?),
        retention_days: row.get(2)?,
        protected: row.get(3)?,
        tags: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
        bytes: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
    })
}

fn encode(tags: &Tags) -> String {
    serde_json::to_string(tags).expect("a map of texts has a JSON form")
}

fn changed(name: &str, rows: usize) -> Result<(), Error> {
    if rows == 0 { Err(Error::NoGroup(name.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Telemetry};

    fn logs() -> Logs {
        Telemetry::in_memory(Limits::default()).unwrap().logs()
    }

    fn make(logs: &Logs, name: &str) {
        let group = NewGroup { name: name.to_owned(), ..NewGroup::default() };
        logs.create_group(&Scope::default(), &group, Timestamp::from_millis(7)).unwrap();
    }

    fn names(logs: &Logs, query: &GroupQuery) -> (Vec<String>, bool) {
        let (groups, more) = logs.groups(&Scope::default(), &GroupQuery { limit: 2, ..query.clone() }).unwrap();
        (groups.into_iter().map(|group| group.name).collect(), more)
    }

    #[test]
    fn groups_are_listed_by_prefix_infix_and_page() {
        let logs = logs();
        for name in ["/ecs/api", "/ecs/gateway", "/ecs/web", "other"] {
            make(&logs, name);
        }
        let query = GroupQuery { prefix: "/ecs/".to_owned(), ..GroupQuery::default() };
        assert_eq!(names(&logs, &query), (vec!["/ecs/api".to_owned(), "/ecs/gateway".to_owned()], true));
        let rest = GroupQuery { after: "/ecs/gateway".to_owned(), ..query };
        assert_eq!(names(&logs, &rest), (vec!["/ecs/web".to_owned()], false));
        let infix = GroupQuery { infix: "WAY".to_owned(), ..GroupQuery::default() };
        assert_eq!(names(&logs, &infix), (vec!["/ecs/gateway".to_owned()], false));
    }

    #[test]
    fn a_name_is_taken_once_in_each_scope() {
        let logs = logs();
        make(&logs, "g");
        let group = NewGroup { name: "g".to_owned(), ..NewGroup::default() };
        let again = logs.create_group(&Scope::default(), &group, Timestamp::default());
        assert!(matches!(again, Err(Error::GroupExists(_))));
        let elsewhere = Scope { region: names::Region::new("eu-west-1"), ..Scope::default() };
        logs.create_group(&elsewhere, &group, Timestamp::default()).unwrap();
        logs.delete_group(&elsewhere, "g").unwrap();
        assert!(logs.group(&Scope::default(), "g").is_ok());
    }

    #[test]
    fn a_protected_group_stays() {
        let logs = logs();
        make(&logs, "g");
        let scope = Scope::default();
        logs.set_protected(&scope, "g", true).unwrap();
        assert!(matches!(logs.delete_group(&scope, "g"), Err(Error::Protected(_))));
        logs.set_protected(&scope, "g", false).unwrap();
        logs.delete_group(&scope, "g").unwrap();
        assert!(matches!(logs.set_retention(&scope, "g", Some(7)), Err(Error::NoGroup(_))));
    }

    #[test]
    fn tags_change_as_a_whole_or_not_at_all() {
        let logs = logs();
        make(&logs, "g");
        let scope = Scope::default();
        let set = |tags: &mut Tags| {
            tags.insert("team".to_owned(), "todo".to_owned());
            Ok::<_, Error>(())
        };
        logs.change_tags(&scope, "g", set).unwrap();
        let fail = |tags: &mut Tags| {
            tags.clear();
            Err(Error::Protected("g".to_owned()))
        };
        logs.change_tags(&scope, "g", fail).unwrap_err();
        assert_eq!(logs.group(&scope, "g").unwrap().tags.len(), 1);
    }
}
