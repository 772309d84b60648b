//! `serin demo`: canaries on this machine, from nothing to the end, in one command: weights set by hand, a sound version
//! promoted by evidence, a broken one caught.
//!
//! It is a user of the house like any other: everything goes through the APIs, the registry and the load balancer. The
//! house runs in this process on a throw-away data directory, and whatever happens it is taken down again.

mod deploy;
mod judged;
pub(crate) mod load;
mod screen;
mod summary;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use names::Scope;
use tokio::{signal::unix::SignalKind, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use wire::Client;

use super::{
    map,
    up::{Running, Stop},
};
use crate::{cli, picture};

use deploy::Deployment;
use load::Load;
use screen::{Frame, Screen};
use summary::Story;

/// The weights that are set by hand first, version 1 to version 2, and how long each is watched.
const BY_HAND: [(u32, u32, Duration); 2] = [(1, 0, Duration::from_secs(3)), (2, 1, Duration::from_secs(6))];
/// How long the load goes on after the broken version was taken back, for all to see that nothing fails any more.
const AFTERMATH: Duration = Duration::from_secs(2);
/// How long the last traces may take from where they are made to the map.
const TRACES_LAG: Duration = Duration::from_millis(1500);
/// How often the view is drawn anew.
const REDRAW: Duration = Duration::from_millis(250);

/// Runs the demo. However it ends, everything is taken down again: Ctrl-C at any moment, a terminal that is closed, a reader
/// of what it prints that goes.
pub(crate) async fn run(options: cli::Demo) -> Result<()> {
    super::log("error");
    // From here on a signal ends nothing by itself, not even while the house is only half there.
    let mut stop = Stop::listen(&[SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()])?;
    let folder = tempfile::Builder::new().prefix("serin-demo-").tempdir().context("cannot make a folder")?;
    let up = cli::Up {
        data_dir: folder.path().to_owned(),
        listen: options.listen,
        account: names::AccountId::default(),
        envoy: None,
        // The sample needs nothing from outside, and whoever tries it out need not wonder what it reaches.
        egress: cli::Egress::None,
        access_keys: Vec::new(),
        proxies: cli::Proxies::default(),
        otlp: cli::Otlp::default(),
    };
    let house = Running::start(&up).await?;
    let screen = Arc::new(Screen::new());
    let client = Client::new(format!("http://{}", house.address()), Scope::default(), None);
    let keep = options.keep;
    // A task of its own: should it panic, that is an error here, after which there is still to be cleaned up.
    let rehearsal = AbortOnDropHandle::new(tokio::spawn(rehearse(client, options, Arc::clone(&screen))));
    let result = tokio::select! {
        result = rehearsal => result.context("the demo fell over").and_then(|result| result),
        unread = screen.unread() => Err(unread.into()),
        () = stop.asked() => Err(anyhow!("stopped before its end")),
    };
    let result = match result {
        Ok(url) if keep => {
            screen.say(&what_next(&house, folder.path(), &url));
            tokio::select! {
                unread = screen.unread() => Err(unread.into()),
                () = stop.asked() => Ok(()),
            }
        }
        result => result.map(drop),
    };
    screen.say("Cleaning up: tasks, namespaces, files…");
    let stopped = house.stop().await;
    folder.close().context("the demo's folder could not be removed")?;
    result.and(stopped)
}

/// The demo itself, between the start of the house and its end. Answers the URL of the sample.
async fn rehearse(client: Client, options: cli::Demo, screen: Arc<Screen>) -> Result<String> {
    let (client, screen) = (&client, &screen);
    let begun = Instant::now();
    let drawing = AbortOnDropHandle::new(tokio::spawn(draw_progress(client.clone(), Arc::clone(screen))));
    let deployment = Deployment::create(client.clone(), screen).await?;
    drop(drawing);
    let load = Load::start(&deployment.url, options.rate);
    load.first_answer().await.context("the load balancer gave no good answer")?;
    screen.say(&format!("First answer {:.1} s after the start: {}", begun.elapsed().as_secs_f64(), deployment.url));
    load.calm().await?;
    let story = tell(client, &deployment, screen, &load).await?;
    let total = load.stop().await;
    if total.failed > story.taken_back.seen.failed {
        nothing_fails(&total)?;
    }
    screen.clear();
    tokio::time::sleep(TRACES_LAG).await;
    let map = map::draw(&map::graph(client, Duration::from_mins(10)).await?);
    screen.say(&story.summary(&total, &map));
    if !options.keep {
        deployment.delete(screen).await?;
    }
    Ok(deployment.url)
}

/// Weights by hand, then a sound version and a broken one that are judged.
async fn tell(client: &Client, deployment: &Deployment, screen: &Screen, load: &Load) -> Result<Story> {
    let mut by_hand = Vec::new();
    for (v1, v2, watched) in BY_HAND {
        screen.say(&format!("By hand: weights {v1}:{v2} are asked for."));
        deployment.shift(v1, v2).await?;
        nothing_fails(&load.take())?;
        watch(client, screen, load, (v1, v2), watched).await?;
        let seen = load.take();
        nothing_fails(&seen)?;
        by_hand.push(((v1, v2), seen));
    }
    deployment.shift(1, 0).await?;
    nothing_fails(&load.take())?;
    screen.say("By evidence: version 2 is released, and the canary judges itself.");
    let promoted = judged::release(client, screen, load, ("2", "api-v2")).await?;
    promoted.must_be_promoted()?;
    screen.say("Version 3 is deployed, which fails every second request, and released the same way.");
    deployment.add_broken().await?;
    nothing_fails(&load.take())?;
    let taken_back = judged::release(client, screen, load, ("3", "api-v3")).await?;
    taken_back.must_be_taken_back()?;
    tokio::time::sleep(AFTERMATH).await;
    nothing_fails(&load.take())?;
    Ok(Story { by_hand, promoted, taken_back })
}

/// Only a broken version may fail requests: no deployment, no weight and no decision.
fn nothing_fails(seen: &load::Counts) -> Result<()> {
    if seen.failed > 0 {
        let failure = seen.failure.as_deref().unwrap_or_default();
        bail!("{} of {} requests failed and none should: {failure}", seen.failed, seen.all());
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
        screen.draw(&Frame::split(asked, &picture, &load.counts(), &map::draw(&services)));
        tokio::time::sleep(REDRAW).await;
    }
    Ok(())
}

fn what_next(house: &Running, folder: &std::path::Path, url: &str) -> String {
    format!(
        "\nEverything is still up ({}). In another terminal:\n\n\
         {}  \
         curl {url}\n  \
         serin status\n  \
         serin logs api --follow\n  \
         serin map\n  \
         serin canary explain\n  \
         aws cloudformation describe-stacks --query 'Stacks[].StackName'\n  \
         aws appmesh describe-route --mesh-name todo --virtual-router-name api --route-name api\n\n\
         Ctrl-C here ends it and cleans up.",
        folder.display(),
        house.exports(),
    )
}
