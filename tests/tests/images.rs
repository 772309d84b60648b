//! What App Mesh's own Envoy images do to reach a control plane: Google's gRPC library within TLS, with its keepalive, and
//! nothing signed where there are no keys. Held by a stock Envoy with the bootstrap that their agent writes, but for the
//! signer that upstream Envoys no longer have.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use e2e::{House, Machine, binary, envoy, get, run, wait_until};
use serde_json::{Value, json};

/// How long an Envoy may take to have its listener, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// An Envoy of a user, outside of any task; ended when it is dropped.
struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certificate of 127.0.0.1, which vouches for itself, and its key.
fn certificate(folder: &Path) -> (String, String) {
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (path("serin.pem"), path("serin.key"));
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args([
            "-days",
            "7",
            "-subj",
            "/CN=serin.test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-out",
            &certificate,
            "-keyout",
            &key,
        ]));
    (certificate, key)
}

/// The bootstrap of `serin envoy-bootstrap`, with the control plane as the images' agent writes it.
fn bootstrap(authority: &str) -> Value {
    let mut print = Command::new(binary("serin"));
    print.arg("envoy-bootstrap").env("APPMESH_RESOURCE_ARN", "mesh/m/virtualGateway/g");
    print.env("APPMESH_XDS_ENDPOINT", "127.0.0.1:4566").env("ENVOY_ADMIN_ACCESS_PORT", "9911");
    let mut bootstrap: Value = serde_json::from_str(&run(&mut print)).expect("a bootstrap");
    let number = |value: u32| json!({ "int_value": value });
    let services = &mut bootstrap["dynamic_resources"]["ads_config"]["grpc_services"];
    assert!(services.is_array(), "{services}");
    *services = json!([{ "google_grpc": {
        "target_uri": "127.0.0.1:4566",
        "stat_prefix": "ads",
        "channel_credentials": { "ssl_credentials": { "root_certs": { "filename": authority } } },
        "channel_args": { "args": {
            "grpc.http2.max_pings_without_data": number(0),
            "grpc.keepalive_time_ms": number(10_000),
            "grpc.keepalive_timeout_ms": number(20_000),
        } },
    } }]);
    bootstrap
}

#[test]
fn google_s_grpc_within_tls_is_served() {
    let machine = Machine::new();
    let (certificate, key) = certificate(machine.folder());
    let house = House::start_with(&machine, &["--tls-certificate", &certificate, "--tls-key", &key]);
    let aws = house.aws();
    aws.json("appmesh create-mesh --mesh-name m");
    let spec = json!({ "listeners": [{ "portMapping": { "port": 8088, "protocol": "http" } }] });
    aws.json(&format!("appmesh create-virtual-gateway --mesh-name m --virtual-gateway-name g --spec '{spec}'"));

    let path = machine.folder().join("bootstrap.json");
    fs::write(&path, bootstrap(&certificate).to_string()).expect("the test's folder can be written to");
    let log = File::create(machine.folder().join("envoy.log")).expect("so can its log");
    let mut command = Command::new(envoy());
    command.args(["--disable-hot-restart", "--concurrency", "1", "--config-path"]).arg(&path);
    let _envoy = Envoy(command.stdout(Stdio::null()).stderr(log).spawn().expect("Envoy can be started"));
    wait_until("the gateway's listener", PATIENCE, || {
        get("http://127.0.0.1:9911/listeners").is_ok_and(|answer| answer.body.contains(":8088"))
    });
    let status = run(Command::new(binary("serin")).args(["status", "--region", "ap-southeast-2"]));
    let up_to_date = |line: &str| line.split_whitespace().eq(["m", "g", "yes"]);
    assert!(status.lines().any(up_to_date), "{status}");
    house.stop();
}
