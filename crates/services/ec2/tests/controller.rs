//! From an operation to a packet: the controller, a real edge, real namespaces. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use api::{Operation, ec2 as shape};
use names::{Ids, Scope};
use network::{Namespace, egress::Reach, task};
use store::Store;
use tokio::task::JoinHandle;
use wire::Caller;

const PATIENCE: Duration = Duration::from_secs(20);

/// EC2 with its controller and an edge.
struct House {
    _directory: tempfile::TempDir,
    caller: Caller,
    scope: Scope,
    edge: edge::Client,
    process: JoinHandle<()>,
    controller: JoinHandle<()>,
}

fn start_edge(socket: &Path) -> JoinHandle<()> {
    let options = edge::Options {
        socket: socket.to_owned(),
        control_plane: "127.0.0.1:1".parse().unwrap(),
        version: "test".to_owned(),
        resolvers: "/nonexistent/resolv.conf".into(),
        sections: Vec::new(),
    };
    tokio::spawn(async move { edge::run(options).await.unwrap() })
}

impl House {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("edge.sock");
        let (store, edge) = (Store::in_memory().unwrap(), edge::Client::new(&socket));
        let mut system = ec2::service(store.clone(), Ids::counting(), edge.clone(), Reach::Public);
        let caller = Caller::default();
        caller.fill([system.service]);
        let pace = reconcile::Pace { resync: Duration::from_millis(200), ..reconcile::Pace::default() };
        let controller = tokio::spawn(system.controllers.remove(0).run(store, pace));
        let process = start_edge(&socket);
        Self { _directory: directory, caller, scope: Scope::default(), edge, process, controller }
    }

    async fn ask<Op: Operation>(&self, request: Op::Request) -> Op::Response {
        self.caller.call::<Op>(&self.scope, request).await.unwrap()
    }

    async fn vpc(&self) -> String {
        let request = shape::CreateVpcRequest { cidr_block: "10.0.0.0/16".to_owned(), ..Default::default() };
        self.ask::<shape::CreateVpc>(request).await.vpc.vpc_id
    }

    async fn subnet(&self, vpc_id: &str) -> String {
        let (vpc_id, cidr_block) = (vpc_id.to_owned(), "10.0.1.0/24".to_owned());
        let request = shape::CreateSubnetRequest { vpc_id, cidr_block, ..Default::default() };
        self.ask::<shape::CreateSubnet>(request).await.subnet.subnet_id
    }

    async fn group(&self, vpc_id: &str, name: &str) -> String {
        let request = shape::CreateSecurityGroupRequest {
            group_name: name.to_owned(),
            group_description: name.to_owned(),
            vpc_id: Some(vpc_id.to_owned()),
            ..Default::default()
        };
        self.ask::<shape::CreateSecurityGroup>(request).await.group_id
    }

    async fn allow(&self, group: &str, from: &str) {
        let pair = shape::UserIdGroupPair { group_id: Some(from.to_owned()), ..Default::default() };
        let permission = shape::IpPermission { ip_protocol: "-1".to_owned(), groups: vec![pair], ..Default::default() };
        let request = shape::AuthorizeSecurityGroupRequest {
            group_id: Some(group.to_owned()),
            ip_permissions: vec![permission],
            ..Default::default()
        };
        self.ask::<shape::AuthorizeSecurityGroupIngress>(request).await;
    }

    /// An interface whose address and groups are in force.
    async fn interface(&self, subnet_id: &str, group: &str, balancer: bool) -> shape::NetworkInterface {
        let request = shape::CreateNetworkInterfaceRequest {
            subnet_id: subnet_id.to_owned(),
            groups: vec![group.to_owned()],
            interface_type: balancer.then(|| shape::LOAD_BALANCER.to_owned()),
            ..Default::default()
        };
        let id = self.ask::<shape::CreateNetworkInterface>(request).await.network_interface.network_interface_id;
        eventually("the interface is in force", async || {
            let request = shape::DescribeNetworkInterfacesRequest {
                network_interface_ids: vec![id.clone()],
                ..Default::default()
            };
            let interface = self.ask::<shape::DescribeNetworkInterfaces>(request).await.network_interfaces.remove(0);
            (interface.status == "available").then_some(interface)
        })
        .await
    }

    /// The VPC, opened where the neighbours are told that it is.
    async fn open(&self, vpc_id: &str) -> network::Vpc {
        eventually("the VPC has a namespace", async || {
            let request = shape::DescribeVpcNamespacesRequest { vpc_ids: vec![vpc_id.to_owned()] };
            let told = self.ask::<shape::DescribeVpcNamespaces>(request).await.vpc_namespaces.pop()?;
            let vpc = network::Vpc::open(Path::new(&told.path)).ok()?;
            (vpc.namespace().identity().inode == told.inode).then_some(vpc)
        })
        .await
    }

    /// A task on `interface`.
    async fn task(&self, vpc: &network::Vpc, interface: &shape::NetworkInterface) -> Namespace {
        let mac: Vec<u8> = interface.mac_address.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let spec = task::Spec {
            interface_id: interface.network_interface_id.clone(),
            mac: mac.try_into().unwrap(),
            address: interface.private_ip_address.parse().unwrap(),
            subnet: "10.0.1.0/24".parse().unwrap(),
            router: "10.0.1.1".parse().unwrap(),
        };
        vpc.attach(&spec).await.unwrap()
    }

    fn stop(self) {
        self.controller.abort();
        self.process.abort();
    }
}

/// What `look` finds, once it finds something.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn serve(namespace: &Namespace, address: String) {
    let address: SocketAddr = address.parse().unwrap();
    let listener = namespace.run("listen", move || TcpListener::bind(address).unwrap()).await.unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| stream.unwrap().write_all(b"here").unwrap()));
}

async fn reaches(namespace: &Namespace, address: String) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    let connect = move || {
        let stream = TcpStream::connect_timeout(&address, Duration::from_millis(300));
        stream.and_then(|mut stream| stream.read_exact(&mut [0; 4])).is_ok()
    };
    namespace.run("connect", connect).await.unwrap()
}

#[tokio::test]
async fn rules_told_by_operations_hold_between_tasks_and_from_a_load_balancer() {
    let house = House::start();
    let vpc_id = house.vpc().await;
    let subnet = house.subnet(&vpc_id).await;
    let (web, api) = (house.group(&vpc_id, "web").await, house.group(&vpc_id, "api").await);
    let server = house.interface(&subnet, &api, false).await;
    let client = house.interface(&subnet, &web, false).await;
    let balancer = house.interface(&subnet, &web, true).await;
    let vpc = house.open(&vpc_id).await;
    let (server_task, client_task) = (house.task(&vpc, &server).await, house.task(&vpc, &client).await);
    let address = format!("{}:80", server.private_ip_address);
    serve(&server_task, address.clone()).await;
    assert!(!reaches(&client_task, address.clone()).await, "nothing lets the client in yet");
    house.allow(&api, &web).await;
    eventually("the client is let in", async || reaches(&client_task, address.clone()).await.then_some(())).await;
    let sockets = vpc.sockets().unwrap();
    let source = balancer.private_ip_address.parse().unwrap();
    sockets.connect(Some(source), address.parse().unwrap(), PATIENCE).await.unwrap();
    house.stop();
}

#[tokio::test]
async fn two_vpcs_with_the_same_addresses_have_their_own_namespaces() {
    let house = House::start();
    let (one, two) = (house.vpc().await, house.vpc().await);
    let (one, two) = (house.open(&one).await, house.open(&two).await);
    assert_ne!(one.namespace().identity(), two.namespace().identity());
    house.stop();
}

#[tokio::test]
async fn a_deleted_vpc_is_let_go_of() {
    let house = House::start();
    let vpc_id = house.vpc().await;
    house.open(&vpc_id).await;
    house.ask::<shape::DeleteVpc>(shape::DeleteVpcRequest { vpc_id: vpc_id.clone() }).await;
    eventually("the edge holds nothing", async || house.edge.hello().await.ok()?.vpcs.is_empty().then_some(())).await;
    eventually("nothing is told of it", async || {
        let all = house.ask::<shape::DescribeVpcNamespaces>(shape::DescribeVpcNamespacesRequest::default()).await;
        all.vpc_namespaces.is_empty().then_some(())
    })
    .await;
    house.stop();
}

#[tokio::test]
async fn when_the_edge_is_replaced_the_vpc_and_its_tasks_stay() {
    let mut house = House::start();
    let vpc_id = house.vpc().await;
    let subnet = house.subnet(&vpc_id).await;
    let group = house.group(&vpc_id, "all").await;
    house.allow(&group, &group).await;
    let (server, client) =
        (house.interface(&subnet, &group, false).await, house.interface(&subnet, &group, false).await);
    let vpc = house.open(&vpc_id).await;
    let before = vpc.namespace().identity();
    let (server_task, client_task) = (house.task(&vpc, &server).await, house.task(&vpc, &client).await);
    let address = format!("{}:80", server.private_ip_address);
    serve(&server_task, address.clone()).await;
    drop(vpc);

    house.edge.shutdown().await.unwrap();
    (&mut house.process).await.unwrap();
    assert!(reaches(&client_task, address.clone()).await, "traffic flows without an edge");
    house.process = start_edge(house.edge.socket());
    eventually("the new edge holds the VPC", async || {
        let held = house.edge.hello().await.ok()?.vpcs.remove(&vpc_id)?;
        (held.inode == before.inode).then_some(())
    })
    .await;
    assert_eq!(house.open(&vpc_id).await.namespace().identity(), before);
    assert!(reaches(&client_task, address).await);
    house.stop();
}
