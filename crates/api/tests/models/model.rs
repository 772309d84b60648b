//! The published API models, as botocore carries them: `service-2.json`.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use flate2::read::GzDecoder;
use serde::Deserialize;

/// The release of botocore whose models these are. AWS adds to its models every day, and what is compared and counted
/// here should not change by itself: `.ci/run` installs this very release.
pub(crate) const RELEASE: &str = "1.44.5";
/// Names the folder `botocore/data` where it should not be looked for.
const DATA: &str = "SERIN_BOTOCORE_DATA";

/// A service's model.
#[derive(Deserialize)]
pub(crate) struct Model {
    pub(crate) metadata: Metadata,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) api_version: String,
    pub(crate) service_full_name: String,
    pub(crate) endpoint_prefix: String,
    /// What the JSON protocols write before the operation's name.
    pub(crate) target_prefix: Option<String>,
    /// What the XML protocols write around their answers.
    pub(crate) xml_namespace: Option<String>,
    signing_name: Option<String>,
    protocol: Protocol,
    #[serde(default)]
    protocols: Vec<Protocol>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    Json,
    RestJson,
    Query,
    Ec2,
    SmithyRpcV2Cbor,
}

#[derive(Deserialize)]
pub(crate) struct Operation {
    pub(crate) http: Http,
    pub(crate) input: Option<Reference>,
    pub(crate) output: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) request_uri: String,
    pub(crate) response_code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shape {
    pub(crate) r#type: Kind,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    #[serde(default)]
    pub(crate) members: BTreeMap<String, Reference>,
    /// What a list has.
    pub(crate) member: Option<Reference>,
    /// What a map has.
    pub(crate) value: Option<Reference>,
    /// The words that a text may be, where they are known.
    #[serde(default)]
    pub(crate) r#enum: Vec<String>,
    /// The member that is the whole body.
    pub(crate) payload: Option<String>,
    #[serde(default)]
    pub(crate) exception: bool,
    pub(crate) error: Option<ErrorTrait>,
    #[serde(default)]
    pub(crate) flattened: bool,
    pub(crate) timestamp_format: Option<String>,
    /// The least value, length or count. This and what follows is read by the suites of the services' constraints.
    #[allow(dead_code, reason = "the contract has no bounds")]
    pub(crate) min: Option<serde_json::Number>,
    /// The greatest value, length or count.
    #[allow(dead_code, reason = "the contract has no bounds")]
    pub(crate) max: Option<serde_json::Number>,
    /// A regular expression.
    #[allow(dead_code, reason = "the contract has no patterns")]
    pub(crate) pattern: Option<String>,
    /// Whether exactly one of its members must be given.
    #[serde(default)]
    #[allow(dead_code, reason = "the contract has no unions")]
    pub(crate) union: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// How an error goes over the wire.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorTrait {
    pub(crate) code: Option<String>,
    pub(crate) http_status_code: Option<u16>,
}

/// A shape by name, with what its place says of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    pub(crate) shape: String,
    /// Where a REST protocol puts it: `uri`, `querystring`, `header`; the body if nothing is said.
    pub(crate) location: Option<String>,
    pub(crate) location_name: Option<String>,
    query_name: Option<String>,
}

/// Which way a shape travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// A member of a model's structure.
#[derive(Clone, Copy)]
pub(crate) struct Member<'m> {
    pub(crate) reference: &'m Reference,
    pub(crate) required: bool,
}

impl Model {
    /// The newest model of the service whose folder in botocore is `folder`.
    ///
    /// # Panics
    /// When it is not there, or not what it should be.
    pub(crate) fn read(folder: &str) -> Self {
        let versions = BOTOCORE.join(folder);
        let newest = fs::read_dir(&versions)
            .unwrap_or_else(|error| panic!("{}: {error}", versions.display()))
            .map(|entry| entry.expect("a folder's entries can be read").path())
            .max()
            .unwrap_or_else(|| panic!("{} is empty", versions.display()));
        let path =
            ["service-2.json", "service-2.json.gz"].map(|name| newest.join(name)).into_iter().find(|p| p.exists());
        let path = path.unwrap_or_else(|| panic!("{} has no service-2.json", newest.display()));
        serde_json::from_slice(&contents(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What the wire speaks, by botocore's own order of preference.
    pub(crate) fn protocol(&self) -> Protocol {
        let Metadata { protocol, protocols, .. } = &self.metadata;
        let liked = [Protocol::Json, Protocol::RestJson, Protocol::Query, Protocol::Ec2];
        liked.into_iter().find(|liked| protocols.contains(liked)).unwrap_or(*protocol)
    }

    /// The service's name in SigV4's credential scope.
    pub(crate) fn signing_name(&self) -> &str {
        self.metadata.signing_name.as_deref().unwrap_or(&self.metadata.endpoint_prefix)
    }

    /// The shape called `name`.
    pub(crate) fn shape(&self, name: &str) -> &Shape {
        &self.shapes[name]
    }

    /// The members of a structure, by their names on the wire.
    pub(crate) fn members(&self, structure: &str, direction: Direction) -> BTreeMap<String, Member<'_>> {
        let shape = self.shape(structure);
        let member = |(name, reference): (&String, _)| {
            let required = shape.required.contains(name);
            (self.wire_name(name, reference, direction), Member { reference, required })
        };
        shape.members.iter().map(|(name, reference)| member((name, reference))).collect()
    }

    fn wire_name(&self, name: &str, reference: &Reference, direction: Direction) -> String {
        let located = reference.location_name.as_deref();
        if self.protocol() == Protocol::Ec2 && direction == Direction::Request {
            // EC2 writes its members with a capital on the way in, and as they are on the way out.
            let written = reference.query_name.clone().or_else(|| located.map(capitalised));
            return written.unwrap_or_else(|| name.to_owned());
        }
        located.unwrap_or(name).to_owned()
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn contents(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return bytes;
    }
    let mut plain = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    plain
}

/// The folder `botocore/data` of the release that is meant.
static BOTOCORE: LazyLock<PathBuf> = LazyLock::new(|| {
    let named = env::var_os(DATA).map(PathBuf::from);
    let mut seen = Vec::new();
    for data in named.into_iter().chain(interpreters().iter().filter_map(|interpreter| package_data(interpreter))) {
        match release(&data).as_deref() {
            Some(RELEASE) => return data,
            other => seen.push(format!("{} is {}", data.display(), other.unwrap_or("not botocore's"))),
        }
    }
    panic!(
        "no botocore {RELEASE}, in which the API models are: {}. Put the aws CLI that comes with it on PATH (.ci/run \
         installs it), or name its folder `botocore/data` in {DATA}",
        if seen.is_empty() { "none found".to_owned() } else { seen.join(", ") }
    )
});

/// The release of botocore that a folder `data` is of.
fn release(data: &Path) -> Option<String> {
    let text = fs::read_to_string(data.parent()?.join("__init__.py")).ok()?;
    let version = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(version.trim_matches(['\'', '"']).to_owned())
}

/// Python interpreters that may have botocore: first those that run an `aws` CLI on PATH.
fn interpreters() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = Vec::new();
    for aws in env::split_paths(&path).map(|folder| folder.join("aws")).filter(|aws| aws.exists()) {
        let script = fs::read_to_string(&aws).unwrap_or_default();
        let shebang = script.lines().next().and_then(|line| line.strip_prefix("#!"));
        found.extend(shebang.filter(|line| line.contains("python")).map(PathBuf::from));
        found.push(aws.with_file_name("python3"));
    }
    found.push("python3".into());
    found
}

/// The folder `data` of the botocore that `interpreter` has, if it has one.
fn package_data(interpreter: &Path) -> Option<PathBuf> {
    let output =
        Command::new(interpreter).args(["-c", "import botocore; print(botocore.__path__[0])"]).output().ok()?;
    let package = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| Path::new(package.trim()).join("data"))
}
