//! The token that `docker login` takes.

use api::ecr as shape;
use base64::{Engine, prelude::BASE64_STANDARD};
use wire::Context;

use super::check_registry;
use crate::{Registry, error::Error};

pub(crate) async fn get_authorization_token(
    cx: Context<Registry>,
    request: shape::GetAuthorizationTokenRequest,
) -> Result<shape::GetAuthorizationTokenResponse, Error> {
    for registry in &request.registry_ids {
        check_registry(cx.scope(), Some(registry))?;
    }
    let (password, expires_at) = cx.images.tokens().issue(cx.scope(), cx.clock.now());
    let data = shape::AuthorizationData {
        authorization_token: BASE64_STANDARD.encode(format!("{}:{password}", image::TOKEN_USER)),
        expires_at,
        proxy_endpoint: format!("http://{}", cx.images.registry()),
    };
    Ok(shape::GetAuthorizationTokenResponse { authorization_data: vec![data] })
}
