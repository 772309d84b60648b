//! The words for how far stacks, resources and change sets are.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word as the API model spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How far a stack is.
    StackStatus {
        /// Its resources are being created.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Creation failed, and what was created was left standing, as asked.
        CreateFailed = "CREATE_FAILED",
        /// It stands.
        CreateComplete = "CREATE_COMPLETE",
        /// Creation failed, and what was created is being deleted.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// Some of it could not be deleted.
        RollbackFailed = "ROLLBACK_FAILED",
        /// Nothing of the failed creation is left.
        RollbackComplete = "ROLLBACK_COMPLETE",
        /// It is being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// Some of it could not be deleted.
        DeleteFailed = "DELETE_FAILED",
        /// It is gone.
        DeleteComplete = "DELETE_COMPLETE",
        /// It is being updated.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        /// It is updated, and what was replaced or taken out is being deleted.
        UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        /// The update is done.
        UpdateComplete = "UPDATE_COMPLETE",
        /// An update failed, and its half was left standing, as asked.
        UpdateFailed = "UPDATE_FAILED",
        /// An update failed, and the state before is being restored.
        UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
        /// The state before could not be restored.
        UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED",
        /// The state before is restored, and what the update created is being deleted.
        UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        /// The state before the failed update is restored.
        UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE",
        /// It has a change set and nothing else yet.
        ReviewInProgress = "REVIEW_IN_PROGRESS",
    }
}

impl StackStatus {
    /// Whether something is being done to the stack.
    pub fn is_in_progress(self) -> bool {
        self != Self::ReviewInProgress && self.as_str().ends_with("_IN_PROGRESS")
    }
}

words! {
    /// How far a resource is.
    ResourceStatus {
        /// It is being created.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// It could not be created.
        CreateFailed = "CREATE_FAILED",
        /// It is created.
        CreateComplete = "CREATE_COMPLETE",
        /// It is being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// It could not be deleted.
        DeleteFailed = "DELETE_FAILED",
        /// It is deleted.
        DeleteComplete = "DELETE_COMPLETE",
        /// It stays, and the stack has let it go.
        DeleteSkipped = "DELETE_SKIPPED",
        /// It is being updated.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        /// It could not be updated.
        UpdateFailed = "UPDATE_FAILED",
        /// It is updated.
        UpdateComplete = "UPDATE_COMPLETE",
    }
}

words! {
    /// How far a change set is.
    ChangeSetStatus {
        /// It can be looked at.
        CreateComplete = "CREATE_COMPLETE",
        /// It cannot be executed; its reason says why.
        Failed = "FAILED",
    }
}

words! {
    /// Whether a change set can be, is being or has been executed.
    ExecutionStatus {
        /// It cannot.
        Unavailable = "UNAVAILABLE",
        /// It can.
        Available = "AVAILABLE",
        /// It is being executed.
        ExecuteInProgress = "EXECUTE_IN_PROGRESS",
        /// It was executed.
        ExecuteComplete = "EXECUTE_COMPLETE",
        /// Its execution failed.
        ExecuteFailed = "EXECUTE_FAILED",
        /// The stack has changed since it was made.
        Obsolete = "OBSOLETE",
    }
}

words! {
    /// What becomes of a stack whose creation fails.
    OnFailure {
        /// What was created stays.
        DoNothing = "DO_NOTHING",
        /// What was created is deleted, and the stack stays as a record.
        Rollback = "ROLLBACK",
        /// All of it is deleted.
        Delete = "DELETE",
    }
}

words! {
    /// What the caller says to have understood about a template.
    Capability {
        /// It may make IAM resources.
        Iam = "CAPABILITY_IAM",
        /// It may make IAM resources with names of their own.
        NamedIam = "CAPABILITY_NAMED_IAM",
        /// It may be expanded by macros.
        AutoExpand = "CAPABILITY_AUTO_EXPAND",
    }
}
