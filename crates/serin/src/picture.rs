//! The whole house in one picture, as text: what `serin status` prints and `serin demo` watches.

use std::fmt::Write;

use console::picture::Route;
pub(crate) use console::picture::{Picture, gather};

/// The picture as text, a part for each kind of thing.
pub(crate) fn render(picture: &Picture) -> String {
    let mut out = format!("account {}  region {}\n", picture.account, picture.region);
    part(&mut out, "Stacks", &["NAME", "STATUS", "REASON"], &picture.stacks, |stack| {
        vec![stack.name.clone(), stack.status.clone(), stack.reason.clone().unwrap_or_default()]
    });
    part(
        &mut out,
        "Services",
        &["CLUSTER", "NAME", "RUNNING", "TASK DEFINITION", "LAST EVENT"],
        &picture.services,
        |service| {
            let pending = if service.pending > 0 { format!(" +{}", service.pending) } else { String::new() };
            vec![
                service.cluster.clone(),
                service.name.clone(),
                format!("{}/{}{pending}", service.running, service.desired),
                service.task_definition.clone(),
                service.event.clone().unwrap_or_default(),
            ]
        },
    );
    part(&mut out, "Tasks", &["ID", "GROUP", "STATUS", "HEALTH", "ADDRESS", "CONTAINERS"], &picture.tasks, |task| {
        let containers: Vec<String> =
            task.containers.iter().map(|c| format!("{} {}", c.name, c.status.to_lowercase())).collect();
        vec![
            task.id.clone(),
            task.group.clone(),
            task.status.clone(),
            task.health.clone(),
            task.address.clone().unwrap_or_default(),
            containers.join(", "),
        ]
    });
    part(
        &mut out,
        "Routes",
        &["MESH", "ROUTE", "WEIGHTS ASKED", "APPLIED", "ACKNOWLEDGED"],
        &picture.routes,
        |route| {
            vec![
                route.mesh.clone(),
                format!("{}/{}", route.router, route.name),
                split(&route.asked),
                if route.is_applied { "yes".to_owned() } else { split(&route.applied) },
                acknowledged(route),
            ]
        },
    );
    part(&mut out, "Proxies", &["MESH", "STANDS FOR", "TASK", "UP TO DATE"], &picture.proxies, |proxy| {
        let refused = proxy.refusal.as_ref().map(|reason| format!("no, it refuses {reason}"));
        let state = refused.unwrap_or_else(|| if proxy.up_to_date { "yes" } else { "not yet" }.to_owned());
        vec![proxy.mesh.clone(), proxy.stands_for.clone(), proxy.task.clone().unwrap_or_default(), state]
    });
    part(&mut out, "Proxies turned away", &["CALLER", "ASKS TO BE", "TIMES", "WHY"], &picture.turned_away, |proxy| {
        let node = proxy.node.clone().unwrap_or_default();
        vec![proxy.caller.clone(), node, proxy.times.to_string(), proxy.reason.clone()]
    });
    part(&mut out, "Not done", &["MESH", "WHAT AND WHY"], &picture.faults, |fault| {
        vec![fault.mesh.clone(), fault.text.clone()]
    });
    for balancer in &picture.load_balancers {
        let _ = writeln!(out, "\nLoad balancer {} ({})", balancer.name, balancer.state);
        if let Some(reason) = &balancer.reason {
            let _ = writeln!(out, "  {reason}");
        }
        for url in &balancer.urls {
            let _ = writeln!(out, "  {url}");
        }
        for target in &balancer.targets {
            let reason = target.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let _ = writeln!(out, "  {} {} {}{reason}", target.group, target.address, target.state);
        }
    }
    out
}

/// `api-v1 2 : api-v2 1`.
pub(crate) fn split(weights: &[(String, i64)]) -> String {
    if weights.is_empty() {
        return "none".to_owned();
    }
    weights.iter().map(|(node, weight)| format!("{node} {weight}")).collect::<Vec<_>>().join(" : ")
}

fn acknowledged(route: &Route) -> String {
    let count = format!("by {} of {} proxies", route.acknowledged, route.proxies);
    if route.refusals.is_empty() { count } else { format!("{count}; {}", route.refusals.join("; ")) }
}

/// Prints rows under headings, each column as wide as its widest cell.
fn part<T>(out: &mut String, title: &str, headings: &[&str], items: &[T], cells: impl Fn(&T) -> Vec<String>) {
    if items.is_empty() {
        return;
    }
    let mut rows: Vec<Vec<String>> = vec![headings.iter().map(|heading| (*heading).to_owned()).collect()];
    rows.extend(items.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let _ = writeln!(out, "\n{title}");
    for row in &rows {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(out, "  {}", line.join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::picture::Stack;

    #[test]
    fn columns_line_up_and_empty_parts_are_left_out() {
        let stack = |name: &str| Stack { name: name.into(), status: "CREATE_COMPLETE".into(), reason: None };
        let picture = Picture { stacks: vec![stack("a"), stack("longer")], ..Picture::default() };
        let text = render(&picture);
        assert!(text.contains(
            "\nStacks\n  NAME    STATUS           REASON\n  a       CREATE_COMPLETE\n  longer  CREATE_COMPLETE\n"
        ));
        assert!(!text.contains("Tasks"));
    }

    #[test]
    fn a_split_reads_as_nodes_and_weights() {
        assert_eq!(split(&[("v1".into(), 2), ("v2".into(), 1)]), "v1 2 : v2 1");
        assert_eq!(split(&[]), "none");
    }
}
