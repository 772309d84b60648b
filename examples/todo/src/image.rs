//! Puts a static program into an OCI image FROM scratch and pushes it to a registry, as docker would.
//!
//! The image format is the OCI image specification's, the push the OCI distribution specification's.

use std::{io::Write, path::Path};

use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image of one layer.
pub struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
}

impl Image {
    /// An image that holds `program` as `/app` and runs it with `arguments`.
    pub fn of(program: &Path, arguments: &[&str]) -> Result<Self> {
        let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        archive.append_data(&mut header, "app", bytes.as_slice())?;
        let archive = archive.into_inner()?;
        let mut layer = GzEncoder::new(Vec::new(), Compression::fast());
        layer.write_all(&archive)?;
        let entrypoint: Vec<&str> = std::iter::once("/app").chain(arguments.iter().copied()).collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Entrypoint": entrypoint, "ExposedPorts": { "3000/tcp": {} } },
            "rootfs": { "type": "layers", "diff_ids": [digest(&archive)] },
        });
        Ok(Self { layer: layer.finish()?, config: config.to_string().into_bytes() })
    }

    /// Pushes the image to `reference` (`localhost:4566/todo:v1`) with a registry `password` of the user `AWS`.
    pub async fn push(&self, reference: &str, password: &str) -> Result<()> {
        let (host, rest) = reference.split_once('/').with_context(|| format!("`{reference}` names no registry"))?;
        let (repository, tag) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
        let registry = Registry {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: format!("http://{host}"),
            authorization: format!("Basic {}", BASE64_STANDARD.encode(format!("AWS:{password}"))),
        };
        registry.push_blob(repository, &self.layer).await?;
        registry.push_blob(repository, &self.config).await?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &self.config),
            "layers": [descriptor(LAYER, &self.layer)],
        });
        let path = format!("/v2/{repository}/manifests/{tag}");
        let body = manifest.to_string().into_bytes();
        let (status, _, answer) = registry.send(Method::PUT, &path, MANIFEST, body).await?;
        expect(status, StatusCode::CREATED, &answer).with_context(|| format!("pushing the manifest of {reference}"))
    }
}

struct Registry {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    authorization: String,
}

impl Registry {
    async fn push_blob(&self, repository: &str, blob: &[u8]) -> Result<()> {
        let digest = digest(blob);
        let (status, ..) = self.send(Method::HEAD, &format!("/v2/{repository}/blobs/{digest}"), "", Vec::new()).await?;
        if status == StatusCode::OK {
            return Ok(());
        }
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let (status, location, answer) = self.send(Method::POST, &uploads, "", Vec::new()).await?;
        expect(status, StatusCode::ACCEPTED, &answer)
            .with_context(|| format!("beginning an upload to {repository}"))?;
        let location = location.context("the registry names no upload")?;
        let joint = if location.contains('?') { '&' } else { '?' };
        let path = format!("{}{joint}digest={digest}", location.trim_start_matches(&self.base));
        let (status, _, answer) = self.send(Method::PUT, &path, "application/octet-stream", blob.to_vec()).await?;
        expect(status, StatusCode::CREATED, &answer).with_context(|| format!("uploading {digest} to {repository}"))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Option<String>, Bytes)> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header(header::AUTHORIZATION, &self.authorization);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = self.client.request(request.body(Full::new(Bytes::from(body)))?).await?;
        let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = answer.status();
        Ok((status, location, answer.into_body().collect().await?.to_bytes()))
    }
}

fn expect(status: StatusCode, wanted: StatusCode, answer: &[u8]) -> Result<()> {
    if status != wanted {
        bail!("the registry answered {status} instead of {wanted}: {}", String::from_utf8_lossy(answer));
    }
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}
