//! Output from arguments: `echo`, `printf`.

use crate::call::Call;

/// `echo [-neE] [TEXT…]`
pub(crate) fn echo(call: &Call<'_>) -> u8 {
    let is_option = |text: &&String| {
        text.len() > 1 && text.starts_with('-') && text[1..].chars().all(|letter| matches!(letter, 'n' | 'e' | 'E'))
    };
    let options = call.arguments.iter().take_while(is_option);
    let (mut newline, mut escapes, mut skipped) = (true, false, 0);
    for option in options {
        newline &= !option.contains('n');
        // The last of -e and -E decides.
        escapes = match option.rfind(['e', 'E']) {
            Some(at) => option[at..].starts_with('e'),
            None => escapes,
        };
        skipped += 1;
    }
    let text = call.arguments[skipped..].join(" ");
    let (mut out, stopped) = if escapes { unescape(&text) } else { (text.into_bytes(), false) };
    if newline && !stopped {
        out.push(b'\n');
    }
    call.print(out)
}

/// Turns backslash escapes into what they stand for; `true` if `\c` ended the output.
fn unescape(text: &str) -> (Vec<u8>, bool) {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' || at + 1 == bytes.len() {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let (next, rest) = (bytes[at + 1], &bytes[at + 2..]);
        at += 2;
        match next {
            b'c' => return (out, true),
            b'0' => at += number(rest, 3, 8, &mut out, 0),
            b'1'..=b'7' => at += number(rest, 2, 8, &mut out, u32::from(next - b'0')),
            b'x' => at += number(rest, 2, 16, &mut out, 0),
            _ => match simple(next) {
                Some(byte) => out.push(byte),
                None => out.extend([b'\\', next]),
            },
        }
    }
    (out, false)
}

fn simple(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 7,
        b'b' => 8,
        b'e' => 27,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        _ => return None,
    })
}

/// Reads at most `most` digits after `value`, and writes the byte; answers how many digits there were.
fn number(rest: &[u8], most: usize, radix: u32, out: &mut Vec<u8>, value: u32) -> usize {
    let digits = rest.iter().take(most).map_while(|byte| char::from(*byte).to_digit(radix));
    let (count, value) = digits.fold((0, value), |(count, value), digit| (count + 1, value * radix + digit));
    out.push(u8::try_from(value & 0xff).unwrap_or(0));
    count
}

/// `printf FORMAT [ARGUMENT…]`: the format is used again while arguments are left.
pub(crate) fn printf(call: &Call<'_>) -> u8 {
    let Some((format, arguments)) = call.arguments.split_first() else {
        return call.fail("usage: printf format [arguments]", 2);
    };
    let mut printer = Printer { arguments: arguments.iter(), used: false, out: Vec::new(), wrong: None };
    loop {
        printer.used = false;
        let more = printer.print(format);
        if !more || !printer.used || printer.arguments.len() == 0 {
            break;
        }
    }
    let status = call.print(&printer.out);
    match printer.wrong {
        Some(wrong) => call.fail(wrong, 1),
        None => status,
    }
}

struct Printer<'a> {
    arguments: std::slice::Iter<'a, String>,
    used: bool,
    out: Vec<u8>,
    wrong: Option<String>,
}

impl Printer<'_> {
    /// Prints the format once; `false` if the output ends here.
    fn print(&mut self, format: &str) -> bool {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            let (out, stopped) = unescape(&rest[..at]);
            self.out.extend(out);
            if stopped {
                return false;
            }
            rest = &rest[at + 1..];
            let end = rest.find(|c: char| !matches!(c, '-' | '+' | ' ' | '#' | '.' | '0'..='9')).unwrap_or(rest.len());
            let (flags, tail) = rest.split_at(end);
            let Some(kind) = tail.chars().next() else {
                self.wrong = Some("the format ends in the middle of a conversion".to_owned());
                return false;
            };
            rest = &tail[kind.len_utf8()..];
            if !self.convert(flags, kind) {
                return false;
            }
        }
        let (out, stopped) = unescape(rest);
        self.out.extend(out);
        !stopped
    }

    fn convert(&mut self, flags: &str, kind: char) -> bool {
        if kind == '%' {
            self.out.push(b'%');
            return true;
        }
        self.used = true;
        let argument = self.arguments.next().map_or("", String::as_str);
        let (width, precision) = flags.split_once('.').unwrap_or((flags, ""));
        let precision: Option<usize> = flags.contains('.').then(|| precision.parse().unwrap_or(0));
        let (text, stopped) = match kind {
            's' => (argument.chars().take(precision.unwrap_or(usize::MAX)).collect::<String>().into_bytes(), false),
            'c' => (argument.chars().take(1).collect::<String>().into_bytes(), false),
            'b' => unescape(argument),
            'd' | 'i' | 'u' => (self.integer(argument).to_string().into_bytes(), false),
            'x' => (format!("{:x}", self.integer(argument)).into_bytes(), false),
            'X' => (format!("{:X}", self.integer(argument)).into_bytes(), false),
            'o' => (format!("{:o}", self.integer(argument)).into_bytes(), false),
            other => {
                self.wrong = Some(format!("%{other}: invalid conversion"));
                return false;
            }
        };
        self.pad(&text, width, !matches!(kind, 's' | 'c' | 'b'));
        !stopped
    }

    fn integer(&mut self, text: &str) -> i64 {
        let text = text.trim();
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None if text.is_empty() => Some(0),
            None => text.parse().ok(),
        };
        if parsed.is_none() {
            self.wrong = Some(format!("{text}: expected numeric value"));
        }
        parsed.unwrap_or(0)
    }

    fn pad(&mut self, text: &[u8], flags: &str, numeric: bool) {
        let digits = flags.trim_start_matches(['-', '+', ' ', '#', '0']);
        let marks = &flags[..flags.len() - digits.len()];
        let plus = if numeric && marks.contains('+') && !text.starts_with(b"-") { &b"+"[..] } else { b"" };
        let width: usize = digits.parse().unwrap_or(0);
        let missing = width.min(4096).saturating_sub(text.len() + plus.len());
        if marks.contains('-') {
            self.out.extend([plus, text].concat());
            self.out.extend(std::iter::repeat_n(b' ', missing));
        } else if numeric && marks.contains('0') {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(b"-")));
            self.out.extend([plus, sign].concat());
            self.out.extend(std::iter::repeat_n(b'0', missing));
            self.out.extend(digits);
        } else {
            self.out.extend(std::iter::repeat_n(b' ', missing));
            self.out.extend([plus, text].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::run;

    #[test]
    fn echo_prints_its_arguments() {
        for (arguments, expected) in [
            (&["a", "b"][..], "a b\n"),
            (&["-n", "a"], "a"),
            (&["-e", r"a\tb\x41\061\c", "never"], "a\tbA1"),
            (&["-x", r"\n"], "-x \\n\n"),
            (&[], "\n"),
        ] {
            assert_eq!(run(echo, arguments, "").output, expected, "{arguments:?}");
        }
    }

    #[test]
    fn printf_fills_its_format() {
        for (arguments, expected) in [
            (&["%s=%d\\n", "a", "1", "b", "2"][..], "a=1\nb=2\n"),
            (&["%5s|%-5s|%05d|%x|%.2s|%c|%%", "ab", "ab", "-42", "255", "xyz", "xyz"], "   ab|ab   |-0042|ff|xy|x|%"),
            (&["plain\\n"], "plain\n"),
            (&["%s"], ""),
            (&["%b", r"a\nb"], "a\nb"),
        ] {
            assert_eq!(run(printf, arguments, "").output, expected, "{arguments:?}");
        }
        assert_eq!(run(printf, &["%d", "x"], "").status, 1);
        assert_eq!(run(printf, &["%y", "x"], "").status, 1);
        assert_eq!(run(printf, &[], "").status, 2);
    }
}
