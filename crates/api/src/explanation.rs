//! How a service says of a member that it is accepted and has no effect here.

/// A member that is accepted and has no effect, or another than on AWS; `serin explain` shows those of every service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The resource by AWS's short name: `TaskDefinition`, `Subnet`.
    pub resource: &'static str,
    /// The member by its path in the API.
    pub member: &'static str,
    /// What it does, and why no more.
    pub reason: &'static str,
}

/// An entry of a service's table.
pub const fn explanation(resource: &'static str, member: &'static str, reason: &'static str) -> Explanation {
    Explanation { resource, member, reason }
}
