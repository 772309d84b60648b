//! The data plane on loopback: real connections from raw clients, through it, to raw servers.

mod bodies;
mod changes;
mod choice;
mod connections;
mod edge;
mod exchanges;
mod failures;
mod faults;
mod http2;
mod listeners;
mod outliers;
mod reports;
mod routes;
mod slow;
mod tls;
