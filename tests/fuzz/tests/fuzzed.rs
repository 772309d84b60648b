//! Every target, a fixed number of times: the same inputs in every run. `FUZZ_COUNT=<number>` gives each as many, and
//! `FUZZ_SEED=<number>` makes others.

use fuzzed::{run, seeds, targets};

/// Inputs for each target.
const COUNT: usize = 20_000;

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_reader_breaks_a_promise_whatever_it_is_given() {
    let (seed, count) = (number("FUZZ_SEED", 1), number("FUZZ_COUNT", COUNT));
    let only = std::env::var("FUZZ_TARGET").ok();
    for (name, target) in targets() {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        println!("{name}: {} seeds, {count} inputs", seeds.len());
        run(target, &seeds, seed as u64, count);
    }
}
