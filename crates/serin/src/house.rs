//! Where services meet engines: everything is built here and nothing is decided.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use axum::Router;
use image::{Executable, Images};
use names::{AccountId, Clock, Ids};
use reconcile::{Pace, System};
use store::Store;
use telemetry::Telemetry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::{Caller, Definition, Gateway, Protocol, Secrets, Service, bind};

use crate::{
    cli,
    data_dir::DataDir,
    edge_process,
    exit::{self, Refusal},
    front,
    proxies::{Guard, Tokens},
    senders::Senders,
};

/// OpenTelemetry's own name for a collector's address.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// A house that is built and runs.
pub(crate) struct House {
    router: Router,
    edge: edge::Client,
    tasks: ecs::Suspender,
    controllers: JoinSet<()>,
    /// Ends the pages that somebody watches.
    pages: CancellationToken,
    /// Keeps the directory's lock.
    _data: DataDir,
}

impl House {
    /// Builds everything on `data` and starts the controllers; `address` is where it will answer.
    pub(crate) async fn open(data: DataDir, address: SocketAddr, options: &cli::Up) -> Result<Self> {
        let tokens = options.proxies.xds_tokens.as_deref().map_or_else(|| Ok(Tokens::default()), Tokens::read)?;
        let store = Store::open(&data.database()).map_err(|error| Refusal::new(exit::DATA, error.to_string()))?;
        let telemetry = Telemetry::open(&data.telemetry(), telemetry::Limits::default())
            .map_err(|error| Refusal::new(exit::DATA, error.to_string()))?;
        // Rows are worth more than history: where both lie on one disk, the oldest history makes room for them.
        let history = telemetry.clone();
        store.when_full(move || history.relieve());
        let exporter = exporter(&options.otlp, address, &telemetry)?;
        let guard = Guard {
            store: store.clone(),
            clock: Clock::System,
            account: options.account.clone(),
            secrets: options.access_keys.iter().cloned().collect(),
            tokens,
            certificates: options.proxies.tls_client_ca.is_some(),
        };
        guard.must_ask_at(address)?;
        let edge = edge_process::find_or_start(&data, address).await?;
        edge.relay(address).await.context("the edge cannot be told where we are")?;
        let parts = Parts {
            store: store.clone(),
            clock: Clock::System,
            ids: Ids::new(rand::random::<u64>),
            caller: Caller::default(),
            secrets: Secrets { configured: options.access_keys.iter().cloned().collect(), tasks: data.task_secret()? },
            edge: edge.clone(),
        };
        let images = parts.images(&data, address, options)?;
        let cache = xds::Cache::new(appmesh::identify);
        let (systems, tasks, agent) = parts.systems(&data, &telemetry, &images, &cache, address, options)?;
        let mut controllers = JoinSet::new();
        let mut services = vec![parts.serin(&data)];
        for system in systems {
            services.push(system.service);
            for controller in system.controllers {
                controllers.spawn(controller.run(store.clone(), Pace::default()));
            }
        }
        parts.caller.fill(services);
        if let Some(exporter) = exporter {
            controllers.spawn(exporter.run());
        }
        controllers.spawn(collect(images.clone(), data.tasks()));
        controllers.spawn(edge_process::keep(edge_process::Paths::of(&data), address, store.clone()));
        let gateway = Gateway::new(
            parts.caller.clone(),
            parts.clock.clone(),
            parts.ids.clone(),
            options.account.clone(),
            parts.secrets.clone(),
        );
        let pages = CancellationToken::new();
        let router = front::router(
            gateway,
            image::registry::router(images),
            xds::guarded_routes(cache, Arc::new(guard)).merge(parts.otlp(&telemetry, &options.account)),
            parts.console(address, pages.clone()),
            parts.exposition(address),
            edge.clone(),
            agent,
        );
        Ok(Self { router, edge, tasks, controllers, pages, _data: data })
    }

    /// Everything that answers on the port.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Stops the controllers and the tasks, which a next start brings back, and lets go of the VPCs.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.pages.cancel();
        self.controllers.shutdown().await;
        self.tasks.suspend().await.map_err(|error| anyhow::anyhow!("the tasks could not be stopped: {error}"))?;
        self.edge.shutdown().await.context("the edge could not be stopped")?;
        edge_process::gone(&self.edge).await
    }
}

/// What passes segments on to a collector, if one is named.
fn exporter(options: &cli::Otlp, address: SocketAddr, telemetry: &Telemetry) -> Result<Option<otlp::Exporter>> {
    let variable = std::env::var(OTLP_ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty());
    let read = |endpoint: &str| otlp::Settings::read(endpoint, options.headers.as_deref(), address);
    let settings = match (&options.endpoint, variable) {
        (Some(endpoint), _) => read(endpoint).map_err(|error| Refusal::new(exit::USAGE, error.to_string()))?,
        (None, None) => return Ok(None),
        // The variable may be meant for the applications of whoever starts this, which send to us.
        (None, Some(endpoint)) => match read(&endpoint) {
            Ok(settings) => settings,
            Err(error) => {
                tracing::warn!(%error, variable = OTLP_ENDPOINT, "Segments are passed on to nobody.");
                return Ok(None);
            }
        },
    };
    let exporter = otlp::Exporter::new(settings);
    let tap = exporter.clone();
    telemetry.listen(Box::new(move |documents| tap.push(documents)));
    Ok(Some(exporter))
}

/// Removes image content that nothing needs, now and then.
async fn collect(images: Images, tasks: PathBuf) {
    let mut due = tokio::time::interval(image::COLLECTION_INTERVAL);
    loop {
        due.tick().await;
        let (images, tasks) = (images.clone(), tasks.clone());
        let collected = tokio::task::spawn_blocking(move || -> Result<_> {
            Ok(images.collect(&container::layers_in_use(&tasks)?)?)
        });
        if let Ok(Err(error)) = collected.await {
            tracing::warn!(%error, "Image content could not be collected.");
        }
    }
}

/// What every service is made of.
struct Parts {
    store: Store,
    clock: Clock,
    ids: Ids,
    caller: Caller,
    secrets: Secrets,
    edge: edge::Client,
}

impl Parts {
    fn images(&self, data: &DataDir, address: SocketAddr, options: &cli::Up) -> Result<Images> {
        let path = std::env::current_exe().context("cannot find this program's own file")?;
        let envoy = options.envoy.as_deref().map(envoy::files).transpose()?.unwrap_or_default();
        let executable = Executable { path, applets: toolbox::APPLETS, envoy };
        // Docker takes `localhost` for a registry without TLS; it does so for few other names.
        let registry = format!("localhost:{}", address.port());
        let settings = image::Settings {
            // Whoever wants keys wants them of everybody.
            trusts_loopback: self.secrets.configured.is_empty(),
            ..image::Settings::new(data.images(), registry, executable)
        };
        let repositories = Arc::new(ecr::Records::new(self.store.clone(), self.clock.clone()));
        Images::open(settings, repositories, self.clock.clone(), &self.ids).context("the images cannot be opened")
    }

    fn systems(
        &self,
        data: &DataDir,
        telemetry: &Telemetry,
        images: &Images,
        cache: &xds::Cache,
        address: SocketAddr,
        options: &cli::Up,
    ) -> Result<(Vec<System>, ecs::Suspender, Router)> {
        let (store, clock, ids) = (|| self.store.clone(), || self.clock.clone(), || self.ids.clone());
        let (caller, edge) = (|| self.caller.clone(), || self.edge.clone());
        let executable = std::env::current_exe().context("cannot find this program's own file")?;
        let runtime = Arc::new(ecs::MachineRuntime::new(images.clone(), data.path(), executable));
        let mesh = appmesh::State {
            store: store(),
            clock: clock(),
            ids: ids(),
            caller: caller(),
            cache: cache.clone(),
            agents: options.proxies.sds_trust_domains.iter().cloned().collect(),
        };
        let certificates = acm::State { store: store(), clock: clock(), ids: ids(), caller: caller() };
        let keys = iam::Keys { secrets: self.secrets.configured.clone(), default_account: options.account.clone() };
        let tasks = Arc::new(ecs::Ecs {
            store: store(),
            clock: clock(),
            ids: ids(),
            caller: caller(),
            metrics: telemetry.metrics(),
            machine: machine()?,
            runtime,
            task_secret: self.secrets.tasks.clone(),
        });
        let mut systems = vec![
            ec2::service(store(), ids(), edge(), options.egress.into()),
            servicediscovery::service(store(), clock(), ids(), caller(), edge()),
            appmesh::service(mesh),
            elbv2::service((store(), telemetry.metrics()), clock(), ids(), caller(), edge(), address.port()),
            ecr::service(store(), clock(), images.clone()),
            ecs::service(&tasks),
            logs::service(telemetry.clone(), clock(), ids()),
            cloudwatch::service(store(), telemetry.metrics(), clock()),
            xray::service(store(), telemetry.traces(), clock(), ids()),
            cloudformation::service(store(), clock(), ids(), caller()),
            canary::service(canary::Canaries {
                store: store(),
                clock: clock(),
                ids: ids(),
                caller: caller(),
                proxies: Arc::new(canary::reading::TaskProxies::new(caller())),
                records: data.canaries(),
            }),
        ];
        systems.extend(acm::services(certificates));
        systems.extend(iam::services(store(), clock(), ids(), keys));
        let agent = ecs::agent(Arc::clone(&tasks));
        Ok((systems, ecs::Suspender::new(tasks), agent))
    }

    /// Where OpenTelemetry's SDKs and collectors send spans.
    fn otlp(&self, telemetry: &Telemetry, account: &AccountId) -> Router {
        let senders = Senders {
            store: self.store.clone(),
            clock: self.clock.clone(),
            account: account.clone(),
            secrets: self.secrets.configured.clone(),
        };
        otlp::routes(otlp::Receiver::new(telemetry.traces(), self.clock.clone(), Arc::new(senders)))
    }

    /// The web pages, which ask as everybody does.
    fn console(&self, address: SocketAddr, stop: CancellationToken) -> console::Settings {
        console::Settings {
            caller: self.caller.clone(),
            clock: self.clock.clone(),
            proxies: Arc::new(canary::reading::TaskProxies::new(self.caller.clone())),
            keys: self.secrets.configured.clone(),
            is_loopback: address.ip().is_loopback(),
            stop,
        }
    }

    /// What Prometheus reads.
    fn exposition(&self, address: SocketAddr) -> Router {
        let keys = self.secrets.configured.clone();
        console::exposition::router(self.caller.clone(), keys, address.ip().is_loopback())
    }

    /// Our own few operations, about the house as a whole.
    fn serin(&self, data: &DataDir) -> Service {
        let state = Arc::new((self.store.clone(), data.path().display().to_string()));
        let definition =
            Definition { signing_name: "serin", protocol: Protocol::RestJson, invalid: "ValidationException" };
        Service::new(definition, &state, vec![bind::<api::serin::DescribeHouse, _, _, _, _>(describe_house)])
    }
}

async fn describe_house(
    cx: wire::Context<(Store, String)>,
    _: api::serin::DescribeHouseRequest,
) -> Result<api::serin::DescribeHouseResponse, api::Fault> {
    let (store, data_dir) = &**cx.service();
    Ok(api::serin::DescribeHouseResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        data_dir: data_dir.clone(),
        scopes: store.scopes().map_err(api::Fault::internal)?,
    })
}

/// What tasks may use together: this machine.
fn machine() -> Result<ecs::Machine> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let kibibytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    let kibibytes = kibibytes.context("/proc/meminfo has no MemTotal")?;
    Ok(ecs::Machine { cpus: u32::try_from(cpus).unwrap_or(u32::MAX), memory_mib: kibibytes / 1024 })
}
