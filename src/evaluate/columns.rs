use std::cell::RefCell;

use candle_core::Tensor;

use super::SampleFailure;
use super::scored::Scored;
use crate::binder::{Metric, Place, Registry, guarded};
use crate::contract::{Code, MetricResult, SingleMetric, Violation};

/// One row: a number for each column, with gaps.
type Row = Vec<Option<f32>>;

/// The columns that a metric fills: one, or one for each key of its map; none for confusion-matrix elements.
///
/// The first batch on which it succeeds settles them, and all others must give the same.
#[derive(Debug)]
pub(super) struct MetricColumns {
    name: String,
    /// The names, once they are known.
    columns: RefCell<Option<Vec<String>>>,
    /// One for each row of the table; none where the metric could not be computed.
    rows: Vec<Option<Row>>,
}

impl MetricColumns {
    pub(super) fn all(binder: &Registry) -> Vec<Self> {
        let metrics = binder.metrics().iter();
        metrics
            .map(|metric| Self { name: metric.name.clone(), columns: RefCell::new(None), rows: Vec::new() })
            .collect()
    }

    /// Runs the metric on a batch and keeps a row for each of its samples.
    pub(super) fn score(&mut self, metric: &Metric, scored: &Scored<'_>, failures: &mut Vec<SampleFailure>) {
        let compute = |name: &str, tensors: &[&Tensor], place: Place<'_>| {
            let result = guarded(name, || (metric.compute)(tensors, place))?;
            result.validate(name, Some(place.ids.len()))?;
            self.rows_of(name, &result)
        };
        let rows = scored.each(&format!("metric::{}", metric.name), &metric.arguments, compute, failures);
        self.rows.extend(rows);
    }

    fn rows_of(&self, function: &str, result: &MetricResult) -> Result<Vec<Row>, Violation> {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        let mut add = |column: String, single: &SingleMetric| -> Result<(), Violation> {
            let numbers = guarded(function, || Ok(single.numbers()?))?;
            if let Some(numbers) = numbers {
                columns.push(column);
                values.push(numbers);
            }
            Ok(())
        };
        let samples = match result {
            MetricResult::Single(single) => {
                add(self.name.clone(), single)?;
                single.len()
            }
            MetricResult::Map(entries) => {
                entries.iter().try_for_each(|(key, single)| add(format!("{}_{key}", self.name), single))?;
                entries.first().map_or(0, |(_, single)| single.len())
            }
        };
        let mut known = self.columns.borrow_mut();
        let known = known.get_or_insert_with(|| columns.clone());
        if *known != columns {
            let expected = format!("the columns of the first batch, {known:?}");
            return Err(Violation::new(Code::MetricResult, function, expected, format!("{columns:?}")));
        }
        let row = |sample: usize| values.iter().map(|numbers| numbers[sample].map(|value| value as f32)).collect();
        Ok((0..samples).map(row).collect())
    }

    /// The names and, for each row of the table, the values. A metric that never succeeded keeps one column of gaps.
    pub(super) fn finish(self) -> (Vec<String>, impl Iterator<Item = Row>) {
        let columns = self.columns.into_inner().unwrap_or_else(|| vec![self.name]);
        let width = columns.len();
        (columns, self.rows.into_iter().map(move |row| row.unwrap_or_else(|| vec![None; width])))
    }
}
