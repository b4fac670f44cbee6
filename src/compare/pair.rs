use serde::Serialize;

use super::comparison::CompareOptions;
use crate::Result;
use crate::metrics::{DeLong, Estimate, McNemar, PairedBootstrap, Predictions, Resampled, Score};

/// Two contenders against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// The first contender's name.
    pub first: String,
    /// The second's.
    pub second: String,
    /// Samples that only the first got right.
    pub only_first: u64,
    /// Samples that only the second got right.
    pub only_second: u64,
    /// The tests, in the same order for every pair.
    pub tests: Vec<PairedTest>,
}

/// One paired test of one score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PairedTest {
    /// The test.
    pub test: TestKind,
    /// What it is on, in words: `balanced accuracy`, `ROC-AUC of bacteria + virus`.
    pub on: String,
    /// The score, if it is one of a report.
    pub score: Option<Score>,
    /// The first contender's score less the second's. For McNemar's test that is the accuracy, with the interval of the
    /// paired bootstrap; for DeLong's the area with DeLong's interval.
    pub difference: Estimate,
    /// The chance of so large a difference, either way, if there were none; none where the test has no answer.
    pub p_value: Option<f64>,
    /// The same after the correction for all pairs that this test was made of.
    pub p_adjusted: Option<f64>,
}

/// Which test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestKind {
    /// The exact test on decisions; see [`McNemar`].
    McNemar,
    /// Scores in the same resamples; see [`PairedBootstrap`].
    PairedBootstrap,
    /// The areas under two ROC curves; see [`DeLong`].
    DeLong,
}

impl TestKind {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::McNemar => "McNemar, exact",
            Self::PairedBootstrap => "paired bootstrap",
            Self::DeLong => "DeLong",
        }
    }
}

impl PairedTest {
    /// Whether the corrected p-value is at most `level`; never where the test has no answer.
    pub fn is_significant(&self, level: f64) -> bool {
        self.p_adjusted.is_some_and(|p| p <= level)
    }
}

impl Pair {
    /// The test on a score; none if that score was not tested.
    pub fn test(&self, score: Score) -> Option<&PairedTest> {
        self.tests.iter().find(|test| test.score == Some(score))
    }
}

/// A contender as the tests see it.
pub(super) struct Side<'a> {
    pub(super) name: &'a str,
    pub(super) predictions: &'a Predictions,
    pub(super) scored: &'a Resampled,
}

/// Tests every two contenders; corrects each test for the number of pairs.
///
/// The tests of one pair look at the same question from several sides, of which the reader chooses one beforehand; they
/// are not corrected for each other.
pub(super) fn pairs(sides: &[Side<'_>], positive: &[&str], options: &CompareOptions) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for (place, first) in sides.iter().enumerate() {
        for second in &sides[place + 1..] {
            pairs.push(pair(first, second, positive, options)?);
        }
    }
    for test in 0..pairs.first().map_or(0, |pair| pair.tests.len()) {
        let p_values: Vec<Option<f64>> = pairs.iter().map(|pair| pair.tests[test].p_value).collect();
        let adjusted = options.correction.adjust_known(&p_values);
        pairs.iter_mut().zip(adjusted).for_each(|(pair, p)| pair.tests[test].p_adjusted = p);
    }
    Ok(pairs)
}

fn pair(first: &Side<'_>, second: &Side<'_>, positive: &[&str], options: &CompareOptions) -> Result<Pair> {
    let decisions = McNemar::new(first.predictions, second.predictions)?;
    let bootstrap = |score| PairedBootstrap::of(first.scored, second.scored, score);
    let of = |score: Score| {
        let found = bootstrap(score);
        test(TestKind::PairedBootstrap, score.name().to_owned(), Some(score), found.difference, found.p_value)
    };
    let accuracy = bootstrap(Score::Accuracy).difference;
    let mut tests = vec![test(
        TestKind::McNemar,
        Score::Accuracy.name().to_owned(),
        Some(Score::Accuracy),
        accuracy,
        Some(decisions.exact),
    )];
    tests.extend(options.tested().into_iter().map(of));
    match areas(first, second, positive, options.bootstrap.level)? {
        Some(areas) => tests.push(areas),
        // DeLong's test is on two sides; of several classes there is only a mean of areas.
        None if options.ranking != Score::MacroRocAuc => tests.push(of(Score::MacroRocAuc)),
        None => {}
    }
    let (only_first, only_second) = (decisions.only_first, decisions.only_second);
    Ok(Pair { first: first.name.to_owned(), second: second.name.to_owned(), only_first, only_second, tests })
}

/// DeLong's test of the positive classes against the others; none without two sides.
fn areas(first: &Side<'_>, second: &Side<'_>, positive: &[&str], level: f64) -> Result<Option<PairedTest>> {
    if positive.is_empty() {
        return Ok(None);
    }
    let Some(found) = DeLong::new(first.predictions, second.predictions, positive)? else { return Ok(None) };
    let interval = found.interval(level)?;
    let difference = Estimate {
        value: Some(found.difference),
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
    };
    Ok(Some(test(TestKind::DeLong, area_name(positive), None, difference, found.p_value)))
}

/// `ROC-AUC of bacteria + virus`.
pub(super) fn area_name(positive: &[&str]) -> String {
    format!("ROC-AUC of {}", positive.join(" + "))
}

fn test(test: TestKind, on: String, score: Option<Score>, difference: Estimate, p_value: Option<f64>) -> PairedTest {
    PairedTest { test, on, score, difference, p_value, p_adjusted: None }
}
