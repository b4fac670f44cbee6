use std::ops::Bound;

use super::Cohort;
use crate::contract::DataState;
use crate::rng::SplitMix64;
use crate::train::{Samples, range};
use crate::{Error, Result};

/// How validation is taken from training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitOptions {
    /// The share that validation gets, inside (0, 1). Default: 0.1.
    pub share: f64,
    /// Whether the share is one of each class's samples, so that validation shows the classes as training does, and all of
    /// them; else it is one of the groups, rounded up, whatever their classes. Default: true.
    pub stratified: bool,
    /// A subset whose groups all judge; what is still wanting of the share is drawn. Default: none.
    pub judging: Option<DataState>,
    /// Draws the groups. Default: 0.
    pub seed: u64,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { share: 0.1, stratified: true, judging: None, seed: 0 }
    }
}

impl Cohort {
    /// Takes whole groups, in an order drawn from the seed, until validation has its share; training keeps samples of every
    /// class. Both parts are in the cohort's order.
    ///
    /// Stratified, a group is taken where that brings the classes' shares nearer to the one asked for, by the sum of their
    /// squared distances; classes that validation then lacks get the group that does least harm. Groups are not torn, so that
    /// the shares are met as nearly as the sizes of the groups allow. Deterministic.
    ///
    /// # Errors
    /// [`Error::Config`] for a share outside (0, 1); [`Error::Argument`] where training can spare no group, or, stratified, a class
    /// stands in too few groups for both parts; it names the class.
    pub fn split(&self, options: &SplitOptions) -> Result<Samples> {
        range::check("share", options.share, (Bound::Excluded(0.0), Bound::Excluded(1.0)))?;
        let mut order: Vec<usize> = (0..self.group_count()).collect();
        SplitMix64::new(options.seed).shuffle(&mut order);
        let mut draw = Draw::new(self);
        draw.take_all(options.judging)?;
        if options.stratified {
            draw.by_class(&order, options.share)?;
        } else {
            draw.by_group(&order, options.share);
        }
        let refuse = |expected: String, found: &str| Err(Error::argument("Cohort::split", expected, found));
        if !draw.taken.contains(&true) {
            let expected = format!("groups that training can spare, among {}", self.group_count());
            return refuse(expected, "none whose class would not be lost with them");
        }
        let part = |taken: bool| {
            let own = self.places().iter().zip(self.groups()).filter(|(_, group)| draw.taken[**group] == taken);
            own.map(|(place, _)| place.clone()).collect()
        };
        Ok(Samples { training: part(false), validation: part(true) })
    }
}

/// What has been taken so far.
struct Draw<'a> {
    cohort: &'a Cohort,
    /// Samples of each class: of each group, of all, and of the groups that were taken.
    groups: Vec<Vec<usize>>,
    totals: Vec<usize>,
    counts: Vec<usize>,
    taken: Vec<bool>,
}

impl<'a> Draw<'a> {
    fn new(cohort: &'a Cohort) -> Self {
        let (groups, totals) = (cohort.groups_by_class(), cohort.totals());
        let (counts, taken) = (vec![0; totals.len()], vec![false; groups.len()]);
        Self { cohort, groups, totals, counts, taken }
    }

    fn take(&mut self, group: usize) {
        self.taken[group] = true;
        self.counts.iter_mut().zip(&self.groups[group]).for_each(|(sum, count)| *sum += count);
    }

    /// Takes the groups that stand in `state`.
    fn take_all(&mut self, state: Option<DataState>) -> Result<()> {
        for ((own, _), &group) in self.cohort.places().iter().zip(self.cohort.groups()) {
            if Some(*own) == state && !self.taken[group] {
                self.take(group);
            }
        }
        let lost =
            (0..self.totals.len()).find(|&class| self.totals[class] > 0 && self.counts[class] == self.totals[class]);
        match lost {
            None => Ok(()),
            Some(class) => {
                let expected = format!("class {} outside the subset that judges", self.cohort.class(class));
                Err(Error::argument("Cohort::split", expected, "none"))
            }
        }
    }

    /// Whether a group is still there and training keeps every class without it.
    fn can_spare(&self, group: usize) -> bool {
        let left = |class: usize| self.totals[class] - self.counts[class];
        let lost = |(class, &count): (usize, &usize)| count > 0 && count == left(class);
        !self.taken[group] && !self.groups[group].iter().enumerate().any(lost)
    }

    fn by_group(&mut self, order: &[usize], share: f64) {
        // A share of 0.1 is a little more than a tenth.
        let wanted = (share * order.len() as f64 - 1e-9).ceil() as usize;
        let mut number = self.taken.iter().filter(|taken| **taken).count();
        for &group in order {
            if number < wanted && self.can_spare(group) {
                self.take(group);
                number += 1;
            }
        }
    }

    fn by_class(&mut self, order: &[usize], share: f64) -> Result<()> {
        for &group in order {
            if self.can_spare(group) && self.distance(Some(group), share) < self.distance(None, share) {
                self.take(group);
            }
        }
        for class in 0..self.totals.len() {
            if self.totals[class] == 0 || self.counts[class] > 0 {
                continue;
            }
            let having = order.iter().copied().filter(|&group| self.groups[group][class] > 0 && self.can_spare(group));
            let ranked = having.map(|group| (self.distance(Some(group), share), group));
            // Of equal ones the first in the drawn order.
            let Some((_, group)) = ranked.reduce(|best, next| if next.0 < best.0 { next } else { best }) else {
                let expected = format!("class {} in groups enough for both parts", self.cohort.class(class));
                let groups = self.groups.iter().filter(|counts| counts[class] > 0).count();
                let found = format!("{groups} with it, of which training can spare none");
                return Err(Error::argument("Cohort::split", expected, found));
            };
            self.take(group);
        }
        Ok(())
    }

    /// How far the classes' shares are from `share`, with one more group.
    fn distance(&self, group: Option<usize>, share: f64) -> f64 {
        let classes = (0..self.totals.len()).filter(|&class| self.totals[class] > 0);
        let off = classes.map(|class| {
            let more = group.map_or(0, |group| self.groups[group][class]);
            (self.counts[class] + more) as f64 / self.totals[class] as f64 - share
        });
        off.map(|off| off * off).sum()
    }
}
