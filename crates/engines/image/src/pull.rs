//! From a name to an image ready to run.

use std::time::Instant;

use names::Scope;
use oci_spec::image::{Arch, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, Os};

use crate::{
    Digest, Error, Image, ImageConfig, Reference, RepositoryId,
    builtin::Builtin,
    images::Shared,
    layer::Layers,
    manifest::{self, Document, MANIFEST_SIZE_MAX},
};

/// The most layers of an image; overlay file systems take 500.
const LAYERS_MAX: usize = 256;
/// The most bytes of an image's configuration.
const CONFIGURATION_MAX: u64 = 8 * 1024 * 1024;

impl Shared {
    /// The image a task of `scope` means by `name`. Blocks.
    pub(crate) fn pull(&self, name: &str, scope: &Scope) -> Result<Image, Error> {
        let reference: Reference = name.trim().parse()?;
        let found = self.look_up(name, &reference, scope);
        match (found, Builtin::of(&reference)) {
            (Err(Error::Foreign { .. } | Error::NoRepository { .. } | Error::NoImage { .. }), Some(builtin)) => {
                let image = self.builtins.image(builtin, name, &self.content)?;
                let identity = image.layers.iter().filter_map(|root| Digest::from_hex(root.file_name()?.to_str()?));
                self.handed_out().extend(identity.map(|identity| (identity, Instant::now())));
                Ok(image)
            }
            (found, _) => self.assemble(name, found?),
        }
    }

    /// The digest of the manifest that the name means in our registry.
    fn look_up(&self, name: &str, reference: &Reference, scope: &Scope) -> Result<Digest, Error> {
        let candidates = reference.candidates(scope);
        let Some(first) = candidates.first() else {
            let registry = self.settings.registry.clone();
            return Err(Error::Foreign { reference: name.to_owned(), registry });
        };
        let mut existing: Option<&RepositoryId> = None;
        for repository in &candidates {
            if self.repositories.exists(repository)? {
                if let Some(record) = self.repositories.find(repository, &reference.selector())? {
                    return Ok(record.digest);
                }
                existing = existing.or(Some(repository));
            }
        }
        Err(match existing {
            Some(repository) => Error::NoImage {
                reference: name.to_owned(),
                repository: Box::new(repository.clone()),
                selector: reference.selector(),
            },
            None => Error::NoRepository { reference: name.to_owned(), scope: first.scope.clone() },
        })
    }

    fn assemble(&self, name: &str, digest: Digest) -> Result<Image, Error> {
        let (digest, manifest) = match self.document(name, &digest)? {
            Document::Image(manifest) => (digest, manifest),
            Document::Index(index) => {
                let digest = for_this_platform(name, &index)?;
                match self.document(name, &digest)? {
                    Document::Image(manifest) => (digest, manifest),
                    Document::Index(_) => return Err(not_runnable(name, "its index names another index")),
                }
            }
        };
        let configuration = self.configuration(name, &manifest)?;
        let config = ImageConfig::from(&configuration);
        let layers = self.unpack(name, &manifest, &configuration)?;
        Ok(Image { reference: name.to_owned(), digest, config, layers })
    }

    fn document(&self, name: &str, digest: &Digest) -> Result<Document, Error> {
        let bytes = self.content.read(digest, MANIFEST_SIZE_MAX)?;
        let bytes =
            bytes.ok_or_else(|| not_runnable(name, &format!("its manifest {digest} is gone; push it again")))?;
        let parsed = Document::parse(None, &bytes);
        parsed.map(|(document, _)| document).map_err(|source| Error::Manifest { reference: name.to_owned(), source })
    }

    fn configuration(&self, name: &str, manifest: &ImageManifest) -> Result<ImageConfiguration, Error> {
        let digest = digest_of(name, manifest.config())?;
        let bytes = self.content.read(&digest, CONFIGURATION_MAX)?;
        let bytes = bytes.ok_or_else(|| not_runnable(name, "its configuration is gone; push it again"))?;
        let configuration: ImageConfiguration = serde_json::from_slice(&bytes)
            .map_err(|error| not_runnable(name, &format!("its configuration can't be read: {error}")))?;
        let platform = (configuration.os(), configuration.architecture());
        if platform == (&Os::Linux, &Arch::Amd64) {
            return Ok(configuration);
        }
        Err(Error::Platform { reference: name.to_owned(), platforms: format!("{}/{}", platform.0, platform.1) })
    }

    /// Unpacks each layer that is not there yet, lowest first. Layers below one that hides everything are not needed.
    fn unpack(
        &self,
        name: &str,
        manifest: &ImageManifest,
        configuration: &ImageConfiguration,
    ) -> Result<Vec<std::path::PathBuf>, Error> {
        let diff_ids = configuration.rootfs().diff_ids();
        if diff_ids.len() != manifest.layers().len() || diff_ids.len() > LAYERS_MAX {
            let (named, has) = (diff_ids.len(), manifest.layers().len());
            let reason = format!("its configuration names {named} layers, it has {has}, {LAYERS_MAX} may be");
            return Err(not_runnable(name, &reason));
        }
        let mut paths = Vec::new();
        for (at, (diff_id, layer)) in diff_ids.iter().zip(manifest.layers()).enumerate() {
            let diff_id: Digest =
                diff_id.parse().map_err(|error| not_runnable(name, &format!("its layer {}: {error}", at + 1)))?;
            let blob = digest_of(name, layer)?;
            self.handed_out().insert(diff_id.clone(), Instant::now());
            let unpacked = self.layers.ensure(&diff_id, &blob, &self.content);
            let path =
                unpacked.map_err(|source| Error::Layer { reference: name.to_owned(), number: at + 1, source })?;
            if Layers::is_opaque(&path) {
                paths.clear();
            }
            // The same layer twice is the same files twice, and overlay mounts refuse it.
            paths.retain(|earlier| *earlier != path);
            paths.push(path);
        }
        Ok(paths)
    }
}

/// The image of an index that runs here.
fn for_this_platform(name: &str, index: &ImageIndex) -> Result<Digest, Error> {
    let runs_here = |descriptor: &&Descriptor| match descriptor.platform() {
        Some(platform) => *platform.os() == Os::Linux && *platform.architecture() == Arch::Amd64,
        // An index of one image that says nothing: the image's own configuration will tell.
        None => index.manifests().len() == 1,
    };
    if let Some(descriptor) = index.manifests().iter().find(runs_here) {
        digest_of(name, descriptor)
    } else {
        let named = index.manifests().iter().filter_map(|descriptor| descriptor.platform().as_ref());
        let platforms: Vec<_> =
            named.map(|platform| format!("{}/{}", platform.os(), platform.architecture())).collect();
        Err(Error::Platform { reference: name.to_owned(), platforms: platforms.join(", ") })
    }
}

fn digest_of(name: &str, descriptor: &Descriptor) -> Result<Digest, Error> {
    manifest::digest(descriptor).map_err(|source| Error::Manifest { reference: name.to_owned(), source })
}

fn not_runnable(name: &str, reason: &str) -> Error {
    Error::NotRunnable { reference: name.to_owned(), reason: reason.to_owned() }
}
