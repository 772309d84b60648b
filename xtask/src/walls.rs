//! Who may import whom. Cargo forbids circles between crates; this forbids the wrong doors.
//!
//! A crate's floor is read from its place: `crates/services/ecs` stands on `services`.

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// A floor, the crates on it by name (empty: by folder), and the floors it may import, itself included where named.
struct Floor {
    name: &'static str,
    may_import: &'static [&'static str],
}

const FLOORS: &[Floor] = &[
    Floor { name: "names", may_import: &[] },
    Floor { name: "api", may_import: &["names"] },
    Floor { name: "wire", may_import: &["names", "api"] },
    Floor { name: "store", may_import: &["names"] },
    Floor { name: "reconcile", may_import: &["names", "store", "wire"] },
    Floor { name: "engines", may_import: &["names", "engines"] },
    Floor { name: "services", may_import: &["names", "api", "wire", "store", "reconcile", "engines"] },
    Floor {
        name: "house",
        may_import: &["names", "api", "wire", "store", "reconcile", "engines", "services", "house"],
    },
];

/// A workspace crate with what it imports, apart from its tests.
struct Package {
    name: String,
    floor: String,
    imports: Vec<String>,
}

/// Fails with every import through a wrong door.
pub(crate) fn check() -> Result<()> {
    let packages = packages()?;
    let wrong = violations(&packages);
    if !wrong.is_empty() {
        bail!("wrong doors:\n  {}", wrong.join("\n  "));
    }
    println!("walls: {} crates, every import by a right door", packages.len());
    Ok(())
}

fn packages() -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let normal = |kind: DependencyKind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    let package = |p: &cargo_metadata::Package| Package {
        name: p.name.to_string(),
        floor: floor_of(p.manifest_path.strip_prefix(&metadata.workspace_root).map_or("", |path| path.as_str())),
        imports: p.dependencies.iter().filter(|d| d.path.is_some() && normal(d.kind)).map(|d| d.name.clone()).collect(),
    };
    Ok(metadata.packages.iter().map(package).collect())
}

fn floor_of(manifest: &str) -> String {
    let parts: Vec<&str> = manifest.split('/').collect();
    match parts[..] {
        ["crates", floor @ ("engines" | "services"), ..] => floor.to_owned(),
        ["crates", "serin" | "console", ..] => "house".to_owned(),
        ["crates", name, ..] => name.to_owned(),
        _ => "house".to_owned(),
    }
}

fn violations(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(floor) = FLOORS.iter().find(|floor| floor.name == package.floor) else {
            found.push(format!("{} stands on no floor ({})", package.name, package.floor));
            continue;
        };
        for import in &package.imports {
            let Some(onto) = packages.iter().find(|other| other.name == *import) else { continue };
            if !floor.may_import.contains(&onto.floor.as_str()) {
                found.push(format!("{} ({}) must not import {} ({})", package.name, floor.name, onto.name, onto.floor));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, floor: &str, imports: &[&str]) -> Package {
        Package { name: name.into(), floor: floor.into(), imports: imports.iter().map(|i| (*i).into()).collect() }
    }

    #[test]
    fn a_service_does_not_open_into_a_service() {
        let house = [
            package("names", "names", &[]),
            package("api", "api", &["names"]),
            package("proxy", "engines", &["names"]),
            package("ecs", "services", &["api", "proxy"]),
            package("canary", "services", &["api", "ecs"]),
            package("serin", "house", &["ecs", "canary"]),
        ];
        assert_eq!(violations(&house), ["canary (services) must not import ecs (services)"]);
    }

    #[test]
    fn an_engine_knows_no_aws() {
        let house = [package("api", "api", &[]), package("dns", "engines", &["api"])];
        assert_eq!(violations(&house), ["dns (engines) must not import api (api)"]);
    }

    #[test]
    fn floors_are_read_from_places() {
        assert_eq!(floor_of("crates/services/ecs/Cargo.toml"), "services");
        assert_eq!(floor_of("crates/wire/Cargo.toml"), "wire");
        assert_eq!(floor_of("xtask/Cargo.toml"), "house");
    }
}
