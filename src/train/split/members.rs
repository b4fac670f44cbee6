use std::collections::BTreeMap;

use crate::{Error, Result};

/// Samples as a split sees them: the class of each, and the group that must stay together, mostly the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<'a> {
    classes: &'a [String],
    labels: &'a [usize],
    groups: Vec<usize>,
    group_count: usize,
}

impl<'a> Members<'a> {
    /// One label and one group for each sample. Samples share a group where its name is the same, but for blanks around it; a
    /// sample with a blank name or none is a group of its own.
    ///
    /// # Errors
    /// [`Error::Argument`] for no samples, another number of groups than labels, or a label that is no class.
    pub fn new<G: AsRef<str>>(
        classes: &'a [String],
        labels: &'a [usize],
        groups: impl IntoIterator<Item = Option<G>>,
    ) -> Result<Self> {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let mut group_count = 0;
        let mut fresh = || {
            group_count += 1;
            group_count - 1
        };
        let numbered = groups.into_iter().map(|name| match name.as_ref().map(|name| name.as_ref().trim()) {
            None | Some("") => fresh(),
            Some(name) => match numbers.get(name) {
                Some(&number) => number,
                None => *numbers.entry(name.to_owned()).or_insert_with(&mut fresh),
            },
        });
        let groups: Vec<usize> = numbered.collect();
        let refuse = |expected: String, found: String| Err(Error::argument("Members::new", expected, found));
        if labels.is_empty() {
            return refuse("one sample or more".to_owned(), "none".to_owned());
        }
        if groups.len() != labels.len() {
            return refuse(format!("{} groups, one for each label", labels.len()), groups.len().to_string());
        }
        if let Some(sample) = labels.iter().position(|&label| label >= classes.len()) {
            return refuse(format!("labels below {}", classes.len()), format!("{} at sample {sample}", labels[sample]));
        }
        Ok(Self { classes, labels, groups, group_count })
    }

    /// The group of each sample, numbered from 0 on in the order in which they first appear.
    pub fn groups(&self) -> &[usize] {
        &self.groups
    }

    /// How many groups there are.
    pub const fn group_count(&self) -> usize {
        self.group_count
    }

    /// How many samples each class has.
    pub(super) fn totals(&self) -> Vec<usize> {
        let mut totals = vec![0; self.classes.len()];
        self.labels.iter().for_each(|&label| totals[label] += 1);
        totals
    }

    /// How many samples each group has of each class.
    pub(super) fn groups_by_class(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes.len()]; self.group_count];
        self.groups.iter().zip(self.labels).for_each(|(&group, &label)| counts[group][label] += 1);
        counts
    }

    /// A class's name.
    pub(super) fn class(&self, index: usize) -> &str {
        self.classes.get(index).map_or("", String::as_str)
    }
}
