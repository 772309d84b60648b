//! Pictures, made here as SVG: a browser is given shapes, never data to draw itself.
//!
//! Looks come from the stylesheet by class. Every picture stands beside a table that says the same.

pub(crate) mod chart;
pub(crate) mod graph;
mod layers;
