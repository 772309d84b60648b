//! `serin demo`: a whole canary on this machine, from nothing to the end, in one command.
//!
//! It is a user of the house like any other: everything goes through the APIs, the registry and the load balancer. The
//! house runs in this process on a throw-away data directory, and whatever happens it is taken down again.

mod deploy;
mod load;
mod screen;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use names::Scope;
use tokio::time::Instant;
use wire::Client;

use super::{
    map,
    up::{Running, stop_asked},
};
use crate::{cli, picture};

use deploy::Deployment;
use load::Load;
use screen::{Frame, Screen};

/// The shares the canary goes through, version 1 to version 2, and how long each is watched.
const PHASES: [(u32, u32, Duration); 3] =
    [(1, 0, Duration::from_secs(6)), (2, 1, Duration::from_secs(9)), (0, 1, Duration::from_secs(6))];
/// How often the view is drawn anew.
const REDRAW: Duration = Duration::from_millis(250);

/// What came of one phase.
struct Outcome {
    asked: (u32, u32),
    versions: load::Counts,
}

/// Runs the demo; Ctrl-C at any moment cleans up too.
pub(crate) async fn run(options: cli::Demo) -> Result<()> {
    super::log("error");
    let folder = tempfile::Builder::new().prefix("serin-demo-").tempdir().context("cannot make a folder")?;
    let up = cli::Up {
        data_dir: folder.path().to_owned(),
        listen: options.listen,
        account: names::AccountId::default(),
        envoy: None,
        access_keys: Vec::new(),
        proxies: cli::Proxies::default(),
    };
    let house = Running::start(&up).await?;
    let screen = Arc::new(Screen::new());
    let client = Client::new(format!("http://{}", house.address()), Scope::default(), None);
    let result = tokio::select! {
        result = rehearse(&client, &options, &screen) => result,
        stopped = stop_asked() => stopped.and_then(|()| bail!("stopped before its end")),
    };
    if result.is_ok() && options.keep {
        println!("{}", what_next(&house, folder.path()));
        stop_asked().await?;
    }
    screen.say("Cleaning up: tasks, namespaces, files…");
    let stopped = house.stop().await;
    folder.close().context("the demo's folder could not be removed")?;
    result.and(stopped)
}

/// The demo itself, between the start of the house and its end.
async fn rehearse(client: &Client, options: &cli::Demo, screen: &Arc<Screen>) -> Result<()> {
    let begun = Instant::now();
    let deployment = Deployment::new(client.clone());
    let drawing = tokio::spawn(draw_progress(client.clone(), Arc::clone(screen)));
    let deployed = deployment.create(screen).await;
    drawing.abort();
    let url = deployed?;
    let load = Load::start(&url, options.rate);
    load.first_answer().await.context("the load balancer gave no good answer")?;
    screen.say(&format!("First answer {:.1} s after the start: {url}", begun.elapsed().as_secs_f64()));
    let mut outcomes = Vec::new();
    for (v1, v2, watched) in PHASES {
        screen.say(&format!("Weights {v1}:{v2} are asked for."));
        deployment.shift(v1, v2).await?;
        load.take();
        watch(client, screen, &load, (v1, v2), watched).await?;
        outcomes.push(Outcome { asked: (v1, v2), versions: load.take() });
    }
    let total = load.stop().await;
    screen.clear();
    println!("{}", summary(&outcomes, &total, &map::draw(&map::graph(client, Duration::from_mins(10)).await?)));
    if total.failed > 0 {
        bail!("{} of {} requests failed; a canary must not fail one", total.failed, total.all());
    }
    if !options.keep {
        deployment.delete(screen).await?;
    }
    Ok(())
}

/// Draws what is being created, until it is aborted.
async fn draw_progress(client: Client, screen: Arc<Screen>) {
    loop {
        if let Ok(picture) = picture::gather(&client, &Scope::default()).await {
            screen.draw(&Frame::progress(&picture));
        }
        tokio::time::sleep(REDRAW).await;
    }
}

/// Watches one phase, drawing what there is to see.
async fn watch(client: &Client, screen: &Screen, load: &Load, asked: (u32, u32), time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        let picture = picture::gather(client, &Scope::default()).await?;
        let services = map::graph(client, Duration::from_mins(1)).await?;
        screen.draw(&Frame::canary(asked, &picture, &load.counts(), &map::draw(&services)));
        tokio::time::sleep(REDRAW).await;
    }
    Ok(())
}

fn summary(outcomes: &[Outcome], total: &load::Counts, map: &str) -> String {
    let mut text = "\nThe canary is through. What was asked, and who answered:\n\n".to_owned();
    for Outcome { asked: (v1, v2), versions } in outcomes {
        let (one, two) = (versions.of("1"), versions.of("2"));
        text.push_str(&format!(
            "  {v1}:{v2}   version 1: {one:>5}   version 2: {two:>5}   failed: {}\n",
            versions.failed
        ));
    }
    text.push_str(&format!(
        "\n{} requests in all, {} failed; half took at most {:.1} ms, 99 of 100 at most {:.1} ms.\n\n{map}",
        total.all(),
        total.failed,
        total.percentile(0.5),
        total.percentile(0.99),
    ));
    text
}

fn what_next(house: &Running, folder: &std::path::Path) -> String {
    let endpoint = format!("http://{}", house.address());
    format!(
        "\nEverything is still up ({}). In another terminal:\n\n  \
         serin status\n  \
         serin map\n  \
         export AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1\n  \
         aws cloudformation describe-stacks --query 'Stacks[].StackName'\n  \
         aws appmesh describe-route --mesh-name todo --virtual-router-name api --route-name api\n\n\
         Ctrl-C here ends it and cleans up.",
        folder.display()
    )
}
