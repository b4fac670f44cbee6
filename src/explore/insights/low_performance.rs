use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::context::Context;
use super::slices::{Slice, slices};
use super::words::{number, short};
use super::{Evidence, Gap, Insight, InsightKind};
use crate::Result;
use crate::explore::features::Feature;
use crate::explore::statistics::{Alternative, RankSum, benjamini_hochberg, difference_of_means, fisher_exact};

/// The smallest expected count for which ranks stand in for Fisher's exact test.
const LEAST_EXPECTED: f64 = 5.0;

/// Groups on which the model does worse than on the rest.
///
/// Tried is each slice of the metadata (intervals of numbers between quantiles, categories, missing values; histograms in
/// eight blocks) and each cluster, once by the first loss and once by being right. A group is told where the loss is larger, or
/// the accuracy smaller, than on all other samples (by the loss where both are): one-sided Mann-Whitney U (Fisher's exact test where few are wrong),
/// corrected over everything that was tried, and a Cliff's delta of at least `least_effect`; for accuracy that delta is the
/// difference of the shares of errors.
///
/// One cause shows in many slices. So the most severe is taken, its samples are set aside, and the others are tried again on
/// the samples that are left, until none holds or `most` are taken.
///
/// The severity is the geometric mean of the effect (Cliff's delta) and of the share of all loss, or of all errors, that
/// would go away were the group as good as the rest: effect times support, in [0, 1].
///
/// Deterministic, and independent of the order of the rows up to rounding.
///
/// # Errors
/// Those of the bootstrap and of [`crate::explore::Columns::differences`], which the context's checks rule out.
pub fn low_performance(context: &Context<'_>) -> Result<Vec<Insight>> {
    let features = context.columns.features();
    let rows = context.table.rows.len();
    let support = context.support(rows);
    let slices = slices(&features, context.clusters, rows, support);
    let measures = [Measure::losses(context), Measure::errors(context)];
    let left = vec![true; rows];
    let ranked = measures.each_ref().map(|measure| measure.ranked(&left));
    let tries: Vec<Tried> = slices
        .iter()
        .enumerate()
        .flat_map(|(slice, _)| [(slice, 0), (slice, 1)])
        .filter_map(|(slice, measure)| {
            let found = ranked[measure].compare(&slices[slice].rows, support)?;
            Some(Tried { slice, measure, found, p_adjusted: 1.0 })
        })
        .collect();
    let adjusted = benjamini_hochberg(&tries.iter().map(|tried| tried.found.p_value).collect::<Vec<_>>());
    let adjusted = adjusted.into_iter().map(Context::across_families);
    let mut claims: Vec<Tried> =
        tries.into_iter().zip(adjusted).map(|(tried, p_adjusted)| Tried { p_adjusted, ..tried }).collect();
    claims.retain(|tried| {
        tried.p_adjusted <= context.options.level && tried.found.effect >= context.options.least_effect
    });
    // What both measures claim is told by the loss.
    let by_loss: BTreeSet<usize> = claims.iter().filter(|tried| tried.measure == 0).map(|tried| tried.slice).collect();
    claims.retain(|tried| tried.measure == 0 || !by_loss.contains(&tried.slice));
    claims.sort_by(|a, b| {
        b.found.severity().total_cmp(&a.found.severity()).then(a.found.p_value.total_cmp(&b.found.p_value))
    });
    let taken = peel(claims, &slices, &measures, context, support);
    let tell = |tried: &Tried| tell(tried, &slices[tried.slice], &measures[tried.measure], &features, context);
    let mut told: Vec<Insight> = taken.par_iter().map(tell).collect::<Result<_>>()?;
    // Ranks and means may disagree: where the interval of the means holds 0, the sentence would speak against itself.
    told.retain(|insight| insight.gap.as_ref().is_none_or(|gap| !(gap.low <= 0.0 && gap.high >= 0.0)));
    Ok(told)
}

/// A slice held against the rest by one measure.
#[derive(Debug, Clone, Copy)]
struct Tried {
    slice: usize,
    measure: usize,
    found: Compared,
    p_adjusted: f64,
}

/// What a comparison said.
#[derive(Debug, Clone, Copy)]
struct Compared {
    p_value: f64,
    /// Cliff's delta.
    effect: f64,
    /// The share of the whole that the group has too much, in [0, 1].
    excess: f64,
}

impl Compared {
    fn severity(&self) -> f64 {
        (self.effect.max(0.0) * self.excess).sqrt()
    }
}

/// Takes the most severe claim, sets its samples aside and tries the others on the rest, again and again. `claims` are sorted.
fn peel(
    claims: Vec<Tried>,
    slices: &[Slice],
    measures: &[Measure; 2],
    context: &Context<'_>,
    support: usize,
) -> Vec<Tried> {
    let cutoff = claims.iter().map(|claim| claim.found.p_value).fold(0.0, f64::max);
    let mut left = vec![true; context.table.rows.len()];
    let (mut open, mut taken) = (claims, Vec::new());
    while taken.len() < context.options.most && !open.is_empty() {
        let ranked = measures.each_ref().map(|measure| measure.ranked(&left));
        let again = |tried: &Tried| -> Option<(f64, Tried)> {
            let found = ranked[tried.measure].compare(&slices[tried.slice].rows, support)?;
            let holds = found.p_value <= cutoff && found.effect >= context.options.least_effect;
            holds.then(|| (found.severity(), *tried))
        };
        let tried: Vec<(f64, Tried)> = open.par_iter().filter_map(again).collect();
        // The first of equals, so that ties fall as the claims are sorted.
        let Some(best) = tried.iter().enumerate().rev().max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0)).map(|(at, _)| at)
        else {
            break;
        };
        let chosen = tried[best].1;
        slices[chosen.slice].rows.iter().for_each(|&row| left[row] = false);
        open = tried.into_iter().map(|(_, tried)| tried).filter(|tried| tried.slice != chosen.slice).collect();
        taken.push(chosen);
    }
    taken.sort_by(|a, b| b.found.severity().total_cmp(&a.found.severity()));
    taken
}

/// What is worse where it is larger: losses, or errors as 0 and 1.
struct Measure {
    name: String,
    errors: bool,
    /// One for each row; NaN where it is not known.
    values: Vec<f64>,
}

impl Measure {
    fn losses(context: &Context<'_>) -> Self {
        Self { name: context.loss_name().to_owned(), errors: false, values: context.losses() }
    }

    fn errors(context: &Context<'_>) -> Self {
        let rows = context.table.rows.iter();
        let wrong = rows.map(|row| row.label.map_or(f64::NAN, |label| f64::from(u8::from(label != row.prediction))));
        Self { name: "accuracy".to_owned(), errors: true, values: wrong.collect() }
    }

    /// Ranks of the known values in rows that are left.
    fn ranked(&self, left: &[bool]) -> Ranked<'_> {
        let mut order: Vec<usize> = (0..left.len()).filter(|&row| left[row] && self.values[row].is_finite()).collect();
        order.sort_by(|&a, &b| self.values[a].total_cmp(&self.values[b]));
        let (mut ranks, mut ties, mut below) = (vec![None; left.len()], 0.0, 0.0);
        for level in order.chunk_by(|&a, &b| self.values[a] == self.values[b]) {
            let tied = level.len() as f64;
            level.iter().for_each(|&row| ranks[row] = Some(below + (tied + 1.0) / 2.0));
            ties += tied * tied * tied - tied;
            below += tied;
        }
        let total = order.iter().map(|&row| self.values[row]).sum();
        let size = order.iter().map(|&row| self.values[row].abs()).sum();
        Ranked { measure: self, ranks, ties, known: order.len(), total, size }
    }

    fn split(&self, rows: &[usize]) -> [Vec<f64>; 2] {
        let mut inside = vec![false; self.values.len()];
        rows.iter().for_each(|&row| inside[row] = true);
        let of =
            |side: bool| (0..self.values.len()).filter(move |&row| inside[row] == side && self.values[row].is_finite());
        let values = |side: bool| -> Vec<f64> { of.clone()(side).map(|row| self.values[row]).collect() };
        [values(true), values(false)]
    }
}

struct Ranked<'a> {
    measure: &'a Measure,
    ranks: Vec<Option<f64>>,
    ties: f64,
    known: usize,
    total: f64,
    size: f64,
}

impl Ranked<'_> {
    /// Some rows against all others; none where either side has fewer than `support` known values.
    fn compare(&self, rows: &[usize], support: usize) -> Option<Compared> {
        let known = rows.iter().filter_map(|&row| Some((self.ranks[row]?, self.measure.values[row])));
        let (count, rank_sum, sum) =
            known.fold((0usize, 0.0, 0.0), |(n, ranks, sum), (rank, value)| (n + 1, ranks + rank, sum + value));
        let others = self.known - count;
        if count < support || others < support {
            return None;
        }
        let compared = RankSum::new(rank_sum, [count, others], self.ties);
        let rare = self.measure.errors && {
            let scarcer = self.total.min(self.known as f64 - self.total);
            count.min(others) as f64 * scarcer / (self.known as f64) < LEAST_EXPECTED
        };
        let p_value = match rare {
            true => {
                let [wrong, all_wrong] = [sum, self.total].map(|sum| sum.round() as u64);
                fisher_exact([[wrong, count as u64 - wrong], [all_wrong - wrong, others as u64 - (all_wrong - wrong)]])
            }
            false => compared.p_value(Alternative::Greater),
        };
        let gap = sum / count as f64 - (self.total - sum) / others as f64;
        let excess = if self.size > 0.0 { (gap * count as f64 / self.size).clamp(0.0, 1.0) } else { 0.0 };
        Some(Compared { p_value, effect: compared.delta, excess })
    }
}

fn tell(
    tried: &Tried,
    slice: &Slice,
    measure: &Measure,
    features: &[Feature<'_>],
    context: &Context<'_>,
) -> Result<Insight> {
    let table = context.table;
    let outside: Vec<usize> = (0..table.rows.len()).filter(|row| slice.rows.binary_search(row).is_err()).collect();
    let gap = gap(measure, slice, context)?;
    let mut differences = context.columns.differences(&slice.rows, &outside)?;
    if let Some(feature) = slice.feature.map(|place| &features[place]) {
        // Stable: the slice's own columns come first, the strongest first within.
        differences.sort_by_key(|difference| !difference.columns.iter().any(|column| feature.columns.contains(column)));
    }
    let losses = context.losses();
    let wrong = |row: usize| table.rows[row].label.is_some_and(|label| label != table.rows[row].prediction);
    let key = |row: usize| if losses[row].is_finite() { losses[row] } else { f64::NEG_INFINITY };
    let mut samples = slice.rows.clone();
    samples.sort_by(|&a, &b| key(b).total_cmp(&key(a)).then(wrong(b).cmp(&wrong(a))).then(a.cmp(&b)));
    let confusions = confusions(slice, context);
    let (what, verb) = if measure.errors { ("Low accuracy", "an accuracy") } else { ("High loss", "a mean loss") };
    let mut sentence = format!(
        "Samples {} ({} of {}) have {verb} of {} against {} elsewhere (difference {}, {} % interval {} to {})",
        slice.which(),
        slice.rows.len(),
        table.rows.len(),
        number(gap.inside),
        number(gap.outside),
        number(gap.difference),
        number(gap.level * 100.0),
        number(gap.low),
        number(gap.high)
    );
    let [right, elsewhere] = Measure::errors(context).split(&slice.rows).map(|wrong| 1.0 - mean(&wrong));
    if !measure.errors && right.is_finite() && elsewhere.is_finite() {
        sentence += &format!("; the accuracy is {} against {}", number(right), number(elsewhere));
    }
    if let Some((truth, predicted, count)) = confusions.first() {
        let (truth, predicted) = (short(truth), short(predicted));
        sentence += &match 2 * count > slice.rows.len() {
            true => format!("; most are true {truth} predicted as {predicted}"),
            false => format!("; {count} true {truth} are predicted as {predicted}"),
        };
    }
    Ok(Insight {
        kind: InsightKind::LowPerformance,
        severity: tried.found.severity(),
        title: format!("{what} {}", slice.which()),
        sentence: sentence + ".",
        samples,
        differences,
        gap: Some(gap),
        p_value: Some(tried.found.p_value),
        p_adjusted: Some(tried.p_adjusted),
        evidence: Evidence::Group { rule: slice.rule.clone(), cluster: slice.cluster, confusions },
    })
}

/// NaN without values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The measure inside and outside; for errors, as accuracy.
fn gap(measure: &Measure, slice: &Slice, context: &Context<'_>) -> Result<Gap> {
    let bootstrap = context.options.bootstrap;
    let accuracy =
        |values: Vec<f64>| values.into_iter().map(|value| if measure.errors { 1.0 - value } else { value }).collect();
    let groups: [Vec<f64>; 2] = measure.split(&slice.rows).map(accuracy);
    let found = difference_of_means(&groups[0], &groups[1], &bootstrap)?;
    let [inside, outside] = groups.map(|values| mean(&values));
    let difference = inside - outside;
    let (low, high) = (found.low.unwrap_or(f64::NAN), found.high.unwrap_or(f64::NAN));
    Ok(Gap { metric: measure.name.clone(), inside, outside, difference, low, high, level: bootstrap.level })
}

/// True and predicted class, by name, of the samples that are wrong, the commonest first.
fn confusions(slice: &Slice, context: &Context<'_>) -> Vec<(String, String, usize)> {
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for row in slice.rows.iter().map(|&row| &context.table.rows[row]) {
        if let Some(label) = row.label.filter(|&label| label != row.prediction) {
            *counts.entry((label, row.prediction)).or_default() += 1;
        }
    }
    let mut counts: Vec<((usize, usize), usize)> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let class = |index| context.table.class(index).to_owned();
    counts.into_iter().map(|((truth, predicted), count)| (class(truth), class(predicted), count)).collect()
}
