//! Which images a lifecycle policy expires: a pure function of the policy, the images and the time.
//!
//! The rules are those of ECR's user guide. Rules are taken by priority; a rule sees every image its selection matches,
//! counts them youngest first, and expires what is beyond its count or its age. An image that a rule's selection matches
//! is out of reach of all rules after it, whether that rule expires it or not. Images that a manifest list names are
//! neither counted nor expired: they go with the list.
//!
//! One thing is ours: nothing younger than [`GRACE`] is expired. ECR takes up to a day; here a policy is applied within
//! the hour, and a manifest list's images must not go while the list itself is still being pushed.

use std::{collections::HashSet, time::Duration};

use image::Digest;
use names::Timestamp;
use serde::Deserialize;

/// How old an image must be before a policy takes it.
pub(crate) const GRACE: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// The most rules of a policy, as ECR has it.
const RULES_MAX: usize = 50;

/// A policy that was checked, its rules by priority.
#[derive(Debug)]
pub(crate) struct Policy(Vec<Rule>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    #[serde(rename = "rulePriority")]
    priority: u32,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    selection: Selection,
    action: Action,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    tag_status: String,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    count_type: String,
    #[serde(default)]
    count_unit: Option<String>,
    count_number: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    r#type: String,
}

/// An image as a policy sees it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) digest: Digest,
    pub(crate) tags: Vec<String>,
    pub(crate) pushed: Timestamp,
    /// The images it names, if it is a list.
    pub(crate) children: Vec<Digest>,
}

impl Policy {
    /// Reads a policy; answers what is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Document { mut rules } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if !(1..=RULES_MAX).contains(&rules.len()) {
            return Err(format!("a policy has 1 to {RULES_MAX} rules"));
        }
        rules.sort_by_key(|rule| rule.priority);
        if rules.windows(2).any(|pair| pair[0].priority == pair[1].priority) {
            return Err("each rule has a rulePriority of its own".to_owned());
        }
        for (at, rule) in rules.iter().enumerate() {
            rule.check(at + 1 == rules.len()).map_err(|wrong| format!("rule {}: {wrong}", rule.priority))?;
        }
        Ok(Self(rules))
    }

    /// The images that go now.
    pub(crate) fn expired(&self, images: &[Candidate], now: Timestamp) -> Vec<Digest> {
        let named: HashSet<&Digest> = images.iter().flat_map(|image| &image.children).collect();
        let mut counted: Vec<&Candidate> = images.iter().filter(|image| !named.contains(&image.digest)).collect();
        counted.sort_by(|a, b| b.pushed.cmp(&a.pushed).then_with(|| a.digest.cmp(&b.digest)));
        let mut claimed = HashSet::new();
        let mut expired = Vec::new();
        for rule in &self.0 {
            let matching: Vec<&Candidate> =
                counted.iter().copied().filter(|image| rule.selection.matches(&image.tags)).collect();
            for (at, image) in matching.iter().enumerate() {
                let old_enough = now.since(image.pushed) >= GRACE;
                if rule.selection.is_surplus(at, image, now) && old_enough && !claimed.contains(&image.digest) {
                    expired.push(image.digest.clone());
                }
            }
            claimed.extend(matching.into_iter().map(|image| image.digest.clone()));
        }
        expired
    }
}

impl Rule {
    fn check(&self, is_last: bool) -> Result<(), String> {
        let selection = &self.selection;
        if self.action.r#type != "expire" {
            return Err(format!("action.type `{}` is not supported: expire is", self.action.r#type));
        }
        if selection.count_number == 0 {
            return Err("countNumber is at least 1".to_owned());
        }
        let by_tag = !selection.tag_prefix_list.is_empty() || !selection.tag_pattern_list.is_empty();
        match selection.tag_status.as_str() {
            "tagged" if !by_tag => return Err("tagStatus tagged needs tagPatternList or tagPrefixList".to_owned()),
            "untagged" | "any" if by_tag => return Err("only tagStatus tagged takes lists of tags".to_owned()),
            "any" if !is_last => return Err("tagStatus any must have the highest rulePriority".to_owned()),
            "tagged" | "untagged" | "any" => {}
            other => return Err(format!("tagStatus `{other}` is none of tagged, untagged, any")),
        }
        match (selection.count_type.as_str(), selection.count_unit.as_deref()) {
            ("imageCountMoreThan", None) | ("sinceImagePushed", Some("days")) => Ok(()),
            ("imageCountMoreThan", Some(_)) => Err("imageCountMoreThan takes no countUnit".to_owned()),
            ("sinceImagePushed", _) => Err("sinceImagePushed needs countUnit days".to_owned()),
            (other, _) => {
                Err(format!("countType `{other}` is not supported: imageCountMoreThan, sinceImagePushed are"))
            }
        }
    }
}

impl Selection {
    /// Whether an image with these tags is one it means: each pattern and prefix must be that of some tag.
    fn matches(&self, tags: &[String]) -> bool {
        match self.tag_status.as_str() {
            "untagged" => tags.is_empty(),
            "tagged" => {
                let prefixes = self.tag_prefix_list.iter().all(|prefix| tags.iter().any(|tag| tag.starts_with(prefix)));
                let patterns =
                    self.tag_pattern_list.iter().all(|pattern| tags.iter().any(|tag| is_match(pattern, tag)));
                prefixes && patterns
            }
            _ => true,
        }
    }

    /// Whether an image, `at` youngest of those that match, is beyond the count or the age.
    fn is_surplus(&self, at: usize, image: &Candidate, now: Timestamp) -> bool {
        match self.count_type.as_str() {
            "imageCountMoreThan" => at >= usize::try_from(self.count_number).unwrap_or(usize::MAX),
            _ => now.since(image.pushed) > DAY.saturating_mul(self.count_number),
        }
    }
}

/// Whether `tag` is what `pattern` says, `*` being anything.
pub(crate) fn is_match(pattern: &str, tag: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = tag.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(100 * 86_400_000);

    fn image(name: &str, tags: &[&str], days: i64) -> Candidate {
        Candidate {
            digest: Digest::of(name.as_bytes()),
            tags: tags.iter().map(ToString::to_string).collect(),
            pushed: Timestamp::from_millis(NOW.as_millis() - days * 86_400_000 - 7_200_000),
            children: Vec::new(),
        }
    }

    fn rule(priority: u32, selection: &Value) -> Value {
        json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
    }

    fn expired(rules: &[Value], images: &[Candidate]) -> Vec<Digest> {
        let mut gone = Policy::parse(&json!({"rules": rules}).to_string()).unwrap().expired(images, NOW);
        gone.sort();
        gone
    }

    fn named(names: &[&str]) -> Vec<Digest> {
        let mut digests: Vec<_> = names.iter().map(|name| Digest::of(name.as_bytes())).collect();
        digests.sort();
        digests
    }

    #[test]
    fn the_oldest_go_beyond_a_count_and_the_old_beyond_an_age() {
        let images = [image("a", &["v1"], 30), image("b", &[], 20), image("c", &["v2"], 10), image("d", &[], 1)];
        let count = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2});
        assert_eq!(expired(&[rule(1, &count)], &images), named(&["a", "b"]));
        let age =
            json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14});
        assert_eq!(expired(&[rule(1, &age)], &images), named(&["b"]));
    }

    #[test]
    fn what_an_earlier_rule_matches_is_out_of_reach_but_still_counted() {
        let images = [image("a", &["prod-1"], 30), image("b", &["dev-1"], 20), image("c", &["dev-2"], 10)];
        let keep = json!({"tagStatus": "tagged", "tagPatternList": ["prod-*"], "countType": "imageCountMoreThan", "countNumber": 5});
        let any = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1});
        assert_eq!(expired(&[rule(2, &any), rule(1, &keep)], &images), named(&["b"]));
        let both = json!({"tagStatus": "tagged", "tagPrefixList": ["dev", "prod"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1});
        assert_eq!(expired(&[rule(1, &both)], &images), named(&[]));
        assert_eq!(expired(&[rule(1, &both)], &[image("d", &["dev-9", "prod-9"], 30)]), named(&["d"]));
    }

    #[test]
    fn images_of_a_list_and_those_just_pushed_stay() {
        let any = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1});
        let mut list = image("list", &["v1"], 20);
        list.children = named(&["arm", "intel"]);
        let young = Candidate { pushed: NOW, ..image("young", &[], 0) };
        let images = [image("arm", &[], 30), image("intel", &[], 30), list, image("x", &["v0"], 40), young];
        assert_eq!(expired(&[rule(1, &any)], &images), named(&["list", "x"]));
        assert_eq!(expired(&[rule(1, &any)], &images[..4]), named(&["x"]));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        let count = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1});
        let with = |key: &str, value: Value| {
            let mut selection = count.clone();
            selection[key] = value;
            rule(1, &selection)
        };
        let archive = json!({"rulePriority": 1, "selection": count, "action": {"type": "transition"}});
        for rules in [
            vec![],
            vec![rule(1, &count), rule(1, &count)],
            vec![
                rule(1, &count),
                rule(2, &json!({"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1})),
            ],
            vec![with("tagStatus", json!("tagged"))],
            vec![with("tagStatus", json!("some"))],
            vec![with("tagPrefixList", json!(["x"]))],
            vec![with("countUnit", json!("days"))],
            vec![with("countType", json!("sinceImagePushed"))],
            vec![with("countType", json!("sinceImagePulled"))],
            vec![with("countNumber", json!(0))],
            vec![with("storageClass", json!("archive"))],
            vec![archive],
        ] {
            assert!(Policy::parse(&json!({"rules": rules}).to_string()).is_err(), "{rules:?}");
        }
        assert!(Policy::parse("{}").is_err());
    }

    #[test]
    fn a_pattern_matches_with_stars() {
        for (pattern, tag, wanted) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("dev-*", "dev-1", true),
            ("*-rc*", "v1-rc2", true),
            ("*", "", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(is_match(pattern, tag), wanted, "{pattern} {tag}");
        }
    }
}
