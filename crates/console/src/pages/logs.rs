//! Logs: what containers wrote, live, and searched.

use api::{
    Fault,
    logs::{DescribeLogGroups, DescribeLogGroupsRequest, FilterLogEvents, FilterLogEventsRequest, FilteredLogEvent},
};
use maud::{Markup, html};
use names::Timestamp;

use crate::{
    ask::{Cx, all},
    view::{Place, View},
    words::{nothing, time},
};

/// Lines that a page shows, the latest of those found.
const LINES_MAX: i32 = 300;
/// Answers that are read on for one search, of each group.
const ANSWERS_MAX: usize = 20;
/// Characters of a line that are shown.
const MESSAGE_MAX: usize = 2000;
/// How far back one may look, in minutes, and what it is called.
const SPANS: [(i64, &str); 5] =
    [(5, "5 minutes"), (15, "15 minutes"), (60, "1 hour"), (1440, "1 day"), (0, "all there is")];

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// The log group; all where it is empty.
    pub(crate) group: String,
    /// How the stream's name begins.
    pub(crate) stream: String,
    /// How the stream's name ends.
    pub(crate) suffix: String,
    /// A pattern as `FilterLogEvents` takes it.
    pub(crate) pattern: String,
    /// How far back, in minutes; 0 is all.
    pub(crate) minutes: i64,
    /// Lines at most.
    pub(crate) limit: i32,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    at: i64,
    stream: String,
    id: String,
    message: String,
}

/// The page.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let groups = groups(&cx).await?;
    let minutes = cx.query("minutes").parse().unwrap_or(60);
    let search = Search {
        group: cx.query("group").to_owned(),
        stream: cx.query("stream").to_owned(),
        pattern: cx.query("pattern").to_owned(),
        minutes,
        limit: LINES_MAX,
        suffix: String::new(),
    };
    let found = match self::search(&cx, &search).await {
        Ok(found) if found.is_empty() => nothing("No line."),
        Ok(found) => lines(&found),
        // A pattern that can't be read is the searcher's to mend, on this very page.
        Err(fault) if fault.status == 400 => html! { p.alert role="alert" { (fault.message) } },
        Err(fault) => return Err(fault),
    };
    Ok(View::new(&cx, Place::Logs, "Logs")
        .part("search", form(&groups, &search, &cx.link(&["logs", "insights"])))
        .part("lines", found)
        .command(format!("serin logs {} --follow", search.stream))
        .command(command(&search)))
}

fn command(search: &Search) -> String {
    let group = if search.group.is_empty() { "…" } else { &search.group };
    let pattern =
        if search.pattern.is_empty() { String::new() } else { format!(" --filter-pattern '{}'", search.pattern) };
    format!("aws logs tail {group} --follow{pattern}")
}

async fn groups(cx: &Cx) -> Result<Vec<String>, Fault> {
    let groups = all!(cx, DescribeLogGroups, DescribeLogGroupsRequest::default(), log_groups);
    Ok(groups.into_iter().filter_map(|group| group.log_group_name).collect())
}

/// The latest lines that `search` finds, oldest first.
pub(crate) async fn search(cx: &Cx, search: &Search) -> Result<Vec<Line>, Fault> {
    let groups = if search.group.is_empty() { groups(cx).await? } else { vec![search.group.clone()] };
    let mut found = Vec::new();
    for group in groups {
        found.extend(of_group(cx, search, group).await?);
    }
    found.sort();
    let most = usize::try_from(search.limit).unwrap_or(0);
    Ok(found.split_off(found.len().saturating_sub(most)))
}

async fn of_group(cx: &Cx, search: &Search, group: String) -> Result<Vec<Line>, Fault> {
    let now = cx.console.clock.now().as_millis();
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut request = FilterLogEventsRequest {
        log_group_name: Some(group),
        log_stream_name_prefix: given(&search.stream),
        filter_pattern: given(&search.pattern),
        start_time: (search.minutes > 0).then(|| now - search.minutes * 60_000),
        // The latest come first.
        start_from_head: Some(false),
        limit: Some(search.limit),
        ..Default::default()
    };
    let mut found = Vec::new();
    for _ in 0..ANSWERS_MAX {
        let answer = cx.call::<FilterLogEvents>(request.clone()).await?;
        found.extend(answer.events.into_iter().map(line).filter(|line| line.stream.ends_with(&search.suffix)));
        request.next_token = answer.next_token;
        if request.next_token.is_none() || found.len() >= usize::try_from(search.limit).unwrap_or(0) {
            break;
        }
    }
    Ok(found)
}

fn line(event: FilteredLogEvent) -> Line {
    Line {
        at: event.timestamp.unwrap_or_default(),
        stream: event.log_stream_name.unwrap_or_default(),
        id: event.event_id.unwrap_or_default(),
        message: readable(event.message.as_deref().unwrap_or_default()),
    }
}

/// A line as it can be shown: no longer than sensible, and without characters that would steer a terminal.
pub(super) fn readable(message: &str) -> String {
    let mut text: String = message
        .trim_end()
        .chars()
        .take(MESSAGE_MAX)
        .map(|c| if c.is_control() && c != '\t' && c != '\n' { '\u{fffd}' } else { c })
        .collect();
    if message.trim_end().chars().count() > MESSAGE_MAX {
        text.push('…');
    }
    text
}

fn form(groups: &[String], search: &Search, insights: &str) -> Markup {
    html! {
        form.search method="get" role="search" {
            label { "Group" select name="group" {
                option value="" { "all" }
                @for group in groups { option value=(group) selected[*group == search.group] { (group) } }
            } }
            label { "Stream begins with" input name="stream" value=(search.stream) spellcheck="false"; }
            label.grow { "Search" input type="search" name="pattern" value=(search.pattern)
                placeholder="ERROR, \"two words\", { $.status = 500 }" spellcheck="false"; }
            label { "In the last" select name="minutes" {
                @for (minutes, name) in SPANS { option value=(minutes) selected[minutes == search.minutes] { (name) } }
            } }
            button.primary { "Search" }
            a href=(insights) { "Ask more: Logs Insights" }
        }
    }
}

/// Lines as a block that is scrolled by itself, and follows its end.
pub(crate) fn lines(lines: &[Line]) -> Markup {
    html! {
        div.lines tabindex="0" role="log" aria-label="Log lines, oldest first" data-follow {
            ol { @for line in lines { li {
                (time(Timestamp::from_millis(line.at)))
                span.stream title=(line.stream) { (line.stream) }
                span.message { (line.message) }
            } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless};

    #[test]
    fn lines_are_text_and_never_markup() {
        let bad = Line { at: 0, stream: BAD.into(), id: String::new(), message: BAD.into() };
        assert_harmless(&lines(&[bad]));
        let search = Search { group: BAD.into(), stream: BAD.into(), pattern: BAD.into(), ..Search::default() };
        assert_harmless(&form(&[BAD.to_owned()], &search, "/"));
    }

    #[test]
    fn long_lines_and_control_characters_are_tamed() {
        assert_eq!(readable("a\x1b[31mb\x07\tc\n"), "a\u{fffd}[31mb\u{fffd}\tc");
        assert_eq!(readable(&"x".repeat(262_144)).chars().count(), MESSAGE_MAX + 1);
    }
}
