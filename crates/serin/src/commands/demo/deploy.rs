//! Deploys the todo sample as a user would: a repository, an image, three stacks.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::{
    cloudformation::{
        Capability, CreateStack, CreateStackRequest, DeleteStack, DeleteStackRequest, DescribeStacks,
        DescribeStacksRequest, Parameter, Stack, UpdateStack, UpdateStackRequest,
    },
    ecr::{CreateRepository, CreateRepositoryRequest, GetAuthorizationToken, GetAuthorizationTokenRequest},
    elbv2::{DescribeLoadBalancerUrls, DescribeLoadBalancerUrlsRequest},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use todo::image::Image;
use wire::Client;

use super::screen::Screen;

const NETWORK: (&str, &str) = ("todo-network", include_str!("../../../../../examples/todo/templates/network.yaml"));
const MESH: (&str, &str) = ("todo-mesh", include_str!("../../../../../examples/todo/templates/mesh.yaml"));
const SERVICES: (&str, &str) = ("todo-services", include_str!("../../../../../examples/todo/templates/services.yaml"));
const BROKEN: (&str, &str) = ("todo-v3", include_str!("../../../../../examples/todo/templates/v3.yaml"));

/// How long a stack may take.
const STACK_MAX: Duration = Duration::from_mins(3);
/// How often a stack is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// The sample on a house.
pub(super) struct Deployment {
    client: Client,
    /// The sample's image, as pushed.
    image: String,
    /// Where the load balancer serves it.
    pub(super) url: String,
}

impl Deployment {
    /// Deploys everything but the broken version.
    pub(super) async fn create(client: Client, screen: &Screen) -> Result<Self> {
        screen.say("Deploying the todo sample: a VPC with a load balancer, a mesh, three services.");
        // The stacks that need no image are made while it is pushed.
        let (image, (), ()) = tokio::try_join!(push(&client), stack(&client, NETWORK, &[]), stack(&client, MESH, &[]))?;
        stack(&client, SERVICES, &[("Image", &image)]).await?;
        let answer = client.call::<DescribeLoadBalancerUrls>(DescribeLoadBalancerUrlsRequest {}).await?;
        let url = answer.urls.into_iter().next().context("the load balancer has no URL")?;
        Ok(Self { client, image, url: format!("{}/todos", url.url) })
    }

    /// Deploys the broken version beside the others; it gets no traffic by that.
    pub(super) async fn add_broken(&self) -> Result<()> {
        stack(&self.client, BROKEN, &[("Image", &self.image)]).await
    }

    /// Asks for other weights, as a redeployment of the mesh's template, and waits until every proxy has them.
    pub(super) async fn shift(&self, v1: u32, v2: u32) -> Result<()> {
        let (v1, v2) = (v1.to_string(), v2.to_string());
        let request = UpdateStackRequest {
            stack_name: MESH.0.to_owned(),
            template_body: Some(MESH.1.to_owned()),
            parameters: parameters(&[("WeightV1", &v1), ("WeightV2", &v2)]),
            ..Default::default()
        };
        match self.client.call::<UpdateStack>(request).await {
            // The first weights are the template's own.
            Err(wire::ClientError::Fault(fault)) if fault.message.contains("No updates are to be performed") => {}
            other => _ = other?,
        }
        settled(&self.client, MESH.0).await?;
        let request = api::appmesh::status::DescribeRouteStatusRequest {
            mesh_name: "todo".to_owned(),
            mesh_owner: None,
            virtual_router_name: "api".to_owned(),
            route_name: "api".to_owned(),
            wait_seconds: Some(30),
        };
        let status = self.client.call::<api::appmesh::DescribeRouteStatus>(request).await?;
        if !status.is_applied() {
            bail!("the proxies did not take the weights {v1}:{v2}: {:?} {:?}", status.refusals, status.faults);
        }
        Ok(())
    }

    /// Deletes the stacks, youngest first.
    pub(super) async fn delete(&self, screen: &Screen) -> Result<()> {
        for (name, _) in [BROKEN, SERVICES, MESH, NETWORK] {
            screen.say(&format!("Deleting stack {name}."));
            let request = DeleteStackRequest { stack_name: name.to_owned(), ..Default::default() };
            self.client.call::<DeleteStack>(request).await?;
            settled(&self.client, name).await?;
        }
        Ok(())
    }
}

async fn push(client: &Client) -> Result<String> {
    let request = CreateRepositoryRequest { repository_name: "todo".to_owned(), ..Default::default() };
    let repository = client.call::<CreateRepository>(request).await?.repository;
    let tokens = client.call::<GetAuthorizationToken>(GetAuthorizationTokenRequest::default()).await?;
    let token = tokens.authorization_data.into_iter().next().map(|data| data.authorization_token);
    let token = BASE64_STANDARD.decode(token.context("the registry gave no token")?)?;
    let token = String::from_utf8(token).context("the token is no text")?;
    let password = token.strip_prefix("AWS:").context("the token is none of ours")?;
    let reference = format!("{}:demo", repository.repository_uri);
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let image = tokio::task::spawn_blocking(move || Image::of(&program, &["sample"])).await??;
    image.push(&reference, password).await.context("the sample's image could not be pushed")?;
    Ok(reference)
}

async fn stack(client: &Client, (name, template): (&str, &str), values: &[(&str, &str)]) -> Result<()> {
    let request = CreateStackRequest {
        stack_name: name.to_owned(),
        template_body: Some(template.to_owned()),
        parameters: parameters(values),
        capabilities: vec![Capability::Iam],
        ..Default::default()
    };
    client.call::<CreateStack>(request).await?;
    settled(client, name).await
}

/// Waits until nothing is in progress on the stack; anything but success is an error with its reason.
async fn settled(client: &Client, name: &str) -> Result<()> {
    let poll = async {
        loop {
            let request = DescribeStacksRequest { stack_name: Some(name.to_owned()), ..Default::default() };
            let stack = match client.call::<DescribeStacks>(request).await {
                Ok(answer) => answer.stacks.into_iter().next(),
                // A stack that was deleted is not found by its name any more.
                Err(wire::ClientError::Fault(fault)) if fault.message.contains("does not exist") => None,
                Err(error) => return Err(error.into()),
            };
            let Some(stack) = stack else { return Ok(()) };
            match ended(&stack) {
                Some(result) => return result,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    let limit = STACK_MAX.as_secs();
    tokio::time::timeout(STACK_MAX, poll).await.with_context(|| format!("stack {name} took more than {limit} s"))?
}

/// How a stack ended, if it has.
fn ended(stack: &Stack) -> Option<Result<()>> {
    let status = serde_json::to_value(stack.stack_status).ok()?;
    let status = status.as_str()?;
    if status.ends_with("_IN_PROGRESS") && status != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" {
        return None;
    }
    if ["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"]
        .contains(&status)
    {
        return Some(Ok(()));
    }
    let reason = stack.stack_status_reason.as_deref().unwrap_or("no reason given");
    Some(Err(anyhow::anyhow!("stack {} ended as {status}: {reason}", stack.stack_name)))
}

fn parameters(values: &[(&str, &str)]) -> Vec<Parameter> {
    let parameter = |(key, value): &(&str, &str)| Parameter {
        parameter_key: (*key).to_owned(),
        parameter_value: Some((*value).to_owned()),
        ..Default::default()
    };
    values.iter().map(parameter).collect()
}
