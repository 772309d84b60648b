//! Shell patterns: `*`, `?` and `[…]`, where they are not quoted.

use std::{fs, path::Path};

/// Characters, each with whether it was quoted.
pub(super) type Characters = Vec<(char, bool)>;

pub(super) fn text(characters: &[(char, bool)]) -> String {
    characters.iter().map(|(character, _)| *character).collect()
}

/// Whether all of `text` matches `pattern`.
pub(super) fn matches(pattern: &[(char, bool)], text: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where the last star was, and how far it reaches: only it ever needs to be tried again.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&('*', false)) {
            star = Some((at, seen));
            at += 1;
        } else if let Some(length) = one(&pattern[at..], text[seen]) {
            at += length;
            seen += 1;
        } else if let Some((back, reached)) = star {
            star = Some((back, reached + 1));
            (at, seen) = (back + 1, reached + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|part| *part == ('*', false))
}

/// How much of the pattern's beginning matches this one character, if it does.
fn one(pattern: &[(char, bool)], character: char) -> Option<usize> {
    match pattern.first()? {
        ('?', false) => Some(1),
        ('[', false) => match bracket(pattern, character) {
            Some((length, matched)) => matched.then_some(length),
            None => (character == '[').then_some(1),
        },
        (plain, _) => (*plain == character).then_some(1),
    }
}

/// A bracket expression: its length and whether it matches; none if it does not end.
fn bracket(pattern: &[(char, bool)], character: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(('!' | '^', false)));
    let first = 1 + usize::from(negated);
    let (mut at, mut matched) = (first, false);
    loop {
        let (low, is_quoted) = *pattern.get(at)?;
        if low == ']' && !is_quoted && at > first {
            return Some((at + 1, matched != negated));
        }
        let range = pattern.get(at + 1) == Some(&('-', false)) && pattern.get(at + 2).is_some_and(|end| end.0 != ']');
        let high = if range { pattern[at + 2].0 } else { low };
        matched |= (low..=high).contains(&character);
        at += if range { 3 } else { 1 };
    }
}

/// The paths that a word means, in order; none if it is no pattern or nothing matches.
pub(super) fn paths(pattern: &[(char, bool)], directory: &Path) -> Vec<String> {
    if !pattern.iter().any(|part| matches!(part, ('*' | '?' | '[', false))) {
        return Vec::new();
    }
    let mut found = vec![if pattern[0].0 == '/' { "/".to_owned() } else { String::new() }];
    for component in pattern.split(|(character, _)| *character == '/').filter(|component| !component.is_empty()) {
        found = found.iter().flat_map(|base| below(base, component, directory)).collect();
    }
    found.sort();
    found
}

fn below(base: &str, component: &[(char, bool)], directory: &Path) -> Vec<String> {
    let joined = |name: &str| {
        let slash = if base.is_empty() || base.ends_with('/') { "" } else { "/" };
        format!("{base}{slash}{name}")
    };
    let Ok(entries) = fs::read_dir(directory.join(if base.is_empty() { "." } else { base })) else { return Vec::new() };
    let hidden_wanted = component[0].0 == '.';
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let wanted = names.filter(|name| hidden_wanted || !name.starts_with('.'));
    wanted.filter(|name| matches(component, &name.chars().collect::<Vec<_>>())).map(|name| joined(&name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pattern: &str) -> Characters {
        pattern.chars().map(|character| (character, false)).collect()
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*.log", "x.log", true),
            ("?", "é", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(&plain(pattern), &text.chars().collect::<Vec<_>>()), expected, "{pattern} {text}");
        }
        assert!(!matches(&[('*', true)], &['x']));
    }

    #[test]
    fn words_become_the_paths_they_match() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.txt", "a.txt", ".hidden.txt", "c.log"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("d")).unwrap();
        fs::write(directory.path().join("d/e.txt"), "").unwrap();
        assert_eq!(paths(&plain("*.txt"), directory.path()), ["a.txt", "b.txt"]);
        assert_eq!(paths(&plain("*/*.txt"), directory.path()), ["d/e.txt"]);
        assert_eq!(paths(&plain(".*.txt"), directory.path()), [".hidden.txt"]);
        let absolute = format!("{}/c*", directory.path().display());
        assert_eq!(paths(&plain(&absolute), Path::new("/")), [format!("{}/c.log", directory.path().display())]);
        assert!(paths(&plain("*.none"), directory.path()).is_empty());
    }
}
