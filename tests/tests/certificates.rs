//! A private authority, what it signs, and a mesh that shows it: by template, with the real CLI, judged by OpenSSL.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use e2e::{Aws, House, Machine, binary, run, wait_until};

/// How long a certificate may take from ACM to whoever connects.
const SHOWN_MAX: Duration = Duration::from_mins(1);

/// Has OpenSSL do something in `folder`, which must succeed.
fn openssl(folder: &Path, arguments: &[&str]) -> String {
    run(Command::new("openssl").current_dir(folder).args(arguments))
}

#[test]
fn a_template_makes_an_authority_and_what_it_signs_holds() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates/authority.yaml");
    let create = format!("cloudformation create-stack --stack-name ca --template-body file://{}", template.display());
    aws.json(&create);
    aws.json("cloudformation wait stack-create-complete --stack-name ca");

    let stack = aws.json("cloudformation describe-stacks --stack-name ca");
    let outputs = stack["Stacks"][0]["Outputs"].as_array().expect("outputs");
    let output = |name: &str| {
        let found = outputs.iter().find(|output| output["OutputKey"] == name).expect(name);
        found["OutputValue"].as_str().expect("a text").to_owned()
    };
    let arn = output("Certificate");
    let told = aws.json(&format!("acm describe-certificate --certificate-arn {arn}"));
    let users = told["Certificate"]["InUseBy"].as_array().expect("a list");
    assert!(users.iter().any(|user| user.as_str().is_some_and(|user| user.ends_with("virtualNode/n"))), "{told}");
    let refused = aws.refused(&format!("acm delete-certificate --certificate-arn {arn}"));
    assert!(refused.contains("ResourceInUseException"), "{refused}");

    let exported = aws.json(&format!("acm export-certificate --certificate-arn {arn} --passphrase a-passphrase"));
    let folder = machine.folder();
    for (name, member) in [("leaf.pem", "Certificate"), ("chain.pem", "CertificateChain"), ("key.pem", "PrivateKey")] {
        fs::write(folder.join(name), exported[member].as_str().expect("PEM")).expect("a file");
    }
    let verified =
        openssl(folder, &["verify", "-CAfile", "chain.pem", "-verify_hostname", "api.internal.test", "leaf.pem"]);
    assert!(verified.contains("OK"), "{verified}");
    let key = openssl(folder, &["pkey", "-in", "key.pem", "-passin", "pass:a-passphrase", "-pubout"]);
    assert_eq!(key, openssl(folder, &["x509", "-in", "leaf.pem", "-pubkey", "-noout"]), "the key is another's");

    aws.json("cloudformation delete-stack --stack-name ca");
    aws.json("cloudformation wait stack-delete-complete --stack-name ca");
    let left = aws.json("acm list-certificates");
    assert_eq!(left["CertificateSummaryList"].as_array().map(Vec::len), Some(0), "{left}");
    house.stop();
}

/// A proxy on the machine itself, which ends with the test.
struct Gateway(Child);

impl Gateway {
    /// Starts `serin proxy` as the virtual gateway `g` of the mesh `m`.
    fn start(folder: &Path) -> Self {
        let log = fs::File::create(folder.join("proxy.log")).expect("a file");
        let mut command = Command::new(binary("serin"));
        command.arg("proxy").env("APPMESH_RESOURCE_NAME", "mesh/m/virtualGateway/g");
        command.env("APPMESH_XDS_ENDPOINT", "127.0.0.1:4566").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().expect("the proxy can be started"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The serial of the certificate that the gateway shows, if it shows one.
fn shown(folder: &Path) -> Option<String> {
    let connect = "openssl s_client -connect 127.0.0.1:8443 </dev/null 2>/dev/null | openssl x509 -noout -serial";
    let output = Command::new("sh").current_dir(folder).args(["-c", connect]).output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_ascii_lowercase();
    text.strip_prefix("serial=").map(|serial| serial.trim_start_matches('0').to_owned())
}

/// The serial of the certificate that ACM has.
fn serial(aws: &Aws, arn: &str) -> String {
    let told = aws.json(&format!("acm describe-certificate --certificate-arn {arn}"));
    let serial = told["Certificate"]["Serial"].as_str().expect("a serial").replace(':', "").to_ascii_lowercase();
    serial.trim_start_matches('0').to_owned()
}

#[test]
fn a_renewed_certificate_is_what_a_running_proxy_shows() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    let made = aws.json("acm request-certificate --domain-name gateway.internal.test --key-algorithm EC_prime256v1");
    let arn = made["CertificateArn"].as_str().expect("an ARN").to_owned();
    aws.json("appmesh create-mesh --mesh-name m");
    let tls = format!("{{\"mode\":\"STRICT\",\"certificate\":{{\"acm\":{{\"certificateArn\":\"{arn}\"}}}}}}");
    let listener = format!("{{\"portMapping\":{{\"port\":8443,\"protocol\":\"http\"}},\"tls\":{tls}}}");
    aws.json(&format!(
        "appmesh create-virtual-gateway --mesh-name m --virtual-gateway-name g --spec '{{\"listeners\":[{listener}]}}'"
    ));
    let _gateway = Gateway::start(machine.folder());
    let mut before = String::new();
    for _ in 0..3 {
        let wanted = serial(&aws, &arn);
        assert_ne!(wanted, before, "nothing is renewed");
        wait_until("the certificate that ACM has is shown", SHOWN_MAX, || {
            shown(machine.folder()).as_ref() == Some(&wanted)
        });
        before = wanted;
        aws.json(&format!("acm renew-certificate --certificate-arn {arn}"));
    }
    house.stop();
}
