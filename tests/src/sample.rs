//! The todo sample on a house, deployed as a user would: the CLI, a registry client, three templates.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Aws, House, binary, run};

/// The sample, deployed or being so.
pub struct Sample {
    aws: Aws,
    image: String,
}

impl Sample {
    /// Makes the repository and pushes the image.
    ///
    /// # Panics
    /// When the registry does not take it.
    pub fn push(house: &House) -> Self {
        let aws = house.aws();
        let repository = aws.json("ecr create-repository --repository-name todo");
        let uri = repository["repository"]["repositoryUri"].as_str().expect("a repository has a URI").to_owned();
        let mut login = Command::new("aws");
        let password = run(aws.equip(&mut login).args(["ecr", "get-login-password"]));
        let image = todo::image::Image::of(&binary("todo"), &[]).expect("an image");
        let reference = format!("{uri}:v1");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(image.push(&reference, password.trim())).expect("the registry takes the image");
        Self { aws, image: reference }
    }

    /// The image's reference in the registry.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Deploys the three stacks and answers the URL of the todos.
    ///
    /// # Panics
    /// When a stack does not come up.
    pub fn deploy(&self) -> String {
        self.deploy_version("2")
    }

    /// The same with `version` as the second version.
    pub fn deploy_version(&self, version: &str) -> String {
        self.deploy_stack("network", "");
        self.deploy_mesh(1, 0);
        self.deploy_services(version);
        self.url()
    }

    /// Deploys the mesh with these weights.
    pub fn deploy_mesh(&self, v1: u32, v2: u32) {
        self.deploy_stack("mesh", &format!("WeightV1={v1} WeightV2={v2}"));
    }

    /// Deploys the services, `version` as the second version.
    pub fn deploy_services(&self, version: &str) {
        self.deploy_stack("services", &format!("Image={} VersionV2={version}", self.image));
    }

    /// Where the todos answer.
    ///
    /// # Panics
    /// When the stack tells no URL.
    pub fn url(&self) -> String {
        let stacks = self.aws.json("cloudformation describe-stacks --stack-name todo-network");
        stacks["Stacks"][0]["Outputs"][0]["OutputValue"].as_str().expect("the first output is the URL").to_owned()
    }

    /// Deletes the stacks and waits until they are gone.
    pub fn delete(&self) {
        for part in ["services", "mesh", "network"] {
            self.aws.json(&format!("cloudformation delete-stack --stack-name todo-{part}"));
            self.aws.json(&format!("cloudformation wait stack-delete-complete --stack-name todo-{part}"));
        }
    }

    fn deploy_stack(&self, part: &str, parameters: &str) {
        let file = template(part);
        let overrides =
            if parameters.is_empty() { String::new() } else { format!("--parameter-overrides {parameters}") };
        self.aws.json(&format!(
            "cloudformation deploy --stack-name todo-{part} --template-file {} --capabilities CAPABILITY_IAM \
             --no-fail-on-empty-changeset {overrides}",
            file.display()
        ));
    }
}

/// A template of the sample.
pub fn template(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../examples/todo/templates/{part}.yaml"))
}
