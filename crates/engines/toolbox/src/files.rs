//! Files: `cat`, `ls`.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use crate::call::{BROKEN_PIPE, Call, Opt, Options};

/// `cat [FILE…]`
pub(crate) fn cat(call: &Call<'_>) -> u8 {
    let mut options = Options::new(call.arguments);
    while let Some(option) = options.next() {
        // Unbuffered, which it is.
        if option != Opt::Short('u') {
            return call.fail(format_args!("invalid option {option}"), 1);
        }
    }
    let files = if options.operands.is_empty() { vec!["-"] } else { options.operands };
    let mut status = 0;
    for file in files {
        let copied = call.open(file).and_then(|source| copy(source, call.output()));
        match copied {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return BROKEN_PIPE,
            Err(error) => status = call.fail(format_args!("{file}: {}", reason(&error)), 1),
            Ok(()) => {}
        }
    }
    status
}

fn copy(mut source: impl Read, mut target: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(()),
            count => target.write_all(&buffer[..count])?,
        }
    }
}

/// An error's text without the number that Rust adds.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// `ls [-1aAd] [FILE…]`: one name a line.
pub(crate) fn ls(call: &Call<'_>) -> u8 {
    let (mut all, mut almost_all, mut itself) = (false, false, false);
    let mut options = Options::new(call.arguments);
    while let Some(option) = options.next() {
        match option {
            Opt::Short('1') => {}
            Opt::Short('a') => all = true,
            Opt::Short('A') => almost_all = true,
            Opt::Short('d') => itself = true,
            other => return call.fail(format_args!("option {other} is not supported"), 2),
        }
    }
    let paths = if options.operands.is_empty() { vec!["."] } else { options.operands };
    let mut status = 0;
    for (at, path) in paths.iter().enumerate() {
        let full = call.path(path);
        let listed = match fs::symlink_metadata(&full) {
            Err(error) => Err(error),
            Ok(_) if itself || !full.is_dir() => Ok(vec![(*path).to_owned()]),
            Ok(_) => entries(&full, all, almost_all),
        };
        match listed {
            Err(error) => status = call.fail(format_args!("cannot access '{path}': {}", reason(&error)), 2),
            Ok(names) => {
                let title =
                    if paths.len() > 1 && full.is_dir() && !itself { format!("{path}:\n") } else { String::new() };
                let gap = if at > 0 && !title.is_empty() { "\n" } else { "" };
                let lines = names.join("\n") + if names.is_empty() { "" } else { "\n" };
                match call.print(format!("{gap}{title}{lines}")) {
                    0 => {}
                    failed => return failed,
                }
            }
        }
    }
    status
}

fn entries(path: &Path, all: bool, almost_all: bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if all || almost_all || !name.starts_with('.') {
            names.push(name);
        }
    }
    if all {
        names.extend([".".to_owned(), "..".to_owned()]);
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::run;

    #[test]
    fn cat_joins_files_and_input() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("f");
        fs::write(&file, "from a file\n").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(run(cat, &[file, "-"], "from input\n").output, "from a file\nfrom input\n");
        let missing = run(cat, &["/nonexistent", "-"], "x");
        assert_eq!((missing.status, missing.output.as_str()), (1, "x"));
        assert!(missing.error.contains("/nonexistent: No such file or directory"), "{}", missing.error);
    }

    #[test]
    fn ls_lists_names_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".hidden"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let path = directory.path().to_str().unwrap();
        assert_eq!(run(ls, &[path], "").output, "a\nb\n");
        assert_eq!(run(ls, &["-A1", path], "").output, ".hidden\na\nb\n");
        assert_eq!(run(ls, &["-d", path], "").output, format!("{path}\n"));
        assert_eq!(run(ls, &["/nonexistent"], "").status, 2);
        assert_eq!(run(ls, &["-l"], "").status, 2);
    }
}
