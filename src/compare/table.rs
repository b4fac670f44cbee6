//! A comparison as plain text.

use std::fmt;

use super::pair::area_name;
use super::{Comparison, Cost, Judged, PairedTest, Speed, Standing};
use crate::metrics::{ClassReport, Estimate, Score, aligned};

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, subset) = (self.contenders.len(), self.subset);
        write!(f, "{count} contenders on {} {subset} samples", self.samples)?;
        if !self.left_out.is_empty() {
            write!(f, ", {} left out that not all could score", self.left_out.len())?;
        }
        if self.bootstrap.resamples > 0 {
            write!(f, "; [{} % interval of {} resamples]", 100.0 * self.bootstrap.level, self.bootstrap.resamples)?;
        }
        write!(f, "\n\n{}\n\n{}", aligned(&self.scores()), aligned(&self.costs()))?;
        let correction = self.correction.name();
        write!(f, "\n\nDifferences, first less second; adj. p after {correction} over the pairs of each test\n\n")?;
        write!(f, "{}\n\n{}", aligned(&self.tests()), self.ranking.sentence)
    }
}

impl Comparison {
    /// The name of the area under one ROC curve, if there is one.
    pub(crate) fn area_name(&self) -> Option<String> {
        let positive: Vec<&str> = self.positive.iter().map(String::as_str).collect();
        (!positive.is_empty()).then(|| area_name(&positive))
    }

    /// The most validation samples that a temperature was fitted on.
    pub(crate) fn fitted_on(&self) -> usize {
        self.contenders.iter().map(|standing| standing.calibration.fitted_on).max().unwrap_or(0)
    }

    /// One line for each score, one column for each contender.
    fn scores(&self) -> Vec<Vec<String>> {
        let mut lines = vec![self.line("score", |standing| standing.name.clone())];
        for score in Score::ALL {
            lines.push(self.line(score.name(), |standing| score.of(&standing.report).to_string()));
        }
        if let Some(name) = self.area_name() {
            lines.push(self.line(&name, |standing| shown(standing.roc_auc)));
        }
        for (place, class) in self.classes.iter().enumerate() {
            let recall =
                |standing: &Standing| standing.report.classes.get(place).map(|class: &ClassReport| class.recall);
            lines.push(self.line(&format!("recall of {class}"), |standing| shown(recall(standing))));
        }
        let fitted = self.fitted_on();
        if fitted > 0 {
            let temperature = |standing: &Standing| {
                known(standing.calibration.temperature.map(|found| format!("{:.3}", found.value())))
            };
            lines.push(self.line(&format!("temperature, of {fitted} validation samples"), temperature));
            let mut after = |name: &str, pick: fn(&Judged) -> Estimate| {
                let line = |standing: &Standing| shown(standing.calibration.after.as_ref().map(pick));
                lines.push(self.line(&format!("{name} at that temperature"), line));
            };
            after("log loss", |judged| judged.log_loss);
            after("Brier score", |judged| judged.brier);
            after("ECE", |judged| judged.ece);
        }
        lines
    }

    fn costs(&self) -> Vec<Vec<String>> {
        vec![
            self.line("cost", |standing| standing.name.clone()),
            self.line("parameters", |standing| known(standing.cost.parameters.map(|count| count.to_string()))),
            self.line("images a second [slowest, fastest]", |standing| known(speed(&standing.cost))),
            self.line("memory of a batch, MB", |standing| known(memory(&standing.cost))),
        ]
    }

    fn tests(&self) -> Vec<Vec<String>> {
        let head = ["pair", "score", "test", "difference", "p", "adj. p"].map(str::to_owned).to_vec();
        let line = |(pair, test): (String, &PairedTest)| {
            let test_name = test.test.name().to_owned();
            vec![
                pair,
                test.on.clone(),
                test_name,
                signed(&test.difference),
                p_value(test.p_value),
                p_value(test.p_adjusted),
            ]
        };
        let pairs = self.pairs.iter().flat_map(|pair| {
            let name = format!("{} - {}", pair.first, pair.second);
            pair.tests.iter().map(move |test| (name.clone(), test))
        });
        [head].into_iter().chain(pairs.map(line)).collect()
    }

    fn line(&self, name: &str, cell: impl Fn(&Standing) -> String) -> Vec<String> {
        [name.to_owned()].into_iter().chain(self.contenders.iter().map(cell)).collect()
    }
}

fn shown(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "-".to_owned(), |estimate| estimate.to_string())
}

/// As an estimate, with its sign.
fn signed(estimate: &Estimate) -> String {
    match (estimate.value, estimate.low.zip(estimate.high)) {
        (Some(value), Some((low, high))) => format!("{value:+.3} [{low:+.3}, {high:+.3}]"),
        (Some(value), None) => format!("{value:+.3}"),
        (None, _) => "-".to_owned(),
    }
}

fn p_value(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.001 => "< 0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
        None => "-".to_owned(),
    }
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// `12.5 [11.0, 13.0]`: the median, the slowest and the fastest.
pub(crate) fn speed(cost: &Cost) -> Option<String> {
    let shown = |speed: Speed| format!("{:.1} [{:.1}, {:.1}]", speed.images_per_second, speed.slowest, speed.fastest);
    cost.speed.map(shown)
}

/// In megabytes.
pub(crate) fn memory(cost: &Cost) -> Option<String> {
    cost.memory_bytes.map(|bytes| format!("{:.1}", bytes as f64 / 1e6))
}
