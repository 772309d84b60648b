//! `serin logs`: what containers wrote, oldest first.

use std::{borrow::Cow, collections::BTreeSet, io::IsTerminal, time::Duration};

use anyhow::Result;
use api::logs;
use names::{Clock, Timestamp};
use wire::Client;

use super::{connect, scopes, up::stop_asked};
use crate::{cli, print};

/// How often new lines are asked for when following.
const PAUSE: Duration = Duration::from_millis(500);
/// How far back a follower looks for lines that came late.
const LATE: Duration = Duration::from_secs(10);

/// A line, in the order it is printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    at: i64,
    stream: String,
    message: String,
    id: String,
}

/// Prints lines; with `--follow` until Ctrl-C.
pub(crate) async fn run(options: cli::Logs) -> Result<()> {
    let client = connect(&options.target);
    let (mut seen, mut since, is_terminal) = (BTreeSet::new(), 0, std::io::stdout().is_terminal());
    loop {
        let mut lines = Vec::new();
        for scope in scopes(&client, &options.target).await? {
            lines.extend(read(&client.in_scope(scope), &options, since).await?);
        }
        lines.sort();
        for line in lines {
            if seen.insert((line.at, line.id.clone())) {
                let at = Timestamp::from_millis(line.at).to_iso8601();
                let (stream, message) = (tame(&line.stream, is_terminal), tame(line.message.trim_end(), is_terminal));
                print::line(format_args!("{at} {stream} {message}"))?;
            }
        }
        if !options.follow {
            return Ok(());
        }
        since = Clock::System.now().as_millis() - i64::try_from(LATE.as_millis()).unwrap_or(0);
        // What is older is not asked for again, so it need not be remembered.
        seen.retain(|(at, _)| *at >= since);
        tokio::select! {
            stopped = stop_asked() => return stopped,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Text as a terminal may have it: characters that would steer it are shown by a sign instead. Programs get it as it is.
fn tame(text: &str, is_terminal: bool) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\t' && c != '\n';
    if is_terminal && text.contains(steers) { text.replace(steers, "\u{fffd}").into() } else { text.into() }
}

async fn read(client: &Client, options: &cli::Logs, since: i64) -> Result<Vec<Line>> {
    let groups = if let Some(group) = &options.group {
        vec![group.clone()]
    } else {
        let answer = client.call::<logs::DescribeLogGroups>(logs::DescribeLogGroupsRequest::default()).await?;
        answer.log_groups.into_iter().filter_map(|group| group.log_group_name).collect()
    };
    let mut lines = Vec::new();
    for group in groups {
        let mut request = logs::FilterLogEventsRequest {
            log_group_name: Some(group),
            log_stream_name_prefix: options.stream.clone(),
            start_time: Some(since),
            ..Default::default()
        };
        loop {
            let answer = client.call::<logs::FilterLogEvents>(request.clone()).await?;
            lines.extend(answer.events.into_iter().map(|event| Line {
                at: event.timestamp.unwrap_or_default(),
                stream: event.log_stream_name.unwrap_or_default(),
                message: event.message.unwrap_or_default(),
                id: event.event_id.unwrap_or_default(),
            }));
            request.next_token = answer.next_token;
            if request.next_token.is_none() {
                break;
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_steers_a_terminal() {
        assert_eq!(tame("\u{1b}]0;mine\u{7}\ta\u{9b}2J", true), "\u{fffd}]0;mine\u{fffd}\ta\u{fffd}2J");
        assert_eq!(tame("\u{1b}[31mred", false), "\u{1b}[31mred");
    }
}
