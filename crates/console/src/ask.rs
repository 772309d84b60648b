//! How pages ask: an operation, on behalf of an account and a region.

use std::{collections::BTreeMap, sync::Arc};

use api::{Fault, Operation};
use names::{AccountId, Region, Scope};

use crate::{Console, guard::Visitor};

/// How many answers of a list are read on, one after the other.
pub(crate) const PAGES_MAX: usize = 100;

/// What a page is rendered from: whom to ask, for whom, and what stood in its address.
#[derive(Clone)]
pub(crate) struct Cx {
    pub(crate) console: Arc<Console>,
    pub(crate) visitor: Visitor,
    pub(crate) scope: Scope,
    path: Arc<BTreeMap<String, String>>,
    query: Arc<BTreeMap<String, String>>,
}

impl Cx {
    /// Reads the scope from the address; the default one where it names none.
    pub(crate) fn new(
        console: Arc<Console>,
        visitor: Visitor,
        path: BTreeMap<String, String>,
        query: BTreeMap<String, String>,
    ) -> Result<Self, Fault> {
        let account = path.get("account").map(|account| account.parse::<AccountId>());
        let account = account.transpose().map_err(|error| Fault::new("NotFound", 404, error.to_string()))?;
        let region = path.get("region").map(Region::new).unwrap_or_default();
        let scope = Scope::new(account.unwrap_or_default(), region);
        Ok(Self { console, visitor, scope, path: Arc::new(path), query: Arc::new(query) })
    }

    /// Calls `Op`.
    pub(crate) async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.console.caller.call::<Op>(&self.scope, request).await
    }

    /// Whether who opened a live page may still see it. Looking on alone keeps no session from ending.
    pub(crate) fn is_still_welcome(&self) -> bool {
        let sessions = &self.console.sessions;
        !sessions.are_needed() || sessions.lasts(&self.visitor.session, self.console.clock.now())
    }

    /// A label of the address's path.
    pub(crate) fn path(&self, label: &str) -> &str {
        self.path.get(label).map(String::as_str).unwrap_or_default()
    }

    /// A member of the address's query; empty if it has none.
    pub(crate) fn query(&self, member: &str) -> &str {
        self.query.get(member).map(|text| text.trim()).unwrap_or_default()
    }

    /// What forms must carry.
    pub(crate) fn token(&self) -> String {
        self.console.sessions.token(&self.visitor.session)
    }

    /// An address in this scope; see [`crate::links::to`].
    pub(crate) fn link(&self, parts: &[&str]) -> String {
        crate::links::to(&self.scope, parts)
    }
}

/// Reads a list to its end: `all!(cx, ListMeshes, request, meshes)`.
macro_rules! all {
    ($cx:expr, $operation:ty, $request:expr, $items:ident) => {
        crate::ask::all!($cx, $operation, $request, $items, next_token, next_token)
    };
    ($cx:expr, $operation:ty, $request:expr, $items:ident, $ask:ident, $answer:ident) => {{
        let mut request = $request;
        let mut found = Vec::new();
        for _ in 0..crate::ask::PAGES_MAX {
            let answer = $cx.call::<$operation>(request.clone()).await?;
            found.extend(answer.$items);
            request.$ask = answer.$answer;
            if request.$ask.is_none() {
                break;
            }
        }
        found
    }};
}
pub(crate) use all;
