//! The service through the wire's in-process dispatch, with a clock of its own.

use std::time::Duration;

use api::{Fault, Operation, cloudwatch as model};
use names::{ManualClock, Scope, Timestamp};
use reconcile::{Controller, Next};
use store::Key;
use telemetry::{Limits, Telemetry};
use wire::Caller;

use super::*;
use crate::controller::Alarms;

struct House {
    caller: Caller,
    alarms: Alarms,
    clock: ManualClock,
}

const START: i64 = 1_700_000_040_000;

fn house() -> House {
    let (hand, caller) = (ManualClock::default(), Caller::default());
    hand.advance(Duration::from_millis(START.unsigned_abs()));
    let clock = Clock::Manual(hand.clone());
    let metrics = Telemetry::in_memory(Limits::default()).unwrap().metrics();
    let store = Store::in_memory().unwrap();
    caller.fill([service(store.clone(), metrics.clone(), clock.clone()).service]);
    let alarms = Alarms::new(Arc::new(CloudWatch { store, metrics, clock }));
    House { caller, alarms, clock: hand }
}

impl House {
    async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.caller.call::<Op>(&Scope::default(), request).await
    }

    async fn report(&self, name: &str, value: f64) {
        let datum = model::MetricDatum { metric_name: name.to_owned(), value: Some(value), ..Default::default() };
        let request = model::PutMetricDataRequest { namespace: "shop".to_owned(), metric_data: vec![datum] };
        self.call::<model::PutMetricData>(request).await.unwrap();
    }

    /// Evaluates the alarm after the next minute, and tells its state.
    async fn next_minute(&self) -> String {
        self.clock.advance(Duration::from_mins(1));
        self.look().await
    }

    async fn look(&self) -> String {
        let next = self.alarms.reconcile(&Key::new(&Scope::default(), "errors")).await.unwrap();
        assert!(matches!(next, Next::After(_)));
        self.alarm().await.state_value.unwrap()
    }

    async fn alarm(&self) -> model::MetricAlarm {
        let asked = model::DescribeAlarmsRequest { alarm_names: vec!["errors".to_owned()], ..Default::default() };
        self.call::<model::DescribeAlarms>(asked).await.unwrap().metric_alarms.remove(0)
    }

    async fn history(&self) -> Vec<String> {
        let asked =
            model::DescribeAlarmHistoryRequest { scan_by: Some("TimestampAscending".to_owned()), ..Default::default() };
        let items = self.call::<model::DescribeAlarmHistory>(asked).await.unwrap().alarm_history_items;
        items.into_iter().map(|item| item.history_summary.unwrap()).collect()
    }
}

fn on_errors() -> model::PutMetricAlarmRequest {
    model::PutMetricAlarmRequest {
        alarm_name: "errors".to_owned(),
        namespace: Some("shop".to_owned()),
        metric_name: Some("errors".to_owned()),
        statistic: Some("Sum".to_owned()),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(3.0),
        comparison_operator: Some("GreaterThanThreshold".to_owned()),
        alarm_actions: vec!["arn:aws:sns:us-east-1:000000000000:oncall".to_owned()],
        ..Default::default()
    }
}

/// The sum of `name` in each minute, under the same name.
fn sum_of(name: &str) -> model::MetricDataQuery {
    let (namespace, metric_name) = (Some("shop".to_owned()), Some(name.to_owned()));
    let metric = model::Metric { namespace, metric_name, dimensions: vec![] };
    let stat = model::MetricStat { metric, period: 60, stat: "Sum".to_owned(), unit: None };
    model::MetricDataQuery { id: name.to_owned(), metric_stat: Some(stat), ..Default::default() }
}

#[tokio::test]
async fn an_alarm_follows_its_metric_and_its_history_tells() {
    let house = house();
    house.call::<model::PutMetricAlarm>(on_errors()).await.unwrap();
    assert_eq!(house.next_minute().await, "INSUFFICIENT_DATA");
    house.report("errors", 2.0).await;
    assert_eq!(house.look().await, "INSUFFICIENT_DATA", "the minute is not over");
    assert_eq!(house.next_minute().await, "OK");
    house.report("errors", 2.0).await;
    house.report("errors", 5.0).await;
    assert_eq!(house.next_minute().await, "ALARM");
    let alarm = house.alarm().await;
    assert!(alarm.state_reason.unwrap().contains("1 out of the last 1 datapoints [7.0 ("));
    assert_eq!(
        house.history().await,
        [
            "Alarm \"errors\" created",
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm updated from OK to ALARM",
            "Failed to execute action arn:aws:sns:us-east-1:000000000000:oncall",
        ]
    );
}

#[tokio::test]
async fn a_state_set_by_hand_holds_until_the_next_look() {
    let house = house();
    house.call::<model::PutMetricAlarm>(on_errors()).await.unwrap();
    house.report("errors", 1.0).await;
    assert_eq!(house.next_minute().await, "OK");
    let set = model::SetAlarmStateRequest {
        alarm_name: "errors".to_owned(),
        state_value: "ALARM".to_owned(),
        state_reason: "a drill".to_owned(),
        state_reason_data: None,
    };
    house.call::<model::SetAlarmState>(set.clone()).await.unwrap();
    assert_eq!(house.alarm().await.state_value.as_deref(), Some("ALARM"), "it is seen at once");
    assert_eq!(house.look().await, "ALARM");
    assert_eq!(house.alarm().await.state_reason.as_deref(), Some("a drill"));
    assert_eq!(house.look().await, "OK");
    let unknown = model::SetAlarmStateRequest { alarm_name: "no".to_owned(), ..set };
    assert_eq!(house.call::<model::SetAlarmState>(unknown).await.unwrap_err().code, "ResourceNotFound");
}

#[tokio::test]
async fn an_alarm_on_a_rate_calculates_it() {
    let house = house();
    let stat = |name: &str| model::MetricDataQuery { return_data: Some(false), ..sum_of(name) };
    let rate = model::MetricDataQuery {
        id: "rate".to_owned(),
        expression: Some("100 * errors / requests".to_owned()),
        ..Default::default()
    };
    let queries = vec![rate, stat("errors"), stat("requests")];
    let alarm = model::PutMetricAlarmRequest {
        metrics: queries.clone(),
        namespace: None,
        metric_name: None,
        statistic: None,
        period: None,
        ..on_errors()
    };
    house.call::<model::PutMetricAlarm>(alarm).await.unwrap();
    house.report("errors", 4.0).await;
    house.report("requests", 50.0).await;
    assert_eq!(house.next_minute().await, "ALARM", "8 % are more than 3 %");
    let asked = model::GetMetricDataRequest {
        metric_data_queries: queries,
        start_time: Timestamp::from_millis(START - 60_000),
        end_time: Timestamp::from_millis(START + 60_000),
        ..Default::default()
    };
    let answer = house.call::<model::GetMetricData>(asked).await.unwrap();
    let results: Vec<_> =
        answer.metric_data_results.iter().map(|r| (r.id.as_deref().unwrap(), r.values.clone())).collect();
    assert_eq!(results, [("rate", vec![8.0])]);
}

#[tokio::test]
async fn statistics_are_by_period_and_unit() {
    let house = house();
    for value in [1.0, 2.0, 9.0] {
        house.report("seconds", value).await;
    }
    let asked = model::GetMetricStatisticsRequest {
        namespace: "shop".to_owned(),
        metric_name: "seconds".to_owned(),
        start_time: Timestamp::from_millis(START - 600_000),
        end_time: Timestamp::from_millis(START + 60_000),
        period: 60,
        statistics: vec!["Average".to_owned(), "SampleCount".to_owned()],
        extended_statistics: vec!["p50".to_owned()],
        ..Default::default()
    };
    let found = house.call::<model::GetMetricStatistics>(asked.clone()).await.unwrap().datapoints;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].average, found[0].sample_count, found[0].sum), (Some(4.0), Some(3.0), None));
    assert!((found[0].extended_statistics["p50"] - 2.0).abs() < 0.02);
    let wrong = [
        model::GetMetricStatisticsRequest { period: 61, ..asked.clone() },
        model::GetMetricStatisticsRequest { statistics: vec!["p50".to_owned()], ..asked.clone() },
        model::GetMetricStatisticsRequest { start_time: asked.end_time, ..asked.clone() },
        model::GetMetricStatisticsRequest { start_time: Timestamp::from_millis(0), ..asked },
    ];
    let codes =
        ["InvalidParameterValue", "InvalidParameterValue", "InvalidParameterValue", "InvalidParameterCombination"];
    for (request, code) in wrong.into_iter().zip(codes) {
        assert_eq!(house.call::<model::GetMetricStatistics>(request).await.unwrap_err().code, code);
    }
}

#[tokio::test]
async fn pages_of_series_give_everything_once() {
    let house = house();
    for _ in 0..5 {
        house.report("a", 1.0).await;
        house.report("b", 2.0).await;
        house.clock.advance(Duration::from_mins(1));
    }
    let (mut token, mut seen) = (None, Vec::new());
    loop {
        let asked = model::GetMetricDataRequest {
            metric_data_queries: vec![sum_of("a"), sum_of("b")],
            start_time: Timestamp::from_millis(START),
            end_time: Timestamp::from_millis(START + 600_000),
            max_datapoints: Some(3),
            next_token: token,
            ..Default::default()
        };
        let answer = house.call::<model::GetMetricData>(asked).await.unwrap();
        seen.extend(answer.metric_data_results.into_iter().flat_map(|result| result.values));
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    seen.sort_by(f64::total_cmp);
    assert_eq!(seen, [[1.0; 5], [2.0; 5]].concat());
}

#[tokio::test]
async fn alarms_are_deleted_all_or_none_and_keep_nothing_of_an_earlier_one() {
    let house = house();
    house.call::<model::PutMetricAlarm>(on_errors()).await.unwrap();
    house.report("errors", 9.0).await;
    assert_eq!(house.next_minute().await, "ALARM");
    let both = model::AlarmNames { alarm_names: vec!["errors".to_owned(), "no".to_owned()] };
    assert_eq!(house.call::<model::DeleteAlarms>(both).await.unwrap_err().code, "ResourceNotFound");
    assert_eq!(house.look().await, "ALARM");
    let one = model::AlarmNames { alarm_names: vec!["errors".to_owned()] };
    house.call::<model::DeleteAlarms>(one).await.unwrap();
    house.clock.advance(Duration::from_millis(1));
    house.call::<model::PutMetricAlarm>(on_errors()).await.unwrap();
    assert_eq!(house.alarm().await.state_value.as_deref(), Some("INSUFFICIENT_DATA"));
    let metric = model::DescribeAlarmsForMetricRequest {
        metric_name: "errors".to_owned(),
        namespace: "shop".to_owned(),
        ..Default::default()
    };
    assert_eq!(house.call::<model::DescribeAlarmsForMetric>(metric).await.unwrap().metric_alarms.len(), 1);
}

#[tokio::test]
async fn alarms_that_make_no_sense_are_refused() {
    let house = house();
    let wrong = [
        (model::PutMetricAlarmRequest { threshold: None, ..on_errors() }, "MissingParameter"),
        (model::PutMetricAlarmRequest { evaluation_periods: Some(0), ..on_errors() }, "InvalidParameterValue"),
        (model::PutMetricAlarmRequest { datapoints_to_alarm: Some(2), ..on_errors() }, "ValidationError"),
        (model::PutMetricAlarmRequest { evaluation_periods: Some(2000), ..on_errors() }, "ValidationError"),
        (model::PutMetricAlarmRequest { treat_missing_data: Some("so".to_owned()), ..on_errors() }, "ValidationError"),
        (
            model::PutMetricAlarmRequest {
                comparison_operator: Some("GreaterThanUpperThreshold".to_owned()),
                ..on_errors()
            },
            "InvalidParameterValue",
        ),
        (model::PutMetricAlarmRequest { alarm_actions: vec!["x".to_owned()], ..on_errors() }, "ValidationError"),
    ];
    for (request, code) in wrong {
        assert_eq!(house.call::<model::PutMetricAlarm>(request).await.unwrap_err().code, code);
    }
    let all = house.call::<model::DescribeAlarms>(model::DescribeAlarmsRequest::default()).await.unwrap();
    assert!(all.metric_alarms.is_empty(), "nothing was changed");
}
