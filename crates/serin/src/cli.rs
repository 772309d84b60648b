//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use names::{AccountId, Region};

/// Canary deployments without AWS.
#[derive(Parser)]
#[command(name = "serin", version, about, long_about = None, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows canaries on this machine in a minute: a sound version promoted under load, a broken one caught; cleans up
    Demo(Demo),
    /// Runs everything in the foreground: AWS's APIs, the registry and xDS on one port
    Up(Up),
    /// Shows stacks, services, tasks, routes and load balancers
    Status(Status),
    /// Prints what containers wrote
    Logs(Logs),
    /// Draws the map of who calls whom, from traces
    Map(Map),
    /// Tells what is accepted and has no effect here, or another than on AWS, and why
    Explain(Explain),
    /// Writes the bootstrap of a stock Envoy from App Mesh's variables
    EnvoyBootstrap(EnvoyBootstrap),
    /// Runs a stock Envoy as App Mesh's image did; started in tasks of `up --envoy`
    #[command(hide = true)]
    Envoy,
    /// Starts, watches and steers canaries of routes
    #[command(subcommand)]
    Canary(Canary),
    /// Runs a route's canary against faults that are made, and tells which would be caught, how fast, at what cost
    Rehearse(Rehearse),
    /// Makes faults on purpose, which end by themselves
    #[command(subcommand)]
    Fault(Fault),
    /// Holds the VPCs; started by `up`
    #[command(hide = true)]
    Edge(Edge),
    /// Stands in for an App Mesh Envoy image; started in tasks
    #[command(hide = true)]
    Proxy,
    /// Stands in for the X-Ray daemon's image; started in tasks
    #[command(hide = true)]
    XrayDaemon {
        /// The daemon's own flags: taken and not needed, since it is configured by its environment
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<String>,
    },
    /// One half of the todo sample; started in the tasks of `demo`
    #[command(hide = true)]
    Sample {
        /// `gateway` or `api`
        half: String,
    },
}

#[derive(Args)]
pub(crate) struct Demo {
    /// Leave everything up at the end and print what to try next
    #[arg(long)]
    pub(crate) keep: bool,
    /// Requests a second through the load balancer
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:4566")]
    pub(crate) listen: SocketAddr,
}

#[derive(Args, Clone)]
pub(crate) struct Up {
    /// Where state is kept
    #[arg(long, default_value = ".serin", env = "SERIN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:4566", env = "SERIN_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// Whose a call is whose access key is no account number
    #[arg(long, default_value = AccountId::DEFAULT, value_parser = account)]
    pub(crate) account: AccountId,
    /// Run this Envoy, the program itself, where tasks name an App Mesh Envoy image, in the place of our own proxy
    #[arg(long, value_name = "PATH", env = "SERIN_ENVOY")]
    pub(crate) envoy: Option<PathBuf>,
    /// How far tasks get that have a way out of their VPC, as a public address and a route to an internet gateway
    /// are: the internet, private networks around this machine too, or nowhere
    #[arg(long, value_enum, default_value_t, env = "SERIN_EGRESS")]
    pub(crate) egress: Egress,
    /// Verify signatures, and take only these keys (repeatable)
    #[arg(long = "access-key", value_name = "ID:SECRET", value_parser = access_key)]
    pub(crate) access_keys: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) proxies: Proxies,
    #[command(flatten)]
    pub(crate) otlp: Otlp,
}

/// How far tasks get that have a way out of their VPC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Egress {
    /// Addresses of the internet, and private networks that this machine reaches
    All,
    /// Addresses of the internet
    #[default]
    Public,
    /// Nowhere
    None,
}

impl From<Egress> for network::egress::Reach {
    fn from(egress: Egress) -> Self {
        match egress {
            Egress::All => Self::All,
            Egress::Public => Self::Public,
            Egress::None => Self::None,
        }
    }
}

/// Where segments are passed on to as OpenTelemetry's spans
#[derive(Args, Clone, Default)]
pub(crate) struct Otlp {
    /// A collector's address, HTTP on port 4318 as a rule; OpenTelemetry's own variables are read where it is not given
    #[arg(long = "otlp", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// What each request to it says beside: `name=value,name=value`
    #[arg(long = "otlp-headers", value_name = "HEADERS", env = "OTEL_EXPORTER_OTLP_HEADERS", hide_env_values = true)]
    pub(crate) headers: Option<String>,
}

/// How proxies on other machines prove who they are. With one of these, or with access keys, those on this machine do too;
/// tasks are known by their addresses
#[derive(Args, Clone, Default)]
pub(crate) struct Proxies {
    /// Lines of a token and the virtual nodes it opens (ARNs, or beginnings of them with a `*`)
    #[arg(long, value_name = "FILE")]
    pub(crate) xds_tokens: Option<PathBuf>,
    /// The certificate chain with which connections that begin with TLS are secured, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The authorities of client certificates that name a proxy's virtual node, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// A trust domain of SPIFFE whose secrets proxies get from an agent beside them, such as SPIRE's, by the path
    /// of its socket in their environment; those of all others come from the built-in authority
    #[arg(long = "sds-trust-domain", value_name = "DOMAIN")]
    pub(crate) sds_trust_domains: Vec<String>,
}

#[derive(Args)]
pub(crate) struct EnvoyBootstrap {
    /// The file to write; standard output where none is named
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
}

/// Where a running house is, and for whom to speak.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// Where Serin listens
    #[arg(long, default_value = "http://127.0.0.1:4566", env = "AWS_ENDPOINT_URL")]
    pub(crate) endpoint: String,
    /// The region to look at; all that have anything where none is named
    #[arg(long, value_parser = region)]
    pub(crate) region: Option<Region>,
    /// The account to look at in that region
    #[arg(long, default_value = AccountId::DEFAULT, value_parser = account)]
    pub(crate) account: AccountId,
}

#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only streams whose names begin with this: `api`, `gateway/app`
    pub(crate) stream: Option<String>,
    /// The log group; all where none is named
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Go on until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
}

#[derive(Args)]
pub(crate) struct Map {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How far to look back, in minutes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=360))]
    pub(crate) minutes: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// A resource (`TaskDefinition`, `AWS::ECS::Service`) or a service (`ecs`); all where none is named
    pub(crate) resource: Option<String>,
}

#[derive(Args)]
pub(crate) struct Rehearse {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The mesh
    #[arg(long)]
    pub(crate) mesh: String,
    /// The virtual router
    #[arg(long)]
    pub(crate) router: String,
    /// The route, all of whose traffic goes to one virtual node
    #[arg(long)]
    pub(crate) route: String,
    /// A fault (repeatable): `errors:5`, `latency:1.25`, `tail:2,5` (percent, times), `crash-loop:10,70` (seconds up,
    /// down) or `dependency:5`; `@60` behind it lets it begin after 60 seconds. The usual ones if none is named
    #[arg(long = "fault")]
    pub(crate) faults: Vec<String>,
    /// The policy: JSON as under `Serin::Canary` in a template, or `@file`
    #[arg(long)]
    pub(crate) policy: Option<String>,
    /// Stop once so many requests have failed by it
    #[arg(long, default_value_t = 500)]
    pub(crate) max_harm: u64,
    /// How long a fault may take to be caught, in seconds
    #[arg(long, default_value_t = 900)]
    pub(crate) longest: u64,
    /// Send requests to this address meanwhile, one of a load balancer of the house; else only your own traffic counts
    #[arg(long, value_name = "URL")]
    pub(crate) load: Option<String>,
    /// So many a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,
    /// Put everything back if this command has not been heard of for so many seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub(crate) lease: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Fault {
    /// Lets requests to a virtual node suffer for a while
    Inject(InjectFault),
    /// Lists the faults of a mesh that have not ended
    List(Faults),
    /// Ends the fault of a virtual node now
    Remove(RemoveFault),
}

#[derive(Args)]
pub(crate) struct InjectFault {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The mesh
    #[arg(long)]
    pub(crate) mesh: String,
    /// The virtual node
    #[arg(long)]
    pub(crate) node: String,
    /// Only what comes by a route of this virtual router
    #[arg(long, requires = "route")]
    pub(crate) router: Option<String>,
    /// That route
    #[arg(long, requires = "router")]
    pub(crate) route: Option<String>,
    /// Answer so many percent of the requests with a status: `503:5`
    #[arg(long, value_name = "STATUS:PERCENT", required_unless_present = "delay")]
    pub(crate) abort: Option<String>,
    /// Pass so many percent of the requests on so many milliseconds later: `200:10`
    #[arg(long, value_name = "MILLISECONDS:PERCENT")]
    pub(crate) delay: Option<String>,
    /// For so many seconds, at most an hour
    #[arg(long)]
    pub(crate) seconds: u64,
    /// From so many seconds from now on
    #[arg(long)]
    pub(crate) after: Option<u64>,
}

#[derive(Args)]
pub(crate) struct Faults {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The mesh
    #[arg(long)]
    pub(crate) mesh: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RemoveFault {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The mesh
    #[arg(long)]
    pub(crate) mesh: String,
    /// The virtual node
    #[arg(long)]
    pub(crate) node: String,
}

#[derive(Subcommand)]
pub(crate) enum Canary {
    /// Moves a route to another virtual node, step by step, if that is good enough
    Start(StartCanary),
    /// Lists all canaries, the latest first
    List(Canaries),
    /// Shows how a canary is doing, and why
    Status(OneCanary),
    /// Follows a canary to its end; exit code 0 if it was promoted, 1 if not
    Watch(OneCanary),
    /// What happened, oldest first
    History(OneCanary),
    /// Why the last decision was taken, with its numbers
    Explain(OneCanary),
    /// Judges the record anew: exit code 0 if every decision comes out the same, bit for bit
    Replay(OneCanary),
    /// Stays at the present weight; a worse version is still taken back
    Pause(OneCanary),
    /// Goes on after a pause or a freeze
    Resume(OneCanary),
    /// Lets a gated step begin
    Approve(OneCanary),
    /// Gives the new version everything now, whatever the judge says
    Promote(OneCanary),
    /// Gives the old version everything now
    Abort(OneCanary),
    /// Gives the old version everything again, also after a promotion, while it runs
    Undo(OneCanary),
    /// Begins again after a taking back
    Retry(OneCanary),
    /// Changes nothing until somebody decides
    Freeze(OneCanary),
}

#[derive(Args)]
pub(crate) struct StartCanary {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The mesh
    #[arg(long)]
    pub(crate) mesh: String,
    /// The virtual router
    #[arg(long)]
    pub(crate) router: String,
    /// The route
    #[arg(long)]
    pub(crate) route: String,
    /// The virtual node that is to get everything
    #[arg(long)]
    pub(crate) to: String,
    /// The policy: JSON as under `Serin::Canary` in a template, or `@file`
    #[arg(long)]
    pub(crate) policy: Option<String>,
    /// Follow it to its end
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Canaries {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct OneCanary {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The canary's id, or its route's name; the latest of all if not given
    pub(crate) canary: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Edge {
    /// The socket to be spoken to on
    #[arg(long)]
    pub(crate) socket: PathBuf,
    /// Where the control plane listens
    #[arg(long)]
    pub(crate) control_plane: SocketAddr,
}

fn account(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|error: names::ParseAccountIdError| error.to_string())
}

fn region(text: &str) -> Result<Region, String> {
    let sound = !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if sound { Ok(Region::new(text)) } else { Err(format!("`{text}` is not a region: eu-west-1 is")) }
}

fn access_key(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
    let (id, secret) = pair.ok_or("an access key is given as ID:SECRET")?;
    Ok((id.to_owned(), secret.to_owned()))
}
