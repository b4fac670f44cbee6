//! How the learning rates move over a run.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::range;
use crate::Result;

/// What every learning rate is multiplied by at each step: a linear warm-up, then a decay.
///
/// ```
/// use leap_binder::train::{Decay, Schedule};
///
/// let schedule = Schedule { warm_up: 0.2, decay: Decay::Cosine, floor: 0.01 };
/// let factors: Vec<f64> = (0..10).map(|step| schedule.factor(step, 10)).collect();
/// assert_eq!(factors[..3], [0.5, 1.0, 1.0]);
/// assert!(factors[2..].windows(2).all(|pair| pair[1] < pair[0]));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The share of all steps that the rates rise in, from 0 (no warm-up) to 1. The number of steps is rounded to the next
    /// whole one, halves up.
    pub warm_up: f64,
    /// What follows the warm-up.
    pub decay: Decay,
    /// The share of the full rate that [`Decay::Cosine`] falls to, from 0 to 1. Without effect on [`Decay::Constant`].
    pub floor: f64,
}

/// What the learning rates do after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// They stay.
    Constant,
    /// They fall along half a cosine (Loshchilov and Hutter, *SGDR*, ICLR 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// The factor of step `step`, counted from 0, in a run of `steps`. From 0 to 1.
    ///
    /// With `w` steps of warm-up step `i < w` has `(i + 1) / w`: no step is lost to a rate of zero, and the last of the warm-up
    /// has the full rate, as has the first after it. Then the cosine gives
    /// `floor + (1 - floor) (1 + cos(pi (i - w) / (steps - w))) / 2`, which would reach the floor one step after the last; so does
    /// any later step.
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        let warm_up = (self.warm_up * steps as f64).round() as usize;
        if step < warm_up {
            return (step + 1) as f64 / warm_up as f64;
        }
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Cosine if step >= steps => self.floor,
            Decay::Cosine => {
                let done = (step - warm_up) as f64 / (steps - warm_up) as f64;
                self.floor + (1.0 - self.floor) * (1.0 + (PI * done).cos()) / 2.0
            }
        }
    }

    /// Refuses shares outside [0, 1].
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config).
    pub(crate) fn validate(&self) -> Result<()> {
        range::check("schedule.warm_up", self.warm_up, 0.0..=1.0)?;
        range::check("schedule.floor", self.floor, 0.0..=1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        schedule: Schedule,
        factors: Vec<f64>,
    }

    #[test]
    fn factors_are_pytorchs() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/fixtures/train/schedule.json")).unwrap();
        assert!(golden.runs.len() >= 6);
        for run in golden.runs {
            run.schedule.validate().unwrap();
            for (step, expected) in run.factors.iter().enumerate() {
                let found = run.schedule.factor(step, run.factors.len());
                assert!((found - expected).abs() < 1e-12, "{:?}, step {step}: {found}, not {expected}", run.schedule);
            }
        }
    }

    #[test]
    fn odd_runs_have_factors_too() {
        let schedule = Schedule { warm_up: 0.5, decay: Decay::Cosine, floor: 0.1 };
        assert_eq!(schedule.factor(0, 0), 0.1);
        assert_eq!(schedule.factor(0, 1), 1.0);
        assert_eq!(schedule.factor(usize::MAX, 10), 0.1);
        let rising = Schedule { warm_up: 1.0, ..schedule };
        assert_eq!(rising.factor(3, 4), 1.0);
        assert_eq!(rising.factor(4, 4), 0.1);
    }

    #[test]
    fn shares_outside_zero_to_one_are_refused() {
        let good = Schedule { warm_up: 0.0, decay: Decay::Constant, floor: 1.0 };
        good.validate().unwrap();
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let warm_up = Schedule { warm_up: bad, ..good.clone() }.validate().unwrap_err().to_string();
            assert!(warm_up.contains("schedule.warm_up"), "{warm_up}");
            let floor = Schedule { floor: bad, ..good.clone() }.validate().unwrap_err().to_string();
            assert!(floor.contains("schedule.floor"), "{floor}");
        }
    }
}
