//! A load balancer that speaks TLS: by template, with the real CLI, asked by curl.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use e2e::{Aws, House, Machine, run};

/// What the stack made.
struct Shop {
    aws: Aws,
    template: PathBuf,
    outputs: serde_json::Value,
    /// The built-in authority, which signed both certificates.
    authority: PathBuf,
}

impl Shop {
    fn open(machine: &Machine, house: &House) -> Self {
        let (aws, folder) = (house.aws(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let template = folder.join("tests/https/shop.yaml");
        aws.json(&format!("cloudformation deploy --stack-name shop --template-file {}", template.display()));
        let stack = aws.json("cloudformation describe-stacks --stack-name shop");
        let outputs = stack["Stacks"][0]["Outputs"].clone();
        let mut shop = Self { aws, template, outputs, authority: machine.folder().join("authority.pem") };
        let got = shop.aws.json(&format!("acm get-certificate --certificate-arn {}", shop.output("Shop")));
        fs::write(&shop.authority, got["CertificateChain"].as_str().expect("PEM")).expect("a file");
        shop.authority = shop.authority.canonicalize().expect("a path");
        shop
    }

    fn output(&self, name: &str) -> String {
        let outputs = self.outputs.as_array().expect("outputs");
        let found = outputs.iter().find(|output| output["OutputKey"] == name).expect(name);
        found["OutputValue"].as_str().expect("a text").to_owned()
    }

    /// curl asks `name` for a page by TLS, and trusts the built-in authority alone.
    fn ask(&self, name: &str, arguments: &[&str]) -> Output {
        let connect = format!("{name}:8443:{}:8443", self.output("Host"));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--connect-to", &connect, "--cacert"]);
        curl.arg(&self.authority).args(["--write-out", " %{http_code} %{http_version}"]).args(arguments);
        curl.arg(format!("https://{name}:8443/")).output().expect("curl")
    }

    fn says(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.ask(name, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name} {arguments:?}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }
}

#[test]
fn a_balancer_shows_the_certificate_of_the_name_that_is_asked_for() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let shop = Shop::open(&machine, &house);
    assert_eq!(shop.says("shop.example.com", &[]), "welcome 200 2", "HTTP/2 was agreed on");
    assert_eq!(shop.says("shop.example.com", &["--http1.1"]), "welcome 200 1.1");
    assert_eq!(shop.says("v1.api.example.com", &[]), "welcome 200 2", "by the certificate of the list");
    assert_eq!(shop.ask("other.example.com", &[]).status.code(), Some(60), "the default one has another name");
    assert_eq!(shop.says("shop.example.com", &["--tls-max", "1.2"]), "welcome 200 2");

    let door = format!("http://{}:8080/basket?item=1", shop.output("Host"));
    let redirect = run(Command::new("curl").args(["--silent", "--output", "/dev/null", "--max-time", "20"]).args([
        "--write-out",
        "%{http_code} %{redirect_url}",
        &door,
    ]));
    assert_eq!(redirect, format!("301 https://{}:8443/basket?item=1", shop.output("Host")));

    // The policy is a property of the listener, changed in place.
    let strict = "--parameter-overrides Policy=ELBSecurityPolicy-TLS13-1-3-2021-06";
    let deploy =
        format!("cloudformation deploy --stack-name shop --template-file {} {strict}", shop.template.display());
    shop.aws.json(&deploy);
    let told = shop.aws.json(&format!("elbv2 describe-listeners --listener-arns {}", shop.output("Listener")));
    assert_eq!(told["Listeners"][0]["SslPolicy"], "ELBSecurityPolicy-TLS13-1-3-2021-06");
    assert_eq!(shop.says("shop.example.com", &[]), "welcome 200 2");
    assert!(!shop.ask("shop.example.com", &["--tls-max", "1.2"]).status.success(), "TLS 1.2 is refused");

    shop.aws.json("cloudformation delete-stack --stack-name shop");
    shop.aws.json("cloudformation wait stack-delete-complete --stack-name shop");
    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

#[test]
fn certificates_of_a_listener_are_kept_and_refused_as_on_aws() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let shop = Shop::open(&machine, &house);
    let (aws, listener) = (&shop.aws, shop.output("Listener"));
    let listed = aws.json(&format!("elbv2 describe-listener-certificates --listener-arn {listener}"));
    let listed = listed["Certificates"].as_array().expect("a list").clone();
    assert_eq!(listed.len(), 2, "{listed:?}");
    let default: Vec<_> =
        listed.iter().filter(|one| one["IsDefault"] == true).map(|one| &one["CertificateArn"]).collect();
    assert_eq!(default, [&shop.output("Shop")]);
    let told = aws.json(&format!("acm describe-certificate --certificate-arn {}", shop.output("Api")));
    let users = told["Certificate"]["InUseBy"].as_array().expect("a list");
    assert!(users.iter().any(|user| user.as_str().is_some_and(|user| user.contains(":loadbalancer/app/"))), "{told}");
    let policies = aws.json("elbv2 describe-ssl-policies --names ELBSecurityPolicy-2016-08");
    assert_eq!(policies["SslPolicies"][0]["SslProtocols"], serde_json::json!(["TLSv1.2"]), "what there is of it");

    let nowhere = format!("{}0", shop.output("Api"));
    for (line, words) in [
        (format!("acm delete-certificate --certificate-arn {}", shop.output("Api")), "ResourceInUseException"),
        (format!("elbv2 modify-listener --listener-arn {listener} --ssl-policy Nonsense"), "SSLPolicyNotFound"),
        (
            format!("elbv2 modify-listener --listener-arn {listener} --certificates CertificateArn={nowhere}"),
            "CertificateNotFound",
        ),
        (format!("elbv2 modify-listener --listener-arn {listener} --protocol TLS"), "UnsupportedProtocol"),
        (
            format!(
                "elbv2 remove-listener-certificates --listener-arn {listener} --certificates CertificateArn={}",
                shop.output("Shop")
            ),
            "OperationNotPermitted",
        ),
        (
            format!(
                "elbv2 modify-listener --listener-arn {listener} --protocol HTTP --certificates CertificateArn={}",
                shop.output("Shop")
            ),
            "HTTP listener",
        ),
    ] {
        let refused = aws.refused(&line);
        assert!(refused.contains(words), "{line}: {refused}");
    }
    assert_eq!(shop.says("v1.api.example.com", &[]), "welcome 200 2", "nothing was changed");
    house.stop();
}
