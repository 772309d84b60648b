//! The pages under `docs/coverage`: which of AWS's operations are here, and what of them is not.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use crate::{
    accepted,
    contract::Contract,
    model::{self, Direction, Model, Reference},
    shape::{Member, Shape},
};

const GENERATED: &str = "<!-- Made by `cargo xtask api-coverage` from crates/api and botocore's API models. \
                         Change those, not this page. -->";

/// A service with its model.
pub(crate) struct Service<'a> {
    pub(crate) module: &'a str,
    pub(crate) model: &'a Model,
    pub(crate) contracts: Vec<&'a Contract>,
}

impl Service<'_> {
    fn contract(&self, operation: &str) -> Option<&Contract> {
        self.contracts.iter().copied().find(|contract| contract.name == operation)
    }

    /// How many of the model's operations are here.
    fn done(&self) -> usize {
        self.model.operations.keys().filter(|name| self.contract(name).is_some()).count()
    }
}

/// Where the pages lie.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/coverage")
}

/// Every page: its file's name and its text.
pub(crate) fn pages(services: &[Service<'_>]) -> Vec<(String, String)> {
    let mut pages: Vec<_> = services.iter().map(|service| (format!("{}.md", service.module), page(service))).collect();
    pages.push(("README.md".to_owned(), index(services)));
    pages
}

fn index(services: &[Service<'_>]) -> String {
    let mut page = format!(
        "{GENERATED}\n\n# Coverage of the AWS APIs\n\nWhat is not here is refused by its name. Counted against the \
         models of botocore {}.\n\n| Service | API version | Operations here | In the model |\n|---|---|--:|--:|\n",
        model::RELEASE
    );
    for service in services {
        let Service { module, model, .. } = service;
        let (name, version) = (&model.metadata.service_full_name, &model.metadata.api_version);
        let (done, all) = (service.done(), model.operations.len());
        let _ = writeln!(page, "| [{name}]({module}.md) | {version} | {done} | {all} |");
    }
    page
}

fn page(service: &Service<'_>) -> String {
    let Service { module, model, contracts } = service;
    let (done, all) = (service.done(), model.operations.len());
    let mut page = format!(
        "{GENERATED}\n\n# {}, {}\n\n{done} of {all} operations. A request that has one of the members in the last \
         column is refused by that member's name; where only a parent is named, all that is inside it is meant.\n\n\
         | Operation | Here | Members not taken |\n|---|---|---|\n",
        model.metadata.service_full_name, model.metadata.api_version
    );
    for (name, operation) in &model.operations {
        let row = match service.contract(name) {
            None => format!("| {name} | no | |"),
            Some(contract) => format!("| **{name}** | yes | {} |", untaken(model, contract, operation.input.as_ref())),
        };
        let _ = writeln!(page, "{}", row.replace("|  |", "| |"));
    }
    let own: Vec<_> = accepted::OWN
        .iter()
        .filter(|(of, name, _)| of == module && contracts.iter().any(|contract| contract.name == *name))
        .collect();
    if !own.is_empty() {
        page.push_str("\n## Serin's own\n\n");
    }
    for (_, name, what) in own {
        let _ = writeln!(page, "- **{name}**: {what}");
    }
    page
}

/// The members of the model's request that ours does not take.
fn untaken(model: &Model, contract: &Contract, request: Option<&Reference>) -> String {
    let mut found = Vec::new();
    if let Some(request) = request {
        compare(model, &(contract.request)(), request, "", &mut found);
    }
    found.join(", ")
}

fn compare(model: &Model, ours: &Shape, theirs: &Reference, path: &str, found: &mut Vec<String>) {
    let shape = model.shape(&theirs.shape);
    match (ours, &shape.member, &shape.value) {
        (Shape::Structure { members, .. }, ..) => structure(model, members, theirs, path, found),
        (Shape::List(item), Some(member), _) => compare(model, item, member, path, found),
        (Shape::Map(item), _, Some(value)) => compare(model, item, value, path, found),
        _ => {}
    }
}

fn structure(model: &Model, ours: &[Member], theirs: &Reference, path: &str, found: &mut Vec<String>) {
    for (name, member) in model.members(&theirs.shape, Direction::Request) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match ours.iter().find(|ours| ours.name == name) {
            // What is read as it comes is read to be refused by its name.
            None | Some(Member { shape: Shape::Any, .. }) => found.push(format!("`{path}`")),
            Some(ours) => compare(model, &ours.shape, member.reference, &path, found),
        }
    }
}
