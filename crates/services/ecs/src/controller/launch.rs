//! From a prepared task to a running shim.

use std::{net::Ipv4Addr, time::Duration};

use api::ec2;
use ipnet::Ipv4Net;
use reconcile::Next;

use super::{
    Error,
    spec::{Surroundings, task_spec},
    task::{POLL, Visit},
};
use crate::{
    definition::redirect,
    rows::{Interface, Status, TaskObserved, TaskRuntime},
    runtime::{self, Launch},
};

/// How long starting a task's shim is tried, from when its images were there.
const LAUNCH_MAX: Duration = Duration::from_mins(2);

impl Visit<'_> {
    /// Makes the task's namespace and starts its shim, or finds it started.
    pub(super) async fn launch(&self) -> Result<Next, Error> {
        match self.try_launch().await {
            Err(error) if self.launched_for() > LAUNCH_MAX => {
                self.fail(format!("TaskFailedToStart: the task could not be started within 2 minutes: {error}"))
            }
            Err(Error::Runtime(runtime::Error::Image(reason))) => self.fail(reason),
            Err(Error::Runtime(error @ runtime::Error::Spec(_))) => self.fail(error.to_string()),
            next => next,
        }
    }

    fn launched_for(&self) -> Duration {
        self.ecs.clock.now().since(self.before.pull_stopped_at.unwrap_or_default())
    }

    async fn try_launch(&self) -> Result<Next, Error> {
        let Some(interface) = &self.before.interface else { return Err(Error::Answer(self.task.id.clone())) };
        if !self.interface_is_ready(interface).await? {
            return Ok(Next::After(POLL));
        }
        let Some(vpc) = self.vpc_namespace(&interface.vpc).await? else { return Ok(Next::After(POLL)) };
        let Some(launch) = self.assemble(interface, vpc).await? else {
            return self.fail("The task definition was deleted before the task could start".to_owned());
        };
        let state = self.ecs.runtime.start(&launch).await?;
        // The first word of the shim stands at once, so that nobody takes the task for one without containers.
        self.ecs.store.write(|tx| tx.put(self.key, &TaskRuntime { state }))?;
        self.go_on(TaskObserved { ..self.before.clone() }, Status::Activating, &[])
    }

    async fn assemble(&self, interface: &Interface, vpc: (std::path::PathBuf, u64)) -> Result<Option<Launch>, Error> {
        let Some(row) = self.definition()? else { return Ok(None) };
        let definition = &row.definition;
        let images = self.images(&definition.container_definitions).await.map_err(|(_, error)| error)?;
        let place = self.place(interface).await?;
        let surroundings = Surroundings {
            scope: &self.key.scope,
            task_secret: &self.ecs.task_secret,
            interface,
            resolver: self.resolver(interface).await?,
            volume: &|name| self.ecs.runtime.volume(&self.task.id, name),
        };
        let spec = task_spec(self.task, definition, &images.into_iter().collect(), &surroundings)
            .map_err(|reason| Error::Runtime(runtime::Error::Image(reason)))?;
        // It was checked when the definition was registered.
        let redirect = definition.proxy_configuration.as_ref().and_then(|proxy| redirect(proxy).ok());
        Ok(Some(Launch { spec, vpc, place, redirect }))
    }

    /// Where in its VPC the task is.
    pub(super) async fn place(&self, interface: &Interface) -> Result<network::task::Spec, Error> {
        let subnet = self.subnet_of(interface).await?;
        Ok(network::task::Spec {
            interface_id: interface.id.clone(),
            mac: mac(&interface.mac).ok_or_else(|| Error::Answer(interface.id.clone()))?,
            address: interface.address,
            router: router(subnet),
            subnet,
        })
    }

    async fn subnet_of(&self, interface: &Interface) -> Result<Ipv4Net, Error> {
        let request = ec2::DescribeSubnetsRequest {
            subnet_ids: vec![interface.subnet.clone()],
            ..ec2::DescribeSubnetsRequest::default()
        };
        let found = self.ecs.caller.call::<ec2::DescribeSubnets>(&self.key.scope, request).await?;
        let cidr = found.subnets.first().and_then(|subnet| subnet.cidr_block.parse().ok());
        cidr.ok_or_else(|| Error::Answer(interface.subnet.clone()))
    }

    /// The VPC's resolver: its base and two.
    async fn resolver(&self, interface: &Interface) -> Result<Ipv4Addr, Error> {
        let request =
            ec2::DescribeVpcsRequest { vpc_ids: vec![interface.vpc.clone()], ..ec2::DescribeVpcsRequest::default() };
        let found = self.ecs.caller.call::<ec2::DescribeVpcs>(&self.key.scope, request).await?;
        let cidr: Option<Ipv4Net> = found.vpcs.first().and_then(|vpc| vpc.cidr_block.parse().ok());
        cidr.map(|cidr| nth(cidr, 2)).ok_or_else(|| Error::Answer(interface.vpc.clone()))
    }
}

/// A subnet's router: its first address.
fn router(subnet: Ipv4Net) -> Ipv4Addr {
    nth(subnet, 1)
}

fn nth(net: Ipv4Net, n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(net.network().to_bits().saturating_add(n))
}

/// `02:00:0a:00:00:05` as six bytes.
fn mac(text: &str) -> Option<network::task::Mac> {
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>().ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnets_router_is_its_first_address() {
        assert_eq!(router("10.0.1.0/24".parse().unwrap()), Ipv4Addr::new(10, 0, 1, 1));
        assert_eq!(nth("10.0.0.0/16".parse().unwrap(), 2), Ipv4Addr::new(10, 0, 0, 2));
    }

    #[test]
    fn a_hardware_address_is_six_bytes() {
        assert_eq!(mac("02:00:0a:00:00:05"), Some([2, 0, 10, 0, 0, 5]));
        assert_eq!(mac("02:00"), None);
    }
}
