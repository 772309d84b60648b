//! Lines and columns: `cut`, `head`, `tail`, `tr`, `wc`.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    ops::RangeInclusive,
};

use crate::{
    call::{BROKEN_PIPE, Call, Opt, Options},
    files::reason,
};

/// The most lines or bytes that `tail` holds.
const TAIL_MAX: usize = 1_000_000;

/// The most bytes of a line.
pub(crate) const LINE_MAX: u64 = 16 * 1024 * 1024;
/// The bytes read at a time where lines do not matter.
const PIECE: usize = 64 * 1024;

/// Takes what is read, bit by bit; `false` when it has had enough.
type Act<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<bool>;

/// Reads each file, or standard input, by `read`: [`lines`] or [`pieces`].
fn each(call: &Call<'_>, files: &[&str], read: fn(Box<dyn Read + '_>, Act<'_>) -> io::Result<()>, act: Act<'_>) -> u8 {
    let files = if files.is_empty() { &["-"] } else { files };
    let mut status = 0;
    for file in files {
        match call.open(file).and_then(|source| read(source, act)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return BROKEN_PIPE,
            Err(error) => status = call.fail(format_args!("{file}: {}", reason(&error)), 1),
        }
    }
    status
}

fn lines(source: Box<dyn Read + '_>, act: Act<'_>) -> io::Result<()> {
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    while read_line(&mut source, &mut line)? {
        if !act(&line)? {
            break;
        }
    }
    Ok(())
}

/// Reads a line with its end into `line`; `false` at the end of the source.
pub(crate) fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    source.by_ref().take(LINE_MAX).read_until(b'\n', line)?;
    if line.len() as u64 == LINE_MAX {
        return Err(io::Error::other(format!("a line is longer than {LINE_MAX} bytes")));
    }
    Ok(!line.is_empty())
}

fn pieces(mut source: Box<dyn Read + '_>, act: Act<'_>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 || !act(&buffer[..count])? {
            return Ok(());
        }
    }
}

fn write(call: &Call<'_>, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut call.output(), bytes)
}

/// A count as `head` and `tail` take it: `-n 5`, `-n5`, `-5`.
fn count(call: &Call<'_>) -> Result<(usize, bool, Vec<String>), String> {
    let (mut count, mut bytes, mut files) = (10, false, Vec::new());
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        let value = match word.get(..2) {
            Some("-n" | "-c") => {
                bytes = word.starts_with("-c");
                if word.len() > 2 { &word[2..] } else { words.next().map_or("", String::as_str) }
            }
            Some(_) if word.starts_with('-') => &word[1..],
            _ => {
                files.push(word.clone());
                continue;
            }
        };
        count = value.parse().map_err(|_| format!("`{value}` is no number of lines or bytes"))?;
    }
    Ok((count, bytes, files))
}

/// `head [-n LINES | -c BYTES] [FILE…]`
pub(crate) fn head(call: &Call<'_>) -> u8 {
    let (count, bytes, files) = match count(call) {
        Ok(parsed) => parsed,
        Err(wrong) => return call.fail(wrong, 1),
    };
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut left = count;
    if left == 0 {
        return 0;
    }
    each(call, &files, if bytes { pieces } else { lines }, &mut |part| {
        let taken = if bytes { left.min(part.len()) } else { part.len() };
        write(call, &part[..taken])?;
        left -= if bytes { taken } else { 1 };
        Ok(left > 0)
    })
}

/// `tail [-n LINES | -c BYTES] [FILE…]`
pub(crate) fn tail(call: &Call<'_>) -> u8 {
    let (count, bytes, files) = match count(call) {
        Ok((count, ..)) if count > TAIL_MAX => return call.fail(format_args!("at most {TAIL_MAX} are kept"), 1),
        Ok(parsed) => parsed,
        Err(wrong) => return call.fail(wrong, 1),
    };
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (mut kept, mut held) = (VecDeque::<Vec<u8>>::new(), 0);
    let status = each(call, &files, if bytes { pieces } else { lines }, &mut |part| {
        kept.push_back(part.to_vec());
        held += part.len();
        while match kept.front() {
            Some(first) if bytes => held - first.len() >= count,
            _ => kept.len() > count,
        } {
            held -= kept.pop_front().map_or(0, |first| first.len());
        }
        Ok(true)
    });
    let kept: Vec<u8> = kept.into_iter().flatten().collect();
    let from = if bytes { kept.len().saturating_sub(count) } else { 0 };
    status.max(call.print(&kept[from..]))
}

/// `wc [-lwc] [FILE]`
pub(crate) fn wc(call: &Call<'_>) -> u8 {
    let (mut wanted, mut options) = ([false; 3], Options::new(call.arguments));
    while let Some(option) = options.next() {
        match option {
            Opt::Short('l') => wanted[0] = true,
            Opt::Short('w') => wanted[1] = true,
            Opt::Short('c') => wanted[2] = true,
            other => return call.fail(format_args!("option {other} is not supported"), 1),
        }
    }
    let (mut counts, mut in_word) = ([0; 3], false);
    let status = each(call, &options.operands, pieces, &mut |piece| {
        for byte in piece {
            counts[0] += usize::from(*byte == b'\n');
            counts[1] += usize::from(!in_word && !byte.is_ascii_whitespace());
            in_word = !byte.is_ascii_whitespace();
        }
        counts[2] += piece.len();
        Ok(true)
    });
    let all = wanted == [false; 3];
    let shown = counts.iter().zip(wanted).filter(|(_, wanted)| all || *wanted);
    let shown: Vec<String> = shown.map(|(count, _)| count.to_string()).collect();
    status.max(call.print(format!("{}\n", shown.join(" "))))
}

/// `cut -d DELIMITER -f LIST`, `cut -c LIST`
pub(crate) fn cut(call: &Call<'_>) -> u8 {
    let (mut delimiter, mut list, mut fields, mut only_delimited) = ("\t", None, true, false);
    let mut options = Options::new(call.arguments);
    while let Some(option) = options.next() {
        match option {
            Opt::Short('d') => delimiter = options.value().unwrap_or(""),
            Opt::Short('f') => list = options.value().and_then(ranges),
            Opt::Short('s') => only_delimited = true,
            Opt::Short('c' | 'b') => (fields, list) = (false, options.value().and_then(ranges)),
            other => return call.fail(format_args!("option {other} is not supported"), 1),
        }
    }
    let (Some(list), [delimiter]) = (list, delimiter.as_bytes()) else {
        return call.fail("usage: cut -d CHARACTER -f LIST, or cut -c LIST", 1);
    };
    let chosen = |at: usize| list.iter().any(|range| range.contains(&(at + 1)));
    each(call, &options.operands, lines, &mut |line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let out: Vec<u8> = if !fields {
            line.iter().enumerate().filter(|(at, _)| chosen(*at)).map(|(_, byte)| *byte).collect()
        } else if line.contains(delimiter) {
            let parts = line.split(|byte| byte == delimiter).enumerate();
            let parts: Vec<&[u8]> = parts.filter(|(at, _)| chosen(*at)).map(|(_, part)| part).collect();
            parts.join(delimiter)
        } else if only_delimited {
            return Ok(true);
        } else {
            line.to_vec()
        };
        write(call, &[&out[..], b"\n"].concat())?;
        Ok(true)
    })
}

/// `1,3-5,7-` as ranges that count from one.
fn ranges(list: &str) -> Option<Vec<RangeInclusive<usize>>> {
    let range = |text: &str| {
        let (begins, ends) = text.split_once('-').unwrap_or((text, text));
        let begin = if begins.is_empty() { 1 } else { begins.parse().ok().filter(|number| *number > 0)? };
        let end = if ends.is_empty() { usize::MAX } else { ends.parse().ok()? };
        (text != "-" && begin <= end).then_some(begin..=end)
    };
    list.split(',').map(range).collect()
}

/// `tr [-d] SET [SET]`
pub(crate) fn tr(call: &Call<'_>) -> u8 {
    let (from, to) = match call.arguments {
        [option, set] if option == "-d" => (set, None),
        [from, to] if !from.starts_with('-') => (from, Some(set(to))),
        _ => return call.fail("usage: tr SET SET, or tr -d SET", 1),
    };
    let from = set(from);
    let translate = |byte: u8| match (from.iter().rposition(|member| *member == byte), &to) {
        (None, _) => Some(byte),
        (Some(_), None) => None,
        // A shorter second set is filled up with its last member.
        (Some(at), Some(to)) => to.get(at).or(to.last()).copied(),
    };
    each(call, &[], pieces, &mut |piece| {
        let out: Vec<u8> = piece.iter().filter_map(|byte| translate(*byte)).collect();
        write(call, &out)?;
        Ok(true)
    })
}

/// A class of characters: its name and what is in it.
type Class = (&'static str, fn(&u8) -> bool);

/// `a-z`, `[:upper:]`, `\n`.
fn set(text: &str) -> Vec<u8> {
    let classes: [Class; 6] = [
        ("[:lower:]", u8::is_ascii_lowercase),
        ("[:upper:]", u8::is_ascii_uppercase),
        ("[:digit:]", u8::is_ascii_digit),
        ("[:alpha:]", u8::is_ascii_alphabetic),
        ("[:alnum:]", u8::is_ascii_alphanumeric),
        ("[:space:]", u8::is_ascii_whitespace),
    ];
    let (bytes, mut members, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        if let Some((name, is)) = classes.iter().find(|(name, _)| text.get(at..).is_some_and(|t| t.starts_with(name))) {
            members.extend((0..=127).filter(is));
            at += name.len();
        } else if bytes[at] == b'\\' && at + 1 < bytes.len() {
            members.push(match bytes[at + 1] {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'0' => 0,
                other => other,
            });
            at += 2;
        } else if bytes.get(at + 1) == Some(&b'-') && bytes.get(at + 2).is_some_and(|end| *end >= bytes[at]) {
            members.extend(bytes[at]..=bytes[at + 2]);
            at += 3;
        } else {
            members.push(bytes[at]);
            at += 1;
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::run;

    #[test]
    fn lines_are_counted_and_cut_off() {
        let text = "one two\nthree\nfour\n";
        assert_eq!(run(head, &["-n", "2"], text).output, "one two\nthree\n");
        assert_eq!(run(head, &["-1"], text).output, "one two\n");
        assert_eq!(run(head, &["-c5"], text).output, "one t");
        assert_eq!(run(head, &["-n", "0"], text).output, "");
        assert_eq!(run(tail, &["-n1"], text).output, "four\n");
        assert_eq!(run(tail, &["-c", "3"], text).output, "ur\n");
        assert_eq!(run(wc, &["-l"], text).output, "3\n");
        assert_eq!(run(wc, &[], text).output, "3 4 19\n");
        assert_eq!(run(head, &["-n", "x"], text).status, 1);
    }

    #[test]
    fn columns_are_chosen() {
        let line = "envoy 188531a/1.9.0-dev live 1\n";
        assert_eq!(run(cut, &["-d", " ", "-f3"], line).output, "live\n");
        assert_eq!(run(cut, &["-d ", "-f1,3-"], line).output, "envoy live 1\n");
        assert_eq!(run(cut, &["-c1-5"], line).output, "envoy\n");
        assert_eq!(run(cut, &["-d:", "-f2"], "plain\n").output, "plain\n");
        assert_eq!(run(cut, &["-s", "-d:", "-f2"], "plain\n").output, "");
        assert_eq!(run(cut, &["-f0"], line).status, 1);
    }

    #[test]
    fn letters_are_translated() {
        assert_eq!(run(tr, &["a-z", "A-Z"], "live\n").output, "LIVE\n");
        assert_eq!(run(tr, &["[:upper:]", "[:lower:]"], "LIVE\n").output, "live\n");
        assert_eq!(run(tr, &["-d", "\\n\""], "\"a\"\n").output, "a");
        assert_eq!(run(tr, &["ab", "x"], "aabbc").output, "xxxxc");
        assert_eq!(run(tr, &["a"], "").status, 1);
    }
}
