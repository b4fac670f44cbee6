//! The tables of a comparison.

use super::super::headline::METRICS;
use super::sheet::Sheet;
use super::sheets::{numbers, sheet, texts};
use crate::compare::{Comparison, Pair, PairedTest, Standing};
use crate::metrics::Estimate;

/// One line of the scores: contender, metric, value with the ends of its interval.
type Score<'a> = (&'a str, &'static str, Estimate);

/// Every number of each contender. `rank` is the group in the ranking; the ends of `images_per_second` are those of the
/// slowest and the fastest batch; what is `scaled` has the temperature applied.
pub(super) fn scores(comparison: &Comparison) -> Sheet {
    let all: Vec<Score> = comparison.contenders.iter().flat_map(|one| of(one, comparison)).collect();
    sheet(
        "comparison",
        vec![
            ("contender", texts(&all, |score| score.0.to_owned())),
            ("metric", texts(&all, |score| score.1.to_owned())),
            ("value", numbers(&all, |score| score.2.value)),
            ("low", numbers(&all, |score| score.2.low)),
            ("high", numbers(&all, |score| score.2.high)),
        ],
    )
}

fn of<'a>(one: &'a Standing, comparison: &Comparison) -> Vec<Score<'a>> {
    let number = |value: Option<f64>| value.map(|value| Estimate { value: Some(value), low: None, high: None });
    let group = comparison.ranking.groups.iter().position(|group| group.contains(&one.name));
    let (calibration, cost) = (&one.calibration, &one.cost);
    let speed = cost.speed.map(|speed| Estimate {
        value: Some(speed.images_per_second),
        low: Some(speed.slowest),
        high: Some(speed.fastest),
    });
    let known = [
        ("rank", number(group.map(|place| (place + 1) as f64))),
        ("roc_auc_of_positive", one.roc_auc),
        ("temperature", number(calibration.temperature.map(|found| found.value()))),
        ("log_loss_scaled", calibration.after.map(|after| after.log_loss)),
        ("brier_scaled", calibration.after.map(|after| after.brier)),
        ("ece_scaled", calibration.after.map(|after| after.ece)),
        ("parameters", number(cost.parameters.map(|count| count as f64))),
        ("images_per_second", speed),
        ("memory_bytes", number(cost.memory_bytes.map(|bytes| bytes as f64))),
    ];
    let metrics = METRICS.iter().map(|(code, _, pick, _)| (*code, Some(*pick(&one.report))));
    let all = metrics.chain(known).filter_map(|(code, estimate)| Some((one.name.as_str(), code, estimate?)));
    all.collect()
}

/// Every test of each two contenders.
pub(super) fn tests(comparison: &Comparison) -> Sheet {
    let all: Vec<(&Pair, &PairedTest)> =
        comparison.pairs.iter().flat_map(|pair| pair.tests.iter().map(move |test| (pair, test))).collect();
    sheet(
        "comparison_tests",
        vec![
            ("first", texts(&all, |(pair, _)| pair.first.clone())),
            ("second", texts(&all, |(pair, _)| pair.second.clone())),
            ("score", texts(&all, |(_, test)| test.on.clone())),
            ("test", texts(&all, |(_, test)| test.test.name().to_owned())),
            ("difference", numbers(&all, |(_, test)| test.difference.value)),
            ("low", numbers(&all, |(_, test)| test.difference.low)),
            ("high", numbers(&all, |(_, test)| test.difference.high)),
            ("p_value", numbers(&all, |(_, test)| test.p_value)),
            ("p_adjusted", numbers(&all, |(_, test)| test.p_adjusted)),
        ],
    )
}
