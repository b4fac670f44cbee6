use rayon::prelude::*;

use super::{check_neighbours, count, percent};
use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::statistics::benjamini_hochberg;
use crate::explore::tail::Tail;
use crate::explore::{Evidence, Insight, InsightKind, Matrix, Neighbours};
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// How samples unlike all others are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutlierOptions {
    /// Nearest neighbours whose mean distance tells lone outliers; 10 by default, fewer when fewer are known.
    pub k: usize,
    /// The share of the reference samples that an outlier must be far from: an outlying group may be almost this large; 0.05 by
    /// default, at most 0.2.
    pub mass: f64,
    /// Reference samples at most, drawn evenly; 1,024 by default. Time grows with it.
    pub references: usize,
    /// Training samples from which on they alone are the reference; 100 by default.
    pub fewest_training: usize,
    /// The false-discovery rate; 0.05 by default.
    pub level: f64,
    /// Seed of the draw; 0 by default.
    pub seed: u64,
}

impl Default for OutlierOptions {
    fn default() -> Self {
        Self { k: 10, mass: 0.05, references: 1024, fewest_training: 100, level: 0.05, seed: 0 }
    }
}

/// Samples unlike all others in the latent space: at most one insight.
///
/// Two scores are taken of each row of `scores` (its leading principal components, say; a row for each of the table's). The mean
/// distance to its `k` nearest rows, which `neighbours` give and which are its own left out, tells a lone outlier; the distance
/// within which a `mass` of the reference samples lies tells a group of them, however tight, as long as it is smaller than that
/// (the k-nearest-neighbour score of Ramaswamy, Rastogi, Shim, 2000, against a sample as in Sugiyama and Borgwardt, 2013). The
/// references are the training samples where there are enough, since these are what the model knows, and all samples
/// otherwise.
///
/// Logarithms of each score have a tail fitted between the 80 % and 95 % quantiles of the reference subset, so that a few
/// outliers in a hundred leave the fit nearly alone; towards a twentieth they widen it. Heavy tails that bend the usual way are
/// noise: normal, multivariate t and log-normal clouds give claims in no more runs than `level`. Clouds of many
/// independent heavy-tailed coordinates do not bend that way, and their most extreme samples are reported. The smaller
/// p-value of a sample, doubled, is corrected over all samples (Benjamini-Hochberg).
///
/// `samples` have the furthest first, with the corrected p-value as evidence. `p_value` and `p_adjusted` are the least of these,
/// which is Simes' test of there being none. Severity is the square root of the share of samples. The same for any number of
/// threads.
///
/// # Errors
/// [`Error::Argument`] when `scores` or `neighbours` are not the table's, [`Error::Config`] for options out of range.
pub fn out_of_distribution(
    table: &SampleTable,
    scores: &Matrix,
    neighbours: &Neighbours,
    options: &OutlierOptions,
) -> Result<Option<Insight>> {
    check(table, scores, neighbours, options)?;
    if scores.columns() == 0 {
        return Ok(None);
    }
    let training: Vec<usize> =
        (0..table.rows.len()).filter(|&row| table.rows[row].state == DataState::Training).collect();
    let known = training.len() >= options.fewest_training;
    let reference = if known { training } else { (0..table.rows.len()).collect() };

    let lone: Vec<f64> = neighbours.distances.iter().map(|distances| mean_logarithm(distances, options.k)).collect();
    let group = mass_distances(scores, &reference, options);
    let tails = [&lone, &group].map(|logarithms| Tail::fit(reference.iter().map(|&row| logarithms[row])));
    let p_of = |tail: &Option<Tail>, x: f64| tail.as_ref().map_or(1.0, |tail| tail.p_value(x));
    let p_values: Vec<f64> = lone
        .iter()
        .zip(&group)
        .map(|(&lone, &group)| f64::min(1.0, 2.0 * p_of(&tails[0], lone).min(p_of(&tails[1], group))))
        .collect();
    let adjusted = benjamini_hochberg(&p_values);

    let mut samples: Vec<usize> = (0..adjusted.len()).filter(|&row| adjusted[row] <= options.level).collect();
    samples.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let Some(&furthest) = samples.first() else { return Ok(None) };
    Ok(Some(insight(table, samples, adjusted[furthest], &adjusted, known, options)))
}

fn check(table: &SampleTable, scores: &Matrix, neighbours: &Neighbours, options: &OutlierOptions) -> Result<()> {
    const FUNCTION: &str = "out_of_distribution";
    check_neighbours(FUNCTION, neighbours, table.rows.len())?;
    if scores.rows() != table.rows.len() {
        let expected = format!("scores of the table's {} rows", table.rows.len());
        return Err(Error::argument(FUNCTION, expected, format!("{} rows", scores.rows())));
    }
    if !(options.mass > 0.0 && options.mass <= 0.2) {
        return Err(Error::config("mass", "a share in (0, 0.2]", options.mass.to_string()));
    }
    if !(options.level > 0.0 && options.level < 1.0) {
        return Err(Error::config("level", "a rate inside (0, 1)", options.level.to_string()));
    }
    Ok(())
}

/// Logarithm of the mean of the first `k` distances; NaN, which says nothing, where there are none.
fn mean_logarithm(distances: &[f32], k: usize) -> f64 {
    let nearest = &distances[..k.min(distances.len())];
    (nearest.iter().map(|&distance| f64::from(distance)).sum::<f64>() / nearest.len() as f64).ln()
}

/// For each row the logarithm of the distance within which the mass of the references lies, the row itself left out.
fn mass_distances(scores: &Matrix, reference: &[usize], options: &OutlierOptions) -> Vec<f64> {
    let mut drawn = reference.to_vec();
    if drawn.len() > options.references {
        SplitMix64::new(options.seed).shuffle(&mut drawn);
        drawn.truncate(options.references);
    }
    let place = options.k.max((options.mass * drawn.len() as f64).ceil() as usize);
    let squared =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum() };
    (0..scores.rows())
        .into_par_iter()
        .map(|row| {
            let others = drawn.iter().filter(|&&other| other != row);
            let mut distances: Vec<f64> = others.map(|&other| squared(scores.row(row), scores.row(other))).collect();
            if distances.is_empty() {
                return f64::NAN;
            }
            let place = place.min(distances.len() - 1);
            0.5 * distances.select_nth_unstable_by(place, f64::total_cmp).1.ln()
        })
        .collect()
}

fn insight(
    table: &SampleTable,
    samples: Vec<usize>,
    p_value: f64,
    adjusted: &[f64],
    known: bool,
    options: &OutlierOptions,
) -> Insight {
    let share = samples.len() as f64 / table.rows.len() as f64;
    let states = DataState::ALL.into_iter().filter_map(|state| {
        let number = samples.iter().filter(|&&row| table.rows[row].state == state).count();
        (number > 0).then(|| format!("{number} in {state}"))
    });
    let sentence = format!(
        "{} of {} ({}; {}) {} further from {} in the latent space than chance explains, at a false-discovery rate of {}.",
        count(samples.len(), "sample"),
        table.rows.len(),
        percent(share),
        states.collect::<Vec<_>>().join(", "),
        if samples.len() == 1 { "lies" } else { "lie" },
        if known { "the training samples" } else { "the others" },
        percent(options.level),
    );
    let scores = samples.iter().map(|&row| adjusted[row]).collect();
    let evidence =
        Evidence::Scores { what: "corrected p-value of the distance to the other samples".to_owned(), scores };
    let title = "Samples unlike the others".to_owned();
    let mut insight = Insight::new(InsightKind::OutOfDistribution, share.sqrt(), title, sentence, samples, evidence);
    (insight.p_value, insight.p_adjusted) = (Some(p_value), Some(p_value));
    insight
}
