//! `test` and `[`: comparisons of texts, numbers and files.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{FileTypeExt, MetadataExt},
};

use nix::unistd::{AccessFlags, access};

use crate::call::Call;

/// `test EXPRESSION` and `[ EXPRESSION ]`: 0 if it holds, 1 if not, 2 if it is none.
pub(crate) fn main(call: &Call<'_>) -> u8 {
    let mut words: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    if call.name == "[" && words.pop() != Some("]") {
        return call.fail("missing ]", 2);
    }
    match evaluate(call, &words) {
        Ok(holds) => u8::from(!holds),
        Err(wrong) => call.fail(wrong, 2),
    }
}

/// As POSIX has it, the number of words decides what each of them is; so `test "$x" = "("` compares.
fn evaluate(call: &Call<'_>, words: &[&str]) -> Result<bool, String> {
    match words {
        [] => Ok(false),
        [text] => Ok(!text.is_empty()),
        ["!", rest @ ..] if rest.len() != 2 || !is_binary(rest[0]) => Ok(!evaluate(call, rest)?),
        [operator, operand] => unary(call, operator, operand),
        [left, operator, right] if is_binary(operator) => binary(call, left, operator, right),
        _ => either(call, words),
    }
}

/// `-o` binds less than `-a`.
fn either(call: &Call<'_>, words: &[&str]) -> Result<bool, String> {
    for operator in ["-o", "-a"] {
        if let Some(at) = words.iter().position(|word| *word == operator).filter(|at| *at > 0) {
            let (left, right) = (evaluate(call, &words[..at])?, evaluate(call, &words[at + 1..])?);
            return Ok(if operator == "-o" { left || right } else { left && right });
        }
    }
    match words {
        ["(", inner @ .., ")"] => evaluate(call, inner),
        _ => Err(format!("`{}` is no expression", words.join(" "))),
    }
}

fn unary(call: &Call<'_>, operator: &str, operand: &str) -> Result<bool, String> {
    let path = call.path(operand);
    let file = || fs::metadata(&path);
    let is = |check: fn(&Metadata) -> bool| file().is_ok_and(|metadata| check(&metadata));
    let may = |flags| access(&path, flags).is_ok();
    Ok(match operator {
        "-n" => !operand.is_empty(),
        "-z" | "!" => operand.is_empty(),
        "-e" => file().is_ok(),
        "-f" => is(Metadata::is_file),
        "-d" => is(Metadata::is_dir),
        "-s" => is(|metadata| metadata.len() > 0),
        "-p" => is(|metadata| metadata.file_type().is_fifo()),
        "-S" => is(|metadata| metadata.file_type().is_socket()),
        "-u" => is(|metadata| metadata.mode() & 0o4000 != 0),
        "-L" | "-h" => fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()),
        "-r" => may(AccessFlags::R_OK),
        "-w" => may(AccessFlags::W_OK),
        "-x" => may(AccessFlags::X_OK),
        _ => return Err(format!("`{operator}` is no operator")),
    })
}

fn is_binary(word: &str) -> bool {
    matches!(
        word,
        "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot" | "-ef"
    )
}

fn binary(call: &Call<'_>, left: &str, operator: &str, right: &str) -> Result<bool, String> {
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("`{text}` is no integer"));
    let numbers = || Ok::<_, String>((number(left)?, number(right)?));
    let modified = |path: &str| fs::metadata(call.path(path)).and_then(|metadata| metadata.modified()).ok();
    let identity = |path: &str| fs::metadata(call.path(path)).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    Ok(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        "-eq" => numbers().map(|(left, right)| left == right)?,
        "-ne" => numbers().map(|(left, right)| left != right)?,
        "-lt" => numbers().map(|(left, right)| left < right)?,
        "-le" => numbers().map(|(left, right)| left <= right)?,
        "-gt" => numbers().map(|(left, right)| left > right)?,
        "-ge" => numbers().map(|(left, right)| left >= right)?,
        "-nt" => modified(left) > modified(right),
        "-ot" => modified(left) < modified(right),
        _ => identity(left).is_some() && identity(left) == identity(right),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::run;

    #[test]
    fn expressions_hold_or_not() {
        for (words, status) in [
            (&["a", "=", "a"][..], 0),
            (&["a", "!=", "a"], 1),
            (&["2", "-lt", "10"], 0),
            (&["x", "-lt", "10"], 2),
            (&["-z", ""], 0),
            (&["-n", ""], 1),
            (&[], 1),
            (&["!", "-e", "/nonexistent"], 0),
            (&["!", "a", "=", "b"], 0),
            (&["-d", "/"], 0),
            (&["-f", "/"], 1),
            (&["-x", "/"], 0),
            (&["a", "=", "a", "-a", "b", "=", "c"], 1),
            (&["a", "=", "b", "-o", "c", "=", "c"], 0),
            (&["(", "=", "("], 0),
            (&["!", "=", "!"], 0),
            (&["-n", "=", "-n"], 0),
            (&["a", "b"], 2),
            (&["a", "b", "c", "d", "e"], 2),
        ] {
            assert_eq!(run(main, words, "").status, status, "{words:?}");
        }
    }
}
