use serde::Serialize;

use super::align::{Aligned, align};
use super::pair::{Side, pairs};
use super::{Calibration, Contender, Cost, Pair, Ranking};
use crate::binder::Registry;
use crate::contract::{DataState, SampleId};
use crate::metrics::{Bootstrap, ClassificationReport, Correction, Estimate, Predictions, Resampled, RocAuc, Score};
use crate::{Error, Result};

/// How contenders are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// The subset that they are compared on. Default: test.
    pub subset: DataState,
    /// The classes that together are positive for the ROC-AUC and DeLong's test, for example all that are ill. Default:
    /// none named; then it is the second of two classes, and with more classes the macro ROC-AUC is tested by the
    /// paired bootstrap instead.
    pub positive: Vec<String>,
    /// The resamples of intervals and of the paired bootstrap, whose p-values are at least `2 / (resamples + 1)`: more of
    /// them for many contenders. Default: 2000 resamples.
    pub bootstrap: Bootstrap,
    /// How each test is corrected for the number of pairs. Default: Holm.
    pub correction: Correction,
    /// A difference is significant if its corrected p-value is at most this. Default: 0.05.
    pub level: f64,
    /// The score by which the contenders are ranked. Default: balanced accuracy.
    pub ranking: Score,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            subset: DataState::Test,
            positive: Vec::new(),
            bootstrap: Bootstrap { resamples: 2000, ..Bootstrap::default() },
            correction: Correction::Holm,
            level: 0.05,
            ranking: Score::BalancedAccuracy,
        }
    }
}

impl CompareOptions {
    /// The subsets of a binder that the comparison reads: the compared one, and the validation samples where there are
    /// any.
    ///
    /// # Errors
    /// As [`Registry::subsets`].
    pub fn states(&self, binder: &Registry) -> Result<Vec<DataState>> {
        let validation = binder.subsets()?.iter().any(|subset| subset.state == DataState::Validation);
        let other = validation && self.subset != DataState::Validation;
        Ok([self.subset].into_iter().chain(other.then_some(DataState::Validation)).collect())
    }

    /// The scores that the paired bootstrap tests; the accuracy is McNemar's.
    pub(super) fn tested(&self) -> Vec<Score> {
        let mut tested = vec![Score::BalancedAccuracy, Score::Mcc, Score::MacroF1];
        if !tested.contains(&self.ranking) && self.ranking != Score::Accuracy {
            tested.push(self.ranking);
        }
        tested
    }

    /// The positive classes' names: those given, or the second of two.
    fn positive<'a>(&'a self, classes: &'a [String]) -> Vec<&'a str> {
        match classes {
            [_, second] if self.positive.is_empty() => vec![second],
            _ => self.positive.iter().map(String::as_str).collect(),
        }
    }
}

/// Several contenders on the same samples.
///
/// `Display` prints it as plain text tables, serde writes it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The subset that was compared on.
    pub subset: DataState,
    /// The classes.
    pub classes: Vec<String>,
    /// The samples that all contenders scored.
    pub samples: usize,
    /// Samples that are left out for all, since some contender failed on them.
    pub left_out: Vec<SampleId>,
    /// The classes that together are positive for the ROC-AUC; empty if there is no such area.
    pub positive: Vec<String>,
    /// How intervals were made.
    pub bootstrap: Bootstrap,
    /// How p-values were corrected for the number of pairs.
    pub correction: Correction,
    /// The level of significance.
    pub level: f64,
    /// Each contender, in the order given.
    pub contenders: Vec<Standing>,
    /// Each two contenders, in the order given.
    pub pairs: Vec<Pair>,
    /// Who is ahead, and where that may be chance.
    pub ranking: Ranking,
}

/// What one contender reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// All metrics.
    pub report: ClassificationReport,
    /// The ROC-AUC of [`Comparison::positive`] with DeLong's interval; see [`RocAuc`].
    pub roc_auc: Option<Estimate>,
    /// Whether its probabilities mean what they say.
    pub calibration: Calibration,
    /// What scoring costs, as far as it is known.
    pub cost: Cost,
}

/// Compares contenders on the samples that all of them scored.
///
/// Costs `resamples x n x classes` for each contender, spread over rayon's threads. The order of contenders changes no
/// value, only where it stands and the signs of differences; the order of samples changes nothing.
///
/// # Errors
/// [`Error::Argument`] for fewer than two contenders or a name twice, no common samples, rows that are no probabilities
/// (with the sample's id), positive classes that are none or all of the classes, a bootstrap's level outside (0, 1);
/// [`Error::Config`] for a level of significance outside (0, 1); [`Error::Mismatch`] for other classes, another true
/// class of a sample, and a sample that a contender neither scored nor failed on.
pub fn compare(contenders: &[Contender], options: &CompareOptions) -> Result<Comparison> {
    if !(options.level > 0.0 && options.level < 1.0) {
        return Err(Error::config("level", "a level inside (0, 1)", options.level.to_string()));
    }
    let Aligned { predictions, left_out } = align(contenders, options.subset)?;
    let scored = predictions.iter().map(|one| Resampled::new(one, &options.bootstrap)).collect::<Result<Vec<_>>>()?;
    let classes = predictions.first().map_or_else(Vec::new, |one| one.labels().to_vec());
    let positive = options.positive(&classes);
    let standings = contenders.iter().zip(predictions.iter().zip(&scored)).map(|(contender, (predictions, scored))| {
        let report = ClassificationReport::of(scored, predictions);
        Ok(Standing {
            name: contender.name().to_owned(),
            roc_auc: area(predictions, &positive, options.bootstrap.level)?,
            calibration: Calibration::new(contender, options.subset, predictions, &report, &options.bootstrap)?,
            cost: *contender.cost(),
            report,
        })
    });
    let standings = standings.collect::<Result<Vec<Standing>>>()?;
    let sides = contenders.iter().zip(predictions.iter().zip(&scored));
    let sides: Vec<Side<'_>> =
        sides.map(|(one, (predictions, scored))| Side { name: one.name(), predictions, scored }).collect();
    let pairs = pairs(&sides, &positive, options)?;
    let samples = predictions.first().map_or(0, |one| one.y_true().len());
    let ranking = Ranking::new(&standings, &pairs, options, samples);
    Ok(Comparison {
        subset: options.subset,
        samples,
        left_out,
        positive: positive.iter().map(|name| (*name).to_owned()).collect(),
        bootstrap: options.bootstrap,
        correction: options.correction,
        level: options.level,
        contenders: standings,
        pairs,
        ranking,
        classes,
    })
}

/// The area with its interval; none without positive classes, and where the samples are all on one side.
fn area(predictions: &Predictions, positive: &[&str], level: f64) -> Result<Option<Estimate>> {
    if positive.is_empty() {
        return Ok(None);
    }
    let Some(auc) = RocAuc::new(predictions, positive)? else { return Ok(None) };
    let interval = auc.interval(level)?;
    Ok(Some(Estimate {
        value: Some(auc.value),
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
    }))
}
