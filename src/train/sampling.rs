//! In which order an epoch goes through the samples, and how often through each.

use serde::{Deserialize, Serialize};

use super::range;
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// What an epoch is made of. Every epoch has as many samples as there are.
///
/// All but [`Sampling::Shuffled`] give each class a share of every epoch. A class's members are gone through in rounds, each in an
/// order of its own, from epoch to epoch: no sample comes again before all others of its class were seen.
///
/// ```
/// use leap_binder::train::Sampling;
///
/// let labels = [0, 0, 0, 0, 0, 0, 0, 1, 2, 2];
/// let order = Sampling::Balanced.order(&labels, 3, 7, 0)?;
/// let of = |class: usize| order.iter().filter(|&&place| labels[place] == class).count();
/// assert_eq!([of(0), of(1), of(2)], [4, 3, 3]);
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Each sample once.
    Shuffled,
    /// Each class equally often, but for one more where the number of samples cannot be divided.
    Balanced,
    /// Each class in proportion to the root of the number of its samples: between the two above.
    SqrtBalanced,
    /// Each class in proportion to its weight, in the order of the classes: at least 0, and above it for one class at least. A
    /// class with weight 0 is left out.
    Weighted(Vec<f64>),
}

impl Sampling {
    /// Places into `labels`, in the order in which epoch `epoch` (from 0) sees them; as many as there are labels. `labels` are
    /// below `classes`.
    ///
    /// A share that is no whole number of samples is rounded down, and what is left goes to the largest remainders, the earlier
    /// class first; a class whose share stays below half a sample may have none.
    ///
    /// Equal arguments give equal orders, on any machine.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a label that is not below `classes`, [`Error::Config`] for a class without samples that is to have a
    /// share, which it names by its index, and for weights that are too many, too few, or cannot be.
    pub fn order(&self, labels: &[usize], classes: usize, seed: u64, epoch: usize) -> Result<Vec<usize>> {
        let mut members = vec![Vec::new(); classes];
        for (place, &label) in labels.iter().enumerate() {
            let Some(class) = members.get_mut(label) else {
                let expected = format!("labels below {classes}");
                return Err(Error::argument("Sampling::order", expected, format!("{label} at place {place}")));
            };
            class.push(place);
        }
        let mut order: Vec<usize> = match self.weights(&members)? {
            None => (0..labels.len()).collect(),
            Some(weights) => {
                let quotas = quotas(&weights, labels.len());
                let classes = members.iter().zip(quotas).enumerate();
                classes.flat_map(|(class, (members, quota))| drawn(members, quota, class, seed, epoch)).collect()
            }
        };
        SplitMix64::named(seed, &format!("order of epoch {epoch}")).shuffle(&mut order);
        Ok(order)
    }

    /// In proportion to what the classes are drawn; none where each sample is drawn once.
    fn weights(&self, members: &[Vec<usize>]) -> Result<Option<Vec<f64>>> {
        let weights = match self {
            Self::Shuffled => return Ok(None),
            Self::Balanced => vec![1.0; members.len()],
            // A class without samples must not vanish unseen.
            Self::SqrtBalanced => members.iter().map(|members| (members.len().max(1) as f64).sqrt()).collect(),
            Self::Weighted(weights) => weights.clone(),
        };
        if weights.len() != members.len() {
            let expected = format!("{} weights, one for each class", members.len());
            return Err(Error::config("sampling", expected, weights.len().to_string()));
        }
        for (class, (&weight, members)) in weights.iter().zip(members).enumerate() {
            range::check(&format!("sampling, weight of class {class}"), weight, 0.0..=f64::from(f32::MAX))?;
            if weight > 0.0 && members.is_empty() {
                let expected = "samples of every class that has a share";
                return Err(Error::config("sampling", expected, format!("none of class {class}")));
            }
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return Err(Error::config("sampling", "a class with a weight above 0", "none"));
        }
        Ok(Some(weights))
    }
}

/// Shares `samples` out in proportion to `weights`: whole numbers that sum to it.
fn quotas(weights: &[f64], samples: usize) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|weight| weight / total * samples as f64).collect();
    let mut quotas: Vec<usize> = exact.iter().map(|exact| exact.floor() as usize).collect();
    let mut rest = samples.saturating_sub(quotas.iter().sum());
    let mut classes: Vec<usize> = (0..weights.len()).filter(|&class| weights[class] > 0.0).collect();
    classes.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    for class in classes {
        if rest == 0 {
            break;
        }
        quotas[class] += 1;
        rest -= 1;
    }
    quotas
}

/// The `quota` members of a class that an epoch sees: those that follow what earlier epochs saw in the endless row of rounds.
fn drawn(members: &[usize], quota: usize, class: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut drawn = Vec::with_capacity(quota);
    if members.is_empty() {
        return drawn;
    }
    let before = epoch as u128 * quota as u128;
    let mut round = before / members.len() as u128;
    let mut skipped = (before % members.len() as u128) as usize;
    while drawn.len() < quota {
        let mut members = members.to_vec();
        SplitMix64::named(seed, &format!("class {class}, round {round}")).shuffle(&mut members);
        let wanted = quota - drawn.len();
        drawn.extend(members.into_iter().skip(skipped).take(wanted));
        skipped = 0;
        round += 1;
    }
    drawn
}
