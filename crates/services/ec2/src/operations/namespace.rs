//! The namespaces that stand for VPCs: for neighbours in this house alone.

use api::ec2::{self as shape, VpcNamespace};
use wire::Context;

use super::{all, in_process, key};
use crate::{
    Ec2,
    error::{Error, Kind},
    rows::{Vpc, VpcObserved},
};

pub(super) async fn describe_vpc_namespaces(
    cx: Context<Ec2>,
    request: shape::DescribeVpcNamespacesRequest,
) -> Result<shape::DescribeVpcNamespacesResponse, Error> {
    if !in_process(cx.call()) {
        return Err(Error::InvalidAction("DescribeVpcNamespaces"));
    }
    for id in &request.vpc_ids {
        cx.store.get::<Vpc>(&key(&cx, id))?.ok_or_else(|| Kind::Vpc.not_found(id))?;
    }
    let asked = |id: &String| request.vpc_ids.is_empty() || request.vpc_ids.contains(id);
    let seen = all::<VpcObserved>(&cx.store, &cx)?.into_iter().filter(|(id, _)| asked(id));
    let shown = |(vpc_id, row): (String, VpcObserved)| VpcNamespace {
        vpc_id,
        path: row.namespace.display().to_string(),
        inode: row.inode,
    };
    Ok(shape::DescribeVpcNamespacesResponse { vpc_namespaces: seen.map(shown).collect() })
}
