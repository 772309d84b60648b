//! The functions of the language.

use super::value::Value;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    IsPresent,
    IsEmpty,
    IsBlank,
    Coalesce,
    Length,
    Lower,
    Upper,
    Trim,
    TrimStart,
    TrimEnd,
    Part,
    Replace,
    Has,
    Concat,
    Absolute,
    Ceiling,
    Floor,
    Greatest,
    Least,
    Logarithm,
    Root,
    PeriodStart,
    PeriodEnd,
    FromMillis,
    ToMillis,
}

/// Names, the function, and how many arguments it takes at least and at most.
const ALL: [(&[&str], Function, usize, usize); 25] = [
    (&["ispresent"], Function::IsPresent, 1, 1),
    (&["isempty"], Function::IsEmpty, 1, 1),
    (&["isblank"], Function::IsBlank, 1, 1),
    (&["coalesce"], Function::Coalesce, 1, 100),
    (&["strlen"], Function::Length, 1, 1),
    (&["tolower", "lower"], Function::Lower, 1, 1),
    (&["toupper", "upper"], Function::Upper, 1, 1),
    (&["trim"], Function::Trim, 1, 2),
    (&["ltrim"], Function::TrimStart, 1, 2),
    (&["rtrim"], Function::TrimEnd, 1, 2),
    (&["substr"], Function::Part, 2, 3),
    (&["replace"], Function::Replace, 3, 3),
    (&["strcontains"], Function::Has, 2, 2),
    (&["concat"], Function::Concat, 1, 100),
    (&["abs"], Function::Absolute, 1, 1),
    (&["ceil"], Function::Ceiling, 1, 1),
    (&["floor"], Function::Floor, 1, 1),
    (&["greatest"], Function::Greatest, 1, 100),
    (&["least"], Function::Least, 1, 100),
    (&["log"], Function::Logarithm, 1, 1),
    (&["sqrt"], Function::Root, 1, 1),
    (&["datefloor"], Function::PeriodStart, 2, 2),
    (&["dateceil"], Function::PeriodEnd, 2, 2),
    (&["frommillis"], Function::FromMillis, 1, 1),
    (&["tomillis"], Function::ToMillis, 1, 1),
];

impl Function {
    /// The function called `name`, in small letters, if it takes so many arguments.
    pub(super) fn named(name: &str, arguments: usize) -> Result<Self, String> {
        let (_, function, least, most) = ALL
            .iter()
            .find(|(names, ..)| names.contains(&name))
            .ok_or_else(|| format!("there is no function {name} here"))?;
        if !(*least..=*most).contains(&arguments) {
            return Err(format!("{name} takes {least} to {most} arguments and not {arguments}"));
        }
        Ok(*function)
    }

    /// Its value for these arguments.
    pub(super) fn of(self, arguments: &[Option<Value>]) -> Option<Value> {
        let argument = |place: usize| arguments.get(place)?.as_ref();
        let text = |place: usize| argument(place).map(Value::to_string);
        let number = |place: usize| argument(place)?.number();
        match self {
            Self::IsPresent => Some(Value::Truth(argument(0).is_some())),
            Self::IsEmpty => Some(Value::Truth(text(0).is_none_or(|text| text.is_empty()))),
            Self::IsBlank => Some(Value::Truth(text(0).is_none_or(|text| text.trim().is_empty()))),
            Self::Coalesce => arguments.iter().flatten().next().cloned(),
            Self::Greatest => arguments.iter().flatten().max_by(|one, other| one.compare(other)).cloned(),
            Self::Least => arguments.iter().flatten().min_by(|one, other| one.compare(other)).cloned(),
            Self::Concat => Some(Value::Text(arguments.iter().flatten().map(Value::to_string).collect())),
            Self::Has => Some(Value::Truth(text(0)?.contains(&text(1)?))),
            #[expect(clippy::cast_precision_loss, reason = "texts are short")]
            Self::Length => Some(Value::Number(text(0)?.chars().count() as f64)),
            Self::Lower => Some(Value::Text(text(0)?.to_lowercase())),
            Self::Upper => Some(Value::Text(text(0)?.to_uppercase())),
            Self::Trim | Self::TrimStart | Self::TrimEnd => Some(Value::Text(self.trimmed(&text(0)?, text(1)))),
            Self::Part => Some(Value::Text(part(&text(0)?, number(1)?, argument(2).and_then(Value::number)))),
            Self::Replace => Some(Value::Text(text(0)?.replace(&text(1)?, &text(2)?))),
            Self::Absolute => Some(Value::Number(number(0)?.abs())),
            Self::Ceiling => Some(Value::Number(number(0)?.ceil())),
            Self::Floor => Some(Value::Number(number(0)?.floor())),
            Self::Logarithm => finite(number(0)?.ln()),
            Self::Root => finite(number(0)?.sqrt()),
            Self::PeriodStart => Some(Value::Time(period(whole(number(0)?), whole(number(1)?)))),
            Self::PeriodEnd => {
                let (time, length) = (whole(number(0)?), whole(number(1)?));
                Some(Value::Time(period(time.saturating_add(length - 1), length)))
            }
            Self::FromMillis => Some(Value::Time(whole(number(0)?))),
            Self::ToMillis => number(0).map(Value::Number),
        }
    }

    fn trimmed(self, text: &str, letters: Option<String>) -> String {
        let letters = letters.unwrap_or_else(|| " \t\r\n".to_owned());
        let is_one = |letter: char| letters.contains(letter);
        match self {
            Self::TrimStart => text.trim_start_matches(is_one),
            Self::TrimEnd => text.trim_end_matches(is_one),
            _ => text.trim_matches(is_one),
        }
        .to_owned()
    }
}

/// A number, unless it is none.
pub(super) fn finite(number: f64) -> Option<Value> {
    number.is_finite().then_some(Value::Number(number))
}

/// When the period of `length` milliseconds begins in which `time` lies.
pub(super) fn period(time: i64, length: i64) -> i64 {
    let length = length.max(1);
    time.div_euclid(length).saturating_mul(length)
}

#[expect(clippy::cast_possible_truncation, reason = "what is out of range saturates")]
fn whole(number: f64) -> i64 {
    number as i64
}

/// The part of `text` from character `start` on, at most so many.
fn part(text: &str, start: f64, length: Option<f64>) -> String {
    let count = |number: f64| usize::try_from(whole(number)).unwrap_or(0);
    text.chars().skip(count(start)).take(length.map_or(usize::MAX, count)).collect()
}
