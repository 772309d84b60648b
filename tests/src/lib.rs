//! End to end: the real clients against the real binary.
//!
//! A test is a user on a machine of its own: [`Machine::new`] moves the test's thread into a network namespace with
//! nothing but loopback, so that port 4566 and port 80 are free, a mistake cannot leave the machine, and tests run side
//! by side. [`House`] is `serin up` in it; [`Aws`] is the unmodified `aws` CLI; [`Load`] sends requests all the while;
//! [`Browser`] is a real Chromium. Whatever a test needs and does not find makes it fail: nothing is skipped.

pub mod browser;
mod envoy;
mod house;
mod load;
mod machine;
pub mod release;
mod sample;
pub mod stranger;

pub use browser::Browser;
pub use envoy::envoy;
pub use house::{Aws, House, binary};
pub use load::{Answer, Load, Report, get, get_with};
pub use machine::{Leftovers, Machine, run, wait_until};
pub use sample::{Sample, template};
