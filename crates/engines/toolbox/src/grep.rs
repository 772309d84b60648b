//! `grep`: the lines that match.

use std::io::{self, BufRead, BufReader};

use regex::bytes::{Regex, RegexBuilder};

use crate::{
    call::{BROKEN_PIPE, Call, Opt, Options},
    files::reason,
    regular,
    text::read_line,
};

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct Settings {
    quiet: bool,
    invert: bool,
    ignore_case: bool,
    count: bool,
    fixed: bool,
    extended: bool,
    number: bool,
    only_matching: bool,
    whole_word: bool,
    whole_line: bool,
    list: bool,
    silent: bool,
    name: Option<bool>,
    patterns: Vec<String>,
    most: Option<u64>,
}

/// `grep [-qvicEFGnowxlshH] [-m COUNT] [-e] PATTERN [FILE…]`: 0 if a line matched, 1 if none did, 2 on an error.
pub(crate) fn main(call: &Call<'_>) -> u8 {
    let (settings, files) = match parse(call) {
        Ok(parsed) => parsed,
        Err(wrong) => return call.fail(wrong, 2),
    };
    let expression = match settings.expression() {
        Ok(expression) => expression,
        Err(error) => return call.fail(format_args!("{error}"), 2),
    };
    let named = settings.name.unwrap_or(files.len() > 1);
    let (mut matched, mut failed) = (false, false);
    for file in &files {
        let searched = call.open(file).and_then(|source| {
            let title = if *file == "-" { "(standard input)" } else { file };
            search(call, &settings, &expression, &mut BufReader::new(source), title, named)
        });
        match searched {
            Ok(found) => matched |= found,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return BROKEN_PIPE,
            Err(_) if settings.silent => failed = true,
            Err(error) => failed = call.fail(format_args!("{file}: {}", reason(&error)), 2) == 2,
        }
        if matched && settings.quiet {
            return 0;
        }
    }
    if failed { 2 } else { u8::from(!matched) }
}

fn parse<'a>(call: &Call<'a>) -> Result<(Settings, Vec<&'a str>), String> {
    let mut settings = Settings { extended: call.name == "egrep", fixed: call.name == "fgrep", ..Settings::default() };
    let mut options = Options::new(call.arguments);
    while let Some(option) = options.next() {
        match option {
            Opt::Short('q') | Opt::Long("quiet" | "silent") => settings.quiet = true,
            Opt::Short('v') | Opt::Long("invert-match") => settings.invert = true,
            Opt::Short('i' | 'y') | Opt::Long("ignore-case") => settings.ignore_case = true,
            Opt::Short('c') | Opt::Long("count") => settings.count = true,
            Opt::Short('E') | Opt::Long("extended-regexp") => settings.extended = true,
            Opt::Short('F') | Opt::Long("fixed-strings") => settings.fixed = true,
            Opt::Short('G') | Opt::Long("basic-regexp") => settings.extended = false,
            Opt::Short('n') | Opt::Long("line-number") => settings.number = true,
            Opt::Short('o') | Opt::Long("only-matching") => settings.only_matching = true,
            Opt::Short('w') | Opt::Long("word-regexp") => settings.whole_word = true,
            Opt::Short('x') | Opt::Long("line-regexp") => settings.whole_line = true,
            Opt::Short('l') | Opt::Long("files-with-matches") => settings.list = true,
            Opt::Short('s') | Opt::Long("no-messages") => settings.silent = true,
            Opt::Short('h') | Opt::Long("no-filename") => settings.name = Some(false),
            Opt::Short('H') | Opt::Long("with-filename") => settings.name = Some(true),
            Opt::Short('e') => settings.patterns.push(options.value().ok_or("option -e needs a pattern")?.to_owned()),
            Opt::Short('m') => {
                let most = options.value().and_then(|most| most.parse().ok());
                settings.most = Some(most.ok_or("option -m needs a number")?);
            }
            other => return Err(format!("option {other} is not supported")),
        }
    }
    let mut operands = options.operands;
    if settings.patterns.is_empty() {
        if operands.is_empty() {
            return Err("usage: grep [OPTION]… PATTERN [FILE…]".to_owned());
        }
        settings.patterns.push(operands.remove(0).to_owned());
    }
    let files = if operands.is_empty() { vec!["-"] } else { operands };
    Ok((settings, files))
}

impl Settings {
    fn expression(&self) -> Result<Regex, regex::Error> {
        let lines = self.patterns.iter().flat_map(|pattern| pattern.split('\n'));
        let each =
            lines.map(
                |pattern| if self.fixed { regex::escape(pattern) } else { regular::translate(pattern, self.extended) },
            );
        let any = each.map(|pattern| format!("(?:{pattern})")).collect::<Vec<_>>().join("|");
        let whole = match (self.whole_line, self.whole_word) {
            (true, _) => format!("^(?:{any})$"),
            (false, true) => format!("(?:^|\\b{{start-half}})(?:{any})(?:\\b{{end-half}}|$)"),
            (false, false) => any,
        };
        RegexBuilder::new(&whole).case_insensitive(self.ignore_case).build()
    }
}

/// Searches one file; answers whether a line was chosen.
fn search(
    call: &Call<'_>,
    settings: &Settings,
    expression: &Regex,
    source: &mut impl BufRead,
    title: &str,
    named: bool,
) -> io::Result<bool> {
    let prefix = if named { format!("{title}:") } else { String::new() };
    let (mut chosen, mut number, mut line) = (0, 0, Vec::new());
    while settings.most.is_none_or(|most| chosen < most) && read_line(source, &mut line)? {
        number += 1;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if expression.is_match(text) != settings.invert {
            chosen += 1;
            if settings.quiet || settings.list {
                break;
            }
            let place = if settings.number { format!("{prefix}{number}:") } else { prefix.clone() };
            if !settings.count {
                print(call, settings, expression, &place, text)?;
            }
        }
    }
    if settings.list && chosen > 0 && !settings.quiet {
        write(call, &[title.as_bytes(), b"\n"])?;
    } else if settings.count && !settings.quiet {
        write(call, &[format!("{prefix}{chosen}\n").as_bytes()])?;
    }
    Ok(chosen > 0)
}

fn print(call: &Call<'_>, settings: &Settings, expression: &Regex, place: &str, text: &[u8]) -> io::Result<()> {
    if !settings.only_matching {
        return write(call, &[place.as_bytes(), text, b"\n"]);
    }
    let found = expression.find_iter(text).filter(|found| !found.is_empty() && !settings.invert);
    found.into_iter().try_for_each(|found| write(call, &[place.as_bytes(), found.as_bytes(), b"\n"]))
}

fn write(call: &Call<'_>, parts: &[&[u8]]) -> io::Result<()> {
    io::Write::write_all(&mut call.output(), &parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::run;

    const INFO: &str = "{\n \"version\": \"1.30\",\n \"state\": \"LIVE\",\n \"uptime\": \"3s\"\n}\n";

    #[test]
    fn lines_are_chosen_as_the_options_say() {
        for (arguments, status, output) in [
            (&["state"][..], 0, " \"state\": \"LIVE\",\n"),
            (&["-q", "LIVE"], 0, ""),
            (&["-q", "DRAINING"], 1, ""),
            (&["-c", "\""], 0, "3\n"),
            (&["-ic", "live"], 0, "1\n"),
            (&["-vc", "\""], 0, "2\n"),
            (&["-n", "up"], 0, "4: \"uptime\": \"3s\"\n"),
            (&["-oE", "[0-9]+\\.[0-9]+|LIVE"], 0, "1.30\nLIVE\n"),
            (&["-F", "."], 0, " \"version\": \"1.30\",\n"),
            (&["-x", "}"], 0, "}\n"),
            (&["-w", "LIV"], 1, ""),
            (&["-w", "LIVE"], 0, " \"state\": \"LIVE\",\n"),
            (&["-e", "^{", "-e", "^}"], 0, "{\n}\n"),
            (&["-m1", "\""], 0, " \"version\": \"1.30\",\n"),
            (&["-H", "up"], 0, "(standard input): \"uptime\": \"3s\"\n"),
            (&["-l", "up"], 0, "(standard input)\n"),
        ] {
            let outcome = run(main, arguments, INFO);
            assert_eq!((outcome.status, outcome.output.as_str()), (status, output), "{arguments:?}");
        }
    }

    #[test]
    fn errors_are_two() {
        for arguments in [&[][..], &["-P", "x"], &["[", "-"], &["x", "/nonexistent"], &["--color=auto", "x"]] {
            assert_eq!(run(main, arguments, "").status, 2, "{arguments:?}");
        }
        assert_eq!(run(main, &["-s", "x", "/nonexistent"], "").error, "");
    }
}
