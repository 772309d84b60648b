//! Finding stacks by what callers call them.

use api::cloudformation::{Parameter, StackStatus, Tag};
use names::{Arn, Scope, Tags};
use store::{Key, Store, Transaction};

use crate::{
    controller::status,
    error::Error,
    rows::{Deployment, Goal, Progress, Stack},
};

/// Where rows are read from: the store, or a transaction.
pub(super) trait Rows {
    fn stacks(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, Stack)>, store::Error>;
    fn progress(&self, key: &Key) -> Result<Option<Progress>, store::Error>;
}

impl Rows for Store {
    fn stacks(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, Stack)>, store::Error> {
        self.list_under(scope, prefix)
    }

    fn progress(&self, key: &Key) -> Result<Option<Progress>, store::Error> {
        self.get(key)
    }
}

impl Rows for Transaction<'_> {
    fn stacks(&self, scope: &Scope, prefix: &str) -> Result<Vec<(Key, Stack)>, store::Error> {
        self.list_under(scope, prefix)
    }

    fn progress(&self, key: &Key) -> Result<Option<Progress>, store::Error> {
        self.get(key)
    }
}

/// A stack with both sides of it.
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) stack: Stack,
    pub(super) progress: Option<Progress>,
}

impl Found {
    /// How far it is.
    pub(super) fn status(&self) -> StackStatus {
        status(&self.stack, self.progress.as_ref())
    }

    /// Why it is not further.
    pub(super) fn reason(&self) -> Option<String> {
        let progress = self.progress.as_ref().filter(|progress| progress.generation >= self.stack.generation);
        progress.and_then(|progress| progress.reason.clone())
    }

    /// The deployment that it shows: what is being made or was made last, or what it went back to.
    pub(super) fn shown(&self) -> Option<&Deployment> {
        let (current, attempt) = match &self.progress {
            Some(progress) => (progress.current.as_ref(), progress.attempt.as_ref()),
            None => (None, None),
        };
        let asked = match &self.stack.goal {
            Goal::Deploy(deployment) => Some(&**deployment),
            _ => None,
        };
        let unseen = self.progress.as_ref().is_none_or(|progress| progress.generation < self.stack.generation);
        match self.status() {
            _ if unseen && asked.is_some() => asked,
            status if status.as_str().starts_with("UPDATE_ROLLBACK") => current,
            StackStatus::DeleteInProgress | StackStatus::DeleteFailed | StackStatus::DeleteComplete => {
                current.or(attempt)
            }
            _ => attempt.or(current),
        }
    }

    /// What an update starts from.
    pub(super) fn standing(&self) -> Option<&Deployment> {
        let progress = self.progress.as_ref()?;
        match progress.status {
            StackStatus::UpdateFailed | StackStatus::CreateFailed => progress.attempt.as_ref(),
            _ => progress.current.as_ref(),
        }
    }
}

/// The stack that is called `name`, which is a name or an ARN; a deleted one is found by its ARN alone.
pub(super) fn find(rows: &impl Rows, scope: &Scope, name: &str) -> Result<Option<Found>, Error> {
    let (prefix, deleted) = match name.parse::<Arn>() {
        Ok(arn) => match arn.name_of("stack") {
            Some(path) if arn.scope().as_ref() == Some(scope) => (path.to_owned(), true),
            _ => return Ok(None),
        },
        Err(_) => (format!("{name}/"), false),
    };
    for (key, stack) in rows.stacks(scope, &prefix)? {
        let progress = rows.progress(&key)?;
        let found = Found { key, stack, progress };
        if deleted || found.status() != StackStatus::DeleteComplete {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Every stack, by name.
pub(super) fn all(rows: &impl Rows, scope: &Scope) -> Result<Vec<Found>, Error> {
    let read = |(key, stack): (Key, Stack)| {
        let progress = rows.progress(&key)?;
        Ok(Found { key, stack, progress })
    };
    rows.stacks(scope, "")?.into_iter().map(read).collect()
}

/// The parameters of `deployment` as they may be shown.
pub(super) fn parameters(deployment: &Deployment) -> Vec<Parameter> {
    let shown = |(name, text): (&String, &String)| Parameter {
        parameter_key: name.clone(),
        parameter_value: Some(if deployment.hidden.contains(name) { "****".to_owned() } else { text.clone() }),
        use_previous_value: None,
    };
    deployment.parameters.iter().map(shown).collect()
}

/// Tags as answers spell them.
pub(super) fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Refuses a `value` of `member` that is not a letter, then letters, digits and hyphens.
pub(super) fn check_name(member: &str, value: &str, longest: usize) -> Result<(), Error> {
    let pattern = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let constraint = if value.len() > longest {
        format!("Member must have length less than or equal to {longest}")
    } else if !pattern {
        "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )))
}
