//! A task's network interface: asked of EC2, and given back.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use api::{ec2, ecs::AssignPublicIp};
use reconcile::Next;

use super::{Error, is_final, task::Visit};
use crate::rows::{Interface, Status, TaskObserved};

/// Who the interfaces belong to.
const PRINCIPAL: &str = "ecs.amazonaws.com";

impl Visit<'_> {
    /// Asks EC2 for the interface. The task's id is the client token, so asking again answers with the same one.
    pub(super) async fn create_interface(&self) -> Result<Next, Error> {
        let (subnet, public) = (self.subnet(), self.task.network.assign_public_ip);
        let request = ec2::CreateNetworkInterfaceRequest {
            subnet_id: subnet.to_owned(),
            description: Some(crate::rows::Task::arn(&self.key.scope, &self.task.cluster, &self.task.id)),
            groups: self.task.network.security_groups.clone(),
            client_token: Some(self.task.id.clone()),
            associate_public_ip_address: (public == Some(AssignPublicIp::Enabled)).then_some(true),
            operator: Some(ec2::Operator { principal: PRINCIPAL.to_owned() }),
            ..ec2::CreateNetworkInterfaceRequest::default()
        };
        match self.ecs.caller.call::<ec2::CreateNetworkInterface>(&self.key.scope, request).await {
            Ok(response) => {
                let interface = self.interface(response.network_interface)?;
                let after = TaskObserved { interface: Some(interface), ..self.before.clone() };
                self.go_on(after, Status::Pending, &[])
            }
            Err(fault) if is_final(&fault) => self.fail(format!(
                "Unexpected EC2 error while attempting to Create Network Interface in subnet '{subnet}': {}",
                fault.code
            )),
            Err(fault) => Err(fault.into()),
        }
    }

    /// One of the task's subnets: always the same for one task, spread over many.
    fn subnet(&self) -> &str {
        let subnets = &self.task.network.subnets;
        let digits = self.task.id.bytes().rev().take(4).fold(0_usize, |sum, byte| sum * 31 + usize::from(byte));
        subnets.get(digits % subnets.len().max(1)).map_or("", String::as_str)
    }

    fn interface(&self, made: ec2::NetworkInterface) -> Result<Interface, Error> {
        let understood: Result<Ipv4Addr, _> = made.private_ip_address.parse();
        Ok(Interface {
            attachment: self.ecs.ids.uuid(),
            address: understood.map_err(|_| Error::Answer(made.network_interface_id.clone()))?,
            id: made.network_interface_id,
            mac: made.mac_address,
            subnet: made.subnet_id,
            vpc: made.vpc_id,
            zone: made.availability_zone,
            dns_name: Some(made.private_dns_name).filter(|name| !name.is_empty()),
        })
    }

    /// Whether the VPC knows the interface's address and enforces its security groups by now.
    pub(super) async fn interface_is_ready(&self, interface: &Interface) -> Result<bool, Error> {
        let request = ec2::DescribeNetworkInterfacesRequest {
            network_interface_ids: vec![interface.id.clone()],
            ..ec2::DescribeNetworkInterfacesRequest::default()
        };
        let found = self.ecs.caller.call::<ec2::DescribeNetworkInterfaces>(&self.key.scope, request).await?;
        Ok(found.network_interfaces.first().is_some_and(|known| known.status != "pending"))
    }

    /// The path and inode of the VPC's namespace; none if it has none yet, or no more.
    pub(super) async fn vpc_namespace(&self, vpc: &str) -> Result<Option<(PathBuf, u64)>, Error> {
        let request = ec2::DescribeVpcNamespacesRequest { vpc_ids: vec![vpc.to_owned()] };
        let found = self.ecs.caller.call::<ec2::DescribeVpcNamespaces>(&self.key.scope, request).await?;
        Ok(found.vpc_namespaces.into_iter().next().map(|namespace| (namespace.path.into(), namespace.inode)))
    }

    /// Removes all that is left of a task: its link and files, then its interface.
    pub(super) async fn release(&self) -> Result<Next, Error> {
        if let Some(interface) = &self.before.interface {
            // A VPC that is gone, or not there again yet, has no link of the task's.
            let namespace = self.vpc_namespace(&interface.vpc).await.ok().flatten();
            let link = namespace.as_ref().map(|(path, _)| (path.as_path(), interface.id.as_str()));
            self.ecs.runtime.remove(&self.task.id, link).await?;
            self.delete_interface(&interface.id).await?;
        } else {
            self.ecs.runtime.remove(&self.task.id, None).await?;
        }
        let now = self.ecs.clock.now();
        let mut after = self.before.clone();
        after.stopped_at = Some(now);
        after.stopping_at.get_or_insert(now);
        after.execution_stopped_at.get_or_insert(now);
        if after.stop.is_none() {
            after.stop.clone_from(&self.task.stop);
        }
        self.note(TaskObserved { status: Status::Stopped, ..after }, &[])?;
        Ok(Next::After(Duration::ZERO))
    }

    async fn delete_interface(&self, id: &str) -> Result<(), Error> {
        let request = ec2::DeleteNetworkInterfaceRequest { network_interface_id: id.to_owned() };
        match self.ecs.caller.call::<ec2::DeleteNetworkInterface>(&self.key.scope, request).await {
            Err(fault) if fault.code != "InvalidNetworkInterfaceID.NotFound" => Err(fault.into()),
            _ => Ok(()),
        }
    }
}
