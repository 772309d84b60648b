//! Policies as templates write them, and those that cannot be followed.

use super::*;

fn refused(json: &str) -> String {
    Policy::parse(json).expect_err("it cannot be followed").to_string()
}

#[test]
fn nothing_said_is_the_usual_ramp() {
    let policy = Policy::parse("{}").unwrap();
    assert_eq!(policy, Policy::default());
    let weights: Vec<_> = policy.steps.iter().map(|step| step.weight.percent()).collect();
    assert_eq!(weights, [1.0, 2.0, 5.0, 10.0, 25.0, 50.0]);
    let bounds: Vec<_> = (0..7).map(|step| policy.bound(step)).collect();
    assert_eq!(bounds, [0.25, 0.125, 0.05, 0.025, 0.01, 0.005, 0.005]);
    assert_eq!(policy.settings(), Settings::default());
}

#[test]
fn a_policy_reads_what_it_writes() {
    let json = r#"{"Steps":[0.1,"5",{"Weight":50,"MaximumErrorPercent":"0.7","Gate":"true"}],"BakeSeconds":"60",
        "Metrics":["Errors",{"Name":"LatencyP99.9","Tolerance":1.5}],"HarmBudget":"20","OnTakeBack":"Freeze",
        "OnInconclusive":"Promote","DryRun":true,"LatencyMargin":{"Milliseconds":"0.5"},"ColdStart":{"Requests":"5"}}"#;
    let policy = Policy::parse(json).unwrap();
    assert_eq!(policy.steps[0].weight.in_tenths(), 1);
    assert!(policy.steps[2].gate && policy.dry_run);
    assert!((policy.bound(2) - 0.007).abs() < 1e-12);
    assert_eq!(policy.settings().margin, Margin { percent: 3.0, micros: 500 });
    assert_eq!((policy.bake_seconds, policy.harm_budget), (60, Some(20)));
    assert_eq!(Policy::parse(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
}

#[test]
fn the_longest_time_counts_every_wait() {
    let json = r#"{"Steps": [5, {"Weight": 50, "Gate": true}], "MinimumStepSeconds": 1, "MaximumStepSeconds": 10,
        "BakeSeconds": 7, "HealthySeconds": 100, "Retries": 1}"#;
    assert_eq!(Policy::parse(json).unwrap().longest_seconds(), 2 * (100 + 60 + 4 * 10 + 7));
}

#[test]
fn the_guide_tells_the_truth() {
    let guide = include_str!("../../../../../docs/guides/canary.md");
    let example = guide.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("it has an example");
    let metadata: serde_json::Value = serde_json::from_str(example).unwrap();
    Policy::from_value(metadata["Serin::Canary"].clone()).unwrap();
    let serde_json::Value::Object(settings) = serde_json::to_value(Policy::default()).unwrap() else {
        panic!("an object")
    };
    for name in settings.keys() {
        assert!(guide.contains(&format!("| `{name}`")), "the guide does not tell of {name}");
    }
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    for (json, text) in [
        (r#"{"Steps":[1,10,5]}"#, "Steps fall from 10 % to 5 %"),
        (r#"{"Steps":[5,5]}"#, "Steps fall from 5 % to 5 %"),
        (r#"{"Steps":[]}"#, "Steps has 0 entries"),
        (r#"{"Steps":[0,10]}"#, "Steps has 0 %"),
        (r#"{"Steps":[10,100]}"#, "Steps has 100 %"),
        (r#"{"Steps":[10,110]}"#, "110 is no weight"),
        (r#"{"Steps":[0.05]}"#, "0.05 is no weight"),
        (r#"{"Steps":[-1]}"#, "-1 is no weight"),
        (r#"{"Steps":["many"]}"#, "\"many\""),
        (r#"{"Steps":[98]}"#, "hold back less"),
        (r#"{"Steps":[{"Weight":5,"MaximumErrorPercent":100}]}"#, "MaximumErrorPercent is 100"),
        (r#"{"Steps":[{"Weight":5,"Gated":true}]}"#, "Gated"),
        (r#"{"Step":[5]}"#, "Step"),
        (r#"{"Metrics":["Latencies"]}"#, "there is no metric \"Latencies\""),
        (r#"{"Metrics":[]}"#, "at least one metric"),
        (r#"{"Metrics":["Errors","Errors"]}"#, "none twice"),
        (r#"{"Metrics":[{"Name":"Errors","Tolerance":0.5}]}"#, "Tolerance is 0.5"),
        (r#"{"MinimumStepSeconds":60,"MaximumStepSeconds":30}"#, "above MaximumStepSeconds"),
        (r#"{"BakeSeconds":99999999}"#, "BakeSeconds is 99999999"),
        (r#"{"BakeSeconds":-5}"#, "a whole number of 0 or more"),
        (r#"{"FalseTakeBack":0}"#, "FalseTakeBack is 0"),
        (r#"{"FalseTakeBack":"NaN"}"#, "FalseTakeBack is NaN"),
        (r#"{"LatencyMargin":{"Percent":-1}}"#, "LatencyMargin.Percent is -1"),
        (r#"{"LatencyMargin":{"Seconds":1}}"#, "Seconds"),
        (r#"{"OnTakeBack":"Panic"}"#, "Panic"),
        (r#"{"DryRun":"perhaps"}"#, "true or false"),
        ("[]", "Serin::Canary: "),
    ] {
        let refusal = refused(json);
        assert!(refusal.contains(text), "{json} was refused with {refusal:?}");
    }
}
