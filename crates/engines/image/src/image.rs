//! An image ready to run: what its configuration says, and the directories to stack.

use std::path::PathBuf;

use oci_spec::image::ImageConfiguration;

use crate::Digest;

/// An image ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The name it was asked for by.
    pub reference: String,
    /// The digest of its manifest; of the one for this platform where the name meant several.
    pub digest: Digest,
    /// How to run it.
    pub config: ImageConfig,
    /// Its layers as directories, lowest first: the lower directories of an overlay, in reverse of `lowerdir`'s order.
    pub layers: Vec<PathBuf>,
}

/// How to run an image, unless a task definition says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments after them, or the program if there is no entrypoint.
    pub command: Vec<String>,
    /// The environment, `NAME=value` each.
    pub environment: Vec<String>,
    /// Where it starts; `/` if empty.
    pub working_directory: String,
    /// Who it runs as: a name or number, and perhaps `:` and a group; root if empty.
    pub user: String,
    /// The ports it means to listen on: `8080/tcp`.
    pub exposed_ports: Vec<String>,
    /// The signal that stops it, by name or number; SIGTERM if none.
    pub stop_signal: Option<String>,
}

impl From<&ImageConfiguration> for ImageConfig {
    fn from(configuration: &ImageConfiguration) -> Self {
        let Some(config) = configuration.config() else { return Self::default() };
        let mut exposed_ports = config.exposed_ports().clone().unwrap_or_default();
        exposed_ports.sort();
        Self {
            entrypoint: config.entrypoint().clone().unwrap_or_default(),
            command: config.cmd().clone().unwrap_or_default(),
            environment: config.env().clone().unwrap_or_default(),
            working_directory: config.working_dir().clone().unwrap_or_default(),
            user: config.user().clone().unwrap_or_default(),
            exposed_ports,
            stop_signal: config.stop_signal().clone().filter(|signal| !signal.is_empty()),
        }
    }
}
