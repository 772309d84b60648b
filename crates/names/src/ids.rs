//! New ids in AWS's shapes, from a source of numbers that is passed in.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Where new ids come from: the machine's randomness, or a count that makes tests repeatable.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Ids {
    /// Ids made of what `source` gives; the binary passes a cryptographic generator.
    pub fn new(source: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Ids that count up from one: the same in each run.
    pub fn counting() -> Self {
        let next = AtomicU64::new(1);
        Self::new(move || next.fetch_add(1, Ordering::SeqCst))
    }

    /// `digits` hexadecimal digits, at most 32.
    pub fn hex(&self, digits: usize) -> String {
        let text = format!("{:016x}{:016x}", (self.0)(), (self.0)());
        text[32 - digits.min(32)..].to_owned()
    }

    /// `prefix-` and seventeen hexadecimal digits, as EC2 names its resources.
    pub fn ec2(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.hex(17))
    }

    /// A version 4 UUID.
    pub fn uuid(&self) -> String {
        let h = self.hex(32);
        format!("{}-{}-4{}-a{}-{}", &h[0..8], &h[8..12], &h[13..16], &h[17..20], &h[20..32])
    }

    /// `length` capital letters and digits, as CloudFormation ends the names it makes up.
    pub fn suffix(&self, length: usize) -> String {
        const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        (0..length)
            .map(|_| {
                // A count gives neighbouring numbers; spread them so that neighbours differ in every letter.
                let number = (self.0)().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                char::from(ALPHABET[usize::try_from(number % 36).unwrap_or(0)])
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shapes_of_aws() {
        let ids = Ids::counting();
        assert_eq!(ids.ec2("vpc").len(), "vpc-0123456789abcdef0".len());
        let uuid = ids.uuid();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert_eq!(ids.suffix(12).len(), 12);
        assert_ne!(ids.hex(32), ids.hex(32));
    }
}
