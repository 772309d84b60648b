//! Internet gateways.

use api::ec2::{self as shape, Done, TagItem};
use wire::Context;

use super::{all, all_in, get, in_process, key};
use crate::{
    Ec2,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    rows::{InternetGateway, Vpc},
    tags,
};

pub(super) async fn create_internet_gateway(
    cx: Context<Ec2>,
    request: shape::CreateInternetGatewayRequest,
) -> Result<shape::CreateInternetGatewayResponse, Error> {
    let tags = tags::of(&request.tag_specifications, "internet-gateway", in_process(cx.call()))?;
    let (id, row) = (cx.ids.ec2("igw"), InternetGateway { vpc_id: None, tags });
    cx.store.write(|tx| tx.put(&key(&cx, &id), &row))?;
    Ok(shape::CreateInternetGatewayResponse { internet_gateway: shown(&cx, id, row) })
}

pub(super) async fn describe_internet_gateways(
    cx: Context<Ec2>,
    request: shape::DescribeInternetGatewaysRequest,
) -> Result<shape::DescribeInternetGatewaysResponse, Error> {
    let gateways = all::<InternetGateway>(&cx.store, &cx)?;
    let gateways = gateways.into_iter().map(|(id, row)| shown(&cx, id, row)).collect();
    let narrowing = Narrowing {
        ids: &request.internet_gateway_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let missing = |id: &str| Kind::InternetGateway.not_found(id);
    let (internet_gateways, next_token) = describe(gateways, &narrowing, missing)?;
    Ok(shape::DescribeInternetGatewaysResponse { internet_gateways, next_token })
}

fn shown(cx: &Context<Ec2>, id: String, row: InternetGateway) -> shape::InternetGateway {
    let attachment = |vpc_id| shape::InternetGatewayAttachment { vpc_id, state: "available".to_owned() };
    shape::InternetGateway {
        internet_gateway_id: id,
        owner_id: cx.scope().account.to_string(),
        attachments: row.vpc_id.into_iter().map(attachment).collect(),
        tags: tags::items(&row.tags),
    }
}

impl Described for shape::InternetGateway {
    const FILTERS: &'static [&'static str] =
        &["internet-gateway-id", "attachment.vpc-id", "attachment.state", "owner-id"];

    fn id(&self) -> &str {
        &self.internet_gateway_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        match filter {
            "internet-gateway-id" => vec![self.internet_gateway_id.clone()],
            "owner-id" => vec![self.owner_id.clone()],
            "attachment.vpc-id" => self.attachments.iter().map(|attachment| attachment.vpc_id.clone()).collect(),
            _ => self.attachments.iter().map(|attachment| attachment.state.clone()).collect(),
        }
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

pub(super) async fn attach_internet_gateway(
    cx: Context<Ec2>,
    request: shape::InternetGatewayAttachmentRequest,
) -> Result<Done, Error> {
    let shape::InternetGatewayAttachmentRequest { internet_gateway_id: id, vpc_id } = request;
    cx.store.write(|tx| {
        let mut row = get::<InternetGateway>(tx, &cx, Kind::InternetGateway, &id)?;
        get::<Vpc>(tx, &cx, Kind::Vpc, &vpc_id)?;
        if let Some(other) = row.vpc_id {
            return Err(Error::AlreadyAttached(id.clone(), other));
        }
        // A VPC has one gateway at most.
        let gateways = all_in::<InternetGateway>(tx, &cx)?;
        if gateways.iter().any(|(_, other)| other.vpc_id.as_ref() == Some(&vpc_id)) {
            return Err(Error::Value(format!("Network {vpc_id} already has an internet gateway attached")));
        }
        row.vpc_id = Some(vpc_id);
        Ok(tx.put(&key(&cx, &id), &row)?)
    })?;
    Ok(Done::default())
}

pub(super) async fn detach_internet_gateway(
    cx: Context<Ec2>,
    request: shape::InternetGatewayAttachmentRequest,
) -> Result<Done, Error> {
    let shape::InternetGatewayAttachmentRequest { internet_gateway_id: id, vpc_id } = request;
    cx.store.write(|tx| {
        let mut row = get::<InternetGateway>(tx, &cx, Kind::InternetGateway, &id)?;
        if row.vpc_id.as_ref() != Some(&vpc_id) {
            return Err(Error::NotAttached(id.clone(), vpc_id));
        }
        row.vpc_id = None;
        Ok(tx.put(&key(&cx, &id), &row)?)
    })?;
    Ok(Done::default())
}

pub(super) async fn delete_internet_gateway(
    cx: Context<Ec2>,
    request: shape::DeleteInternetGatewayRequest,
) -> Result<Done, Error> {
    let id = request.internet_gateway_id;
    cx.store.write(|tx| {
        let row = get::<InternetGateway>(tx, &cx, Kind::InternetGateway, &id)?;
        if row.vpc_id.is_some() {
            let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
            return Err(Error::Dependency(message));
        }
        tx.delete::<InternetGateway>(&key(&cx, &id))?;
        Ok(())
    })?;
    Ok(Done::default())
}
