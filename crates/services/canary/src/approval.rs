//! Approvals by link: whoever opens it is asked, and approves by saying so. A look alone, as mail programs and messengers
//! take one at every link, changes nothing.
//!
//! The link has a token that can't be guessed and works once. It is of one gate: when that has passed, it is of none.

use api::canary::{
    Approval as Shown, ApproveByLink, ApproveByLinkRequest, ApproveByLinkResponse, DescribeApproval,
    DescribeApprovalRequest, DescribeApprovalResponse,
};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Transaction};
use wire::{Bound, Context, bind};

use crate::{
    Canaries, Error,
    plan::{Command, Phase},
    rows::{Canary, CanaryObserved},
    show,
};

/// Digits of a token: 128 bits.
pub(crate) const TOKEN_DIGITS: usize = 32;

type Cx = Context<Canaries>;

/// What a link stands for, at the key of its canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) token: String,
    /// The gate.
    pub(crate) step: usize,
    pub(crate) attempt: u32,
    /// The event that asks for it.
    pub(crate) event: u64,
    pub(crate) used: bool,
}

impl Row for Approval {
    const KIND: &'static str = "canary/approval";
}

pub(crate) fn operations() -> Vec<Bound<Canaries>> {
    vec![bind::<DescribeApproval, _, _, _, _>(describe), bind::<ApproveByLink, _, _, _, _>(approve)]
}

async fn describe(cx: Cx, request: DescribeApprovalRequest) -> Result<DescribeApprovalResponse, Error> {
    let (approval, _) = cx.store.write(|tx| find(tx, &cx, &request.token))?;
    Ok(DescribeApprovalResponse { approval })
}

async fn approve(cx: Cx, request: ApproveByLinkRequest) -> Result<ApproveByLinkResponse, Error> {
    let approval = cx.store.write(|tx| {
        let (shown, key) = find(tx, &cx, &request.token)?;
        let mut canary = tx.get::<Canary>(&key)?.ok_or(Error::NoApproval)?;
        canary.ask(Command::Approve);
        tx.put(&key, &canary)?;
        if let Some(approval) = tx.get::<Approval>(&key)? {
            tx.put(&key, &Approval { used: true, ..approval })?;
        }
        Ok::<_, Error>(shown)
    })?;
    Ok(ApproveByLinkResponse { approval })
}

/// The gate that the token is of, if it is closed still.
fn find(tx: &Transaction<'_>, cx: &Cx, token: &str) -> Result<(Shown, Key), Error> {
    // Compared as a whole, by digests: how long it takes tells nothing of the token.
    let all = tx.list::<Approval>(cx.scope())?;
    let (key, approval) = all.into_iter().find(|(_, row)| is_same(&row.token, token)).ok_or(Error::NoApproval)?;
    let (Some(canary), Some(seen)) = (tx.get::<Canary>(&key)?, tx.get::<CanaryObserved>(&key)?) else {
        return Err(Error::NoApproval);
    };
    let waits = seen.state.phase == Phase::Gated { step: approval.step } && seen.state.attempt == approval.attempt;
    if approval.used || !waits || seen.ended.is_some() {
        return Err(Error::NoApproval);
    }
    let told = show::describe(&key.name, &canary, &seen);
    let next = canary.policy.steps.get(approval.step).map_or(0.0, |step| step.weight.percent());
    let shown = Shown {
        canary: key.name.clone(),
        subject: canary.subject.name().to_owned(),
        baseline: canary.baseline,
        new: canary.canary,
        percent: told.percent,
        next_percent: next,
        explanation: told.explanation,
    };
    Ok((shown, key))
}

fn is_same(token: &str, other: &str) -> bool {
    use sha2::{Digest, Sha256};
    Sha256::digest(token) == Sha256::digest(other)
}
