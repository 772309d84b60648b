//! Tags: what a user hangs on a resource.

use std::collections::BTreeMap;

/// Tags by key. AWS lets a key stand once, so a map is the honest shape; services spell it as lists on the wire.
pub type Tags = BTreeMap<String, String>;
