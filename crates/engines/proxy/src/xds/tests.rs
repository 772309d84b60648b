//! The client against a control plane of the test.
