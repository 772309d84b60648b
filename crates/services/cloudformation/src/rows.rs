//! What is asked of stacks, and what has been seen of them.
//!
//! All rows of one stack share the beginning of their names, `<stack name>/<stack uuid>`, so that a name can be used
//! again after its stack is deleted and the old one can still be asked for by its ARN:
//!
//! | row | name | written by |
//! |---|---|---|
//! | [`Stack`] | `name/uuid` | operations |
//! | [`ChangeSet`] | `name/uuid/change set` | operations |
//! | [`Progress`] | `name/uuid` | the controller |
//! | [`Physical`] | `name/uuid/logical id/serial` | the controller |
//! | [`Event`] | `name/uuid/number` | the controller |
//! | [`Export`] | `export name` | the controller |

use std::collections::BTreeMap;

use api::cloudformation::{
    Capability, Change, ChangeSetStatus, OnFailure, Output, ResourceStatus, StackEvent, StackStatus,
};
use names::{Tags, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Key, Row};

use crate::template::DeletionPolicy;

/// A stack as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was first asked for.
    pub created: Timestamp,
    /// Counts the requests; the controller has answered one when [`Progress::generation`] equals it.
    pub generation: u64,
    /// What the latest request asks for.
    pub goal: Goal,
    /// The token of the latest request.
    pub token: Option<String>,
    /// Whether it cannot be deleted.
    pub termination_protection: bool,
    /// The generation whose update is to be broken off.
    pub cancelled: Option<u64>,
    /// The change set last executed on it, by ARN.
    pub change_set: Option<String>,
}

/// What is asked of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Goal {
    /// Nothing yet: it only has change sets.
    Review,
    /// To be what a template says.
    Deploy(Box<Deployment>),
    /// To be what it was before a failed update or creation that was left standing.
    RollBack {
        /// Resources to leave as they are.
        skip: Vec<String>,
    },
    /// To be gone.
    Delete {
        /// Resources to let go without deleting them.
        retain: Vec<String>,
    },
}

/// All that a template's resources follow from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// The template's text.
    pub template: String,
    /// The template's description.
    pub description: Option<String>,
    /// Each parameter's text.
    pub parameters: BTreeMap<String, String>,
    /// The parameters whose text is not to be shown.
    pub hidden: Vec<String>,
    /// What the imported exports were worth when the deployment was asked for. They cannot change while it stands.
    pub imports: BTreeMap<String, String>,
    /// Tags of the stack and its resources.
    pub tags: Tags,
    /// What its maker has understood.
    pub capabilities: Vec<Capability>,
    /// The role it was to act as; shown and without effect.
    pub role: Option<String>,
    /// What becomes of it when it fails.
    pub on_failure: Option<OnFailure>,
    /// Minutes after which creation counts as failed.
    pub timeout_minutes: Option<u32>,
    /// Deletes even what is to be retained when what it created is rolled back.
    pub retain_except_on_create: bool,
}

/// How far a stack is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// The request that is worked on, or the last that was.
    pub generation: u64,
    /// How far it is.
    pub status: StackStatus,
    /// Why it is not further.
    pub reason: Option<String>,
    /// When work on the request began.
    pub started: Timestamp,
    /// When the last update began.
    pub updated: Option<Timestamp>,
    /// When it was gone.
    pub deleted: Option<Timestamp>,
    /// What stands, and to what a failed update returns.
    pub current: Option<Deployment>,
    /// What was tried last.
    pub attempt: Option<Deployment>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// The ledger: what the present phase has to do, and how far each step is.
    pub steps: Vec<Step>,
    /// Events so far; the next one's number.
    pub events: u64,
    /// When the last of them was; no two have the same time.
    pub last_event: Timestamp,
}

/// One step of a phase: a resource to be made as asked, or a real thing to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub logical_id: String,
    /// What is to be done.
    pub work: Work,
    /// Which of the resource's real things the step works on; known once it has begun.
    pub serial: Option<u32>,
    /// The steps, by position, that must be done before.
    pub after: Vec<usize>,
    /// How far it is.
    pub state: StepState,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Creates, updates or replaces, or finds that nothing is to be done.
    Ensure,
    /// Deletes.
    Remove,
    /// Lets go without deleting.
    LetGo,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepState {
    /// It has not ended.
    Open,
    /// It is done.
    Done,
    /// It failed, for this reason.
    Failed(String),
    /// It was given up because another failed.
    Cancelled,
}

/// A real thing that a resource has become. A resource that is replaced has two until the old one is deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Physical {
    /// The resource.
    pub logical_id: String,
    /// Counts the real things of one resource.
    pub serial: u32,
    /// Its type.
    pub kind: String,
    /// Twelve letters and digits chosen before it was made: the end of its name, and its client token.
    pub token: String,
    /// Its own name or id, which is also what `Ref` gives.
    pub physical_id: Option<String>,
    /// How far it is.
    pub state: State,
    /// Whether it is what the resource presently is.
    pub chosen: bool,
    /// The properties it has, or is being given.
    pub properties: Map<String, Value>,
    /// The properties it had before its update, and before each earlier one that went wrong: while this is not empty, it
    /// may have any of them.
    #[serde(default)]
    pub before: Vec<Map<String, Value>>,
    /// The stack's tags that it has, or is being given.
    pub tags: Tags,
    /// What `Fn::GetAtt` gives.
    pub attributes: Map<String, Value>,
    /// The real things it refers to.
    pub depends_on: Vec<Incarnation>,
    /// What becomes of it when its resource leaves the stack.
    pub deletion_policy: DeletionPolicy,
    /// What becomes of it when it is replaced.
    pub update_replace_policy: DeletionPolicy,
    /// The request for which it was made.
    pub generation: u64,
    /// Calls that failed in passing, since the last that did not.
    pub tries: u32,
    /// When the next of them is due.
    pub retry_at: Timestamp,
    /// When its state last changed.
    pub since: Timestamp,
    /// How far it is, in CloudFormation's words.
    pub status: ResourceStatus,
    /// Why it is not further.
    pub reason: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// For tools.
    pub metadata: Option<Value>,
    /// The canary that its update is, or that the update which is taken back was.
    #[serde(default)]
    pub canary: Option<Canary>,
}

/// A canary that is one with the update of a real thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// Tells it from the canaries of other updates, and of other stacks.
    pub revision: String,
    /// How it is judged; none where the update is taken back, and its canary is to end.
    pub policy: Option<Value>,
    /// What happened to it up to then is in the events.
    pub told: Option<Timestamp>,
}

/// Names one real thing of a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// The resource.
    pub logical_id: String,
    /// Which of its real things.
    pub serial: u32,
}

/// How far a real thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It is about to be made; whether the call got through is not known.
    Creating,
    /// It was made and is not ready yet.
    Created,
    /// It is there and as asked.
    Ready,
    /// It is about to be updated; whether the call got through is not known.
    Updating,
    /// It was updated and is not ready yet.
    Updated,
    /// Its making or its update failed or was given up: it may be there, in part, or not at all.
    Broken,
    /// It is about to be deleted.
    Deleting,
    /// It was deleted and is not gone yet.
    Deleted,
    /// It is gone.
    Gone,
}

impl Physical {
    /// Which real thing this is.
    pub fn incarnation(&self) -> Incarnation {
        Incarnation { logical_id: self.logical_id.clone(), serial: self.serial }
    }

    /// The key of its row under the stack at `stack`.
    pub fn key(&self, stack: &Key) -> Key {
        physical_key(stack, &self.logical_id, self.serial)
    }
}

/// The key of a real thing's row under the stack at `stack`.
pub fn physical_key(stack: &Key, logical_id: &str, serial: u32) -> Key {
    Key::new(&stack.scope, format!("{}/{logical_id}/{serial:08}", stack.name))
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event(pub StackEvent);

/// An output that other stacks may import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The ARN of the stack it is an output of.
    pub stack_id: String,
    /// That stack's name.
    pub stack_name: String,
    /// Its value.
    pub value: String,
}

/// An update to be looked at before it is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it is good.
    pub status: ChangeSetStatus,
    /// Why it is not.
    pub reason: Option<String>,
    /// The request count of the stack for which it was worked out.
    pub generation: u64,
    /// The request that it became.
    pub executed: Option<u64>,
    /// What it deploys.
    pub deployment: Deployment,
    /// What it would do.
    pub changes: Vec<Change>,
    /// The token it was asked for with.
    pub token: Option<String>,
}

impl Row for Stack {
    const KIND: &'static str = "cloudformation/stack";
}

impl Row for ChangeSet {
    const KIND: &'static str = "cloudformation/change-set";
}

impl Row for Progress {
    const KIND: &'static str = "cloudformation/stack.observed";
}

impl Row for Physical {
    const KIND: &'static str = "cloudformation/resource.observed";
}

impl Row for Event {
    const KIND: &'static str = "cloudformation/event.observed";
}

impl Row for Export {
    const KIND: &'static str = "cloudformation/export.observed";
}
