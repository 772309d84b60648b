//! What the demo has shown, in plain words.

use std::fmt::Write as _;

use super::{judged::Release, load::Counts};

/// All that happened.
pub(super) struct Story {
    /// Weights that were asked for, version 1 to version 2, and what came of them.
    pub(super) by_hand: Vec<((u32, u32), Counts)>,
    pub(super) promoted: Release,
    pub(super) taken_back: Release,
}

impl Story {
    /// The end of the demo.
    pub(super) fn summary(&self, total: &Counts, map: &str) -> String {
        let mut text = "\nWeights by hand, and who answered:\n\n".to_owned();
        for ((v1, v2), seen) in &self.by_hand {
            let (one, two) = (seen.of("1"), seen.of("2"));
            let _ = writeln!(text, "  {v1}:{v2}   version 1: {one:>5}   version 2: {two:>5}   failed: {}", seen.failed);
        }
        let _ = write!(text, "\n{}\n{}\n", promoted(&self.promoted), taken_back(&self.taken_back));
        let _ = write!(
            text,
            "{} requests in all, {} failed, every one of them at version 3; half took at most {:.1} ms, 99 of 100 at \
             most {:.1} ms.\n\n{map}",
            total.all(),
            total.failed,
            total.percentile(0.5),
            total.percentile(0.99),
        );
        text
    }
}

fn promoted(Release { version, canary, took, seen }: &Release) -> String {
    let (requests, failed) = canary.requests;
    format!(
        "Version {version} was promoted by evidence in {:.0} s: of {requests} requests it had answered in steps, \
         {failed} failed.\n  Users noticed nothing: {} requests, {} failed.\n",
        took.as_secs_f64(),
        seen.all(),
        seen.failed
    )
}

fn taken_back(Release { version, canary, took, seen }: &Release) -> String {
    let (requests, _) = canary.requests;
    format!(
        "Version {version} was caught in {:.1} s, after {requests} requests: the evidence against it came to {:.0}, and \
         {:.0} is enough.\n  It harmed {} of {} requests. Everybody is back at version 2.\n",
        took.as_secs_f64(),
        canary.e_value,
        canary.limit,
        seen.failed,
        seen.all()
    )
}
