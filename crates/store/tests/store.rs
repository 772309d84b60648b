//! The promises of the store, through its public door.

#![allow(clippy::unwrap_used, reason = "a test")]

use names::{Region, Scope};
use serde::{Deserialize, Serialize};
use store::{Error, Key, Row, Store};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mesh {
    weight: u32,
}

impl Row for Mesh {
    const KIND: &'static str = "test/mesh";
}

fn key(name: &str) -> Key {
    Key::new(&Scope::default(), name)
}

fn put(store: &Store, name: &str, weight: u32) {
    store.write(|tx| tx.put(&key(name), &Mesh { weight })).unwrap();
}

#[test]
fn what_is_acknowledged_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("serin.db");
    put(&Store::open(&path).unwrap(), "a", 1);
    assert_eq!(Store::open(&path).unwrap().get(&key("a")).unwrap(), Some(Mesh { weight: 1 }));
}

#[test]
fn a_failed_transaction_leaves_nothing() {
    let store = Store::in_memory().unwrap();
    let result: Result<(), Error> = store.write(|tx| {
        tx.put(&key("a"), &Mesh { weight: 1 })?;
        Err(rusqlite_error())
    });
    assert!(result.is_err());
    assert_eq!(store.get::<Mesh>(&key("a")).unwrap(), None);
}

fn rusqlite_error() -> Error {
    Error::Damaged { path: "x".into(), finding: "made up".into() }
}

#[test]
fn scopes_do_not_see_each_other_and_prefixes_end_where_they_end() {
    let store = Store::in_memory().unwrap();
    let other = Scope { region: Region::new("eu-west-1"), ..Scope::default() };
    for name in ["m/a", "m/b", "n/a"] {
        put(&store, name, 1);
    }
    assert!(store.list::<Mesh>(&other).unwrap().is_empty());
    let names: Vec<_> =
        store.list_under::<Mesh>(&Scope::default(), "m/").unwrap().into_iter().map(|(key, _)| key.name).collect();
    assert_eq!(names, ["m/a", "m/b"]);
    assert_eq!(store.list_all::<Mesh>().unwrap().len(), 3);
}

#[tokio::test]
async fn changes_collapse_and_writing_the_same_wakes_nobody() {
    let store = Store::in_memory().unwrap();
    let watch = store.watch(&[Mesh::KIND]);
    put(&store, "a", 1);
    put(&store, "a", 2);
    put(&store, "a", 2);
    assert_eq!(watch.next().await.key, key("a"));
    assert_eq!(watch.try_next(), None);
    put(&store, "a", 2);
    assert_eq!(watch.try_next(), None);
    store.write(|tx| tx.delete::<Mesh>(&key("a"))).unwrap();
    assert_eq!(watch.next().await.key, key("a"));
}

#[test]
fn a_file_that_is_no_store_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("serin.db");
    std::fs::write(&path, vec![7_u8; 8192]).unwrap();
    let error = Store::open(&path).err().expect("garbage is refused").to_string();
    assert!(error.contains("--data-dir"), "{error}");
}
