//! The names of resources, as App Mesh gave them.

use api::appmesh::PortProtocol;

/// The port that a task's incoming connections are redirected to.
pub(super) const INGRESS_PORT: u32 = 15000;
/// The port that a task's outgoing connections are redirected to.
pub(super) const EGRESS_PORT: u32 = 15001;
/// The cluster of a proxy's own bootstrap that leads to the secret discovery service beside it.
pub(super) const SECRET_SERVICE: &str = "static_cluster_sds_unix_socket";

/// Which way a connection goes, seen from the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// `lds_egress_0.0.0.0_15001`
pub(super) fn listener(direction: Direction, address: &str, port: u32) -> String {
    format!("lds_{}_{address}_{port}", direction.as_str())
}

/// `rds_egress_http_3000`
pub(super) fn routes(direction: Direction, protocol: PortProtocol, port: u32) -> String {
    format!("rds_{}_{}_{port}", direction.as_str(), protocol.as_str())
}

/// `cds_egress_flask-mesh_api-vn_http_3000`
pub(super) fn cluster(direction: Direction, mesh: &str, node: &str, protocol: PortProtocol, port: u32) -> String {
    format!("cds_{}_{mesh}_{node}_{}_{port}", direction.as_str(), protocol.as_str())
}

/// `cds_egress_flask-mesh_amazonaws`
pub(super) fn amazon_cluster(mesh: &str) -> String {
    format!("cds_egress_{mesh}_amazonaws")
}

/// `cds_egress_flask-mesh_mesh-allow-all`
pub(super) fn allow_all_cluster(mesh: &str) -> String {
    format!("cds_egress_{mesh}_mesh-allow-all")
}

/// The secret that holds the authority of a certificate of ACM.
pub(super) fn root_of(certificate: &str) -> String {
    format!("{certificate}/root")
}
