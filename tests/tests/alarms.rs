//! Metrics and alarms by the real CLI, by hand and from a template.

use std::{fs, time::Duration};

use e2e::{Aws, House, Machine, wait_until};

/// Longer than an alarm on periods of ten seconds takes to be evaluated on a machine that is busy with other things.
const EVALUATED_MAX: Duration = Duration::from_secs(90);

/// An alarm on errors, `at least one` in ten seconds, as a template puts it.
const TEMPLATE: &str = "
Parameters:
  Threshold: { Type: Number, Default: 1 }
Resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: too many errors
      Namespace: shop
      MetricName: errors
      Dimensions: [{ Name: version, Value: '2' }]
      Statistic: Sum
      Period: 10
      EvaluationPeriods: 1
      Threshold: !Ref Threshold
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
      Tags: [{ Key: team, Value: shop }]
Outputs:
  Name: { Value: !Ref Errors }
  Arn: { Value: !GetAtt Errors.Arn }
";

fn state(aws: &Aws, alarm: &str) -> String {
    let found = aws.json(&format!("cloudwatch describe-alarms --alarm-names {alarm}"));
    found["MetricAlarms"][0]["StateValue"].as_str().unwrap_or("gone").to_owned()
}

#[test]
fn an_alarm_from_a_template_follows_what_is_reported() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    let path = machine.folder().join("alarm.yaml");
    fs::write(&path, TEMPLATE).expect("a file");
    let deploy = format!("cloudformation deploy --stack-name watch --template-file {}", path.display());
    aws.json(&deploy);
    let outputs = aws.json("cloudformation describe-stacks --stack-name watch");
    let output = |key: &str| {
        let outputs = outputs["Stacks"][0]["Outputs"].as_array().cloned().unwrap_or_default();
        let found = outputs.into_iter().find(|output| output["OutputKey"] == key).expect("an output");
        found["OutputValue"].as_str().expect("a text").to_owned()
    };
    let name = output("Name");
    aws.json(&format!("cloudwatch wait alarm-exists --alarm-names {name}"));
    let tags = aws.json(&format!("cloudwatch list-tags-for-resource --resource-arn {}", output("Arn")));
    assert!(tags["Tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["Key"] == "team")), "{tags}");

    let report = "cloudwatch put-metric-data --namespace shop --metric-name errors --dimensions version=2 --unit Count \
                  --storage-resolution 1 --value";
    wait_until("the alarm to be evaluated", EVALUATED_MAX, || state(&aws, &name) == "OK");
    aws.json(&format!("{report} 3"));
    wait_until("the alarm", EVALUATED_MAX, || state(&aws, &name) == "ALARM");
    let history = aws.json(&format!("cloudwatch describe-alarm-history --alarm-name {name}"));
    let told = |text: &str| {
        let items = history["AlarmHistoryItems"].as_array().cloned().unwrap_or_default();
        items.iter().any(|item| item["HistorySummary"].as_str().is_some_and(|summary| summary.contains(text)))
    };
    assert!(told("created") && told("Alarm updated from OK to ALARM"), "{history}");

    let metrics = aws.json("cloudwatch list-metrics --namespace shop --dimensions Name=version");
    assert_eq!(metrics["Metrics"][0]["MetricName"], "errors");
    let refused =
        aws.refused("cloudwatch put-metric-data --namespace shop --metric-name errors --unit Apples --value 1");
    assert!(refused.contains("InvalidParameterValue"), "{refused}");

    aws.json(&format!("{deploy} --parameter-overrides Threshold=100"));
    wait_until("the alarm to end", EVALUATED_MAX, || state(&aws, &name) == "OK");
    aws.json("cloudformation delete-stack --stack-name watch");
    aws.json("cloudformation wait stack-delete-complete --stack-name watch");
    assert_eq!(state(&aws, &name), "gone");
    house.stop();
}
