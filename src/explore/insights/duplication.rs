use std::collections::{BTreeMap, BTreeSet};

use super::twins::{Twins, components, exact_pair};
use super::{DuplicateOptions, count, percent};
use crate::Result;
use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::{Evidence, Insight, InsightKind, Neighbours, Pair};

/// Samples that are in a subset more than once: one insight for equal ones and one for near duplicates, where there are any.
///
/// Equal are samples with the same stored bytes or the same pixels. Near duplicates are told by their perceptual hashes and by
/// their distance in the latent space; [`DuplicateOptions`] says when. Copies in different subsets are the matter of
/// [`data_leakage`](super::data_leakage). `neighbours` are the nearest rows of the latent vectors, ten or more of each; without
/// them, hashes decide alone, and without fingerprints nothing but very close latent vectors is found.
///
/// The evidence pairs each copy with the first of its group (equal ones) or gives the pairs that were found (near ones).
/// Severity is the square root of the share of samples that could be left out. The answer is a fact and has no p-value,
/// though the latent space's share in it is held to `alpha`. The same for any number of threads.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) when `neighbours` are not the table's, [`Error::Config`](crate::Error::Config)
/// for options out of range.
pub fn duplication(
    table: &SampleTable,
    neighbours: Option<&Neighbours>,
    options: &DuplicateOptions,
) -> Result<Vec<Insight>> {
    let twins = Twins::find("duplication", table, neighbours, options)?;
    let exact: Vec<Vec<usize>> = twins.exact.iter().flat_map(|group| by_subset(table, group)).collect();
    let copies = exact.iter().flat_map(|group| group[1..].iter().map(|&row| exact_pair(table, group[0], row)));
    let copies = copies.collect();

    let state = |row: usize| table.rows[row].state;
    let pairs: Vec<Pair> = twins.near.into_iter().filter(|pair| state(pair.a) == state(pair.b)).collect();
    let near = components(table.rows.len(), pairs.iter().map(|pair| (pair.a, pair.b)));

    let equal = ("Equal samples", "have the same bytes or pixels as another one of their subset");
    let alike = ("Near duplicates", "are nearly the same as another one of their subset");
    let found = [insight(table, equal, &exact, copies, options), insight(table, alike, &near, pairs, options)];
    Ok(found.into_iter().flatten().collect())
}

/// The parts of a group that lie in one subset, of two or more rows each.
fn by_subset(table: &SampleTable, group: &[usize]) -> Vec<Vec<usize>> {
    let mut parts: BTreeMap<DataState, Vec<usize>> = BTreeMap::new();
    group.iter().for_each(|&row| parts.entry(table.rows[row].state).or_default().push(row));
    parts.into_values().filter(|part| part.len() > 1).collect()
}

fn insight(
    table: &SampleTable,
    (title, are): (&str, &str),
    groups: &[Vec<usize>],
    mut pairs: Vec<Pair>,
    options: &DuplicateOptions,
) -> Option<Insight> {
    let mut samples: Vec<usize> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in pairs.iter().flat_map(|pair| [pair.a, pair.b]) {
        if seen.insert(row) {
            samples.push(row);
        }
    }
    let (first, total) = (groups.first()?, pairs.len());
    let mut places: BTreeMap<DataState, usize> = BTreeMap::new();
    samples.iter().for_each(|&row| *places.entry(table.rows[row].state).or_default() += 1);
    let places: Vec<String> = places.iter().map(|(state, rows)| format!("{rows} in {state}")).collect();
    let spare = groups.iter().map(|group| group.len() - 1).sum::<usize>() as f64 / table.rows.len() as f64;
    let largest = groups.iter().map(Vec::len).max().unwrap_or(first.len());
    let sentence = format!(
        "{} ({}) {are}, in {}, the largest of {largest}: {} of all samples could be left out. {}",
        count(samples.len(), "sample"),
        places.join(", "),
        count(groups.len(), "group"),
        percent(spare),
        labels(table, groups),
    );
    pairs.truncate(options.listed);
    let evidence = Evidence::Pairs { pairs, total };
    Some(Insight::new(InsightKind::Duplication, spare.sqrt(), title, sentence, samples, evidence))
}

/// Whether the samples of a group carry one label.
fn labels(table: &SampleTable, groups: &[Vec<usize>]) -> String {
    let given = |group: &Vec<usize>| group.iter().filter_map(|&row| table.rows[row].label).collect::<BTreeSet<_>>();
    let labelled = groups.iter().filter(|group| !given(group).is_empty()).count();
    let torn = groups.iter().filter(|group| given(group).len() > 1).count();
    match (labelled, torn) {
        (0, _) => "None of them is labelled.".to_owned(),
        (_, 0) => "Their labels agree.".to_owned(),
        (_, 1) => "1 of the groups carries different labels.".to_owned(),
        _ => format!("{torn} of the groups carry different labels."),
    }
}
