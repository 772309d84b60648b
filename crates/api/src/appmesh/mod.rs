//! AWS App Mesh, API version 2019-01-25: meshes, virtual nodes, virtual routers, routes, virtual services,
//! virtual gateways, gateway routes and tags.
//!
//! Where the model asks for one member of several (a *union*), the shape is a struct of `Option`s: so a caller that
//! sends two, or none, is told so by the service in words, instead of by a parser. Bounds of numbers and lengths are
//! the service's to check too; the names of enumerations are checked here, where the type knows them.
//!
//! The operations of [`status`], [`fault`] and [`trial`] are not Amazon's but ours.

pub mod fault;
mod gateway_route;
mod listener;
mod logging;
mod mesh;
mod metadata;
mod route;
mod route_match;
mod route_policy;
pub mod status;
mod tag;
mod tls;
pub mod trial;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

pub use fault::{InjectFault, ListFaults, RemoveFault};
pub use gateway_route::*;
pub use listener::*;
pub use logging::*;
pub use mesh::*;
pub use metadata::*;
pub use route::*;
pub use route_match::*;
pub use route_policy::*;
pub use status::{DescribeRouteStatus, ListProxies, ListTurnedAwayProxies};
pub use tag::*;
pub use tls::*;
pub use trial::{ListTrials, PutTrial, RemoveTrial};
pub use virtual_gateway::*;
pub use virtual_node::*;
pub use virtual_router::*;
pub use virtual_service::*;
