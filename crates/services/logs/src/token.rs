//! Tokens: where a page ended, in a form that callers hand back and don't read.

use telemetry::logs::{Direction, Place};

use crate::{Error, identifier::invalid};

/// Digits of each of a place's two numbers: as many as the largest has.
const DIGITS: usize = 19;

/// `f/<time><number>/s`, in the looks of AWS's own.
pub(crate) fn write(direction: Direction, place: Place) -> String {
    let side = if direction == Direction::Forward { 'f' } else { 'b' };
    format!("{side}/{:0DIGITS$}{:0DIGITS$}/s", place.time.max(0), place.id.max(0))
}

/// Reads a token back.
pub(crate) fn read(token: &str) -> Result<(Direction, Place), Error> {
    parse(token).ok_or_else(|| invalid("The specified nextToken is invalid."))
}

fn parse(token: &str) -> Option<(Direction, Place)> {
    let (side, rest) = token.split_once('/')?;
    let direction = match side {
        "f" => Direction::Forward,
        "b" => Direction::Backward,
        _ => return None,
    };
    let digits = rest.strip_suffix("/s").filter(|digits| digits.len() == 2 * DIGITS && digits.is_ascii())?;
    let (time, id) = digits.split_at(DIGITS);
    Some((direction, Place { time: time.parse().ok()?, id: id.parse().ok()? }))
}

/// A token for a list that is cut by counting or by name.
pub(crate) fn write_plain(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut token, byte| {
        write!(token, "{byte:02x}").expect("a text takes what is written to it");
        token
    })
}

/// Reads such a token back.
pub(crate) fn read_plain(token: &str) -> Result<String, Error> {
    let wrong = || invalid("The specified nextToken is invalid.");
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    String::from_utf8(bytes.ok_or_else(wrong)?).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went() {
        for place in [Place::at(0), Place { time: i64::MAX, id: i64::MAX }] {
            for direction in [Direction::Forward, Direction::Backward] {
                assert_eq!(read(&write(direction, place)).unwrap(), (direction, place));
            }
        }
        assert_eq!(read_plain(&write_plain("/ecs/ä")).unwrap(), "/ecs/ä");
        for wrong in ["", "f/", "x/1/s", "f/12/s", "f/ä/s"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read_plain("zz").is_err() && read_plain("ää").is_err());
    }
}
