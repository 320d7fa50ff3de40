/// Random numbers that a seed determines: `SplitMix64`, of Steele, Lea and Flood, "Fast Splittable
/// Pseudorandom Number Generators" (2014).
pub(super) struct Chance(u64);

// === impl Chance ===

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to 1, without 1.
    pub(super) fn unit(&mut self) -> f64 {
        let number = u32::try_from(self.next() >> 32).expect("32 bits are left");
        f64::from(number) / (f64::from(u32::MAX) + 1.0)
    }

    /// Whether an event of this probability happens.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_numbers_that_the_paper_gives() {
        let mut chance = Chance::new(1_234_567);
        let first = [chance.next(), chance.next()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
        assert!((0..1000).all(|_| (0.0..1.0).contains(&chance.unit())));
        assert!(!chance.happens(0.0) && chance.happens(1.0));
    }
}
