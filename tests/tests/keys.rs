//! A house with keys of its own: who has not the secret is refused, and everything in it works all the same.

use std::{process::Command, time::Duration};

use e2e::{House, Machine, Sample, binary, get, run, wait_until};

#[test]
fn a_house_with_keys_lets_in_its_users_and_its_own_tasks_alone() {
    let machine = Machine::new();
    let house = House::start_with(&machine, &["--access-key", "test:test"]);
    let aws = house.aws();
    let refused = aws.with_secret("guess").refused("ecs list-clusters");
    assert!(refused.contains("SignatureDoesNotMatch"), "{refused}");
    // The tasks' key is their account; without their secret it opens nothing.
    let refused = aws.with_secret("serin").refused("sts get-caller-identity");
    assert!(refused.contains("SignatureDoesNotMatch"), "{refused}");

    let sample = Sample::push(&house);
    let (_, repository) = sample.image().rsplit_once('/').expect("an image has a registry");
    let (repository, _) = repository.split_once(':').expect("it has a tag");
    let tags = get(&format!("http://127.0.0.1:4566/v2/{repository}/tags/list")).expect("an answer");
    assert_eq!(tags.status, 401, "without a password nothing is pulled");

    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    wait_until("traces of the tasks", Duration::from_secs(30), || {
        let mut map = Command::new(binary("serin"));
        let map = run(aws.equip(&mut map).args(["map", "--region", "ap-southeast-2"]));
        ["gateway_todos", "api_1_todos"].iter().all(|name| map.contains(name))
    });
    sample.delete();
    house.stop();
}
