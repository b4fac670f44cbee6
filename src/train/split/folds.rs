use super::Cohort;
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// Which fold each sample is held out in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    of: Vec<usize>,
    count: usize,
}

impl Folds {
    /// Folds that were made elsewhere: the number of its fold for each sample, from 0 on.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two folds, or a fold without a sample.
    pub fn new(of: Vec<usize>) -> Result<Self> {
        let count = of.iter().max().map_or(0, |largest| largest.saturating_add(1));
        let refuse = |expected: &str, found: String| Err(Error::argument("Folds::new", expected, found));
        if count < 2 {
            return refuse("two folds or more", count.to_string());
        }
        // A number that is too large leaves others without samples, however large it is.
        let mut seen = of.clone();
        seen.sort_unstable();
        seen.dedup();
        match (0..).zip(&seen).find(|(fold, number)| fold != *number) {
            Some((fold, _)) => refuse("a sample in each fold", format!("none in fold {fold} of {count}")),
            None => Ok(Self { of, count }),
        }
    }

    /// `count` folds in which no group is torn apart and each class is spread as evenly as the groups allow.
    ///
    /// Groups whose members are least like the whole go first, into the fold in which the shares of the classes then differ
    /// least between folds, of equal ones into the one with the fewest samples (the idea of scikit-learn's
    /// `StratifiedGroupKFold`). Groups that are alike go in an order drawn from `seed`. Deterministic.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than two folds; [`Error::Argument`] for fewer groups than folds, or where all samples of a
    /// class would be held out at once; it names the class.
    pub fn stratified(cohort: &Cohort, count: usize, seed: u64) -> Result<Self> {
        if count < 2 {
            return Err(Error::config("folds", "2 or more", count.to_string()));
        }
        let groups = cohort.groups_by_class();
        if groups.len() < count {
            let expected = format!("{count} groups or more for {count} folds");
            return Err(Error::argument("Folds::stratified", expected, groups.len().to_string()));
        }
        let totals = cohort.totals();
        let mut order: Vec<usize> = (0..groups.len()).collect();
        SplitMix64::new(seed).shuffle(&mut order);
        let weight = |group: usize| variance(groups[group].iter().map(|&count| count as f64));
        order.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)));
        let mut filled = vec![vec![0; totals.len()]; count];
        let mut fold_of = vec![0; groups.len()];
        for group in order {
            let uneven = |fold: usize| -> f64 {
                let share = |other: usize, class: usize| {
                    let added = if other == fold { groups[group][class] } else { 0 };
                    (filled[other][class] + added) as f64 / totals[class] as f64
                };
                let classes = (0..totals.len()).filter(|&class| totals[class] > 0);
                classes.map(|class| variance((0..count).map(|other| share(other, class))).sqrt()).sum()
            };
            let size = |fold: usize| filled[fold].iter().sum::<usize>();
            let rank = |fold: usize| (uneven(fold), size(fold));
            let best = (1..count).map(|fold| (rank(fold), fold)).fold((rank(0), 0), |best, next| {
                // Sums of the same shares in another order differ in their last bits.
                let (a, b) = (next.0.0, best.0.0);
                let less = a < b - 1e-12 || (a <= b + 1e-12 && next.0.1 < best.0.1);
                if less { next } else { best }
            });
            fold_of[group] = best.1;
            filled[best.1].iter_mut().zip(&groups[group]).for_each(|(sum, count)| *sum += count);
        }
        for (class, &total) in totals.iter().enumerate() {
            if let Some(fold) = (0..count).find(|&fold| total > 0 && filled[fold][class] == total) {
                let expected = format!("samples of class {} in groups enough for {count} folds", cohort.class(class));
                let found = format!("all {total} of them held out together in fold {fold}");
                return Err(Error::argument("Folds::stratified", expected, found));
            }
        }
        let folds = Self { of: cohort.groups().iter().map(|&group| fold_of[group]).collect(), count };
        match filled.iter().position(|fold| fold.iter().sum::<usize>() == 0) {
            Some(fold) => {
                let found = format!("none in fold {fold}");
                Err(Error::argument("Folds::stratified", "a group in each fold", found))
            }
            None => Ok(folds),
        }
    }

    /// How many folds there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The fold of each sample.
    pub fn of(&self) -> &[usize] {
        &self.of
    }

    /// The samples that `fold` holds out, and the others, both ascending.
    pub fn parts(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.of.len()).partition(|&sample| self.of[sample] == fold)
    }
}

/// The mean squared distance from the mean.
fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
}
