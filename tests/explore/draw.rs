//! Random numbers from the crate's generator, and what the tests ask of every exploration.

use leap_binder::evaluate::SampleTable;
use leap_binder::explore::{Exploration, ExploreOptions, explore};
use leap_binder::rng::SplitMix64;

pub(crate) struct Draw(pub(crate) SplitMix64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::named(seed, "explore"))
    }

    /// Even in (0, 1).
    pub(crate) fn even(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.even().ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.even() < share
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// A digest, or a hash, that no other draw has.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.0.next_u64() as u8)
    }

    pub(crate) fn hash(&mut self) -> [u64; 4] {
        std::array::from_fn(|_| self.0.next_u64())
    }

    /// Probabilities with `lead` on one class's logit.
    pub(crate) fn probabilities(&mut self, classes: usize, class: usize, lead: f64, spread: f64) -> Vec<f64> {
        let logit = |at: usize, draw: &mut Self| (if at == class { lead } else { 0.0 }) + spread * draw.normal();
        let raised: Vec<f64> = (0..classes).map(|at| logit(at, self).exp()).collect();
        let sum: f64 = raised.iter().sum();
        raised.into_iter().map(|value| value / sum).collect()
    }
}

/// Explores, with a map and resamples that take little time; what is found does not depend on them.
pub(crate) fn explored(table: &SampleTable) -> Exploration {
    let mut options = ExploreOptions::seeded(7);
    options.projection.iterations = 150;
    options.clusters.resamples = 3;
    explore(table, &options, &()).unwrap()
}
