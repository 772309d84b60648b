//! Templates: what kind of certificate an authority is asked for.

use certificate::Usage;

use crate::Error;

/// What all of their ARNs begin with, in any partition.
const TEMPLATE: &str = ":acm-pca:::template/";
/// What may come from elsewhere than the request, as templates' names end.
const PASSTHROUGHS: [&str; 3] = ["_APICSRPassthrough", "_APIPassthrough", "_CSRPassthrough"];

/// A template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// What the certificate is to be used for.
    pub(crate) usage: Usage,
    /// Whether it is a root's own.
    pub(crate) root: bool,
    /// Whether the call may say what the request does not.
    pub(crate) passes_api: bool,
}

/// The template called `arn`; that of a leaf if there is none.
pub(crate) fn template(arn: Option<&str>) -> Result<Template, Error> {
    let leaf = Template { usage: Usage::EndEntity, root: false, passes_api: false };
    let Some(arn) = arn else { return Ok(leaf) };
    let unknown = || Error::Arguments(format!("The template {arn} is not one that Serin has"));
    let path = arn.split_once(TEMPLATE).filter(|(partition, _)| partition.starts_with("arn:")).ok_or_else(unknown)?.1;
    let (name, version) = path.split_once('/').ok_or_else(unknown)?;
    if !["V1", "V2", "V3"].contains(&version) {
        return Err(unknown());
    }
    let passthrough = PASSTHROUGHS.into_iter().find(|end| name.ends_with(end));
    let base = passthrough.map_or(name, |end| name.trim_end_matches(end));
    let passes_api = passthrough.is_some_and(|end| end.contains("API"));
    let usage = match base {
        "EndEntityCertificate" => Usage::EndEntity,
        "EndEntityServerAuthCertificate" => Usage::Server,
        "EndEntityClientAuthCertificate" => Usage::Client,
        "RootCACertificate" => Usage::Authority(None),
        _ => {
            let length = base.strip_prefix("SubordinateCACertificate_PathLen").ok_or_else(unknown)?;
            Usage::Authority(Some(length.parse().map_err(|_| unknown())?))
        }
    };
    Ok(Template { usage, root: base == "RootCACertificate", passes_api })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_known_by_name() {
        let of = |name: &str| template(Some(&format!("arn:aws:acm-pca:::template/{name}")));
        assert_eq!(of("RootCACertificate/V1").unwrap().usage, Usage::Authority(None));
        assert!(of("RootCACertificate_APIPassthrough/V1").unwrap().root);
        assert_eq!(of("SubordinateCACertificate_PathLen2/V1").unwrap().usage, Usage::Authority(Some(2)));
        assert_eq!(of("EndEntityServerAuthCertificate/V1").unwrap().usage, Usage::Server);
        let passed = of("EndEntityCertificate_APICSRPassthrough/V1").unwrap();
        assert_eq!((passed.usage, passed.passes_api), (Usage::EndEntity, true));
        assert_eq!(template(None).unwrap().usage, Usage::EndEntity);
        for wrong in ["CodeSigningCertificate/V1", "EndEntityCertificate", "EndEntityCertificate/V9"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
