//! Queries on logs that are known.

use std::sync::atomic::Ordering;

use names::{Scope, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{
    Telemetry,
    logs::{Logs, NewEvent, NewGroup, Range},
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Ten answers in JSON, a second apart, each third one an error; and two lines of another kind.
fn logs() -> Logs {
    let logs = Telemetry::in_memory(crate::Limits::default()).unwrap().logs();
    let scope = Scope::default();
    logs.create_group(&scope, &NewGroup { name: "g".to_owned(), ..NewGroup::default() }, NOW).unwrap();
    logs.create_stream(&scope, "g", "json", NOW).unwrap();
    logs.create_stream(&scope, "g", "plain", NOW).unwrap();
    let event = |second: i64, message: String| NewEvent {
        time: Timestamp::from_millis(NOW.as_millis() - 60_000 + second * 1000),
        message,
    };
    let answers: Vec<_> = (0..10)
        .map(|number| {
            let status = if number % 3 == 0 { 500 } else { 200 };
            let text =
                format!(r#"{{"status":{status},"took":{},"http":{{"path":"/todos/{}"}}}}"#, number * 10, number % 2);
            event(number, text)
        })
        .collect();
    logs.append(&scope, "g", "json", &answers, NOW).unwrap();
    let plain = [event(3, "GET /a 200 in 5 ms".to_owned()), event(4, "POST /b 404 in 7 ms".to_owned())];
    logs.append(&scope, "g", "plain", &plain, NOW).unwrap();
    logs
}

fn answer(query: &str) -> Answer {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let groups = ["g".to_owned()];
    let progress = Progress::default();
    let found = logs()
        .query((&Scope::default(), &groups), &query, Range::default(), &Limits::default(), &progress, (&|| true, NOW))
        .unwrap();
    assert!(progress.matched.load(Ordering::SeqCst) <= progress.scanned.load(Ordering::SeqCst));
    found
}

/// The rows as texts, without `@ptr`.
fn rows(query: &str) -> Vec<String> {
    let found = answer(query);
    assert_eq!(found.outcome, Outcome::Complete, "{query}");
    let text = |row: &Vec<(String, String)>| {
        let parts = row.iter().filter(|(name, _)| name != "@ptr").map(|(name, value)| format!("{name}={value}"));
        parts.collect::<Vec<_>>().join(" ")
    };
    found.rows.iter().map(text).collect()
}

#[test]
fn the_latest_events_come_first_and_a_limit_ends_the_search() {
    assert_eq!(rows("fields took | limit 2"), ["took=90", "took=80"]);
    assert_eq!(
        answer("limit 1").rows[0].iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["@timestamp", "@message", "@ptr"]
    );
    assert_eq!(
        rows("fields @timestamp, @logStream, @log | filter took = 0"),
        ["@timestamp=2023-11-14 22:12:20.000 @logStream=json @log=000000000000:g"]
    );
}

#[test]
fn filters_compare_match_and_choose() {
    for (filter, count) in [
        ("status = 500", 4),
        ("status != 500", 8),
        ("status >= 200 and status < 300", 6),
        ("status in [500, 404]", 4),
        ("status not in [500]", 8),
        ("@message like 'ms'", 2),
        ("@message like /in \\d ms$/", 2),
        ("@message =~ /POST/", 1),
        ("@message not like /status/", 2),
        ("not (status = 500 or status = 200)", 2),
        ("ispresent(http.path) and http.path like '/1'", 5),
        ("took / 10 % 2 = 1", 5),
        ("strlen(http.path) = 8", 10),
        ("2 * (took + 1) ^ 2 > 12000", 2),
        ("-took < -80", 1),
    ] {
        assert_eq!(rows(&format!("filter {filter}")).len(), count, "{filter}");
    }
}

#[test]
fn counts_are_by_what_is_asked() {
    assert_eq!(
        rows("filter ispresent(status) | stats count(*) as n, avg(took) by status | sort status"),
        ["status=200 n=6 avg(took)=45", "status=500 n=4 avg(took)=45"]
    );
    let by_period = "stats count(*), pct(took, 50) as half, max(took) by bin(5s) | sort bin(5s)";
    assert_eq!(
        rows(by_period),
        [
            "bin(5s)=2023-11-14 22:12:20.000 count(*)=7 half=20 max(took)=40",
            "bin(5s)=2023-11-14 22:12:25.000 count(*)=5 half=70 max(took)=90"
        ]
    );
    assert_eq!(rows("stats sum(took) / count(took) as mean, count_distinct(http.path) as paths"), ["mean=45 paths=2"]);
    assert_eq!(rows("stats earliest(took) as a, latest(took) as b, stddev(status) > 0 as c"), ["a=0 b=90 c=1"]);
    assert_eq!(rows("filter status = 1 | stats count(*)"), [""; 0]);
    // Counts can be counted, filtered, and put in order by how they were written.
    assert_eq!(rows("stats count(*) by http.path | filter ispresent(http.path) | stats max(`count(*)`) as m"), ["m=5"]);
    assert_eq!(rows("stats count(*) by status | sort count(*) desc | limit 1 | display status"), ["status=200"]);
}

#[test]
fn texts_are_taken_apart() {
    let stars = r#"filter @logStream = "plain" | parse @message "* * * in * ms" as method, path, code, took
        | filter code >= 400 | display method, path, took"#;
    assert_eq!(rows(stars), ["method=POST path=/b took=7"]);
    let groups = "filter @logStream = 'plain' | parse @message /^(?<method>\\w+) (?<path>\\S+)/ | sort path
        | fields method # of a comment nothing is read | limit 1";
    assert_eq!(rows(groups), ["method=GET", "method=POST"]);
    assert_eq!(rows("parse 'took\":*,' as t | filter ispresent(t) | stats sum(t)"), ["sum(t)=450"]);
    assert_eq!(rows("fields status | dedup status | sort status"), ["status=200", "status=500", "", ""]);
    assert_eq!(
        rows("fields concat(toupper('a'), substr('hello', 1, 3), status) as x | filter x = 'Aell500' | limit 1"),
        ["x=Aell500"]
    );
}

#[test]
fn what_is_no_query_is_refused_where_it_stands() {
    for (query, what, line, position) in [
        ("", "unexpected end of the query, a command is expected", 1, 1),
        ("fields @message | fliter a = 1", "unexpected symbol found fliter", 1, 19),
        ("fields @message |\n filter status >", "unexpected end", 2, 17),
        ("filter a == 1", "unexpected symbol found =", 1, 11),
        ("filter a like b", "unexpected symbol found b, a text or", 1, 15),
        ("filter like(", "unexpected end", 1, 13),
        ("stats count(*) by bin(1mo)", "mo is not a unit of time", 1, 23),
        ("stats status by a", "a count such as count(*) is expected", 1, 14),
        ("limit 0", "a whole number from 1 to 10000", 1, 7),
        ("limit 10001", "a whole number from 1 to 10000", 1, 7),
        ("parse @message \"* *\" as a", "the pattern has 2 stars and there are 1 names", 1, 16),
        ("parse @message /a(b)/", "no named group", 1, 16),
        ("parse @message /a(/", "not a regular expression", 1, 16),
        ("fields \"open", "the closing \" is missing", 1, 8),
        ("fields nope(a)", "there is no function nope here", 1, 8),
        ("fields strlen()", "strlen takes 1 to 1 arguments and not 0", 1, 8),
        ("stats pct(a, 101)", "between 0 and 100", 1, 7),
        ("pattern @message", "the command pattern is not understood here", 1, 1),
        ("fields a ; fields b", "unexpected symbol found ;", 1, 10),
    ] {
        let error = Query::parse(query).expect_err(query);
        assert!(error.what.contains(what), "{query}: {error}");
        assert_eq!((error.line, error.position), (line, position), "{query}: {error}");
    }
    let deep = format!("filter {}1", "(".repeat(10_000 - 8));
    assert!(Query::parse(&deep).is_err_and(|error| error.what.contains("nested")));
    assert!(Query::parse(&"x".repeat(10_001)).is_err_and(|error| error.what.contains("10000")));
}

#[test]
fn a_query_keeps_within_its_limits_and_can_be_stopped() {
    let logs = logs();
    let run = |query: &str, limits: Limits, go_on: bool| {
        let (query, groups) = (Query::parse(query).unwrap(), ["g".to_owned()]);
        let scope = Scope::default();
        let progress = Progress::default();
        logs.query((&scope, &groups), &query, Range::default(), &limits, &progress, (&|| go_on, NOW)).unwrap()
    };
    assert_eq!(run("limit 1", Limits::default(), false).outcome, Outcome::Stopped);
    let few = Limits { groups_max: 3, ..Limits::default() };
    assert_eq!(run("stats count(*) by took", few, true).outcome, Outcome::TooLarge("the groups it counts"));
    let small = Limits { bytes_max: 3000, ..Limits::default() };
    assert_eq!(run("sort took | filter status = 500", small, true).outcome, Outcome::TooLarge("the records it holds"));
    // What is but sorted needs room for its answer alone.
    let sorted = run("sort took | limit 1 | display took", small, true);
    assert_eq!((sorted.outcome, sorted.rows[0][0].1.as_str()), (Outcome::Complete, "0"));
    let one = Limits { rows_max: 1, ..Limits::default() };
    assert_eq!(run("fields took", one, true).rows.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No text makes reading a query panic, and an error stands within it.
    #[test]
    fn any_text_is_a_query_or_not(text in "\\PC{0,60}") {
        if let Err(error) = Query::parse(&text) {
            prop_assert!(error.line == 1 && error.position <= text.chars().count() + 1, "{error}");
        }
    }

    /// Nor texts that look like queries, nor do answers to them.
    #[test]
    fn any_words_are_a_query_or_not(words in prop::collection::vec(prop::sample::select(&[
        "fields", "filter", "stats", "sort", "limit", "parse", "display", "dedup", "|", ",", "(", ")", "[", "]", "=",
        "!=", "<", "like", "not", "and", "or", "in", "by", "as", "desc", "count(*)", "pct(", "bin(5m)", "/a*/", "/", "*",
        "'x*y'", "5", "0.5", "took", "@message", "http.path", "strlen(", "substr(", "^", "-", "%", "`q`", "5m", "é",
    ][..]), 0..12)) {
        if let Ok(query) = Query::parse(&words.join(" ")) {
            let groups = ["g".to_owned()];
            let (scope, progress) = (Scope::default(), Progress::default());
            logs().query((&scope, &groups), &query, Range::default(), &Limits::default(), &progress, (&|| true, NOW)).unwrap();
        }
    }
}
