//! Manifests: what an image is made of, and lists of images for several platforms.
//!
//! Both dialects are read, OCI's and Docker's schema 2: they differ in media types alone. Docker's schema 1 is refused;
//! it was deprecated in 2017 and signs what it can't describe.

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

use crate::Digest;

/// The most bytes of a manifest, as ECR and the distribution specification have it.
pub const MANIFEST_SIZE_MAX: u64 = 4 * 1024 * 1024;

const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Layers that are never pushed: their owner forbids it, and the manifest says where to get them.
const FOREIGN: [&str; 2] =
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "application/vnd.oci.image.layer.nondistributable"];

/// A parsed manifest.
#[derive(Debug)]
pub(crate) enum Document {
    /// One image.
    Image(Box<ImageManifest>),
    /// A list of images.
    Index(Box<ImageIndex>),
}

/// The text is no manifest we take.
#[derive(Debug, thiserror::Error)]
pub enum ParseManifestError {
    /// Not JSON of the right shape.
    #[error("the manifest is not a valid {media_type}: {source}")]
    Malformed {
        /// What it claims to be.
        media_type: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// Another kind of manifest.
    #[error(
        "manifests of type `{0}` are not taken: push OCI image manifests or indexes, or Docker schema 2 manifests or \
         manifest lists"
    )]
    MediaType(String),
    /// Its `mediaType` contradicts the request's `Content-Type`.
    #[error("the manifest says its type is `{inside}`, the request says `{outside}`")]
    Contradiction {
        /// The member `mediaType`.
        inside: String,
        /// The header.
        outside: String,
    },
    /// It names content by another hash than SHA-256.
    #[error("the manifest names content by `{0}`: only sha256 digests are taken")]
    Digest(String),
}

impl Document {
    /// Reads `bytes`, declared as `media_type` if the caller said so; answers the media type that holds.
    pub(crate) fn parse(media_type: Option<&str>, bytes: &[u8]) -> Result<(Self, String), ParseManifestError> {
        let malformed = |media_type: &str| {
            let media_type = media_type.to_owned();
            move |source| ParseManifestError::Malformed { media_type, source }
        };
        let outline: Outline = serde_json::from_slice(bytes).map_err(malformed("manifest"))?;
        let media_type = outline.media_type(media_type)?;
        let document = match media_type.as_str() {
            OCI_IMAGE | DOCKER_IMAGE => {
                Self::Image(Box::new(serde_json::from_slice(bytes).map_err(malformed(&media_type))?))
            }
            OCI_INDEX | DOCKER_INDEX => {
                Self::Index(Box::new(serde_json::from_slice(bytes).map_err(malformed(&media_type))?))
            }
            _ => return Err(ParseManifestError::MediaType(media_type)),
        };
        Ok((document, media_type))
    }

    /// The content it needs in its repository, with sizes as it states them: configuration and layers.
    pub(crate) fn content(&self) -> Result<Vec<(Digest, u64)>, ParseManifestError> {
        match self {
            Self::Image(image) => std::iter::once(image.config())
                .chain(image.layers())
                .filter(|descriptor| !is_foreign(descriptor))
                .map(|descriptor| Ok((digest(descriptor)?, descriptor.size())))
                .collect(),
            Self::Index(_) => Ok(Vec::new()),
        }
    }

    /// The manifests a list names.
    pub(crate) fn children(&self) -> Result<Vec<Digest>, ParseManifestError> {
        match self {
            Self::Image(_) => Ok(Vec::new()),
            Self::Index(index) => index.manifests().iter().map(digest).collect(),
        }
    }

    /// The media type of an image's configuration.
    pub(crate) fn config_media_type(&self) -> Option<String> {
        match self {
            Self::Image(image) => Some(image.config().media_type().to_string()),
            Self::Index(_) => None,
        }
    }
}

/// The digest a descriptor names.
pub(crate) fn digest(descriptor: &Descriptor) -> Result<Digest, ParseManifestError> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|_| ParseManifestError::Digest(text))
}

fn is_foreign(descriptor: &Descriptor) -> bool {
    let media_type = descriptor.media_type().to_string();
    FOREIGN.iter().any(|foreign| media_type.starts_with(foreign))
}

/// As much of a manifest as tells its kind.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
}

impl Outline {
    fn media_type(self, declared: Option<&str>) -> Result<String, ParseManifestError> {
        let declared = declared.map(|text| text.split(';').next().unwrap_or(text).trim().to_owned());
        // What `curl -d` sends unasked declares nothing.
        let declared = declared
            .filter(|text| !matches!(text.as_str(), "" | "application/json" | "application/x-www-form-urlencoded"));
        match (self.media_type, declared) {
            (Some(inside), Some(outside)) if inside != outside => {
                Err(ParseManifestError::Contradiction { inside, outside })
            }
            (Some(media_type), _) | (None, Some(media_type)) => Ok(media_type),
            (None, None) if self.manifests.is_some() => Ok(OCI_INDEX.to_owned()),
            (None, None) => Ok(OCI_IMAGE.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor(media_type: &str, content: &[u8]) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": Digest::of(content).to_string(), "size": content.len()})
    }

    #[test]
    fn both_dialects_name_their_content() {
        for (kind, config, layer) in [
            (OCI_IMAGE, "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
            (
                DOCKER_IMAGE,
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
        ] {
            let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": descriptor(config, b"c"),
                "layers": [descriptor(layer, b"l"), descriptor(FOREIGN[0], b"f")]});
            let (document, media_type) = Document::parse(None, manifest.to_string().as_bytes()).unwrap();
            assert_eq!(media_type, kind);
            assert_eq!(document.content().unwrap(), [(Digest::of(b"c"), 1), (Digest::of(b"l"), 1)]);
            assert_eq!(document.config_media_type().as_deref(), Some(config));
        }
    }

    #[test]
    fn what_contradicts_itself_or_is_too_old_is_refused() {
        let index = json!({"schemaVersion": 2, "manifests": []}).to_string();
        assert_eq!(Document::parse(None, index.as_bytes()).unwrap().1, OCI_INDEX);
        let typed = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).to_string();
        let contradiction = Document::parse(Some(OCI_IMAGE), typed.as_bytes()).unwrap_err();
        assert!(matches!(contradiction, ParseManifestError::Contradiction { .. }));
        let old = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert!(matches!(Document::parse(Some(old), b"{}").unwrap_err(), ParseManifestError::MediaType(_)));
        for wrong in ["", "[]", "{}", r#"{"schemaVersion":2,"config":{}}"#] {
            assert!(Document::parse(None, wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
