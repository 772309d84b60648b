//! Faults on purpose.

use std::time::{Duration, Instant};

use crate::{
    model::{Action, Chance, Fault, Forward, Route},
    testing::{Client, Mesh, Server, cluster_at, ok, prefix_route, table},
};

const ALL: Chance = Chance(1_000_000);

/// A server behind a route that has `fault`.
async fn faulty(fault: Fault) -> (Server, Mesh) {
    let server = Server::answering(|_| ok("fine")).await;
    let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
    let route = Route { fault: Some(fault), ..prefix_route("/", Action::Forward(Forward::to("api"))) };
    (server, Mesh::routing(clusters, table(vec![route])).await)
}

async fn statuses(mesh: &Mesh, count: usize) -> Vec<u16> {
    let mut client = Client::connect(mesh.address).await;
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(client.get("api", "/").await.status);
    }
    statuses
}

#[tokio::test]
async fn all_or_a_part_of_the_requests_are_answered_by_the_fault() {
    let (_server, mesh) = faulty(Fault { abort: Some((503, ALL)), delay: None, until: None }).await;
    let mut client = Client::connect(mesh.address).await;
    let answer = client.get("api", "/").await;
    assert_eq!((answer.status, answer.text()), (503, "fault filter abort"));
    let (_server, mesh) = faulty(Fault { abort: Some((429, Chance(250_000))), delay: None, until: None }).await;
    let statuses = statuses(&mesh, 400).await;
    let failed = statuses.iter().filter(|status| **status == 429).count();
    assert!((50..150).contains(&failed), "{failed}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 400 - failed);
}

#[tokio::test]
async fn a_delay_comes_before_the_answer() {
    let delay = Duration::from_millis(300);
    let (_server, mesh) = faulty(Fault { abort: None, delay: Some((delay, ALL)), until: None }).await;
    let begun = Instant::now();
    assert_eq!(statuses(&mesh, 1).await, [200]);
    assert!(begun.elapsed() >= delay);
}

#[tokio::test]
async fn a_fault_whose_time_is_over_is_none_whatever_the_control_plane_says() {
    let (_server, mesh) = faulty(Fault { abort: Some((503, ALL)), delay: None, until: Some(1_000_000) }).await;
    assert_eq!(statuses(&mesh, 5).await, [200; 5]);
}
