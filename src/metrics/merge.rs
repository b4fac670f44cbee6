use super::predictions::check_labels;
use super::{ConfusionMatrix, Predictions};
use crate::{Error, Result};

/// Which group each class falls into.
struct Grouping {
    labels: Vec<String>,
    group_of: Vec<usize>,
}

impl Grouping {
    /// Checks that every class is a member of exactly one group.
    fn new(function: &'static str, classes: &[String], groups: &[(&str, &[&str])]) -> Result<Self> {
        let labels: Vec<String> = groups.iter().map(|(label, _)| (*label).to_owned()).collect();
        check_labels(function, &labels)?;
        let members =
            || groups.iter().enumerate().flat_map(|(group, (_, members))| members.iter().map(move |m| (group, *m)));
        if let Some((_, stranger)) = members().find(|(_, member)| !classes.iter().any(|class| class == member)) {
            return Err(Error::argument(function, format!("members among {classes:?}"), format!("{stranger:?}")));
        }
        if let Some((label, _)) = groups.iter().find(|(_, members)| members.is_empty()) {
            return Err(Error::argument(function, "groups with members", format!("{label:?} without")));
        }
        let group_of = classes.iter().map(|class| {
            let homes: Vec<usize> = members().filter(|(_, member)| class == member).map(|(group, _)| group).collect();
            match homes[..] {
                [home] => Ok(home),
                _ => Err(Error::argument(
                    function,
                    "each class in exactly one group",
                    format!("{class:?} in {} groups", homes.len()),
                )),
            }
        });
        Ok(Self { group_of: group_of.collect::<Result<_>>()?, labels })
    }
}

impl Predictions {
    /// Merges classes into groups, each given as a new label and the labels of its members: the probabilities of the
    /// members are added.
    ///
    /// This is the coarser classifier that the same network makes when it only has to tell the groups apart. Its prediction
    /// is the most probable *group*, which need not hold the most probable class: 0.4 normal, 0.3 bacteria and 0.3 virus
    /// become pneumonia. [`ConfusionMatrix::merge`] keeps the decisions as they were instead.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two groups, a group label given twice, a group without members, a member that is
    /// no class, or a class that is not in exactly one group.
    pub fn merge(&self, groups: &[(&str, &[&str])]) -> Result<Self> {
        let Grouping { labels, group_of } = Grouping::new("Predictions::merge", self.labels(), groups)?;
        let y_true = self.y_true().iter().map(|&class| group_of[class]).collect();
        let merged = self.probabilities().flat_map(|row| {
            let mut sums = vec![0.0; labels.len()];
            row.iter().zip(&group_of).for_each(|(p, &group)| sums[group] += p);
            sums.into_iter().map(|sum: f64| sum.min(1.0))
        });
        let merged: Vec<f64> = merged.collect();
        Self::new(labels, y_true, merged)
    }
}

impl ConfusionMatrix {
    /// Merges classes into groups, each given as a new label and the labels of its members: the counts are added.
    ///
    /// The decisions stay as they were; a bacterial pneumonia taken for a viral one is now right. See
    /// [`Predictions::merge`] for the view that decides anew.
    ///
    /// # Errors
    /// As [`Predictions::merge`].
    pub fn merge(&self, groups: &[(&str, &[&str])]) -> Result<Self> {
        let Grouping { labels, group_of } = Grouping::new("ConfusionMatrix::merge", self.labels(), groups)?;
        let mut merged = vec![vec![0; labels.len()]; labels.len()];
        for (row, &class) in self.counts().iter().zip(&group_of) {
            for (count, &predicted) in row.iter().zip(&group_of) {
                merged[class][predicted] += count;
            }
        }
        Ok(Self::from_counts(labels, merged))
    }
}
