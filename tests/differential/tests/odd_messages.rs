//! The table of odd messages, held against all three proxies.

use std::{collections::BTreeSet, fs, path::PathBuf};

use differential::{Case, Differences, Outcome, Results, Subject, load, load_differences, render, run};

/// Set, the page is written instead of compared.
const WRITE: &str = "SERIN_WRITE_OUTCOMES";

fn cases(subjects: &[Subject]) -> impl Iterator<Item = &Case> {
    subjects.iter().flat_map(|subject| &subject.cases)
}

/// What may never be, whatever the page says.
fn wrongs(case: &Case, [ours, envoy, nginx]: &[Outcome; 3]) -> Vec<String> {
    let name = &case.name;
    let mut wrong = Vec::new();
    if ours.is_smuggled() {
        wrong.push(format!("{name}: ours takes a part of a message for a message: {ours:?}"));
    }
    if !ours.is_refused() && envoy.is_refused() && nginx.is_refused() {
        wrong.push(format!("{name}: ours passes on what both others refuse: {ours:?}"));
    }
    match (case.why.is_empty(), ours == envoy && ours == nginx) {
        (true, false) => {
            wrong.push(format!("{name}: no reason\n  ours  {ours:?}\n  envoy {envoy:?}\n  nginx {nginx:?}"));
        }
        (false, true) => wrong.push(format!("{name}: there is a reason, and no difference")),
        _ => {}
    }
    wrong
}

/// Differences that cases name and nobody knows, or that no case has.
fn unknown(subjects: &[Subject], differences: &Differences) -> Vec<String> {
    let named: BTreeSet<&String> = cases(subjects).flat_map(|case| &case.why).collect();
    let known: BTreeSet<&String> = differences.keys().collect();
    named
        .symmetric_difference(&known)
        .map(|name| format!("{name}: named and not known, or known and not named"))
        .collect()
}

fn compare(page: &str, subjects: &[Subject], results: &Results) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/odd-messages.md");
    if std::env::var_os(WRITE).is_some() {
        fs::write(path, page).expect("the page");
        return Vec::new();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    let kept: BTreeSet<&str> = kept.lines().collect();
    let new = page.lines().filter(|line| !kept.contains(line)).map(|line| format!("not on the page: {line}"));
    let mut new: Vec<String> = new.collect();
    if new.is_empty() && kept.len() != page.lines().collect::<BTreeSet<_>>().len() {
        new.push(format!("the page has more than {} cases", cases(subjects).count()));
    }
    if !new.is_empty() {
        new.push(format!("{WRITE}=1 writes the page anew ({} cases)", results.len()));
    }
    new
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_messages_are_treated_as_the_page_says() {
    let mut subjects = load();
    let names: BTreeSet<&str> = cases(&subjects).map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases(&subjects).count(), "two cases have the same name");
    if let Ok(only) = std::env::var("CASES") {
        for subject in &mut subjects {
            subject.cases.retain(|case| case.name.starts_with(&only));
        }
        println!("{:#?}", run(&subjects).await);
        return;
    }
    let (differences, results) = (load_differences(), run(&subjects).await);
    let mut wrong: Vec<String> = cases(&subjects).flat_map(|case| wrongs(case, &results[&case.name])).collect();
    wrong.extend(unknown(&subjects, &differences));
    wrong.extend(compare(&render(&subjects, &differences, &results), &subjects, &results));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
