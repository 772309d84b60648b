//! The table, held against both data planes. `CASES=<start of a name>` runs those groups alone that have such cases.

use std::path::Path;

use conformance::{Differences, load, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_data_planes_do_what_the_table_says() {
    let (mut groups, differences) = (load(), Differences::load());
    let unknown = differences.unknown(groups.iter().flat_map(|group| &group.cases).map(|case| case.name.as_str()));
    assert!(unknown.is_empty(), "differences.json names what is no case: {unknown:?}");
    if let Ok(only) = std::env::var("CASES") {
        groups.retain(|group| group.cases.iter().any(|case| case.name.starts_with(&only)));
    }
    let report = run(groups, &differences, Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    println!("{} right, {} different as known", report.right, report.different);
    assert!(report.wrong.is_empty(), "{} wrong:\n{}", report.wrong.len(), report.wrong.join("\n"));
}
