//! Who goes to a new version before its weight sends anybody there, in App Mesh's own words for headers; and by what users
//! are known who are to stay with a version.

use api::appmesh::{
    HeaderMatchMethod, HttpRouteHeader, MatchRange,
    trial::{Sticky as AskedSticky, StickyCookie as AskedCookie, TesterCookie, Testers as Asked},
};
use serde::{Deserialize, Serialize};

use super::{Error, SECONDS_MAX, number, optional, truth};

/// The longest name of a header or cookie, and the longest text that its value is held against, as App Mesh has them.
const NAME_MAX: usize = 50;
const VALUE_MAX: usize = 255;
/// The longest that a cookie lasts, in seconds: a year of 365 days.
const COOKIE_SECONDS_MAX: u64 = 365 * 24 * 3600;

/// Requests that go to the new version as soon as it has a healthy copy, known by a header or by a cookie.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Testers {
    /// They have this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// They have this cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Cookie>,
    /// How long the new version has testers alone before its first step.
    #[serde(default, deserialize_with = "number")]
    pub seconds: u64,
}

/// What users are known by who stay with the version that they have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Sticky {
    /// The value of the header of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The value of a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<StickyCookie>,
}

/// A cookie that users are known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct StickyCookie {
    /// Its name.
    pub name: String,
    /// Who comes without it is given one that lasts so long; nobody is given one where that is not said.
    #[serde(default, deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// A header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// What its value must be; any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#match: Option<Match>,
    /// Whether it must *not* be so.
    #[serde(default, deserialize_with = "truth", skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
}

/// A cookie.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// What its value must be; any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#match: Option<Match>,
}

/// What a value must be: one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Match {
    /// Letter by letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// By a regular expression, all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// A whole number in a range; of headers alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// Whole numbers from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Range {
    /// The first that is in.
    #[serde(deserialize_with = "number")]
    pub start: i64,
    /// The first that is out.
    #[serde(deserialize_with = "number")]
    pub end: i64,
}

impl Testers {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Form(format!("Testers{what}")));
        let (at, name, value) = match (&self.header, &self.cookie) {
            (Some(header), None) => (".Header", &header.name, &header.r#match),
            (None, Some(cookie)) => (".Cookie", &cookie.name, &cookie.r#match),
            (Some(_), Some(_)) => {
                return wrong(" has a Header and a Cookie: testers are known by one of them".to_owned());
            }
            (None, None) => return wrong(" has neither Header nor Cookie: say by what they are known".to_owned()),
        };
        check_name(&format!("Testers{at}.Name"), name)?;
        if let Some(Err(what)) = value.as_ref().map(Match::check) {
            return wrong(format!("{at}.Match {what}"));
        }
        if self.cookie.is_some() && value.as_ref().is_some_and(|value| value.range.is_some()) {
            return wrong(format!("{at}.Match.Range is for headers alone"));
        }
        if self.seconds > SECONDS_MAX {
            return wrong(format!(".Seconds is {}: give at most {SECONDS_MAX}, which is thirty days", self.seconds));
        }
        Ok(())
    }

    /// As App Mesh is asked for them.
    pub fn asked(&self) -> Asked {
        let header = self.header.as_ref().map(|header| HttpRouteHeader {
            invert: header.invert.then_some(true),
            r#match: header.r#match.as_ref().map(Match::asked),
            name: header.name.clone(),
        });
        let cookie = self.cookie.as_ref();
        let cookie = cookie.map(|cookie| TesterCookie {
            name: cookie.name.clone(),
            r#match: cookie.r#match.as_ref().map(Match::asked),
        });
        Asked { header, cookie }
    }
}

/// Demands a name that a header or a cookie can have.
fn check_name(at: &str, name: &str) -> Result<(), Error> {
    let token = |character: char| character.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(character);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(token) {
        let text = format!("{at} is `{name}`: give 1 to {NAME_MAX} characters that a name can have");
        return Err(Error::Form(text));
    }
    Ok(())
}

impl Sticky {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Form(format!("Sticky{what}")));
        match (&self.header, &self.cookie) {
            (Some(name), None) => check_name("Sticky.Header", name),
            (None, Some(StickyCookie { name, seconds })) => {
                check_name("Sticky.Cookie.Name", name)?;
                match seconds {
                    Some(seconds) if !(1..=COOKIE_SECONDS_MAX).contains(seconds) => {
                        let range = format!("1 to {COOKIE_SECONDS_MAX}, which is a year");
                        wrong(&format!(".Cookie.Seconds is {seconds}: give {range}"))
                    }
                    _ => Ok(()),
                }
            }
            (Some(_), Some(_)) => wrong(" has a Header and a Cookie: users are known by one of them"),
            (None, None) => wrong(" has neither Header nor Cookie: say by what users are known"),
        }
    }

    /// As App Mesh is asked for it.
    pub fn asked(&self) -> AskedSticky {
        let cookie = self.cookie.clone().map(|StickyCookie { name, seconds }| AskedCookie { name, seconds });
        AskedSticky { header: self.header.clone(), cookie }
    }
}

impl Match {
    fn check(&self) -> Result<(), String> {
        let Self { exact, prefix, suffix, regex, range } = self;
        let texts = [("Exact", exact), ("Prefix", prefix), ("Suffix", suffix), ("Regex", regex)];
        let given = texts.iter().filter(|(_, text)| text.is_some()).count() + usize::from(range.is_some());
        if given != 1 {
            return Err(format!("has {given} of Exact, Prefix, Suffix, Regex and Range: give one"));
        }
        for (name, text) in texts {
            let length = text.as_ref().map_or(1, |text| text.chars().count());
            if !(1..=VALUE_MAX).contains(&length) {
                return Err(format!("has {length} characters as {name}: give 1 to {VALUE_MAX}"));
            }
        }
        if regex.as_ref().is_some_and(|text| regex::Regex::new(text).is_err()) {
            return Err("has a Regex that is no regular expression of RE2".to_owned());
        }
        if range.is_some_and(|range| range.start >= range.end) {
            return Err("has a Range whose Start is not below its End".to_owned());
        }
        Ok(())
    }

    fn asked(&self) -> HeaderMatchMethod {
        let Self { exact, prefix, suffix, regex, range } = self.clone();
        let range = range.map(|Range { start, end }| MatchRange { start, end });
        HeaderMatchMethod { exact, prefix, range, regex, suffix }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;

    fn refused(testers: &str) -> String {
        let policy = format!(r#"{{"Testers":{testers}}}"#);
        Policy::parse(&policy).expect_err("it cannot be followed").to_string()
    }

    #[test]
    fn testers_are_asked_for_in_app_mesh_s_words() {
        let policy = r#"{"Testers":{"Header":{"Name":"x-ring","Match":{"Range":{"Start":"0","End":3}},"Invert":"true"},
            "Seconds":"60"}}"#;
        let policy = Policy::parse(policy).unwrap();
        assert_eq!(Policy::parse(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        let testers = policy.testers.unwrap();
        assert_eq!(testers.seconds, 60);
        let asked = serde_json::json!({
            "header": { "invert": true, "name": "x-ring", "match": { "range": { "start": 0, "end": 3 } } }
        });
        assert_eq!(serde_json::to_value(testers.asked()).unwrap(), asked);
        let policy = Policy::parse(r#"{"Testers":{"Cookie":{"Name":"ring","Match":{"Exact":"0"}}}}"#).unwrap();
        let asked = serde_json::json!({ "cookie": { "name": "ring", "match": { "exact": "0" } } });
        assert_eq!(serde_json::to_value(policy.testers.unwrap().asked()).unwrap(), asked);
    }

    #[test]
    fn users_who_stay_are_known_by_a_header_or_a_cookie() {
        let policy =
            Policy::parse(r#"{"Metrics":["Errors"],"Sticky":{"Cookie":{"Name":"shop","Seconds":"60"}}}"#).unwrap();
        assert_eq!(Policy::parse(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        let asked = serde_json::json!({ "cookie": { "name": "shop", "seconds": 60 } });
        assert_eq!(serde_json::to_value(policy.sticky.unwrap().asked()).unwrap(), asked);
        for (sticky, text) in [
            (r"{}", "Sticky has neither"),
            (r#"{"Header":"a","Cookie":{"Name":"b"}}"#, "Sticky has a Header and a Cookie"),
            (r#"{"Header":"a b"}"#, "Sticky.Header is `a b`"),
            (r#"{"Cookie":{"Name":"a;b"}}"#, "Sticky.Cookie.Name is `a;b`"),
            (r#"{"Cookie":{"Name":"a","Seconds":0}}"#, "Sticky.Cookie.Seconds is 0"),
        ] {
            let policy = format!(r#"{{"Sticky":{sticky}}}"#);
            let refused = Policy::parse(&policy).expect_err("it cannot be followed").to_string();
            assert!(refused.contains(text), "{sticky}: {refused}");
        }
    }

    #[test]
    fn testers_whom_nobody_could_know_are_refused_by_name() {
        for (testers, text) in [
            (r"{}", "neither Header nor Cookie"),
            (r#"{"Header":{"Name":"a"},"Cookie":{"Name":"b"}}"#, "a Header and a Cookie"),
            (r#"{"Header":{"Name":"x ring"}}"#, "Testers.Header.Name is `x ring`"),
            (r#"{"Header":{"Name":":path"}}"#, "Testers.Header.Name is `:path`"),
            (r#"{"Cookie":{"Name":""}}"#, "Testers.Cookie.Name is ``"),
            (r#"{"Header":{"Name":"a","Match":{}}}"#, "has 0 of Exact"),
            (r#"{"Header":{"Name":"a","Match":{"Exact":"1","Prefix":"1"}}}"#, "has 2 of Exact"),
            (r#"{"Header":{"Name":"a","Match":{"Exact":""}}}"#, "has 0 characters as Exact"),
            (r#"{"Header":{"Name":"a","Match":{"Regex":"("}}}"#, "no regular expression"),
            (r#"{"Header":{"Name":"a","Match":{"Range":{"Start":3,"End":3}}}}"#, "Start is not below"),
            (r#"{"Cookie":{"Name":"a","Match":{"Range":{"Start":1,"End":3}}}}"#, "Range is for headers alone"),
            (r#"{"Cookie":{"Name":"a","Invert":true}}"#, "Invert"),
            (r#"{"Cookie":{"Name":"a"},"Seconds":2592001}"#, "Testers.Seconds is 2592001"),
        ] {
            let refused = refused(testers);
            assert!(refused.contains(text), "{testers}: {refused}");
        }
    }
}
