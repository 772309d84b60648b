//! The page that says it all, for people.

use crate::{
    Differences, Outcome, Results, Subject,
    case::{Case, Piece},
    outcome::short,
};

const INTRODUCTION: &str = "\
# Odd messages

What our proxy, Envoy 1.40 and nginx 1.22 make of messages that are not as they should be, or nearly not. Each is told to
pass everything on to the same kind of origin, with the paths normalised as App Mesh's configuration asks of an Envoy.
The table is made by `tests/differential` (`cargo xtask test mesh`), which sends each case to all three and fails where what
happens is not what stands here; `SERIN_WRITE_OUTCOMES=1` writes it anew. Ours never passes on what both others refuse,
and the origin never sees a request that its client did not send: those two are checked apart from the table.

In what the three differ is told at the end, each difference by its name.

How to read it: behind each odd request its client sends a plain one; `next` says that it was answered, so the end of
the odd one was found and the connection kept. Behind an arrow is what the origin got. *as ours* is the same to both sides.
";

/// The page.
pub fn render(subjects: &[Subject], differences: &Differences, results: &Results) -> String {
    let mut page = INTRODUCTION.to_owned();
    for subject in subjects {
        page +=
            &format!("\n## {}\n\n| case | ours | Envoy | nginx | difference |\n|---|---|---|---|---|\n", subject.about);
        for case in &subject.cases {
            let Some([ours, envoy, nginx]) = results.get(&case.name) else { continue };
            let other = |outcome: &Outcome| if outcome == ours { "*as ours*".to_owned() } else { cell(outcome) };
            let why: Vec<String> = case.why.iter().map(|name| format!("[{name}](#{})", anchor(name))).collect();
            let cells = [&cell(ours), &other(envoy), &other(nginx), &why.join(", ")].map(String::as_str).join(" | ");
            page += &format!("| **{}**<br>{} | {cells} |\n", case.name, code(&sent(case)));
        }
    }
    page += "\n## The differences\n";
    for (name, what) in differences {
        page += &format!("\n### {name}\n\n{what}\n");
    }
    page
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What makes the case odd: the head without what all have, what follows it, and the origin's reply.
fn sent(case: &Case) -> String {
    let plain = |line: &&String| !matches!(line.as_str(), "Host: a" | "GET / HTTP/1.1" | "POST / HTTP/1.1");
    let head: Vec<&str> = case.head.iter().filter(plain).map(String::as_str).collect();
    let pieces = |pieces: &[Piece]| pieces.iter().map(Piece::show).collect::<String>();
    let mut parts = vec![head.join("\n"), pieces(&case.send)];
    if let Some(reply) = &case.reply {
        parts.push(format!("reply: {}", pieces(reply)));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn cell(outcome: &Outcome) -> String {
    let mut answers = outcome.answers.clone();
    answers.dedup();
    let answers = if answers.is_empty() { "closed".to_owned() } else { answers.join(", ") };
    let answers = answers.replace('|', "\\|");
    match outcome.origin.as_slice() {
        [] => answers,
        origin => format!("{answers} → {}", origin.iter().map(|one| code(one)).collect::<Vec<_>>().join(", ")),
    }
}

/// `text` as code within a table.
fn code(text: &str) -> String {
    let line = |line: &str| format!("`{}`", short(line).replace('|', "\\|").replace('`', "'"));
    text.split('\n').filter(|part| !part.trim_end_matches('\r').is_empty()).map(line).collect::<Vec<_>>().join("<br>")
}
