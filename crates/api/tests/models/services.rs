//! Holds the services' sources against the models, where their text says enough.
//!
//! Services stand above this crate, so their types are out of reach here. But each declares in one way what it serves
//! (`bind::<ecs::RunTask, …>`) and by which codes it refuses (`("ClusterNotFoundException", 400)` or
//! `client("ClusterNotFoundException", …)` in `error.rs`, and `invalid: "…"` in its definition), and text is enough to
//! compare those.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::model::Model;

/// The codes that any service of AWS may answer with, and their statuses.
/// See <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html> and its like.
const COMMON: &[(&str, u16)] = &[("AccessDenied", 403), ("InternalFailure", 500), ("ValidationError", 400)];

/// The crate that serves a module's operations.
pub(crate) fn home(module: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is in a folder of crates");
    match module {
        "serin" => crates.join("serin"),
        "acmpca" => crates.join("services/acm"),
        "sts" => crates.join("services/iam"),
        _ => crates.join("services").join(module),
    }
}

/// All source files of the crate that serves `module`, one after the other.
fn sources(module: &str) -> String {
    let mut text = String::new();
    collect(&home(module).join("src"), &mut text);
    text
}

fn collect(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder's entries can be read").path();
        if path.is_dir() {
            collect(&path, text);
        } else {
            text.push_str(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
}

/// One source file of the crate that serves `module`.
fn source(module: &str, file: &str) -> String {
    let path = home(module).join("src").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether the definition of `module` has a text that begins with `text`: EC2 ends its namespace with a slash that its
/// model leaves out.
pub(crate) fn defines(module: &str, text: &str) -> bool {
    source(module, "lib.rs").contains(&format!("\"{text}"))
}

/// The names of the operations that the crate of `module` binds to a function.
pub(crate) fn bound(module: &str) -> BTreeSet<String> {
    let sources = sources(module);
    let names = sources.split("bind::<").skip(1).filter_map(|call| call.split(',').next()?.rsplit("::").next());
    names.map(str::to_owned).collect()
}

/// The codes by which the service of `module` refuses, each with the status it gives.
pub(crate) fn codes(module: &str) -> BTreeSet<(String, u16)> {
    let (errors, definition) = (source(module, "error.rs"), source(module, "lib.rs"));
    let pairs = errors.split("(\"").skip(1).filter_map(|rest| {
        let (code, rest) = rest.split_once("\", ")?;
        Some((code.to_owned(), rest.split_once(')')?.0.parse().ok()?))
    });
    let quoted =
        |text: &str| text.trim_start().strip_prefix('"')?.split_once('"').map(|(code, _)| (code.to_owned(), 400));
    let refusals = errors.split("client(").skip(1).filter_map(quoted);
    let invalid = definition.split("invalid: ").skip(1).filter_map(quoted);
    pairs.chain(refusals).chain(invalid).collect()
}

/// The codes of the models' errors and, where they say so, their statuses.
fn published<'m>(models: &[&'m Model]) -> BTreeMap<&'m str, Option<u16>> {
    let shapes = models.iter().flat_map(|model| &model.shapes);
    let exceptions = shapes.filter(|(_, shape)| shape.exception);
    exceptions
        .map(|(name, shape)| {
            let error = shape.error.as_ref();
            let code = error.and_then(|error| error.code.as_deref()).unwrap_or(name);
            (code, error.and_then(|error| error.http_status_code))
        })
        .collect()
}

/// Every way in which the codes of `module` are in none of the `models` that its crate serves.
pub(crate) fn problems(module: &str, models: &[&Model]) -> Vec<String> {
    let mut known = published(models);
    known.extend(COMMON.iter().map(|(code, status)| (*code, Some(*status))));
    let wrong = |(code, status): &(String, u16)| match known.get(code.as_str()) {
        None => Some(format!("{module}: the model has no error {code}")),
        Some(Some(wanted)) if wanted != status => Some(format!("{module}: {code} is {status} here, {wanted} there")),
        Some(_) => None,
    };
    codes(module).iter().filter_map(wrong).collect()
}
