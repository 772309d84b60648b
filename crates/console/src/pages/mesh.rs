//! Meshes: the list of them, and one as a picture.

mod read;

use api::{
    Fault,
    appmesh::{ListMeshes, ListMeshesRequest},
};
use maud::{Markup, html};

use self::read::{Mesh, RouteOf};
use crate::{
    ask::{Cx, all},
    drawing::graph::{self, Line, Node},
    pages::overview::empty,
    view::{Place, View},
    words::{percent, real, state},
};

/// The list.
pub(crate) async fn list(cx: Cx) -> Result<View, Fault> {
    let meshes = all!(cx, ListMeshes, ListMeshesRequest::default(), meshes);
    let table = html! {
        @if meshes.is_empty() { (empty("mesh")) } @else {
            table {
                thead { tr { th { "Mesh" } th { "Changed" } th { "Version" } } }
                tbody { @for mesh in &meshes { tr {
                    td { a href=(cx.link(&["mesh", &mesh.mesh_name])) { (mesh.mesh_name) } }
                    td { (crate::words::date(mesh.last_updated_at)) }
                    td.number { (mesh.version) }
                } } }
            }
        }
    };
    Ok(View::new(&cx, Place::Mesh, "Meshes").part("meshes", table).command("aws appmesh list-meshes"))
}

/// One of them.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let mesh = read::mesh(&cx, cx.path("mesh")).await?;
    let name = &mesh.name;
    let faults = html! { @for fault in &mesh.faults { p.alert { (fault) } } };
    Ok(View::new(&cx, Place::Mesh, name.clone())
        .below("Meshes", cx.link(&["mesh"]))
        .part("faults", faults)
        .part("picture", picture(&cx, &mesh))
        .part("routes", routes(&cx, &mesh))
        .part("proxies", proxies(&mesh))
        .command("serin status")
        .command(format!("aws appmesh list-virtual-nodes --mesh-name {name}"))
        .command(format!("aws appmesh describe-route --mesh-name {name} --virtual-router-name … --route-name …")))
}

/// The mesh from gateways to nodes.
fn picture(cx: &Cx, mesh: &Mesh) -> Markup {
    let mut drawn = Drawn { cx, mesh, nodes: Vec::new(), lines: Vec::new(), keys: Vec::new() };
    drawn.all();
    let title = format!(
        "The mesh {}: {} nodes, {} services, {} routes. The tables below say the same.",
        mesh.name,
        mesh.nodes.len(),
        mesh.services.len(),
        mesh.routes.len()
    );
    graph::draw(&title, &drawn.nodes, &drawn.lines)
}

/// A picture that is being made.
struct Drawn<'a> {
    cx: &'a Cx,
    mesh: &'a Mesh,
    nodes: Vec<Node>,
    lines: Vec<Line>,
    /// What each box is: its kind and its name.
    keys: Vec<(&'static str, String)>,
}

impl Drawn<'_> {
    fn all(&mut self) {
        let mesh = self.mesh;
        for gateway in &mesh.gateways {
            self.put("gateway", &gateway.name, mesh.copies(&gateway.name), None);
        }
        for node in &mesh.nodes {
            self.put("node", &node.name, mesh.copies(&node.name), None);
        }
        for service in &mesh.services {
            self.put("service", &service.name, String::new(), None);
        }
        for router in &mesh.routers {
            self.put("router", router, String::new(), None);
        }
        for route in &mesh.routes {
            let link = self.cx.link(&["mesh", &mesh.name, &route.router, &route.name]);
            self.put("route", &route.key(), note(route), Some(link));
        }
        self.join();
    }

    fn put(&mut self, kind: &'static str, name: &str, note: String, link: Option<String>) {
        self.keys.push((kind, name.to_owned()));
        let title = name.rsplit_once('\u{1f}').map_or(name, |(_, name)| name).to_owned();
        self.nodes.push(Node { title, kind, note, class: kind, link });
    }

    fn join(&mut self) {
        let mesh = self.mesh;
        for gateway in &mesh.gateways {
            for service in &gateway.services {
                self.line(("gateway", &gateway.name), ("service", service), "", None);
            }
        }
        for node in &mesh.nodes {
            for service in &node.backends {
                self.line(("node", &node.name), ("service", service), "", None);
            }
        }
        for service in &mesh.services {
            service.router.iter().for_each(|to| self.line(("service", &service.name), ("router", to), "", None));
            service.node.iter().for_each(|to| self.line(("service", &service.name), ("node", to), "", None));
        }
        for route in &mesh.routes {
            self.line(("router", &route.router), ("route", &route.key()), "", None);
            let whole = real(route.asked.iter().map(|(_, weight)| u64::from(*weight)).sum());
            for (node, weight) in &route.asked {
                let share = if whole > 0.0 { real((*weight).into()) / whole } else { 0.0 };
                self.line(("route", &route.key()), ("node", node), &weight.to_string(), Some(share));
            }
        }
    }

    fn line(&mut self, from: (&str, &str), to: (&str, &str), label: &str, share: Option<f64>) {
        let place = |(kind, name): (&str, &str)| self.keys.iter().position(|(k, n)| *k == kind && n == name);
        // What is named and isn't there is told among the faults.
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            self.lines.push(Line { from, to, label: label.to_owned(), share, class: "" });
        }
    }
}

/// What stands below a route's name.
fn note(route: &RouteOf) -> String {
    if route.is_applied {
        "applied".to_owned()
    } else {
        format!("{} of {}", route.acknowledged, crate::words::proxies(route.proxies))
    }
}

fn routes(cx: &Cx, mesh: &Mesh) -> Markup {
    html! {
        h2 { "Routes" }
        @if mesh.routes.is_empty() { (empty("route")) } @else {
            table {
                thead { tr { th { "Router" } th { "Route" } th { "To" } th { "Weight" } th { "Share" } th { "State" } } }
                tbody {
                    @for route in &mesh.routes {
                        @let whole = real(route.asked.iter().map(|(_, weight)| u64::from(*weight)).sum());
                        @for (place, (node, weight)) in route.asked.iter().enumerate() {
                            tr.more[place > 0] {
                                td { @if place == 0 { (route.router) } }
                                td { @if place == 0 {
                                    a href=(cx.link(&["mesh", &mesh.name, &route.router, &route.name])) { (route.name) }
                                } }
                                td { (node) }
                                td.number { (weight) }
                                td.number { (percent(real((*weight).into()), whole)) }
                                td { @if place == 0 {
                                    @if route.is_applied { (state("applied")) } @else { (state("not yet")) }
                                    div.why { "by " (route.acknowledged) " of " (crate::words::proxies(route.proxies)) }
                                } }
                            }
                        }
                    }
                }
            }
        }
        h2 { "Services" }
        @if mesh.services.is_empty() { (empty("virtual service")) } @else {
            table {
                thead { tr { th { "Virtual service" } th { "Provided by" } th { "Called by" } } }
                tbody {
                    @for service in &mesh.services {
                        @let nodes = mesh.nodes.iter().filter(|node| node.backends.contains(&service.name)).map(|node| &node.name);
                        @let gateways = mesh.gateways.iter().filter(|one| one.services.contains(&service.name)).map(|one| &one.name);
                        tr {
                            td { (service.name) }
                            td {
                                @if let Some(router) = &service.router { "router " (router) }
                                @if let Some(node) = &service.node { "node " (node) }
                            }
                            td { @for caller in nodes.chain(gateways) { div { (caller) } } }
                        }
                    }
                }
            }
        }
    }
}

fn proxies(mesh: &Mesh) -> Markup {
    html! {
        h2 { "Proxies" }
        @if mesh.proxies.is_empty() { (empty("proxy")) } @else {
            table {
                thead { tr { th { "Stands for" } th { "Task" } th { "Does what is asked" } } }
                tbody {
                    @for proxy in &mesh.proxies {
                        tr {
                            td { (proxy.stands_for) }
                            td.mono { (proxy.task.as_deref().unwrap_or("elsewhere")) }
                            td {
                                @if let Some(refusal) = &proxy.refusal { (state("refused")) div.why { (refusal) } }
                                @else if proxy.up_to_date { (state("applied")) } @else { (state("not yet")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        read::{Gateway, NodeOf, ProxyOf, ServiceOf},
        *,
    };
    use crate::testing::{BAD, assert_harmless, cx};

    fn bad() -> Mesh {
        let bad = || BAD.to_owned();
        Mesh {
            name: bad(),
            gateways: vec![Gateway { name: bad(), services: vec![bad()] }],
            nodes: vec![NodeOf { name: bad(), backends: vec![bad()] }],
            services: vec![ServiceOf { name: bad(), router: Some(bad()), node: Some(bad()) }],
            routers: vec![bad()],
            routes: vec![RouteOf {
                router: bad(),
                name: bad(),
                asked: vec![(bad(), 2), (bad(), 1)],
                is_applied: false,
                proxies: 2,
                acknowledged: 1,
            }],
            proxies: vec![ProxyOf { stands_for: bad(), task: Some(bad()), up_to_date: false, refusal: Some(bad()) }],
            faults: vec![bad()],
        }
    }

    #[test]
    fn every_name_of_a_mesh_is_text_and_never_markup() {
        let (cx, mesh) = (cx(), bad());
        assert_harmless(&routes(&cx, &mesh));
        assert_harmless(&proxies(&mesh));
        let picture = picture(&cx, &mesh).into_string();
        assert!(!picture.contains("<script") && !picture.contains("<img"), "{picture}");
    }

    #[test]
    fn a_mesh_with_circles_is_drawn_whole() {
        let picture = picture(&cx(), &bad()).into_string();
        assert_eq!(picture.matches("class=\"node ").count(), 5);
    }
}
