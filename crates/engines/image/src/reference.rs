//! Image names as task definitions write them, and which of them mean our registry.
//!
//! `localhost:<port>/api:v2` and `127.0.0.1:<port>/api:v2` are what `repositoryUri` says; any port is taken, so that a
//! task definition outlives a change of `--listen`. `<account>.dkr.ecr.<region>.amazonaws.com/api:v2` is what teams
//! have in their files already: it names the account and region itself. Everything else is somebody else's registry.

use std::{fmt, str::FromStr};

use names::{Region, Scope};

use crate::{Digest, RepositoryId, Selector};

/// A parsed image name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry's host and port; none means Docker Hub.
    pub registry: Option<String>,
    /// The repository: `amazon/aws-xray-daemon`.
    pub repository: String,
    /// The tag, if one is written.
    pub tag: Option<String>,
    /// The digest, if one is written; it decides, whatever the tag says.
    pub digest: Option<Digest>,
}

/// The text is no image name.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid reference format: `{0}` is not [registry/]repository[:tag][@sha256:digest]")]
pub struct ParseReferenceError(String);

/// The longest repository name, as ECR limits it.
pub(crate) const REPOSITORY_LENGTH_MAX: usize = 256;
/// The longest tag, as the distribution specification limits it.
const TAG_LENGTH_MAX: usize = 128;

impl Reference {
    /// What is asked for inside the repository: the digest, else the tag, else `latest`.
    pub fn selector(&self) -> Selector {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Selector::Digest(digest.clone()),
            (None, tag) => Selector::Tag(tag.clone().unwrap_or_else(|| "latest".to_owned())),
        }
    }

    /// The repositories of ours this may mean, best first, for a task of `scope`; none if it is somebody else's.
    ///
    /// A name that carries an account and region means those, and the task's own where those have no such repository:
    /// a file written for the production account then runs against what was pushed here.
    pub fn candidates(&self, scope: &Scope) -> Vec<RepositoryId> {
        let Some(registry) = &self.registry else { return Vec::new() };
        let own = RepositoryId::new(scope.clone(), &self.repository);
        match ecr_scope(registry) {
            Some(named) if named != *scope => vec![RepositoryId::new(named, &self.repository), own],
            Some(_) => vec![own],
            None if is_loopback(registry) => vec![own],
            None => Vec::new(),
        }
    }

    /// The last component of the repository: `aws-appmesh-envoy`.
    pub fn last_component(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }
}

/// Whose registry `<account>.dkr.ecr.<region>.amazonaws.com` is.
fn ecr_scope(registry: &str) -> Option<Scope> {
    let host = registry.strip_suffix(".cn").unwrap_or(registry).strip_suffix(".amazonaws.com")?;
    let (account, region) = host.split_once(".dkr.ecr.")?;
    let plain = !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then_some(Scope::new(account.parse().ok()?, Region::new(region)))
}

fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => registry,
    };
    host == "localhost" || host == "[::1]" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether `name` may name a repository: lower-case letters and digits, in components parted by `/`, each with `.`,
/// `_`, `__` or dashes inside only.
pub fn is_repository_name(name: &str) -> bool {
    name.len() <= REPOSITORY_LENGTH_MAX && !name.is_empty() && name.split('/').all(is_component)
}

fn is_component(component: &str) -> bool {
    let mut rest = component;
    loop {
        let word = rest.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit()).unwrap_or(rest.len());
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        if rest.is_empty() {
            return true;
        }
        let separator = if rest.starts_with("__") {
            2
        } else if rest.starts_with(['.', '_']) {
            1
        } else {
            rest.find(|c| c != '-').unwrap_or(rest.len())
        };
        if separator == 0 {
            return false;
        }
        rest = &rest[separator..];
    }
}

/// Whether `tag` may be a tag: at most 128 word characters, dots and dashes, not beginning with one of the latter.
pub fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_LENGTH_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseReferenceError(text.to_owned());
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        // A colon after the last slash parts the tag; one before it belongs to the registry's port.
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag.to_owned())),
            _ => (rest, None),
        };
        // As Docker has it: the first component is a host if it looks like one.
        let (registry, repository) = match rest.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host.to_owned()), path),
            _ => (None, rest),
        };
        let right = is_repository_name(repository) && tag.as_deref().is_none_or(is_tag);
        right.then(|| Self { registry, repository: repository.to_owned(), tag, digest }).ok_or_else(wrong)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Reference {
        text.parse().unwrap()
    }

    fn scope(account: &str, region: &str) -> Scope {
        Scope::new(account.parse().unwrap(), Region::new(region))
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for text in ["nginx", "amazon/aws-xray-daemon", "localhost:4566/a/b:v1", "r.example/x@sha256:"] {
            let digest = "0".repeat(64);
            let text = if text.ends_with(':') { format!("{text}{digest}") } else { text.to_owned() };
            assert_eq!(parsed(&text).to_string(), text);
        }
        assert_eq!(parsed("amazon/aws-xray-daemon").registry, None);
        assert_eq!(parsed("localhost/x").registry.as_deref(), Some("localhost"));
        assert_eq!(parsed("localhost:4566/x").selector(), Selector::Tag("latest".to_owned()));
        for wrong in ["", "A", "a/", "/a", "a:", "a b", "a@sha256:0", "a//b", "-a", "a-", "a:b:c", "http://x/y", "a..b"]
        {
            assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
        }
        assert!(is_repository_name("a--b/c__d.e_f"));
        assert!(!is_repository_name("a___b"));
    }

    #[test]
    fn the_registry_at_hand_is_known_by_its_names() {
        let own = scope("000000000000", "us-east-1");
        let ours = RepositoryId::new(own.clone(), "api");
        for text in ["localhost:4566/api", "127.0.0.1:5000/api:v1", "localhost/api"] {
            assert_eq!(parsed(text).candidates(&own), std::slice::from_ref(&ours), "{text}");
        }
        let named = RepositoryId::new(scope("123456789012", "eu-west-1"), "api");
        let text = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:v1";
        assert_eq!(parsed(text).candidates(&own), [named.clone(), ours]);
        assert_eq!(parsed(text).candidates(&named.scope), std::slice::from_ref(&named));
        for text in ["api", "docker.io/api", "ghcr.io/api", "12.dkr.ecr.eu-west-1.amazonaws.com/api", "10.0.0.1:80/api"]
        {
            assert!(parsed(text).candidates(&own).is_empty(), "{text}");
        }
    }
}
