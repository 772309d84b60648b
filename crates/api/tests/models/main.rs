//! Holds what this crate promises against the published API models, and the coverage pages against both.
//!
//! The models are botocore's, found by way of the `aws` CLI on PATH; without them these tests fail.

mod accepted;
mod compare;
mod contract;
mod coverage;
mod model;
mod services;
mod shape;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    sync::LazyLock,
};

use contract::Contract;
use model::Model;

/// Set by `cargo xtask api-coverage`: the pages are written instead of compared.
const WRITE: &str = "SERIN_WRITE_COVERAGE";

static CONTRACTS: LazyLock<Vec<Contract>> = LazyLock::new(contract::all);

/// The model of each module that has one.
static MODELS: LazyLock<BTreeMap<&'static str, Model>> = LazyLock::new(|| {
    let modules: BTreeSet<_> = CONTRACTS.iter().map(|contract| contract.module).collect();
    let published = modules.into_iter().filter(|module| !accepted::UNPUBLISHED.contains(module));
    published.map(|module| (module, Model::read(folder(module)))).collect()
});

/// The folder in which botocore keeps the model of `module`.
fn folder(module: &str) -> &str {
    if module == "acmpca" { "acm-pca" } else { module }
}

/// The operations of `module`.
fn contracts(module: &str) -> impl Iterator<Item = &'static Contract> {
    CONTRACTS.iter().filter(move |contract| contract.module == module)
}

#[test]
fn every_operation_is_as_its_model_says() {
    let mut accepted: BTreeSet<_> = accepted::DIFFERENCES.iter().map(|(module, end, _)| (*module, *end)).collect();
    let mut wrong = Vec::new();
    for (module, model) in MODELS.iter() {
        for contract in contracts(module).filter(|contract| !is_own(contract)) {
            assert_eq!(contract.service, model.signing_name(), "{}", contract.name);
            for problem in compare::problems(model, contract) {
                let problem = format!("{}: {problem}", contract.name);
                let mut reasons = accepted::DIFFERENCES.iter();
                match reasons.find(|(of, end, _)| of == module && problem.ends_with(end)) {
                    Some((_, end, _)) => _ = accepted.remove(&(*module, *end)),
                    None => wrong.push(format!("{module}.{problem}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted.is_empty(), "accepted, but no longer there: {accepted:?}");
}

fn is_own(contract: &Contract) -> bool {
    accepted::OWN.iter().any(|(module, name, _)| (*module, *name) == (contract.module, contract.name))
}

#[test]
fn operations_of_our_own_are_in_no_model() {
    for (module, name, _) in accepted::OWN {
        assert!(contracts(module).any(|contract| contract.name == *name), "{module}.{name} is not there any more");
        assert!(!MODELS[module].operations.contains_key(*name), "{module}.{name} is AWS's");
    }
}

#[test]
fn what_is_declared_is_served() {
    for contract in CONTRACTS.iter() {
        let Contract { module, name, .. } = contract;
        assert!(services::bound(module).contains(*name), "{module}.{name} is declared and bound to no function");
    }
}

#[test]
fn services_refuse_by_the_codes_and_statuses_of_their_models() {
    // EC2's model has no errors: its codes stand in its documentation alone.
    let modelled = MODELS.iter().filter(|(module, _)| **module != "ec2");
    let mut wrong = Vec::new();
    for (module, _) in modelled {
        assert!(!services::codes(module).is_empty(), "{module}: no code found");
        let beside = MODELS.iter().filter(|(other, _)| services::home(other) == services::home(module));
        let models: Vec<_> = beside.map(|(_, model)| model).collect();
        wrong.extend(services::problems(module, &models));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn services_speak_by_the_names_of_their_models() {
    for (module, model) in MODELS.iter() {
        // Where a model knows several protocols, JSON is spoken, which has no namespace.
        let name = model.metadata.target_prefix.as_ref().or(model.metadata.xml_namespace.as_ref());
        for name in name.map(String::as_str).into_iter().chain([model.signing_name()]) {
            assert!(services::defines(module, name), "{module} does not call itself {name}");
        }
    }
}

#[test]
fn coverage_pages_say_what_is_there() {
    let service = |(module, model)| coverage::Service { module, model, contracts: contracts(module).collect() };
    let services: Vec<_> = MODELS.iter().map(|(module, model)| service((*module, model))).collect();
    let folder = coverage::folder();
    for (name, text) in coverage::pages(&services) {
        let path = folder.join(name);
        if env::var_os(WRITE).is_some() {
            fs::create_dir_all(&folder).expect("the folder for the pages can be made");
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        } else {
            let written = fs::read_to_string(&path).unwrap_or_default();
            assert!(written == text, "{} is stale: cargo xtask api-coverage", path.display());
        }
    }
}
