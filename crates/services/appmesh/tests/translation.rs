//! What becomes of a mesh, held against files that one can read.
//!
//! `SERIN_BLESS=1 cargo test -p appmesh --test translation` writes the files anew: then read what changed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#[path = "support/meshes.rs"]
mod meshes;
#[path = "support/picture.rs"]
#[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "for the eye")]
mod picture;

use std::fmt::Write;

use appmesh::plan::{Mesh, plan};

fn text_of(mesh: &Mesh) -> String {
    let mut text = String::new();
    for (endpoint, plan) in plan(mesh) {
        writeln!(text, "== {endpoint}").unwrap();
        for route in &plan.routes {
            writeln!(text, "carries {}/{}", route.router, route.route).unwrap();
        }
        for fault in &plan.faults {
            let route = fault.route.as_ref().map(|route| format!("{}/{}: ", route.router, route.route));
            writeln!(text, "fault {}{}", route.unwrap_or_default(), fault.text).unwrap();
        }
        text.push_str(&picture::of(&plan.snapshot));
        text.push('\n');
    }
    text
}

#[test]
fn every_mesh_becomes_what_its_file_says() {
    for name in meshes::names() {
        let found = text_of(&meshes::read(&meshes::text(&name)));
        let file = meshes::folder().join(format!("{name}.txt"));
        if std::env::var_os("SERIN_BLESS").is_some() {
            std::fs::write(&file, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{name}.txt line {}", number + 1);
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}.txt");
    }
}

#[test]
fn the_same_mesh_has_the_same_versions_every_time() {
    for name in meshes::names() {
        let mesh = meshes::read(&meshes::text(&name));
        let first = plan(&mesh);
        for _ in 0..10 {
            for (endpoint, again) in plan(&mesh) {
                assert!(again.snapshot.is_same(&first[&endpoint].snapshot), "{name}: {endpoint}");
            }
        }
    }
}

#[test]
fn a_weight_changes_routes_alone() {
    let text = meshes::text("article");
    let before = plan(&meshes::read(&text));
    let after = plan(&meshes::read(&text.replace("\"weight\": 2", "\"weight\": 0")));
    for (endpoint, before) in &before {
        for kind in xds::Kind::ALL {
            let same = before.snapshot.version(kind) == after[endpoint].snapshot.version(kind);
            let moves = endpoint.name() == "gateway-vn" && kind == xds::Kind::Route;
            assert_eq!(same, !moves, "{endpoint} {kind:?}");
        }
    }
}
