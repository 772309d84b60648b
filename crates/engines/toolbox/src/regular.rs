//! POSIX regular expressions, basic and extended, in the words of the `regex` crate.
//!
//! The two differ in which characters are special without a backslash; inside brackets a backslash is a plain character
//! for POSIX and `&&`, `--`, `~~` and `[` are plain too. Back-references are not there: the crate promises linear time.

/// The same expression for the `regex` crate.
pub(crate) fn translate(pattern: &str, extended: bool) -> String {
    let characters: Vec<char> = pattern.chars().collect();
    let (mut out, mut at) = (String::new(), 0);
    while at < characters.len() {
        let character = characters[at];
        at += 1;
        match character {
            '[' => at = bracket(&characters, at, &mut out),
            '\\' => {
                escape(characters.get(at).copied(), extended, &mut out);
                at += 1;
            }
            '(' | ')' | '{' | '}' | '+' | '?' | '|' if !extended => push_literal(character, &mut out),
            // In a basic expression a star with nothing before it, and anchors in the middle, are plain.
            '*' if !extended && (out.is_empty() || out == "^" || out.ends_with("(?:")) => out.push_str("\\*"),
            '^' if !extended && !begins(&out) => out.push_str("\\^"),
            '$' if !extended && !ends(&characters[at..]) => out.push_str("\\$"),
            // Groups are never looked at, and plain ones cost.
            '(' => out.push_str("(?:"),
            other => out.push(other),
        }
    }
    out
}

/// Whether what comes next is at the beginning of the expression or of a group or branch.
fn begins(out: &str) -> bool {
    out.is_empty() || out.ends_with("(?:") || out.ends_with('|')
}

/// Whether a dollar here is at the end of the expression or of a group or branch.
fn ends(rest: &[char]) -> bool {
    rest.is_empty() || rest.starts_with(&['\\', ')']) || rest.starts_with(&['\\', '|'])
}

fn escape(character: Option<char>, extended: bool, out: &mut String) {
    match character {
        Some('(') if !extended => out.push_str("(?:"),
        Some(special @ (')' | '{' | '}' | '+' | '?' | '|')) if !extended => out.push(special),
        // What GNU's grep has beside POSIX.
        Some(class @ ('w' | 'W' | 's' | 'S' | 'b' | 'B')) => out.extend(['\\', class]),
        Some('<') => out.push_str("\\b{start}"),
        Some('>') => out.push_str("\\b{end}"),
        // A back-reference stays one, and the crate says that it has none.
        Some(digit @ '1'..='9') => out.extend(['\\', digit]),
        Some(other) => push_literal(other, out),
        None => out.push('\\'),
    }
}

fn push_literal(character: char, out: &mut String) {
    out.push_str(&regex::escape(&character.to_string()));
}

/// Copies a bracket expression that begins before `at`; answers where it ends.
fn bracket(characters: &[char], mut at: usize, out: &mut String) -> usize {
    out.push('[');
    if characters.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let first = at;
    while let Some(character) = characters.get(at).copied() {
        let rest = &characters[at..];
        at += 1;
        match character {
            ']' if at - 1 > first => {
                out.push(']');
                return at;
            }
            '[' if rest.get(1) == Some(&':') => {
                let length = rest.windows(2).skip(2).position(|pair| pair == [':', ']']).map_or(rest.len(), |n| n + 4);
                out.extend(&rest[..length]);
                at += length - 1;
            }
            '\\' | '[' | ']' | '&' | '~' | '^' => out.extend(['\\', character]),
            // A dash between two members is a range; at either end it is itself.
            '-' if at - 1 == first || rest.get(1) == Some(&']') => out.push_str("\\-"),
            other => out.push(other),
        }
    }
    // It never ended, which the crate will say.
    at
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn matches(pattern: &str, extended: bool, text: &str) -> bool {
        Regex::new(&translate(pattern, extended)).unwrap().is_match(text)
    }

    #[test]
    fn basic_and_extended_differ_in_what_is_special() {
        for (pattern, extended, text, expected) in [
            ("a+", false, "a+", true),
            ("a+", false, "aa", false),
            ("a\\+", false, "aa", true),
            ("a+", true, "aa", true),
            ("\\(ab\\)*c", false, "ababc", true),
            ("a{2}", false, "aa", false),
            ("^a\\{2\\}$", false, "aa", true),
            ("*a", false, "*a", true),
            ("a^b", false, "a^b", true),
            ("a$b", false, "a$b", true),
            ("a\\|b", false, "b", true),
            ("a|b", false, "b", false),
            ("(a|b)c", true, "bc", true),
            ("\\.", true, "x", false),
            ("[.]", false, "x", false),
            ("[[:digit:]]\\{3\\}", false, "200", true),
            ("[^]a]", false, "]a", false),
            ("[a\\]", false, "\\", true),
            ("[a-]", false, "-", true),
            ("[a&&b]", true, "&", true),
            ("\"state\": \"LIVE\"", false, "{\"state\": \"LIVE\"}", true),
            ("\\<live\\>", false, "a live one", true),
            ("\\<live\\>", false, "alive", false),
        ] {
            assert_eq!(matches(pattern, extended, text), expected, "{pattern} {text}");
        }
        for broken in ["[a", "(a", "a\\1"] {
            assert!(Regex::new(&translate(broken, true)).is_err(), "{broken}");
        }
    }
}
