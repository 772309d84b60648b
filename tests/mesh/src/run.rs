//! Runs the table: each group's mesh is applied once, and each of its cases is held against both data planes.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::{Duration, Instant},
};

use futures::future::join_all;

use crate::{
    Backends, Case, Client, Differences, Group, Identity, Kind, Outcome,
    case::Via,
    check::{check, fits},
    control::Refused,
    stage::{Refusals, Stage},
};

/// Where connections go whose address does not matter: nobody is there.
const ANYWHERE: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);
/// Where the application beside a proxy listens.
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// The time between two requests that are to be under way together: so that it is known which comes first.
const STAGGER: Duration = Duration::from_millis(40);
/// How long a line of an access log may take to be written.
const LOG_MAX: Duration = Duration::from_secs(5);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What came of the table.
#[derive(Debug, Default)]
pub struct Report {
    /// How many cases came out right, over both data planes.
    pub right: usize,
    /// How many came out as the list of differences says.
    pub different: usize,
    /// What is wrong, a line each.
    pub wrong: Vec<String>,
}

/// Holds every case of `groups` against both data planes. `own` is our proxy's program.
pub async fn run(groups: Vec<Group>, differences: &Differences, own: &Path) -> Report {
    let mut stage = Stage::new(own).await;
    let mut report = Report::default();
    for group in groups {
        let begun = Instant::now();
        let results = stage.group(&group).await;
        println!("{:>6} ms  {}", begun.elapsed().as_millis(), group.about);
        for (kind, case, result) in results {
            report.note(differences, kind, &case, result);
        }
    }
    report
}

impl Report {
    fn note(&mut self, differences: &Differences, kind: Kind, case: &str, result: Result<(), String>) {
        let name = kind.as_str();
        match (result, differences.reason(kind, case)) {
            (Ok(()), None) => self.right += 1,
            (Err(_), Some(_)) => self.different += 1,
            (Ok(()), Some(reason)) => {
                self.wrong.push(format!("{name}: {case}: right, though differences.json says: {reason}"));
            }
            (Err(error), None) => self.wrong.push(format!("{name}: {case}: {error}")),
        }
    }
}

/// What came of each case.
type Results = Vec<(Kind, String, Result<(), String>)>;

impl Stage {
    async fn group(&mut self, group: &Group) -> Results {
        self.backends.sicken(&group.sick);
        let before = self.refusals();
        if let Err(Refused(reason)) = self.build(&group.asked()).await {
            return Kind::ALL.into_iter().flat_map(|kind| refused(group, kind, &reason)).collect();
        }
        for identity in group.identities() {
            self.start(*identity).await;
        }
        let stage = &*self;
        // All before any: what one data plane sends may go to the other.
        let taken = join_all(Kind::ALL.map(|kind| stage.taken(group, kind, &before))).await;
        let planes = Kind::ALL.into_iter().zip(taken).map(|(kind, taken)| async move {
            match taken {
                Ok(()) => stage.cases(group, kind).await,
                Err(Refused(reason)) => refused(group, kind, &reason),
            }
        });
        join_all(planes).await.into_iter().flatten().collect()
    }

    /// Waits until the proxies of `kind` go by the mesh of `group`, which has been built.
    async fn taken(&self, group: &Group, kind: Kind, before: &Refusals) -> Result<(), Refused> {
        for identity in group.identities() {
            let old = before.get(&(*identity, kind)).map(Vec::as_slice).unwrap_or_default();
            self.control.acknowledged(*identity, kind.as_str(), old).await?;
            if let Some(plane) = self.plane(*identity, kind) {
                self.warm(plane).await;
            }
        }
        Ok(())
    }

    async fn cases(&self, group: &Group, kind: Kind) -> Results {
        if let Some(pattern) = &group.refused {
            let reason = format!("the mesh is taken, but should be refused with {pattern}");
            return group.cases.iter().map(|case| (kind, case.name.clone(), Err(reason.clone()))).collect();
        }
        let run = |case: &Case| {
            let case = case.clone();
            async move { (kind, case.name.clone(), self.case(&case, kind).await) }
        };
        if !group.in_order {
            return join_all(group.cases.iter().map(run)).await;
        }
        let mut results = Vec::new();
        for case in &group.cases {
            results.push(run(case).await);
        }
        results
    }

    async fn case(&self, case: &Case, kind: Kind) -> Result<(), String> {
        let identity = if case.send.via == Via::Gateway { Identity::Gateway } else { Identity::Client };
        let plane = self.plane(identity, kind).ok_or("this group has no such proxy")?;
        let port = case.send.port.unwrap_or(3000);
        let to = case.send.to.as_deref();
        let to = to.map_or(Some(ANYWHERE), Backends::address_of).ok_or("no such backend")?;
        let (sockets, target) = match case.send.via {
            Via::Egress => (&plane.task.sockets, SocketAddrV4::new(to, port)),
            Via::Admin => (&plane.task.sockets, SocketAddrV4::new(LOOPBACK, port)),
            Via::Ingress | Via::Gateway => (self.world.sockets(), SocketAddrV4::new(plane.task.address, port)),
        };
        let (log, output) = (plane.shared("access.log").len(), plane.output().len());
        let key = format!("{}/{}", kind.as_str(), case.name);
        self.provide(case.send.certificate.as_deref()).await.map_err(|Refused(reason)| reason)?;
        let outcomes = send(&self.client(sockets), case, target, &key).await;
        let attempts = self.backends.attempts(&key);
        check(&case.expect, &outcomes, &attempts, kind)?;
        if let Some(pattern) = &case.expect.log {
            line(pattern, || plane.shared("access.log")[log..].to_owned()).await?;
        }
        if let Some(pattern) = &case.expect.output {
            line(pattern, || plane.output()[output..].to_owned()).await?;
        }
        Ok(())
    }
}

async fn send(client: &Client, case: &Case, target: SocketAddrV4, key: &str) -> Vec<Outcome> {
    let times = case.send.times.unwrap_or(1);
    if case.send.together {
        let staggered = (0..times).map(|number| async move {
            tokio::time::sleep(STAGGER * u32::try_from(number).unwrap_or(u32::MAX)).await;
            client.send(&case.send, target, key).await
        });
        return join_all(staggered).await;
    }
    let mut outcomes = Vec::with_capacity(times);
    while outcomes.len() < times && !outcomes.last().is_some_and(|last: &Outcome| last.is_late()) {
        outcomes.push(client.send(&case.send, target, key).await);
    }
    outcomes
}

/// Waits for a line that fits `pattern`.
async fn line(pattern: &str, read: impl Fn() -> String) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let text = read();
        if text.lines().any(|line| fits(pattern, line)) {
            return Ok(());
        }
        if begun.elapsed() > LOG_MAX {
            return Err(format!("no line like `{pattern}` in `{}`", text.trim_end()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The results of a mesh that is refused: wrong, unless that is what the group is about.
fn refused(group: &Group, kind: Kind, reason: &str) -> Results {
    let expected = group.refused.as_ref().is_some_and(|pattern| fits(&format!("~{pattern}"), reason));
    let result = if expected { Ok(()) } else { Err(reason.to_owned()) };
    group.cases.iter().map(|case| (kind, case.name.clone(), result.clone())).collect()
}
