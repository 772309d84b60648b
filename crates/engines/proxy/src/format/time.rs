//! Moments as text, by the language of `strftime` and Envoy's additions to it.

use std::fmt::Write as _;

use names::Timestamp;

/// How a moment is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeFormat(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A letter of `strftime`.
    Letter(char),
    /// So many digits of the second's fraction.
    Fraction(usize),
    /// Seconds, and so many digits of their fraction; as many as there are if none is said.
    Seconds(Option<usize>),
}

/// The letters that are known.
const LETTERS: &str = "YymdHMSeBbhaAjZzTFDRIpsntukC";

impl TimeFormat {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                plain.push(letter);
                continue;
            }
            let piece = match letters.next() {
                Some('%') => {
                    plain.push('%');
                    continue;
                }
                Some('f') => Piece::Fraction(9),
                Some(digit @ '1'..='9') if letters.next_if_eq(&'f').is_some() => Piece::Fraction(digit as usize - 48),
                Some('E') => match (letters.next(), letters.next()) {
                    (Some('*'), Some('S')) => Piece::Seconds(None),
                    (Some(digit @ '0'..='9'), Some('S')) => Piece::Seconds(Some(digit as usize - 48)),
                    _ => return Err(format!("`{text}` is no time: after %E comes a digit or *, and S")),
                },
                Some(letter) if LETTERS.contains(letter) => Piece::Letter(letter),
                other => return Err(format!("`{text}` is no time: %{} is not known", other.unwrap_or(' '))),
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    pub(super) fn write(&self, moment: Timestamp) -> String {
        let milliseconds = moment.as_millis().rem_euclid(1000);
        let second = moment.as_millis().div_euclid(1000);
        let at = time::OffsetDateTime::from_unix_timestamp(second).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let fraction = format!("{milliseconds:03}000000");
        let mut out = String::with_capacity(32);
        for piece in &self.0 {
            // Writing to a string does not fail.
            let _ = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    Ok(())
                }
                Piece::Letter(letter) => write_letter(*letter, at, &mut out),
                Piece::Fraction(digits) => write!(out, "{}", &fraction[..*digits]),
                Piece::Seconds(Some(0)) => write!(out, "{:02}", at.second()),
                Piece::Seconds(Some(digits)) => write!(out, "{:02}.{}", at.second(), &fraction[..*digits]),
                Piece::Seconds(None) => {
                    let shown = fraction.trim_end_matches('0');
                    let point = if shown.is_empty() { "" } else { "." };
                    write!(out, "{:02}{point}{shown}", at.second())
                }
            };
        }
        out
    }
}

fn write_letter(letter: char, at: time::OffsetDateTime, out: &mut String) -> std::fmt::Result {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = MONTHS[usize::from(u8::from(at.month())) - 1];
    let weekday = at.weekday().number_days_from_sunday();
    let day = DAYS[usize::from(weekday)];
    let (hour, minute, second) = at.to_hms();
    match letter {
        'Y' => write!(out, "{}", at.year()),
        'C' => write!(out, "{:02}", at.year() / 100),
        'y' => write!(out, "{:02}", at.year().rem_euclid(100)),
        'm' => write!(out, "{:02}", u8::from(at.month())),
        'd' => write!(out, "{:02}", at.day()),
        'e' => write!(out, "{:2}", at.day()),
        'H' => write!(out, "{hour:02}"),
        'k' => write!(out, "{hour:2}"),
        'I' => write!(out, "{:02}", (hour + 11) % 12 + 1),
        'p' => write!(out, "{}", if hour < 12 { "AM" } else { "PM" }),
        'M' => write!(out, "{minute:02}"),
        'S' => write!(out, "{second:02}"),
        'B' => write!(out, "{month}"),
        'b' | 'h' => write!(out, "{}", &month[..3]),
        'A' => write!(out, "{day}"),
        'a' => write!(out, "{}", &day[..3]),
        'u' => write!(out, "{}", at.weekday().number_from_monday()),
        'j' => write!(out, "{:03}", at.ordinal()),
        'Z' => write!(out, "UTC"),
        'z' => write!(out, "+0000"),
        'T' => write!(out, "{hour:02}:{minute:02}:{second:02}"),
        'R' => write!(out, "{hour:02}:{minute:02}"),
        'F' => write!(out, "{}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day()),
        'D' => write!(out, "{:02}/{:02}/{:02}", u8::from(at.month()), at.day(), at.year().rem_euclid(100)),
        's' => write!(out, "{}", at.unix_timestamp()),
        'n' => writeln!(out),
        't' => write!(out, "\t"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_asked() {
        let moment = Timestamp::from_millis(1_460_751_420_310);
        for (format, wanted) in [
            ("%Y-%m-%dT%H:%M:%S.%3fZ", "2016-04-15T20:17:00.310Z"),
            ("%s.%6f", "1460751420.310000"),
            ("%T %E3S|%E*S", "20:17:00 00.310|00.31"),
            ("%a,%d-%b-%y %I%p %j %z %%", "Fri,15-Apr-16 08PM 106 +0000 %"),
            ("%D %F %R", "04/15/16 2016-04-15 20:17"),
        ] {
            assert_eq!(TimeFormat::parse(format).unwrap().write(moment), wanted, "{format}");
        }
        assert!(TimeFormat::parse("%Q").unwrap_err().contains("%Q"));
        assert!(TimeFormat::parse("%").is_err());
    }
}
