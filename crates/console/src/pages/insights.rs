//! Logs Insights: a question asked of log groups in CloudWatch's language, and its answer as a table.
//!
//! A question is posted and then has an address of its own, so that a live page looks at its answer again and never asks
//! anew. What was asked lies with the logs, not here.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    Fault,
    logs::{
        DescribeLogGroups, DescribeLogGroupsRequest, DescribeQueries, DescribeQueriesRequest, GetQueryResults,
        GetQueryResultsRequest, GetQueryResultsResponse, QueryInfo, ResultField, StartQuery, StartQueryRequest,
    },
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};

use super::logs::readable;
use crate::{
    Console,
    ask::{Cx, all},
    guard::{Posted, Visitor},
    shell,
    view::{Place, View, failed},
    words::{count, nothing, state},
};

/// Rows that a page shows.
const ROWS_MAX: i32 = 500;
/// What stands in the box of who has asked nothing yet.
const FIRST: &str = "fields @timestamp, @logStream, @message\n| sort @timestamp desc\n| limit 100";
/// How far back one may look, in minutes, and what it is called.
const SPANS: [(i64, &str); 5] = [(15, "15 minutes"), (60, "hour"), (1440, "day"), (10_080, "week"), (525_600, "year")];
/// The field of a row that names its event, for programs.
const POINTER: &str = "@ptr";

/// What is asked, as it stands in the form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    /// The log group; all where it is empty.
    group: String,
    minutes: i64,
    text: String,
}

impl Default for Question {
    fn default() -> Self {
        Self { group: String::new(), minutes: 60, text: FIRST.to_owned() }
    }
}

/// The box, with no question asked yet.
pub(crate) async fn ask(cx: Cx) -> Result<View, Fault> {
    page(&cx, &Question::default(), nothing("Ask something.")).await
}

/// A question that was asked, and what has been found.
pub(crate) async fn answer(cx: Cx) -> Result<View, Fault> {
    let id = cx.path("query").to_owned();
    let request = GetQueryResultsRequest { query_id: id.clone(), next_token: None, max_items: Some(ROWS_MAX) };
    let found = cx.call::<GetQueryResults>(request).await?;
    let queries = all!(cx, DescribeQueries, DescribeQueriesRequest::default(), queries);
    let asked = queries.into_iter().find(|query| query.query_id.as_deref() == Some(&id)).unwrap_or_default();
    let minutes = cx.query("minutes").parse().unwrap_or(Question::default().minutes);
    let question = Question { group: cx.query("group").to_owned(), minutes, text: text_of(&asked) };
    Ok(page(&cx, &question, shown(&found)).await?.command(format!("aws logs get-query-results --query-id {id}")))
}

fn text_of(asked: &QueryInfo) -> String {
    asked.query_string.clone().unwrap_or_default()
}

/// Asks, and leads to where the answer will be.
pub(crate) async fn start(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Path<BTreeMap<String, String>>,
    posted: Posted,
) -> Response {
    let cx = match Cx::new(console, visitor, path, BTreeMap::default()) {
        Ok(cx) => cx,
        Err(fault) => return failed(None, &fault),
    };
    let minutes = posted.get("minutes").parse().unwrap_or(0);
    let minutes = SPANS.iter().map(|(minutes, _)| *minutes).find(|span| *span == minutes).unwrap_or(SPANS[1].0);
    // Browsers send the ends of lines as two characters.
    let text = posted.get("query").replace("\r\n", "\n");
    let question = Question { group: posted.get("group").to_owned(), minutes, text };
    match asked(&cx, &question).await {
        Ok(id) => {
            let group = crate::links::encode(&question.group);
            let link = format!("{}?group={group}&minutes={minutes}", cx.link(&["logs", "insights", &id]));
            Redirect::to(&link).into_response()
        }
        // A question that can't be read is the asker's to mend, on this very page.
        Err(fault) if fault.status == 400 => {
            let why = html! { p.alert role="alert" { (fault.message) } };
            match page(&cx, &question, why).await {
                Ok(view) => (StatusCode::BAD_REQUEST, shell::page(&cx, &view.still())).into_response(),
                Err(fault) => failed(Some(&cx), &fault),
            }
        }
        Err(fault) => failed(Some(&cx), &fault),
    }
}

async fn asked(cx: &Cx, question: &Question) -> Result<String, Fault> {
    let groups = if question.group.is_empty() { groups(cx).await? } else { vec![question.group.clone()] };
    if groups.is_empty() {
        return Err(Fault::client("InvalidParameterException", "There is no log group to ask."));
    }
    let now = cx.console.clock.now().as_millis() / 1000;
    let request = StartQueryRequest {
        log_group_names: groups,
        start_time: now - question.minutes * 60,
        end_time: now,
        query_string: question.text.clone(),
        ..Default::default()
    };
    Ok(cx.call::<StartQuery>(request).await?.query_id.unwrap_or_default())
}

async fn groups(cx: &Cx) -> Result<Vec<String>, Fault> {
    let groups = all!(cx, DescribeLogGroups, DescribeLogGroupsRequest::default(), log_groups);
    Ok(groups.into_iter().filter_map(|group| group.log_group_name).collect())
}

async fn page(cx: &Cx, question: &Question, answer: Markup) -> Result<View, Fault> {
    let groups = groups(cx).await?;
    Ok(View::new(cx, Place::Logs, "Logs Insights")
        .below("Logs", cx.link(&["logs"]))
        .part("question", form(cx, &groups, question))
        .part("answer", answer)
        .command(command(question)))
}

fn form(cx: &Cx, groups: &[String], question: &Question) -> Markup {
    html! {
        form.search method="post" action=(cx.link(&["logs", "insights"])) {
            input type="hidden" name="token" value=(cx.token());
            label { "Group" select name="group" {
                option value="" { "all" }
                @for group in groups { option value=(group) selected[*group == question.group] { (group) } }
            } }
            label { "In the last" select name="minutes" {
                @for (minutes, name) in SPANS { option value=(minutes) selected[minutes == question.minutes] { (name) } }
            } }
            label.whole { "Question"
                textarea name="query" rows="5" spellcheck="false" autocapitalize="none" { "\n" (question.text) }
            }
            button.primary { "Ask" }
            span.quiet { "fields, filter, parse, stats … by bin(1m), sort, dedup, limit" }
        }
    }
}

/// What does the same in a terminal.
fn command(question: &Question) -> String {
    let group = if question.group.is_empty() { "…" } else { &question.group };
    // As a shell takes it: in quotes, and a quote between two pairs of them.
    let text = question.text.replace('\'', "'\\''");
    format!(
        "aws logs start-query --log-group-names {group} --start-time $(date -d '-{} minutes' +%s) \
         --end-time $(date +%s) --query-string '{text}'",
        question.minutes
    )
}

fn shown(found: &GetQueryResultsResponse) -> Markup {
    let status = found.status.as_deref().unwrap_or_default();
    let columns = columns(&found.results);
    html! {
        p.standing role="status" { (state(status)) (looked_at(found)) }
        @match status {
            "Failed" => p.alert role="alert" { "It needs more room than there is: ask for less, or of a shorter time." },
            "Timeout" => p.alert role="alert" { "It took longer than five minutes: ask of a shorter time." },
            _ if found.results.is_empty() => (nothing(if status == "Complete" { "Nothing was found." } else { "Nothing yet." })),
            _ => div.scroll tabindex="0" role="region" aria-label="What was found" { table {
                thead { tr { @for column in &columns { th { (column) } } } }
                tbody { @for row in &found.results { tr {
                    @for column in &columns { td.mono { (readable(value(row, column))) } }
                } } }
            } },
        }
        @if found.next_token.is_some() {
            p.quiet { "These are the first " (ROWS_MAX) " rows; the command below gives all." }
        }
    }
}

/// How much was found, and in how much.
fn looked_at(found: &GetQueryResultsResponse) -> Markup {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, which the API has as floats")]
    let number = |value: Option<f64>| count(value.unwrap_or_default() as u64);
    html! {
        @if let Some(statistics) = &found.statistics {
            (number(statistics.result_count)) " rows, of " (number(statistics.records_matched)) " events that fit, of "
            (number(statistics.records_scanned)) " looked at."
        }
    }
}

/// The fields of all rows, in the order in which they come.
fn columns(rows: &[Vec<ResultField>]) -> Vec<&str> {
    let mut columns = Vec::new();
    for name in rows.iter().flatten().filter_map(|field| field.field.as_deref()) {
        if name != POINTER && !columns.contains(&name) {
            columns.push(name);
        }
    }
    columns
}

fn value<'a>(row: &'a [ResultField], column: &str) -> &'a str {
    let field = row.iter().find(|field| field.field.as_deref() == Some(column));
    field.and_then(|field| field.value.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless, cx};

    fn row(fields: &[(&str, &str)]) -> Vec<ResultField> {
        let field = |(name, value): &(&str, &str)| ResultField {
            field: Some((*name).to_owned()),
            value: Some((*value).to_owned()),
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn rows_have_a_column_for_each_field_of_any_of_them() {
        let results = vec![row(&[("a", "1"), (POINTER, "x")]), row(&[("b", "2"), ("a", "3")])];
        assert_eq!(columns(&results), ["a", "b"]);
        let found = GetQueryResultsResponse {
            status: Some("Complete".to_owned()),
            results,
            ..GetQueryResultsResponse::default()
        };
        let page = shown(&found).into_string();
        assert!(page.contains("<td class=\"mono\">1</td><td class=\"mono\"></td>"), "{page}");
        assert!(!page.contains(POINTER));
    }

    #[test]
    fn what_is_asked_and_found_is_text() {
        let question = Question { group: BAD.to_owned(), text: format!("{BAD}</textarea>"), ..Question::default() };
        let form = form(&cx(), &[BAD.to_owned()], &question);
        assert_harmless(&form);
        assert_eq!(form.0.matches("</textarea>").count(), 1);
        let results = vec![row(&[(BAD, BAD)])];
        assert_harmless(&shown(&GetQueryResultsResponse { results, ..GetQueryResultsResponse::default() }));
    }

    #[test]
    fn the_command_is_one_that_a_shell_takes() {
        let question = Question { text: "filter @message like 'x'".to_owned(), ..Question::default() };
        assert!(
            command(&question).ends_with(r"--query-string 'filter @message like '\''x'\'''"),
            "{}",
            command(&question)
        );
    }
}
