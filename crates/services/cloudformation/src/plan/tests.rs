//! Plans by example, and what must hold of all of them.

use std::fmt::Write;

use names::Tags;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    rows::Deployment,
    target::{Standing, pseudo},
    testing::{THING, properties, target, thing},
};

fn written(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let after: Vec<_> = step.after.iter().map(|index| steps[*index].logical_id.as_str()).collect();
        let serial = step.serial.map(|serial| format!("#{serial}")).unwrap_or_default();
        let _ = writeln!(text, "{:?} {}{serial} after [{}]", step.work, step.logical_id, after.join(" "));
    }
    text
}

#[test]
fn a_mesh_is_made_from_the_ground_up() {
    let deployment = Deployment {
        template: include_str!("../../tests/templates/mesh.yaml").to_owned(),
        parameters: [("Domain", "d"), ("MeshName", "m"), ("WeightOne", "1"), ("WeightTwo", "0")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        ..Deployment::default()
    };
    let target = Target::read(&deployment, pseudo(&names::Scope::default(), "s", "arn:s")).unwrap();
    assert_eq!(
        written(&ensure(&target, &[])),
        "\
Ensure Mesh after []
Ensure NodeOne after [Mesh]
Ensure NodeTwo after [Mesh]
Ensure Router after [Mesh]
Ensure Route after [Router NodeOne NodeTwo]
Ensure Api after [Router Mesh]
"
    );
}

fn on(mut thing: Physical, others: &[(&str, u32)]) -> Physical {
    thing.depends_on =
        others.iter().map(|(id, serial)| Incarnation { logical_id: (*id).to_owned(), serial: *serial }).collect();
    thing
}

#[test]
fn what_refers_to_another_goes_before_it() {
    let things = [
        thing("Mesh", 1, json!({})),
        on(thing("Router", 1, json!({})), &[("Mesh", 1)]),
        on(thing("Route", 1, json!({})), &[("Router", 1), ("Mesh", 1), ("Elsewhere", 1)]),
    ];
    let gone: Vec<_> = things.iter().collect();
    assert_eq!(
        written(&removal(&gone, |_| Work::Remove)),
        "\
Remove Mesh#1 after [Router Route]
Remove Router#1 after [Route]
Remove Route#1 after []
"
    );
}

#[test]
fn a_circle_left_by_older_templates_is_cut() {
    let things = [
        on(thing("A", 1, json!({})), &[("B", 1)]),
        on(thing("B", 1, json!({})), &[("A", 1)]),
        on(thing("C", 1, json!({})), &[("C", 1)]),
    ];
    let gone: Vec<_> = things.iter().collect();
    assert_eq!(
        written(&removal(&gone, |_| Work::Remove)),
        "\
Remove A#1 after []
Remove B#1 after [A]
Remove C#1 after []
"
    );
}

#[test]
fn a_difference_is_updated_or_replaced_as_the_type_says() {
    let present = thing("A", 1, json!({"Size": 1, "Base": "x"}));
    let asked = |pairs: &[(&str, &str)]| decide(&THING, &[&present], &properties(pairs), &Tags::new());
    assert_eq!(asked(&[("Size", "1"), ("Base", "x")]), Decision::Keep(1));
    assert_eq!(
        asked(&[("Size", "2"), ("Base", "x")]),
        Decision::Update { serial: 1, changed: vec!["Size".to_owned()] }
    );
    assert_eq!(asked(&[("Base", "x")]), Decision::Update { serial: 1, changed: vec!["Size".to_owned()] });
    assert_eq!(
        asked(&[("Size", "2"), ("Base", "y")]),
        Decision::Replace { old: 1, changed: vec!["Base".to_owned(), "Size".to_owned()] }
    );
    assert_eq!(decide(&THING, &[], &properties(&[]), &Tags::new()), Decision::Create);
    let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
    let same = properties(&[("Size", "1"), ("Base", "x")]);
    assert_eq!(
        decide(&THING, &[&present], &same, &tags),
        Decision::Update { serial: 1, changed: vec!["Tags".to_owned()] }
    );
}

#[test]
fn a_member_of_a_property_may_replace_where_the_others_do_not() {
    let present = Physical {
        properties: json_map(json!({"Shape": {"Corners": 3, "Colour": "red"}})),
        ..thing("A", 1, json!({}))
    };
    let asked = |shape: Value| {
        let decision = decide(&THING, &[&present], &json_map(json!({ "Shape": shape })), &Tags::new());
        matches!(decision, Decision::Replace { .. })
    };
    assert!(!asked(json!({"Corners": "3", "Colour": "blue"})));
    assert!(asked(json!({"Corners": 4, "Colour": "red"})));
    assert!(asked(json!({"Colour": "red"})));
}

fn json_map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn what_has_a_name_of_its_own_cannot_stand_beside_itself() {
    let present = thing("A", 1, json!({"Name": "n", "Base": "x"}));
    let asked = |pairs: &[(&str, &str)]| decide(&THING, &[&present], &properties(pairs), &Tags::new());
    assert_eq!(asked(&[("Name", "n"), ("Base", "y")]), Decision::Refuse("n".to_owned()));
    assert!(matches!(asked(&[("Name", "o"), ("Base", "y")]), Decision::Replace { old: 1, .. }));
    assert!(matches!(asked(&[("Base", "y")]), Decision::Replace { old: 1, .. }));
}

#[test]
fn rolling_back_finds_the_old_thing_again() {
    let old = Physical { chosen: false, ..thing("A", 1, json!({"Base": "x"})) };
    let new = thing("A", 2, json!({"Base": "y"}));
    let broken = Physical { state: State::Broken, chosen: false, ..thing("A", 3, json!({"Base": "x"})) };
    let asked = properties(&[("Base", "x")]);
    assert_eq!(decide(&THING, &[&old, &new, &broken], &asked, &Tags::new()), Decision::Keep(1));
}

#[test]
fn an_update_that_went_wrong_is_made_good_even_if_nothing_seems_to_differ() {
    let half = Physical {
        state: State::Broken,
        before: vec![properties(&[("Size", "1")])],
        ..thing("A", 1, json!({"Size": "2"}))
    };
    for size in ["1", "2", "3"] {
        let decision = decide(&THING, &[&half], &properties(&[("Size", size)]), &Tags::new());
        assert_eq!(decision, Decision::Update { serial: 1, changed: vec!["Size".to_owned()] }, "{size}");
    }
    let failed_at_birth = Physical { state: State::Broken, ..thing("A", 1, json!({"Size": "1"})) };
    assert_eq!(decide(&THING, &[&failed_at_birth], &properties(&[]), &Tags::new()), Decision::Create);
}

#[test]
fn one_failure_stops_making_but_not_removing() {
    let target =
        target("Resources: {A: {Type: Test::Thing}, B: {Type: Test::Thing}, C: {Type: Test::Thing, DependsOn: A}}");
    let mut steps = ensure(&target, &[]);
    assert_eq!(ready(&steps, true), [0, 1]);
    steps[0].state = StepState::Done;
    assert_eq!(ready(&steps, true), [1, 2]);
    steps[1].state = StepState::Failed("x".to_owned());
    assert_eq!(ready(&steps, true), Vec::<usize>::new());
    assert_eq!(ready(&steps, false), [2]);
}

/// A resource of a made-up template: how big, on what base, and which earlier resources it refers to and how.
#[derive(Clone, Debug)]
struct Sketch {
    present: bool,
    size: u8,
    base: u8,
    named: bool,
    uses: Vec<usize>,
    bases: Vec<usize>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let others = || prop::collection::vec(0..6_usize, 0..3);
    (prop::bool::weighted(0.8), 0..3_u8, 0..2_u8, prop::bool::weighted(0.2), others(), others())
        .prop_map(|(present, size, base, named, uses, bases)| Sketch { present, size, base, named, uses, bases })
}

/// The template of `sketches`, in which each refers to others in the direction that `upward` says, so that successive
/// templates may turn dependencies around.
fn template(sketches: &[Sketch], upward: bool) -> String {
    let mut resources = serde_json::Map::new();
    let exists = |other: usize, own: usize| {
        sketches.get(other).is_some_and(|sketch| sketch.present) && if upward { other < own } else { other > own }
    };
    for (index, sketch) in sketches.iter().enumerate().filter(|(_, sketch)| sketch.present) {
        let refer = |others: &[usize]| {
            let others = others.iter().filter(|other| exists(**other, index));
            others.map(|other| json!({"Ref": format!("R{other}")})).collect::<Vec<_>>()
        };
        let mut properties = json!({
            "Size": sketch.size, "Base": sketch.base, "Uses": refer(&sketch.uses), "Bases": refer(&sketch.bases),
        });
        if sketch.named {
            properties["Name"] = json!(format!("name-{index}"));
        }
        resources.insert(format!("R{index}"), json!({"Type": "Test::Thing", "Properties": properties}));
    }
    resources.insert("Ground".to_owned(), json!({"Type": "Test::Thing"}));
    json!({ "Resources": resources }).to_string()
}

/// Does on paper what the controller does for real.
#[derive(Clone, Default)]
struct World {
    things: Vec<Physical>,
}

impl World {
    /// Makes everything as `target` says, failing at the step that is taken as number `fail`; gives the ledger.
    fn make(&mut self, target: &Target, fail: Option<usize>, pick: usize) -> Vec<Step> {
        let mut steps = ensure(target, &[]);
        for taken in 0.. {
            let ready = ready(&steps, true);
            if ready.is_empty() {
                break;
            }
            assert!(taken <= steps.len(), "a ledger must end");
            let index = ready[pick % ready.len()];
            let (serial, state) = self.step(target, &steps[index].logical_id, fail == Some(taken));
            steps[index].serial = serial;
            steps[index].state = state;
        }
        steps
    }

    fn step(&mut self, target: &Target, id: &str, fail: bool) -> (Option<u32>, StepState) {
        let wanted = target.properties(id, &Standing(&self.things)).expect("all it refers to is done");
        let things: Vec<_> = self.things.iter().filter(|thing| thing.logical_id == id).collect();
        let decision = decide(&THING, &things, &wanted, &Tags::new());
        let depends_on: Vec<_> = target.dependencies[id]
            .iter()
            .map(|on| self.things.iter().find(|thing| thing.chosen && thing.logical_id == *on).unwrap().incarnation())
            .collect();
        let serial = match decision {
            Decision::Refuse(_) => return (None, StepState::Failed("name".to_owned())),
            Decision::Keep(serial) => serial,
            Decision::Update { serial, .. } => {
                let thing = self.things.iter_mut().find(|t| t.logical_id == id && t.serial == serial).unwrap();
                let had = std::mem::replace(&mut thing.properties, wanted);
                thing.before = if fail { vec![had] } else { Vec::new() };
                thing.state = if fail { State::Broken } else { State::Ready };
                serial
            }
            Decision::Create | Decision::Replace { .. } => {
                let serial = next_serial(&self.things, id);
                let mut thing = thing(id, serial, Value::Object(wanted));
                thing.chosen = false;
                thing.state = if fail { State::Broken } else { State::Ready };
                thing.depends_on.clone_from(&depends_on);
                self.things.push(thing);
                serial
            }
        };
        if fail {
            return (Some(serial), StepState::Failed("asked to".to_owned()));
        }
        for thing in self.things.iter_mut().filter(|thing| thing.logical_id == id) {
            thing.chosen = thing.serial == serial;
            if thing.chosen {
                thing.depends_on.clone_from(&depends_on);
            }
        }
        (Some(serial), StepState::Done)
    }

    /// Removes what the ledger `made` left over; nothing may go while something that stays refers to it.
    fn clean_up(&mut self, made: &[Step]) {
        let gone: Vec<Physical> = surplus(&self.things, made, &[]).into_iter().cloned().collect();
        let mut steps = removal(&gone.iter().collect::<Vec<_>>(), |_| Work::Remove);
        for _ in 0..=steps.len() {
            for index in ready(&steps, false) {
                let (id, serial) = (steps[index].logical_id.clone(), steps[index].serial);
                self.things.retain(|thing| thing.logical_id != id || Some(thing.serial) != serial);
                let kept = Incarnation { logical_id: id, serial: serial.unwrap() };
                let user = self.things.iter().find(|thing| thing.chosen && thing.depends_on.contains(&kept));
                assert!(user.is_none(), "{kept:?} is gone, and {user:?} refers to it");
                steps[index].state = StepState::Done;
            }
        }
        assert!(steps.iter().all(|step| step.state == StepState::Done), "a removal must end");
    }

    /// What stands, apart from how it came to be.
    fn standing(&self) -> Vec<(String, u32, Map<String, Value>, Vec<Incarnation>)> {
        let mut standing: Vec<_> = self
            .things
            .iter()
            .map(|t| (t.logical_id.clone(), t.serial, t.properties.clone(), t.depends_on.clone()))
            .collect();
        standing.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        standing
    }
}

fn is_done(steps: &[Step]) -> bool {
    steps.iter().all(|step| step.state == StepState::Done)
}

proptest! {
    /// Takes a stack through a number of updates, each of which may fail at any step and is then rolled back. However
    /// dependencies turn and whatever is replaced: every ledger ends, nothing is removed while it is referred to, a
    /// success leaves one thing for each resource, and a rollback restores exactly what stood before.
    #[test]
    fn updates_end_and_rollbacks_restore(
        versions in prop::collection::vec((prop::collection::vec(sketch(), 6), any::<bool>()), 1..5),
        fails in prop::collection::vec(prop::option::of(0..7_usize), 5),
        pick in 0..7_usize,
    ) {
        let mut world = World::default();
        let mut previous = target("Resources: {Ground: {Type: Test::Thing}}");
        let made = world.make(&previous, None, pick);
        world.clean_up(&made);
        for ((sketches, upward), fail) in versions.iter().zip(&fails) {
            let next = target(&template(sketches, *upward));
            let before = world.standing();
            let made = world.make(&next, *fail, pick);
            if is_done(&made) {
                world.clean_up(&made);
                prop_assert_eq!(world.things.len(), next.resources().len());
                previous = next;
            } else {
                let restored = world.make(&previous, None, pick);
                prop_assert!(is_done(&restored), "{:?}", restored);
                world.clean_up(&restored);
                prop_assert_eq!(world.standing(), before);
            }
        }
        let nothing: Vec<Step> = Vec::new();
        world.clean_up(&nothing);
        prop_assert!(world.things.is_empty());
    }
}
