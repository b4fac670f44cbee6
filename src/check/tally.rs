use std::borrow::Cow;

use candle_core::Tensor;

use super::function::Function;
use super::observation::{Column, Failure, TensorSummary, Value};
use super::report::{KEPT_FAILURES, Status, SubsetReport};
use super::rules::constant::Variation;
use super::rules::tensor::Scan;
use crate::contract::{DataState, Metadata, Visualization};

/// What came of running one function on one sample; nothing is allocated for what passed.
#[derive(Debug)]
pub(super) enum Outcome {
    Passed(Seen),
    Failed(Box<Failure>),
    Skipped(Cow<'static, str>),
}

/// What a function gave.
#[derive(Debug)]
pub(super) enum Seen {
    Nothing,
    Tensor(Tensor, Scan),
    Metadata(Metadata),
    Visual(Visualization),
}

/// One function on many samples of one subset.
#[derive(Debug, Default)]
pub(super) struct Tally {
    samples: usize,
    failed: usize,
    failures: Vec<Failure>,
    skipped: Option<Cow<'static, str>>,
    shape: Option<Vec<usize>>,
    drawn: Option<String>,
    values: Option<Values>,
    /// The first sample's metadata, and what differs from them.
    pub(super) variation: Option<Variation>,
}

#[derive(Debug)]
struct Values {
    dtype: &'static str,
    min: f32,
    max: f32,
    sum_of_means: f64,
}

impl Tally {
    pub(super) const fn passed(&self) -> usize {
        self.samples - self.failed
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Takes in the next sample.
    pub(super) fn take(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Skipped(reason) => {
                self.skipped.get_or_insert(reason);
                return;
            }
            Outcome::Failed(failure) => {
                self.failed += 1;
                if self.failures.len() < KEPT_FAILURES {
                    self.failures.push(*failure);
                }
            }
            Outcome::Passed(seen) => self.see(seen),
        }
        self.samples += 1;
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Nothing => {}
            Seen::Tensor(xs, scan) => {
                if self.shape.is_none() {
                    self.shape = Some(if xs.rank() == 0 { vec![1] } else { xs.dims().to_vec() });
                }
                let dtype = xs.dtype().as_str();
                let values = self.values.get_or_insert(Values {
                    dtype,
                    min: f32::INFINITY,
                    max: f32::NEG_INFINITY,
                    sum_of_means: 0.0,
                });
                values.min = values.min.min(scan.min);
                values.max = values.max.max(scan.max);
                values.sum_of_means += scan.mean;
            }
            Seen::Metadata(metadata) => match &mut self.variation {
                Some(variation) => variation.take(&metadata),
                None => self.variation = Some(Variation::new(metadata)),
            },
            Seen::Visual(payload) => {
                if self.drawn.is_none() {
                    self.shape = Some(payload.shape());
                    self.drawn = Some(payload.to_string());
                }
            }
        }
    }

    /// Takes in the samples that come after these.
    pub(super) fn merge(&mut self, later: Self) {
        self.samples += later.samples;
        self.failed += later.failed;
        let room = KEPT_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(later.failures.into_iter().take(room));
        self.skipped = self.skipped.take().or(later.skipped);
        self.shape = self.shape.take().or(later.shape);
        self.drawn = self.drawn.take().or(later.drawn);
        match (&mut self.values, later.values) {
            (Some(values), Some(later)) => {
                values.min = values.min.min(later.min);
                values.max = values.max.max(later.max);
                values.sum_of_means += later.sum_of_means;
            }
            (values, later) => *values = values.take().or(later),
        }
        match (&mut self.variation, later.variation) {
            (Some(variation), Some(later)) => variation.merge(&later),
            (variation, later) => *variation = variation.take().or(later),
        }
    }

    /// The report on a subset.
    pub(super) fn report(self, function: &Function, state: DataState) -> SubsetReport {
        let passed = self.passed();
        let status = match (self.samples, self.failed) {
            (0, _) => Status::Skipped,
            (_, 0) => Status::Passed,
            _ => Status::Failed,
        };
        let values = self.values.map(|values| TensorSummary {
            dtype: values.dtype,
            min: values.min,
            max: values.max,
            mean: values.sum_of_means / passed.max(1) as f64,
        });
        let shape = self.shape.clone().unwrap_or_default();
        let named = |value| vec![Column { name: function.name.clone(), shape: shape.clone(), value }];
        let columns = match (self.variation, &values, self.drawn) {
            (Some(variation), ..) => metadata_columns(function, variation.first()),
            (None, Some(values), _) => named(Value::Tensor(*values)),
            (None, None, Some(text)) => named(Value::Text(text)),
            (None, None, None) => Vec::new(),
        };
        let shape = match columns.as_slice() {
            [] => None,
            [column] => Some(column.shape.clone()),
            columns => Some(vec![columns.len()]),
        };
        SubsetReport {
            status,
            samples: self.samples,
            failed_samples: self.failed,
            failures: self.failures,
            skipped: self.skipped.map(Cow::into_owned),
            shape,
            values,
            columns,
            ..SubsetReport::new(state)
        }
    }
}

fn metadata_columns(function: &Function, metadata: &Metadata) -> Vec<Column> {
    let columns = metadata.clone().into_columns(&function.name).into_iter();
    columns.map(|(name, value)| Column { name, shape: vec![1], value: Value::Metadata(value) }).collect()
}
