//! Who a container runs as: Docker's `user` spelling, looked up in the image's own `/etc/passwd` and `/etc/group`.
//!
//! The files are read as data. The C library's lookups are not used: they load modules that the image could bring.

/// Who a container runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// Why there is no such user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("unable to find user {0}: no matching entries in passwd file")]
    User(String),
    #[error("unable to find group {0}: no matching entries in group file")]
    Group(String),
}

struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct GroupEntry<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

/// Who `user` (`user`, `uid`, `user:group`, `uid:gid` and mixtures; empty is root) is, given the content of the two
/// files. As with Docker a number without an entry is fine, and its group is 0 unless given.
pub(crate) fn identity(user: &str, passwd: &str, group: &str) -> Result<Identity, Error> {
    let (user, wanted_group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let number = user.parse::<u32>().ok();
    let entry = passwd_entries(passwd).find(|entry| entry.name == user || Some(entry.uid) == number);
    let uid = entry.as_ref().map(|entry| entry.uid).or(number).ok_or_else(|| Error::User(user.to_owned()))?;
    let home = entry.as_ref().map(|entry| entry.home).filter(|home| !home.is_empty()).unwrap_or("/");
    let (gid, groups) = match wanted_group.filter(|group| !group.is_empty()) {
        Some(wanted) => (group_number(wanted, group)?, Vec::new()),
        None => match &entry {
            Some(entry) => (entry.gid, groups_of(entry.name, group)),
            None => (0, Vec::new()),
        },
    };
    Ok(Identity { uid, gid, groups, home: home.to_owned() })
}

fn group_number(wanted: &str, group: &str) -> Result<u32, Error> {
    let number = wanted.parse::<u32>().ok();
    let entry = group_entries(group).find(|entry| entry.name == wanted || Some(entry.gid) == number);
    entry.map(|entry| entry.gid).or(number).ok_or_else(|| Error::Group(wanted.to_owned()))
}

fn groups_of(user: &str, group: &str) -> Vec<u32> {
    group_entries(group)
        .filter(|entry| entry.members.split(',').any(|member| member == user))
        .map(|entry| entry.gid)
        .collect()
}

/// `name:password:uid:gid:comment:home:shell`; lines that are not so are passed over.
fn passwd_entries(passwd: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1).unwrap_or_default();
        Some(PasswdEntry { name, uid, gid, home })
    })
}

/// `name:password:gid:members`; lines that are not so are passed over.
fn group_entries(group: &str) -> impl Iterator<Item = GroupEntry<'_>> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(GroupEntry { name, gid, members: fields.next().unwrap_or_default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nenvoy:x:1337:1000::/home/envoy:/bin/false\nbroken\n";
    const GROUP: &str = "root:x:0:\nenvoy:x:1000:\nlogs:x:7:envoy,root\n";

    fn identified(user: &str) -> (u32, u32, Vec<u32>, String) {
        let identity = identity(user, PASSWD, GROUP).unwrap();
        (identity.uid, identity.gid, identity.groups, identity.home)
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        assert_eq!(identified(""), (0, 0, vec![7], "/root".to_owned()));
        assert_eq!(identified("envoy"), (1337, 1000, vec![7], "/home/envoy".to_owned()));
        assert_eq!(identified("1337"), (1337, 1000, vec![7], "/home/envoy".to_owned()));
    }

    #[test]
    fn a_number_without_entry_is_fine_and_belongs_to_group_0() {
        assert_eq!(identified("4711"), (4711, 0, vec![], "/".to_owned()));
        assert_eq!(identified("4711:12"), (4711, 12, vec![], "/".to_owned()));
    }

    #[test]
    fn a_group_given_stands_instead_of_the_users_groups() {
        assert_eq!(identified("envoy:logs"), (1337, 7, vec![], "/home/envoy".to_owned()));
        assert_eq!(identified("root:1000"), (0, 1000, vec![], "/root".to_owned()));
    }

    #[test]
    fn unknown_names_are_named() {
        assert_eq!(identity("nobody", PASSWD, GROUP), Err(Error::User("nobody".to_owned())));
        assert_eq!(identity("root:nogroup", PASSWD, GROUP), Err(Error::Group("nogroup".to_owned())));
    }
}
