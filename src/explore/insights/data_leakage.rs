use std::collections::{BTreeMap, BTreeSet};

use super::accuracy_gap::accuracy_gap;
use super::twins::{Twins, components, exact_pair};
use super::words::short;
use super::{DuplicateOptions, count, percent};
use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::{Evidence, Insight, InsightKind, Neighbours, Pair};
use crate::{Error, Result};

/// Samples of one subset that another one has as well, so that a score on the one is partly learnt by heart.
///
/// Looks for equal samples, near duplicates (as [`duplication`](super::duplication), which has the rest of the rules), and,
/// where `attribute` names a column of [`SampleTable::attributes`], for values of it in several subsets: the same patient,
/// device or recording. Blank values are nobody's.
///
/// One insight for each of the three and each two subsets. A group is at home in the first subset that it touches, in
/// contract order, so mostly in training; the samples are its members elsewhere. Each pair leads from a member at home to
/// one elsewhere. Severity is the square root of the share of the other subset that is affected. Where there are five or
/// more labelled samples both inside and outside, `gap` compares the accuracy on affected and unaffected samples of that
/// subset. Insights are in the order equal, near, attribute, then by subsets. The same for any number of threads.
///
/// # Errors
/// [`Error::Argument`] when `neighbours` are not the table's or the table has no such attribute, [`Error::Config`] for
/// options out of range.
pub fn data_leakage(
    table: &SampleTable,
    neighbours: Option<&Neighbours>,
    attribute: Option<&str>,
    options: &DuplicateOptions,
) -> Result<Vec<Insight>> {
    let twins = Twins::find("data_leakage", table, neighbours, options)?;
    let rows = table.rows.len();
    let mut insights = Vec::new();

    let nobody = BTreeSet::new();
    let exact = Leaks::of(table, &twins.exact, &nobody, |home, row| vec![exact_pair(table, home, row)]);
    let leaked: BTreeSet<usize> = exact.0.values().flat_map(|leak| leak.samples.iter().copied()).collect();
    insights.extend(exact.insights(
        table,
        ("Equal samples in", "have the same bytes or pixels as samples of"),
        options,
    ));

    let copies = twins.exact.iter().flat_map(|group| group[1..].iter().map(|&row| (group[0], row)));
    let links = twins.near.iter().map(|pair| (pair.a, pair.b)).chain(copies);
    let mut partners: BTreeMap<usize, Vec<&Pair>> = BTreeMap::new();
    for pair in &twins.near {
        partners.entry(pair.a).or_default().push(pair);
        partners.entry(pair.b).or_default().push(pair);
    }
    let from_home = |home: usize, row: usize| {
        let at_home = |other: usize| table.rows[other].state == table.rows[home].state;
        let pairs = partners.get(&row).into_iter().flatten();
        pairs.filter(|pair| at_home(pair.a) || at_home(pair.b)).map(|&pair| pair.clone()).collect()
    };
    // What has an equal elsewhere is known from stronger evidence.
    let near = Leaks::of(table, &components(rows, links), &leaked, from_home);
    insights.extend(near.insights(table, ("Near duplicates in", "are nearly the same as samples of"), options));

    if let Some(name) = attribute {
        let groups = by_attribute(table, name)?;
        let pair = |a, b| vec![Pair { a, b, by: "attribute", distance: 0.0 }];
        let (title, are) = (format!("Same {} in", short(name)), format!("share their {} with samples of", short(name)));
        insights.extend(Leaks::of(table, &groups, &nobody, pair).insights(table, (&title, &are), options));
    }
    Ok(insights)
}

fn by_attribute(table: &SampleTable, name: &str) -> Result<Vec<Vec<usize>>> {
    let Some(column) = table.attributes.iter().position(|attribute| attribute == name) else {
        let known: Vec<String> = table.attributes.iter().map(|name| short(name)).collect();
        let expected = format!("one of the table's attributes: {}", known.join(", "));
        return Err(Error::argument("data_leakage", expected, short(name)));
    };
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, sample) in table.rows.iter().enumerate() {
        if let Some(value) = sample.attributes.get(column).map(|value| value.trim()).filter(|value| !value.is_empty()) {
            groups.entry(value).or_default().push(row);
        }
    }
    Ok(groups.into_values().collect())
}

/// What leaks, by the subset that is at home and the one that is affected.
struct Leaks(BTreeMap<(DataState, DataState), Leak>);

#[derive(Default)]
struct Leak {
    samples: Vec<usize>,
    groups: usize,
    pairs: Vec<Pair>,
}

impl Leaks {
    /// `pairs` gives the evidence for one affected row, beside the first row at home; rows that are `known` are left out.
    fn of(
        table: &SampleTable,
        groups: &[Vec<usize>],
        known: &BTreeSet<usize>,
        pairs: impl Fn(usize, usize) -> Vec<Pair>,
    ) -> Self {
        let mut leaks: BTreeMap<(DataState, DataState), Leak> = BTreeMap::new();
        for group in groups {
            let state = |row: usize| table.rows[row].state;
            let Some(&home) = group.iter().min_by_key(|&&row| (state(row), row)) else { continue };
            let mut touched = BTreeSet::new();
            for &row in group.iter().filter(|&&row| state(row) != state(home) && !known.contains(&row)) {
                let leak = leaks.entry((state(home), state(row))).or_default();
                leak.samples.push(row);
                leak.groups += usize::from(touched.insert(state(row)));
                leak.pairs.extend(pairs(home, row));
            }
        }
        Self(leaks)
    }

    fn insights(self, table: &SampleTable, (title, are): (&str, &str), options: &DuplicateOptions) -> Vec<Insight> {
        let insight = |((home, state), mut leak): ((DataState, DataState), Leak)| {
            leak.samples.sort_unstable();
            leak.pairs.sort_by(super::twins::closest_first);
            leak.pairs.dedup();
            let of = table.rows.iter().filter(|row| row.state == state).count();
            let share = leak.samples.len() as f64 / of as f64;
            let gap = accuracy_gap(table, state, &leak.samples);
            let mut sentence = format!(
                "{} of {} in {state} ({}) {are} {home}, in {}.",
                leak.samples.len(),
                count(of, "sample"),
                percent(share),
                count(leak.groups, "group"),
            );
            if let Some(gap) = &gap {
                sentence += &format!(
                    " The model is right on {} of them and on {} of the others.",
                    percent(gap.inside),
                    percent(gap.outside)
                );
            }
            let total = leak.pairs.len();
            leak.pairs.truncate(options.listed);
            let evidence = Evidence::Pairs { pairs: leak.pairs, total };
            let title = format!("{title} {home} and {state}");
            let mut insight =
                Insight::new(InsightKind::DataLeakage, share.sqrt(), title, sentence, leak.samples, evidence);
            insight.gap = gap;
            insight
        };
        self.0.into_iter().map(insight).collect()
    }
}
