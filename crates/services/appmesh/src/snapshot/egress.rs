//! What goes out: to the virtual services the node names as backends, and where the mesh's egress filter lets it.

use std::collections::BTreeMap;

use api::appmesh::{EgressFilterType, PortMapping, PortProtocol, VirtualNodeSpec, VirtualServiceBackend};
use xds::pb::envoy::{
    config::{
        listener::v3::FilterChain,
        route::v3::{Route, RouteConfiguration, VirtualHost},
    },
    extensions::filters::network::tcp_proxy::v3::TcpProxy,
};

use super::{
    Client, Scene, cluster, default_tls,
    listener::{self, Destination},
    names::{self, Direction, EGRESS_PORT},
    service::{self, passing},
    tls_of,
};

/// What AWS's own endpoints answer to.
const AMAZON: &str = "*.amazonaws.com";
/// Where they listen.
const HTTPS: u32 = 443;

/// What connections to one port get.
enum Port {
    /// Routes by host. The protocol is that of the first service on the port, and gives the routes their name.
    Http { protocol: PortProtocol, hosts: Vec<VirtualHost> },
    /// One service's bytes.
    Tcp { service: String, proxy: Box<TcpProxy> },
}

type Ports = BTreeMap<u32, Port>;

/// Adds the outgoing side.
pub(super) fn build(scene: &mut Scene<'_>, spec: &VirtualNodeSpec) {
    let mut ports = Ports::new();
    let backends = spec.backends.iter().filter_map(|backend| backend.virtual_service.as_ref());
    let backends: BTreeMap<&str, &VirtualServiceBackend> =
        backends.map(|backend| (backend.virtual_service_name.as_str(), backend)).collect();
    let default = default_tls(spec.backend_defaults.as_ref());
    for (name, backend) in backends {
        let own = tls_of(backend.client_policy.as_ref());
        // One node may stand behind two services that are to be spoken to differently.
        let variant = own.filter(|own| Some(*own) != default).map(|_| name);
        let client = Client { policy: own.or(default), variant, ..Client::default() };
        add_service(scene, client, &mut ports, name);
    }
    let https_is_taken = ports.contains_key(&HTTPS);
    let mut chains = Vec::new();
    for (port, content) in ports {
        chains.push(chain_of(scene, port, content));
    }
    chains.extend(beyond_the_mesh(scene, https_is_taken));
    let listener = listener::redirected(scene, Direction::Egress, EGRESS_PORT, chains);
    scene.builder.listener(&listener);
}

fn chain_of(scene: &mut Scene<'_>, port: u32, content: Port) -> FilterChain {
    match content {
        Port::Http { protocol, hosts } => {
            let name = names::routes(Direction::Egress, protocol, port);
            scene.builder.route(&RouteConfiguration {
                name: name.clone(),
                virtual_hosts: hosts,
                ..RouteConfiguration::default()
            });
            listener::http_chain(scene, Destination::Port(port), Direction::Egress, protocol, port, name)
        }
        Port::Tcp { proxy, .. } => listener::tcp_chain(scene, Destination::Port(port), *proxy),
    }
}

/// What may leave the mesh: AWS's endpoints always, all else if the mesh says so.
fn beyond_the_mesh(scene: &mut Scene<'_>, https_is_taken: bool) -> Vec<FilterChain> {
    let mesh = &scene.mesh.name;
    let (amazon, all) = (names::amazon_cluster(mesh), names::allow_all_cluster(mesh));
    cluster::original_destination(scene, &amazon);
    let mut chains = vec![listener::tcp_chain(scene, Destination::Name(HTTPS, AMAZON), passing(&amazon))];
    let filter = scene.mesh.spec.egress_filter.map(|filter| filter.r#type);
    if filter == Some(EgressFilterType::AllowAll) {
        cluster::original_destination(scene, &all);
        chains.push(listener::tcp_chain(scene, Destination::Any, passing(&all)));
        if !https_is_taken {
            // Without it, what goes to port 443 and is not Amazon's would find only the chain above that asks for the name.
            chains.push(listener::tcp_chain(scene, Destination::Port(HTTPS), passing(&all)));
        }
    }
    chains
}

/// Gives a virtual service its ports: what becomes of requests and connections there.
fn add_service(scene: &mut Scene<'_>, client: Client<'_>, ports: &mut Ports, name: &str) {
    let Some(provider) = service::provider(scene, name) else { return };
    for mapping in service::mappings(scene, provider) {
        if mapping.protocol == PortProtocol::Tcp {
            let proxy = service::proxy(scene, client, provider, mapping);
            add_tcp(scene, ports, mapping.port, name, proxy);
        } else {
            let routes = service::routes(scene, client, provider, mapping);
            add_http(scene, ports, mapping, name, routes);
        }
    }
}

fn add_http(scene: &mut Scene<'_>, ports: &mut Ports, mapping: PortMapping, service: &str, routes: Vec<Route>) {
    let PortMapping { port, protocol } = mapping;
    let host = VirtualHost {
        name: service.to_owned(),
        domains: vec![service.to_owned(), format!("{service}:{port}")],
        routes,
        ..VirtualHost::default()
    };
    match ports.entry(port).or_insert_with(|| Port::Http { protocol, hosts: Vec::new() }) {
        Port::Http { hosts, .. } => hosts.push(host),
        Port::Tcp { service: other, .. } => {
            let text = format!("port {port} of {service} belongs to {other}, which speaks TCP and takes all of it");
            scene.fault(None, text);
        }
    }
}

/// Gives a port to a TCP service; nothing in the bytes tells two apart, so one takes all.
fn add_tcp(scene: &mut Scene<'_>, ports: &mut Ports, port: u32, service: &str, proxy: Option<TcpProxy>) {
    let Some(proxy) = proxy else { return };
    let other = match ports.get(&port) {
        None => {
            ports.insert(port, Port::Tcp { service: service.to_owned(), proxy: Box::new(proxy) });
            return;
        }
        Some(Port::Tcp { service, .. }) => service.clone(),
        Some(Port::Http { hosts, .. }) => hosts.first().map(|host| host.name.clone()).unwrap_or_default(),
    };
    scene.fault(None, format!("port {port} of {service} belongs to {other}, and TCP cannot share a port"));
}
