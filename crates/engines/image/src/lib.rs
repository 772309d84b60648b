//! Images: what teams push, kept, checked, unpacked, and handed out ready to run.
//!
//! - [`registry::router`] is the registry that `docker push` and any other OCI client talks to.
//! - [`Images::resolve`] turns the name in a task definition into an [`Image`]: its configuration and the directories to
//!   stack as an overlay. The images of the App Mesh sidecar and the X-Ray daemon are made of the running executable
//!   where the registry has none of that name.
//! - [`Images::collect`] removes what nothing needs any more.
//!
//! The engine knows content, not names: repositories, tags and who may overwrite what are rows of ECR, reached through
//! [`Repositories`]. On disk, in one directory:
//!
//! | path | what |
//! |---|---|
//! | `blobs/sha256/<hex>` | manifests, configurations and packed layers, as pushed |
//! | `uploads/<id>/` | content on its way in |
//! | `layers/<hex>/` | unpacked layers, by the hash of their uncompressed content |
//! | `builtin/<hex>/` | root file systems made of the executable |
//! | `tmp/` | what is being made; cleared at each start |
//! | `registry.key` | signs the passwords of `docker login` |

mod builtin;
mod collect;
mod content;
mod digest;
mod error;
mod image;
mod images;
mod layer;
mod manifest;
mod pull;
mod reference;
pub mod registry;
mod repositories;
mod token;
mod upload;

pub use builtin::Executable;
pub use collect::{COLLECTION_INTERVAL, CollectError, Collected};
pub use digest::{Digest, ParseDigestError};
pub use error::Error;
pub use image::{Image, ImageConfig};
pub use images::{Images, PutManifestError, Settings};
pub use layer::{LayerError, Limits};
pub use manifest::{MANIFEST_SIZE_MAX, ParseManifestError};
pub use reference::{ParseReferenceError, Reference, is_repository_name, is_tag};
pub use repositories::{ManifestRecord, Repositories, RepositoriesError, RepositoryId, Selector};
pub use token::{LIFETIME as TOKEN_LIFETIME, TokenError, Tokens, USER as TOKEN_USER};
