//! What the binary is made of may be given on: every crate in it is under a licence of the list.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package, PackageId};

/// Licences that ask for no more than that they are named, by their SPDX identifiers.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that name no identifier but bring a text, read by us.
const BY_TEXT: &[(&str, &str)] = &[("rust-criu", "MIT")];

/// The package that becomes the binary.
const BINARY: &str = "serin";

/// Fails with every crate of the binary that is under another licence.
pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new().exec()?;
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolves nothing")?;
    let nodes: HashMap<&PackageId, &cargo_metadata::Node> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let binary = metadata.packages.iter().find(|package| package.name == BINARY).context("there is no binary")?;
    let (mut seen, mut next) = (HashSet::from([&binary.id]), vec![&binary.id]);
    while let Some(id) = next.pop() {
        let node = nodes.get(id).with_context(|| format!("{id} is not resolved"))?;
        for dependency in &node.deps {
            let linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if linked && seen.insert(&dependency.pkg) {
                next.push(&dependency.pkg);
            }
        }
    }
    let packages = metadata.packages.iter().filter(|package| seen.contains(&package.id));
    let refused: Vec<String> = packages
        .filter(|package| !is_accepted(licence(package)))
        .map(|package| format!("{} {} ({})", package.name, package.version, licence(package)))
        .collect();
    if !refused.is_empty() {
        bail!("not under an accepted licence:\n  {}", refused.join("\n  "));
    }
    println!("licences: {} crates in the binary, all under accepted ones", seen.len());
    Ok(())
}

fn licence(package: &Package) -> &str {
    let by_text = BY_TEXT.iter().find(|(name, _)| package.name == *name).map(|(_, licence)| *licence);
    package.license.as_deref().or(by_text).unwrap_or("none")
}

/// Whether an SPDX expression can be met by accepted licences: `AND` binds closer than `OR`, `/` is an old `OR`.
fn is_accepted(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some((before, rest)) = expression.split_once('(')
        && let Some((inner, after)) = rest.rsplit_once(')')
    {
        let inner = if is_accepted(inner) { "MIT" } else { "none" };
        return is_accepted(&format!("{before}{inner}{after}"));
    }
    expression.split(" OR ").any(|all| all.split(" AND ").all(|one| ACCEPTED.contains(&one.trim())))
}

#[cfg(test)]
mod tests {
    use super::is_accepted;

    #[test]
    fn an_expression_is_met_or_not() {
        for met in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            assert!(is_accepted(met), "{met}");
        }
        for not_met in ["MPL-2.0 OR LGPL-3.0-or-later", "MIT AND GPL-2.0", "(GPL-3.0 OR MPL-2.0) AND MIT", ""] {
            assert!(!is_accepted(not_met), "{not_met}");
        }
    }
}
