//! A disk that is full, for real: a small file system of this test's own, in a mount namespace of its own. Needs root.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use names::Scope;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use serde::{Deserialize, Serialize};
use store::{Error, Key, Row, Store};

/// The size of the file system.
const DISK: &str = "size=4m";
/// A row fills some pages.
const FILLING: usize = 10_000;
/// More rows than fit.
const ROWS_MAX: u32 = 2000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Filling {
    text: String,
}

impl Row for Filling {
    const KIND: &'static str = "test/filling";
}

fn key(number: u32) -> Key {
    Key::new(&Scope::default(), format!("{number:05}"))
}

fn put(store: &Store, number: u32) -> Result<(), Error> {
    store.write(|tx| tx.put(&key(number), &Filling { text: "x".repeat(FILLING) }))
}

/// How many rows there are; they are the first ones.
fn count(store: &Store) -> u32 {
    let rows = store.list::<Filling>(&Scope::default()).unwrap();
    assert!(rows.iter().zip(0..).all(|((found, _), number)| *found == key(number)));
    u32::try_from(rows.len()).unwrap()
}

/// Writes until nothing more is taken; how many rows were.
fn fill(store: &Store) -> u32 {
    (0..ROWS_MAX).find(|number| put(store, *number).inspect_err(assert_full).is_err()).expect("the disk is small")
}

fn assert_full(error: &Error) {
    assert!(matches!(error, Error::Full) && error.to_string().contains("make room"), "{error}");
}

/// Mounts the small disk, with something on it that can go; only this thread sees it.
fn disk(folder: &Path) -> PathBuf {
    unshare(CloneFlags::CLONE_NEWNS).expect("needs root");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(DISK)).unwrap();
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    ballast
}

#[test]
fn what_was_acknowledged_stays_and_there_is_room_again_when_somebody_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let ballast = disk(folder.path());
    let path = folder.path().join("serin.db");
    let store = Store::open(&path).unwrap();
    let taken = fill(&store);
    assert_eq!(count(&store), taken);
    assert_full(&put(&store, taken).unwrap_err());

    // A house that dies now loses nothing, and one that is opened on the full disk reads.
    drop(store);
    let store = Store::open(&path).unwrap();
    assert!(count(&store) >= taken);
    fs::remove_file(ballast).unwrap();
    let taken = count(&store);
    put(&store, taken).unwrap();
    assert_eq!(count(&store), taken + 1);
    drop(store);
    assert_eq!(count(&Store::open(&path).unwrap()), taken + 1);
}

#[test]
fn who_can_make_room_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let ballast = disk(folder.path());
    let store = Store::open(&folder.path().join("serin.db")).unwrap();
    store.when_full(move || {
        // It is asked each time that the disk is full.
        let _ = fs::remove_file(&ballast);
    });
    let taken = fill(&store);
    put(&store, taken).unwrap();
    assert_eq!(count(&store), taken + 1);
}
