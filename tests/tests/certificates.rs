//! A private authority, what it signs, and a mesh that shows it: by template, with the real CLI, judged by OpenSSL.

use std::{fs, path::Path, process::Command};

use e2e::{House, Machine, run};

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
