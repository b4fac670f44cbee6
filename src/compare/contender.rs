use std::collections::BTreeSet;

use super::Cost;
use crate::contract::{DataState, SampleId};
use crate::evaluate::{Evaluation, SampleRow, SampleTable};
use crate::metrics::Predictions;
use crate::{Error, Result};

/// What one of those that are compared said of the samples.
///
/// It knows of each sample its id, its subset, its true class and the probabilities; samples without a true class take no
/// part.
#[derive(Debug, Clone)]
pub struct Contender {
    name: String,
    table: SampleTable,
    failed: BTreeSet<(DataState, SampleId)>,
    cost: Cost,
}

impl Contender {
    /// A contender of an evaluation. What could not be loaded or encoded counts as failed.
    ///
    /// # Errors
    /// As [`Contender::from_table`].
    pub fn from_evaluation(name: impl Into<String>, evaluation: &Evaluation) -> Result<Self> {
        let mut contender = Self::from_table(name, &evaluation.table)?;
        let scored: BTreeSet<(DataState, &SampleId)> =
            evaluation.table.rows.iter().map(|row| (row.state, &row.id)).collect();
        // A metric that failed on a sample leaves it its row.
        let without_row = evaluation.failures.iter().filter(|failure| !scored.contains(&(failure.state, &failure.id)));
        contender.failed.extend(without_row.map(|failure| (failure.state, failure.id.clone())));
        Ok(contender)
    }

    /// A contender of a table of samples, of which ids, subsets, true classes and probabilities are taken.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`SampleTable::validate`], and for a sample that stands twice in a subset.
    pub fn from_table(name: impl Into<String>, table: &SampleTable) -> Result<Self> {
        table.validate()?;
        let bare = |row: &SampleRow| {
            let mut bare = SampleRow::new(row.id.clone(), row.state, row.probabilities.clone());
            bare.label = row.label;
            bare
        };
        let mut kept = SampleTable::new(table.classes.iter().cloned());
        kept.rows = table.rows.iter().map(bare).collect();
        let contender = Self { name: name.into(), table: kept, failed: BTreeSet::new(), cost: Cost::default() };
        contender.check_ids()?;
        Ok(contender)
    }

    /// A contender that was scored without a binder: the samples `ids` of one subset, in the order of `predictions`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are not as many ids as predictions, or for an id that stands there twice.
    pub fn from_predictions(
        name: impl Into<String>,
        state: DataState,
        ids: impl IntoIterator<Item: Into<SampleId>>,
        predictions: &Predictions,
    ) -> Result<Self> {
        let table = SampleTable::new(predictions.labels().iter().cloned());
        Self { name: name.into(), table, failed: BTreeSet::new(), cost: Cost::default() }.and(state, ids, predictions)
    }

    /// Adds another subset, for example the validation samples that a temperature is fitted on.
    ///
    /// # Errors
    /// As [`Contender::from_predictions`]; [`Error::Mismatch`] for other classes.
    pub fn and(
        mut self,
        state: DataState,
        ids: impl IntoIterator<Item: Into<SampleId>>,
        predictions: &Predictions,
    ) -> Result<Self> {
        if predictions.labels() != self.table.classes {
            return Err(Error::Mismatch {
                subject: "classes".to_owned(),
                left: format!("{} has {:?}", self.name, self.table.classes),
                right: format!("the predictions of {state} have {:?}", predictions.labels()),
            });
        }
        let ids: Vec<SampleId> = ids.into_iter().map(Into::into).collect();
        let rows = predictions.probabilities();
        if ids.len() != rows.len() {
            let expected = format!("{} ids, one for each prediction of {}", rows.len(), self.name);
            return Err(Error::argument("Contender", expected, ids.len().to_string()));
        }
        self.table.rows.extend(ids.into_iter().zip(rows.zip(predictions.y_true())).map(|(id, (row, &label))| {
            let mut row = SampleRow::new(id, state, row.to_vec());
            row.label = Some(label);
            row
        }));
        self.check_ids()?;
        Ok(self)
    }

    /// Samples that this contender could not score. They are left out of the comparison for all; a sample that is merely
    /// missing is an error.
    #[must_use]
    pub fn failed_on(mut self, state: DataState, ids: impl IntoIterator<Item: Into<SampleId>>) -> Self {
        self.failed.extend(ids.into_iter().map(|id| (state, id.into())));
        self
    }

    /// What scoring costs, as far as it is known; nothing by default.
    #[must_use]
    pub fn with_cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// The name that the comparison calls it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The samples: ids, subsets, true classes, probabilities and the likeliest class; nothing else is known.
    pub const fn table(&self) -> &SampleTable {
        &self.table
    }

    /// What it costs.
    pub const fn cost(&self) -> &Cost {
        &self.cost
    }

    pub(super) fn failed_at(&self, state: DataState) -> impl Iterator<Item = &SampleId> {
        self.failed.iter().filter(move |(of, _)| *of == state).map(|(_, id)| id)
    }

    /// The labelled rows of a subset in the order of their ids.
    pub(super) fn labelled(&self, state: DataState) -> Vec<&SampleRow> {
        let rows = self.table.rows.iter().filter(|row| row.state == state && row.label.is_some());
        let mut rows: Vec<&SampleRow> = rows.collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        rows
    }

    fn check_ids(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        match self.table.rows.iter().find(|row| !seen.insert((row.state, &row.id))) {
            Some(row) => {
                let found = format!("{} of {} twice in {}", row.id, row.state, self.name);
                Err(Error::argument("Contender", "each sample once", found))
            }
            None => Ok(()),
        }
    }
}
