//! Resource types as tables: which properties there are, and what changing one means.

use std::time::Duration;

/// A resource type.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// `AWS::AppMesh::Route`.
    pub name: &'static str,
    /// The properties that are supported; any other is refused by name.
    pub properties: &'static [Property],
    /// What `Fn::GetAtt` gives.
    pub attributes: &'static [&'static str],
    /// The properties that name it. While none of them changes, a second one cannot stand beside the first, so it
    /// cannot be replaced.
    pub identity: &'static [&'static str],
    /// How long it may take to become ready or to go away.
    pub patience: Duration,
    /// Whether its update can be a canary.
    pub canaried: bool,
}

/// A property of a resource type.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether changing it makes a new resource.
    pub replaces: bool,
    /// Those of its members whose change makes a new resource where its change alone does not.
    pub replaces_inside: &'static [&'static str],
}

/// How long a resource may take unless its type says otherwise.
const PATIENCE: Duration = Duration::from_mins(5);

impl Kind {
    /// A type called `name` without properties.
    pub const fn new(name: &'static str) -> Self {
        Self { name, properties: &[], attributes: &[], identity: &[], patience: PATIENCE, canaried: false }
    }

    /// With these properties.
    #[must_use]
    pub const fn properties(self, properties: &'static [Property]) -> Self {
        Self { properties, ..self }
    }

    /// With these attributes.
    #[must_use]
    pub const fn attributes(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self }
    }

    /// Named by these properties.
    #[must_use]
    pub const fn identity(self, identity: &'static [&'static str]) -> Self {
        Self { identity, ..self }
    }

    /// Given this long to become ready or to go away.
    #[must_use]
    pub const fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Its update is a canary where its metadata says so.
    #[must_use]
    pub const fn canaried(self) -> Self {
        Self { canaried: true, ..self }
    }

    /// The property called `name`.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Whether it can have tags.
    pub fn has_tags(&self) -> bool {
        self.property("Tags").is_some()
    }
}

/// A property that may be left out and is changed in place.
pub const fn property(name: &'static str) -> Property {
    Property { name, required: false, replaces: false, replaces_inside: &[] }
}

impl Property {
    /// It must be given.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Changing it makes a new resource.
    #[must_use]
    pub const fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// Changing one of these members of it makes a new resource.
    #[must_use]
    pub const fn replaces_inside(self, members: &'static [&'static str]) -> Self {
        Self { replaces_inside: members, ..self }
    }
}
