use rayon::prelude::*;
use serde::Serialize;

use super::descent::{Descent, descend};
use super::passes::Rows;
use super::softmax::{Scaling, Softmax, to_probabilities};
use super::{HeadOptions, LabelledRows, LinearHead, Scoring};
use crate::metrics::{Bootstrap, ClassificationReport, Predictions};
use crate::train::split::Folds;
use crate::{Error, Result};

/// A fitted head, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HeadFit {
    /// The head, for rows as they are.
    pub head: LinearHead,
    /// The `C` that it was fitted with.
    pub c: f64,
    /// Steps of the last fit.
    pub iterations: usize,
    /// The largest entry of its gradient at the end.
    pub gradient_norm: f64,
    /// Whether that is within the tolerance. A head that has not converged is still the best that was found.
    pub converged: bool,
    /// Each candidate's scores, by rising `C`; empty without cross-validation.
    pub scores: Vec<CandidateScore>,
    /// What heads that had not seen a row, or another one of its group, held probable; none without cross-validation.
    pub out_of_fold: Option<OutOfFold>,
}

/// How a candidate for `C` did in cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CandidateScore {
    /// The candidate.
    pub c: f64,
    /// The mean over the folds of what [`HeadOptions::scoring`] says.
    pub mean: f64,
    /// The score of each fold.
    pub folds: Vec<f64>,
    /// Whether all its fits converged.
    pub converged: bool,
}

/// Probabilities out of sample, with the chosen `C`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OutOfFold {
    /// The fold in which each row was held out.
    pub folds: Vec<usize>,
    /// `(rows, classes)` row by row.
    pub probabilities: Vec<f64>,
}

impl HeadFit {
    /// Fits a head to all rows; of several candidates for `C` stratified cross-validation by groups chooses the best first, of
    /// equal ones the smallest.
    ///
    /// Minimises `C sum(w l) + |W|^2 / 2` over all rows, where `l` is the cross-entropy of the softmax, `w` the weight of row
    /// and class, and `W` the weights over standardised columns; the bias is not penalised. That is the multinomial
    /// `LogisticRegression` of scikit-learn. For two classes scikit-learn fits one row of weights where this fits two of opposite
    /// sign: its `C` is twice as large for the same probabilities. The biases sum to 0, and columns of one value get no weight.
    ///
    /// ```
    /// use leap_binder::train::{HeadFit, HeadOptions, LabelledRows};
    ///
    /// let values: Vec<f32> = (0..40).flat_map(|row| [(row % 2) as f32, (row % 7) as f32]).collect();
    /// let patients = (0..40).map(|row| Some(format!("patient {}", row / 4)));
    /// let rows = LabelledRows::new(["well", "ill"], 2, values, (0..40).map(|row| row % 2).collect())?.with_groups(patients)?;
    /// let fit = HeadFit::new(&rows, &HeadOptions::default())?;
    /// assert!(fit.converged && fit.out_of_fold.is_some());
    /// assert!(fit.head.probabilities(&[1.0, 3.0])?[1] > 0.9);
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    ///
    /// *Determinism*: the same bits for any number of threads. *Cost*: each step reads the rows twice; there are some ten to some
    /// hundred steps for each candidate and fold, more with a large `C`.
    ///
    /// # Errors
    /// [`Error::Config`] for options out of range; [`Error::Argument`] for a class without samples or without weight, for groups that
    /// do not allow the folds ([`Folds::stratified`]), or for numbers too large to compute with.
    pub fn new(data: &LabelledRows, options: &HeadOptions) -> Result<Self> {
        options.validate()?;
        let folds = match options.folds {
            0 => None,
            count => Some(Folds::stratified(&data.cohort()?, count, options.seed)?),
        };
        Self::fitted(data, folds.as_ref(), options)
    }

    /// The same with given folds; [`HeadOptions::folds`] and [`HeadOptions::seed`] are of no account.
    ///
    /// # Errors
    /// As [`HeadFit::new`]; [`Error::Argument`] also for folds of another number of rows, or where a fold holds out all of a class.
    pub fn in_folds(data: &LabelledRows, folds: &Folds, options: &HeadOptions) -> Result<Self> {
        HeadOptions { folds: folds.count(), ..options.clone() }.validate()?;
        if folds.of().len() != data.len() {
            let expected = format!("a fold for each of {} rows", data.len());
            return Err(Error::argument("HeadFit::in_folds", expected, folds.of().len().to_string()));
        }
        Self::fitted(data, Some(folds), options)
    }

    fn fitted(data: &LabelledRows, folds: Option<&Folds>, options: &HeadOptions) -> Result<Self> {
        let all: Vec<usize> = (0..data.len()).collect();
        let training = Training::of(data, &all, options, "the rows")?;
        let mut grid = options.c.clone();
        grid.sort_by(f64::total_cmp);
        grid.dedup();
        let (mut scores, mut out_of_fold, mut c) = (Vec::new(), None, grid[0]);
        if let Some(folds) = folds {
            let mut held;
            (scores, held) = cross_validate(data, folds, &grid, options)?;
            let better = |a: f64, b: f64| match options.scoring {
                Scoring::LogLoss => a < b,
                Scoring::BalancedAccuracy => a > b,
            };
            let best = (1..grid.len()).fold(
                0,
                |best, next| {
                    if better(scores[next].mean, scores[best].mean) { next } else { best }
                },
            );
            c = grid[best];
            out_of_fold = Some(OutOfFold { folds: folds.of().to_vec(), probabilities: held.swap_remove(best) });
        }
        let mut place = training.start();
        let Descent { iterations, gradient_norm, converged } = training.descend(c, &mut place, options);
        let head = training.head(&place)?;
        Ok(Self { head, c, iterations, gradient_norm, converged, scores, out_of_fold })
    }
}

/// Each candidate's scores and held-out probabilities. Folds run side by side; in each a fit begins where the one with the next
/// smaller `C` ended.
fn cross_validate(
    data: &LabelledRows,
    folds: &Folds,
    grid: &[f64],
    options: &HeadOptions,
) -> Result<(Vec<CandidateScore>, Vec<Vec<f64>>)> {
    let classes = data.classes.len();
    let runs: Vec<Vec<Held>> = (0..folds.count())
        .into_par_iter()
        .map(|fold| {
            let (held, kept) = folds.parts(fold);
            let training = Training::of(data, &kept, options, &format!("what fold {fold} leaves"))?;
            let mut place = training.start();
            let candidate = |&c: &f64| {
                let descent = training.descend(c, &mut place, options);
                let probabilities = training.probabilities(&place, &held);
                let score = score(data, &held, &probabilities, options.scoring)?;
                Ok(Held { score, probabilities, converged: descent.converged })
            };
            grid.iter().map(candidate).collect()
        })
        .collect::<Result<_>>()?;
    let gathered = grid.iter().enumerate().map(|(candidate, &c)| {
        let runs: Vec<&Held> = runs.iter().map(|run| &run[candidate]).collect();
        let scores: Vec<f64> = runs.iter().map(|held| held.score).collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let mut probabilities = vec![0.0; data.len() * classes];
        for (fold, held) in runs.iter().enumerate() {
            for (row, own) in folds.parts(fold).0.into_iter().zip(held.probabilities.chunks_exact(classes)) {
                probabilities[row * classes..][..classes].copy_from_slice(own);
            }
        }
        let converged = runs.iter().all(|held| held.converged);
        (CandidateScore { c, mean, folds: scores, converged }, probabilities)
    });
    Ok(gathered.unzip())
}

/// A candidate in one fold.
struct Held {
    score: f64,
    probabilities: Vec<f64>,
    converged: bool,
}

fn score(data: &LabelledRows, held: &[usize], probabilities: &[f64], scoring: Scoring) -> Result<f64> {
    let labels = held.iter().map(|&row| data.labels[row]).collect();
    let predictions = Predictions::new(data.classes.clone(), labels, probabilities.iter().copied())?;
    match scoring {
        Scoring::BalancedAccuracy => Ok(predictions.confusion_matrix().balanced_accuracy()),
        Scoring::LogLoss => {
            let report = ClassificationReport::new(&predictions, &Bootstrap::NONE)?;
            Ok(report.log_loss.value.unwrap_or(f64::INFINITY))
        }
    }
}

/// Rows that a head is fitted to.
struct Training<'a> {
    data: &'a LabelledRows,
    rows: Rows<'a>,
    labels: Vec<usize>,
    weights: Vec<f64>,
    scaling: Scaling,
}

impl<'a> Training<'a> {
    fn of(data: &'a LabelledRows, chosen: &'a [usize], options: &HeadOptions, what: &str) -> Result<Self> {
        let labels: Vec<usize> = chosen.iter().map(|&row| data.labels[row]).collect();
        let own = |row: &usize| data.weights.as_ref().map_or(1.0, |weights| weights[*row]);
        let mut weights: Vec<f64> = chosen.iter().map(own).collect();
        let mut sums = vec![0.0; data.classes.len()];
        labels.iter().zip(&weights).for_each(|(&label, weight)| sums[label] += weight);
        if let Some(class) = sums.iter().position(|sum| *sum <= 0.0) {
            let expected = format!("samples of class {} among {what}", data.classes[class]);
            let found = if labels.contains(&class) { "only some of weight 0" } else { "none" };
            return Err(Error::argument("HeadFit", expected, found));
        }
        if let Some(factors) = options.class_weights.of_totals(&sums) {
            if factors.len() != data.classes.len() {
                let expected = format!("{} numbers", data.classes.len());
                return Err(Error::config("class_weights", expected, factors.len().to_string()));
            }
            weights.iter_mut().zip(&labels).for_each(|(weight, &label)| *weight *= factors[label]);
        }
        let rows = Rows { values: &data.values, columns: data.columns, chosen };
        let scaling = if options.standardise { Scaling::of(&rows) } else { Scaling::none(data.columns) };
        Ok(Self { data, rows, labels, weights, scaling })
    }

    /// No weights and no bias.
    fn start(&self) -> Vec<f64> {
        vec![0.0; self.data.classes.len() * (self.rows.columns + 1)]
    }

    /// Goes down from `place`, and leaves there where it came to.
    fn descend(&self, c: f64, place: &mut Vec<f64>, options: &HeadOptions) -> Descent {
        let start = std::mem::take(place);
        let mut softmax = Softmax::new(self.rows, &self.scaling, &self.labels, &self.weights, c, start);
        let descent = descend(&mut softmax, options.tolerance, options.max_iterations);
        *place = softmax.place;
        descent
    }

    /// Weights `(classes, columns)` and biases for rows as they are. Equal numbers may be added to all biases without a change,
    /// so that they are chosen to sum to 0.
    fn unfolded(&self, place: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (weights, bias) = place.split_at(self.data.classes.len() * self.rows.columns);
        let mean = bias.iter().sum::<f64>() / bias.len() as f64;
        let bias: Vec<f64> = bias.iter().map(|bias| bias - mean).collect();
        self.scaling.unfold(weights, &bias)
    }

    fn probabilities(&self, place: &[f64], rows: &[usize]) -> Vec<f64> {
        let (weights, bias) = self.unfolded(place);
        let mut probabilities = Rows { chosen: rows, ..self.rows }.times(&weights, &bias);
        probabilities.chunks_exact_mut(bias.len()).for_each(to_probabilities);
        probabilities
    }

    fn head(&self, place: &[f64]) -> Result<LinearHead> {
        let (weights, bias) = self.unfolded(place);
        let weight = weights.chunks_exact(self.rows.columns).map(<[f64]>::to_vec).collect();
        LinearHead::new(self.data.classes.clone(), self.data.names.clone(), weight, bias)
    }
}
