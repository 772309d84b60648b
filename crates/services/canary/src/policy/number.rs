//! Numbers as templates write them.
//!
//! CloudFormation's parameters are text even where they hold a number, and `Ref` puts that text into a template: "10"
//! is as good as 10.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A part of the traffic, in tenths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(1000);

    /// `tenths` of a percent; none above 1000.
    pub const fn tenths(tenths: u16) -> Option<Self> {
        if tenths <= Self::ALL.0 { Some(Self(tenths)) } else { None }
    }

    /// In tenths of a percent.
    pub const fn in_tenths(self) -> u16 {
        self.0
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 10.0
    }

    /// What the other version gets.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }

    fn of(percent: f64) -> Option<Self> {
        let tenths = percent * 10.0;
        let whole = (tenths - tenths.round()).abs() < 1e-9 && (0.0..=f64::from(Self::ALL.0)).contains(&tenths.round());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and from 0 to 1000")]
        let tenths = tenths.round() as u16;
        whole.then_some(Self(tenths))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(10) {
            serializer.serialize_u16(self.0 / 10)
        } else {
            serializer.serialize_f64(self.percent())
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent: f64 = number(deserializer)?;
        let wrong =
            || de::Error::custom(format!("{percent} is no weight: say 0 to 100 percent, in tenths at the finest"));
        Self::of(percent).ok_or_else(wrong)
    }
}

/// A number, or the text of one.
pub(super) fn number<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    deserializer.deserialize_any(Number(PhantomData))
}

/// A number, the text of one, or nothing.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    number(deserializer).map(Some)
}

/// Yes or no, or the text of one.
pub(super) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Truth;
    impl de::Visitor<'_> for Truth {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<bool, E> {
            value.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
        }
    }
    deserializer.deserialize_any(Truth)
}

/// Reads every number by its text: one way for all, and none is rounded on it.
struct Number<T>(PhantomData<T>);

impl<T: FromStr> de::Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = "1.5".parse::<T>().is_err();
        f.write_str(if whole { "a whole number of 0 or more" } else { "a number" })
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        value.trim().parse().map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }
}
