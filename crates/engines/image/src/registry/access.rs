//! Whose repositories a request means.
//!
//! One address, `localhost:4566/<repository>`, serves every account and region, and the password says which: that of
//! `aws ecr get-login-password` carries them. A request without a password is served to this machine alone, if at all
//! ([`crate::Settings::trusts_loopback`]), and only where nothing can be confused: exactly one account and region has a repository of that name. The base path always
//! asks for a password, because clients decide there whether they will ever send one.

use std::net::SocketAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};
use names::Scope;

use super::fault::{Code, Fault};
use crate::{Images, RepositoriesError, RepositoryId, token};

const LOG_IN: &str = "aws ecr get-login-password | docker login --username AWS --password-stdin";

/// Makes sure that a request that names no repository has a good password.
pub(super) fn check(images: &Images, headers: &HeaderMap) -> Result<(), Fault> {
    match scope(images, headers)? {
        Some(_) => Ok(()),
        None => Err(no_password(images)),
    }
}

/// The repository called `name` that a request means.
pub(super) fn repository(
    images: &Images,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
    name: &str,
) -> Result<RepositoryId, Fault> {
    if let Some(scope) = scope(images, headers)? {
        return Ok(RepositoryId::new(scope, name));
    }
    let is_trusted =
        peer.is_some_and(|peer| images.0.settings.trusts_loopback && peer.ip().to_canonical().is_loopback());
    if !is_trusted {
        return Err(no_password(images));
    }
    let scopes = images.0.repositories.scopes_with(name)?;
    match scopes.as_slice() {
        [scope] => Ok(RepositoryId::new(scope.clone(), name)),
        [] => Err(RepositoriesError::NotFound(RepositoryId::new(Scope::default(), name)).into()),
        several => {
            let several: Vec<_> = several.iter().map(Scope::to_string).collect();
            let registry = images.registry();
            let message = format!(
                "several accounts or regions have a repository `{name}` ({}): say which with `{LOG_IN} {registry}`",
                several.join(", ")
            );
            Err(Fault::new(Code::Unauthorized, message))
        }
    }
}

fn no_password(images: &Images) -> Fault {
    Fault::new(Code::Unauthorized, format!("no basic auth credentials: log in with `{LOG_IN} {}`", images.registry()))
}

/// The scope of the request's password; none if it has none. An empty user name and password count as none: skopeo and
/// podman send those when they were given nothing.
fn scope(images: &Images, headers: &HeaderMap) -> Result<Option<Scope>, Fault> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let wrong = || Fault::new(Code::Unauthorized, format!("only basic authentication is taken: `{LOG_IN}`"));
    let text = value.to_str().map_err(|_| wrong())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
        Some(("", "")) => Ok(None),
        Some((token::USER, password)) => Ok(Some(images.0.tokens.verify(password, images.0.clock.now())?)),
        _ => Err(Fault::new(Code::Unauthorized, format!("the user name is `{}`: `{LOG_IN}`", token::USER))),
    }
}
