use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::cohort::attribute_of;
use crate::binder::Registry;
use crate::contract::{DataState, SampleId, Subset};
use crate::{Error, Result};

/// Groups, mostly patients, of which samples stand in more than one subset.
///
/// It is as good as the rule that tells the groups, which `told_by` states: the audit reads names, not faces. Printed, it is a
/// few lines; through serde it is JSON with every sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// How the groups are told.
    pub told_by: String,
    /// Each subset's size.
    pub subsets: Vec<AuditedSubset>,
    /// Samples of no known group, which no audit can judge.
    pub ungrouped: usize,
    /// The groups in several subsets, by name.
    pub shared: Vec<SharedGroup>,
}

/// How much of a subset was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditedSubset {
    /// Which one.
    pub state: DataState,
    /// Its samples.
    pub samples: usize,
    /// Their groups.
    pub groups: usize,
}

/// A group that stands in more than one subset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SharedGroup {
    /// Its name.
    pub group: String,
    /// Its samples in each subset, in the subsets' order.
    pub samples: Vec<(DataState, Vec<SampleId>)>,
}

impl Audit {
    /// Looks at all subsets of a binder. `attribute` names the group ([`Dataset::attributes`](crate::contract::Dataset::attributes)),
    /// mostly `patient`; `rule` says for the reader how the data set knows it. No sample is loaded.
    ///
    /// # Errors
    /// [`Error::Contract`] when preprocess fails, [`Error::Config`] when no sample has the attribute.
    pub fn of_binder(binder: &Registry, attribute: &str, rule: &str) -> Result<Self> {
        let told_by = if rule.is_empty() { format!("the attribute {attribute}") } else { rule.to_owned() };
        let audit = Self::of(&binder.subsets()?, told_by, |state, id| attribute_of(binder, state, id, attribute));
        if audit.subsets.iter().all(|subset| subset.groups == 0) {
            return Err(Error::config("group", "an attribute that the data set gives for its samples", attribute));
        }
        Ok(audit)
    }

    /// Looks at any subsets. `group` names the group of a sample, where it is known; blanks around the name do not count.
    pub fn of(
        subsets: &[Subset],
        told_by: impl Into<String>,
        group: impl Fn(DataState, &SampleId) -> Option<String>,
    ) -> Self {
        let mut groups: BTreeMap<String, BTreeMap<DataState, Vec<SampleId>>> = BTreeMap::new();
        let (mut audited, mut ungrouped) = (Vec::new(), 0);
        for subset in subsets {
            let mut own = BTreeSet::new();
            for id in &subset.sample_ids {
                let name = group(subset.state, id).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
                let Some(name) = name else {
                    ungrouped += 1;
                    continue;
                };
                own.insert(name.clone());
                groups.entry(name).or_default().entry(subset.state).or_default().push(id.clone());
            }
            audited.push(AuditedSubset { state: subset.state, samples: subset.len(), groups: own.len() });
        }
        let several = groups.into_iter().filter(|(_, samples)| samples.len() > 1);
        let shared =
            several.map(|(group, samples)| SharedGroup { group, samples: samples.into_iter().collect() }).collect();
        Self { told_by: told_by.into(), subsets: audited, ungrouped, shared }
    }

    /// Whether no group was found in two subsets.
    pub fn is_clean(&self) -> bool {
        self.shared.is_empty()
    }

    /// The groups that stand in both subsets, and how many samples they have in each.
    pub fn between(&self, a: DataState, b: DataState) -> (Vec<&SharedGroup>, usize, usize) {
        let count = |group: &SharedGroup, state: DataState| {
            group.samples.iter().filter(|(own, _)| *own == state).map(|(_, ids)| ids.len()).sum::<usize>()
        };
        let both: Vec<&SharedGroup> =
            self.shared.iter().filter(|group| count(group, a) > 0 && count(group, b) > 0).collect();
        let total = |state| both.iter().map(|group| count(group, state)).sum();
        let (in_a, in_b) = (total(a), total(b));
        (both, in_a, in_b)
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "groups are told by {}", self.told_by)?;
        for subset in &self.subsets {
            writeln!(f, "{}: {} samples of {} groups", subset.state, subset.samples, subset.groups)?;
        }
        if self.ungrouped > 0 {
            writeln!(f, "{} samples of no known group were not judged", self.ungrouped)?;
        }
        for (place, a) in self.subsets.iter().enumerate() {
            for b in &self.subsets[place + 1..] {
                let (groups, in_a, in_b) = self.between(a.state, b.state);
                if !groups.is_empty() {
                    let names: Vec<&str> = groups.iter().take(3).map(|group| &*group.group).collect();
                    let more = if groups.len() > names.len() { ", ..." } else { "" };
                    let (count, names) = (groups.len(), names.join(", "));
                    let groups = if count == 1 { "group stands" } else { "groups stand" };
                    writeln!(
                        f,
                        "{count} {groups} in both {} ({in_a} samples) and {} ({in_b}): {names}{more}",
                        a.state, b.state
                    )?;
                }
            }
        }
        if self.is_clean() {
            writeln!(f, "no group stands in two subsets")?;
        }
        Ok(())
    }
}
