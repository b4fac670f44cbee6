//! Several models on the same samples, as the page shows them.

use super::MethodNote;
use super::headline::{Cell, METRICS, Scale};
use super::methods::note;
use super::numbers::{LONGEST_TEXT, counted, cut, p_value, percent, thousands};
use super::prepared::Prepared;
use crate::compare::{Comparison, Cost, Pair, PairedTest, Standing, table};
use crate::metrics::{Estimate, Score};

/// Contenders beyond these make tables that no page holds; all are in the tables beside it.
const MOST_CONTENDERS: usize = 12;

/// The section.
pub(super) struct ComparisonSection {
    pub(super) sentence: String,
    /// How many samples, and what is left out.
    pub(super) counts: String,
    pub(super) heads: Vec<Head>,
    /// A metric's name, and a cell for each contender.
    pub(super) scores: Vec<(String, Vec<Cell>)>,
    /// As [`Self::scores`], on calibration.
    pub(super) calibration: Vec<(String, Vec<Cell>)>,
    /// What it costs: a name and a text for each contender.
    pub(super) costs: Vec<(&'static str, Vec<String>)>,
    pub(super) tests: Vec<TestLine>,
    /// What is not shown.
    pub(super) unlisted: String,
}

/// A contender's column.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) rank: String,
}

/// One test of one pair.
pub(super) struct TestLine {
    pub(super) pair: String,
    pub(super) on: String,
    pub(super) test: &'static str,
    pub(super) difference: Cell,
    pub(super) p: String,
    pub(super) p_adjusted: String,
    pub(super) significant: bool,
}

impl ComparisonSection {
    pub(super) fn of(report: &Prepared) -> Option<Self> {
        report.comparison.as_deref().map(Self::new)
    }

    fn new(comparison: &Comparison) -> Self {
        let shown = &comparison.contenders[..comparison.contenders.len().min(MOST_CONTENDERS)];
        let row = |name: &str, scale: Scale, pick: &dyn Fn(&Standing) -> Option<Estimate>| {
            let cell = |standing: &Standing| Cell::new(&pick(standing).unwrap_or(UNKNOWN), scale);
            (cut(name, LONGEST_TEXT), shown.iter().map(cell).collect())
        };
        let mut scores: Vec<(String, Vec<Cell>)> =
            METRICS.iter().map(|(_, name, pick, scale)| row(name, *scale, &|one| Some(*pick(&one.report)))).collect();
        if let Some(area) = comparison.area_name() {
            scores.push(row(&area, Scale::Unit, &|one| one.roc_auc));
        }
        let temperature = format!("temperature, of {}", counted(comparison.fitted_on(), "validation sample"));
        let number = |value: Option<f64>| value.map(|value| Estimate { value: Some(value), low: None, high: None });
        let calibration = if shown.iter().any(|one| one.calibration.temperature.is_some()) {
            vec![
                row(&temperature, Scale::Open, &|one| number(one.calibration.temperature.map(|found| found.value()))),
                row("log loss, scaled", Scale::Open, &|one| one.calibration.after.map(|after| after.log_loss)),
                row("Brier score, scaled", Scale::Open, &|one| one.calibration.after.map(|after| after.brier)),
                row("ECE, scaled", Scale::Unit, &|one| one.calibration.after.map(|after| after.ece)),
            ]
        } else {
            Vec::new()
        };
        let text = |pick: fn(&Cost) -> Option<String>| {
            shown.iter().map(|one| pick(&one.cost).unwrap_or_else(|| "–".to_owned())).collect()
        };
        let known = |name: &String| shown.iter().any(|one| &one.name == name);
        let pairs = comparison.pairs.iter().filter(|pair| known(&pair.first) && known(&pair.second));
        let tests =
            pairs.flat_map(|pair| pair.tests.iter().map(move |test| TestLine::new(pair, test, comparison.level)));
        let hidden = comparison.contenders.len() - shown.len();
        Self {
            sentence: cut(&comparison.ranking.sentence, 8 * LONGEST_TEXT),
            counts: counts(comparison),
            heads: shown.iter().map(|one| Head::new(one, comparison)).collect(),
            scores,
            calibration,
            costs: vec![
                ("parameters", text(|cost| cost.parameters.map(thousands))),
                ("images a second [slowest, fastest]", text(table::speed)),
                ("memory of a batch, MB", text(table::memory)),
            ],
            tests: tests.collect(),
            unlisted: if hidden > 0 { counted(hidden, "contender") } else { String::new() },
        }
    }
}

/// What stands where a contender has no such number.
const UNKNOWN: Estimate = Estimate { value: None, low: None, high: None };

fn counts(comparison: &Comparison) -> String {
    let samples = counted(comparison.samples, "labelled sample");
    let left_out = match comparison.left_out.len() {
        0 => String::new(),
        count => format!(" {} left out, since not all contenders could score them.", counted(count, "sample")),
    };
    let level = percent(comparison.bootstrap.level);
    let intervals = match comparison.bootstrap.resamples {
        0 => String::new(),
        count => format!(" Intervals hold {level}, of {} bootstrap resamples.", thousands(count)),
    };
    format!("{samples} of {}, the same for all.{left_out}{intervals}", comparison.subset)
}

impl Head {
    fn new(standing: &Standing, comparison: &Comparison) -> Self {
        let rank = comparison.ranking.groups.iter().position(|group| group.contains(&standing.name));
        let rank = rank.map_or_else(String::new, |place| format!("group {}", place + 1));
        Self { name: cut(&standing.name, LONGEST_TEXT), rank }
    }
}

impl TestLine {
    fn new(pair: &Pair, test: &PairedTest, level: f64) -> Self {
        let open = matches!(test.score, Some(Score::LogLoss | Score::Brier));
        let shown = |p: Option<f64>| p.map_or_else(|| "–".to_owned(), p_value);
        Self {
            pair: cut(&format!("{} − {}", pair.first, pair.second), LONGEST_TEXT),
            on: cut(&test.on, LONGEST_TEXT),
            test: test.test.name(),
            difference: Cell::new(&test.difference, if open { Scale::Open } else { Scale::Signed }),
            p: shown(test.p_value),
            p_adjusted: shown(test.p_adjusted),
            significant: test.is_significant(level),
        }
    }
}

/// How contenders are compared, for the notes.
pub(super) fn method(comparison: &Comparison) -> MethodNote {
    note(
        "Comparison",
        "All contenders are scored on the same samples and in the same resamples. McNemar's test counts the samples that one got right \
         and the other did not; the paired bootstrap looks on which side of 0 the resampled differences lie; DeLong's test \
         compares areas under ROC curves. Each test is corrected for the number of pairs. A group of the ranking holds those that are not \
         significantly different from its first. The temperature is fitted on validation samples and applied to the compared ones. Samples count as independent: with several of one patient p-values are too small.",
        vec![
            ("correction", comparison.correction.name().to_owned()),
            ("level", comparison.level.to_string()),
            ("resamples", comparison.bootstrap.resamples.to_string()),
            ("seed", comparison.bootstrap.seed.to_string()),
            ("validation samples", comparison.fitted_on().to_string()),
        ],
        "McNemar, 1947; Davison, Hinkley, 1997; DeLong, DeLong, Clarke-Pearson, 1988; Sun, Xu, 2014; Holm, 1979; Guo et al., 2017",
    )
}
