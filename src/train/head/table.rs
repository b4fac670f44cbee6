use super::LabelledRows;
use crate::contract::{DataState, MetadataValue};
use crate::evaluate::{SampleRow, SampleTable};
use crate::metrics::arg_max;
use crate::train::split::attribute;
use crate::{Error, Result};

impl LabelledRows {
    /// The latent vectors of the table's labelled rows of `states` (all states when empty), grouped by an attribute of the
    /// table, mostly `patient`; without one each row is a group.
    ///
    /// # Errors
    /// As [`SampleTable::validate`] and [`LabelledRows::new`], with the sample named; [`Error::Config`] when the table has no such attribute.
    pub fn latents(table: &SampleTable, states: &[DataState], group: Option<&str>) -> Result<Self> {
        table.validate()?;
        let columns = table.rows.first().map_or(0, |row| row.latent.len());
        Self::of_table(table, states, group, columns, None, |row| Ok(row.latent.clone()))
    }

    /// Columns of numbers among the table's metadata, for example `image_mean`, in the order of `columns`; a boolean is 0 or 1.
    ///
    /// # Errors
    /// As [`LabelledRows::latents`]; [`Error::Config`] also for a column that the table lacks, [`Error::Argument`] for a value that is
    /// absent or a text; it names the sample.
    pub fn metadata(table: &SampleTable, states: &[DataState], columns: &[&str], group: Option<&str>) -> Result<Self> {
        table.validate()?;
        let place = |name: &&str| {
            let place = table.metadata.iter().position(|column| column == name);
            place.ok_or_else(|| Error::config("columns", "metadata columns of the table", *name))
        };
        let places: Vec<usize> = columns.iter().map(place).collect::<Result<_>>()?;
        let number = |row: &SampleRow, place: usize| match &row.metadata[place] {
            MetadataValue::Int(value) => Ok(*value as f32),
            MetadataValue::Float(value) => Ok(*value as f32),
            MetadataValue::Bool(value) => Ok(f32::from(u8::from(*value))),
            other => {
                let found = format!("{other:?} in column {} of sample {}", table.metadata[place], row.id);
                Err(Error::argument("LabelledRows::metadata", "numbers", found))
            }
        };
        let names = columns.iter().map(|name| (*name).to_owned()).collect();
        Self::of_table(table, states, group, columns.len(), Some(names), |row| {
            places.iter().map(|&place| number(row, place)).collect()
        })
    }

    fn of_table(
        table: &SampleTable,
        states: &[DataState],
        group: Option<&str>,
        columns: usize,
        names: Option<Vec<String>>,
        numbers: impl Fn(&SampleRow) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let column = group.map(|name| attribute(table, name)).transpose()?;
        let mut data = Self {
            classes: table.classes.clone(),
            columns,
            names,
            values: Vec::new(),
            labels: Vec::new(),
            ids: Some(Vec::new()),
            groups: None,
            weights: None,
            places: Vec::new(),
        };
        let (mut ids, mut groups) = (Vec::new(), Vec::new());
        for (place, row) in table.rows.iter().enumerate() {
            let Some(label) = row.label else { continue };
            if states.is_empty() || states.contains(&row.state) {
                data.values.extend(numbers(row)?);
                data.labels.push(label);
                data.places.push(place);
                ids.push(row.id.to_string());
                groups.push(column.map(|column| row.attributes[column].clone()));
            }
        }
        (data.ids, data.groups) = (Some(ids), Some(groups));
        data.checked("LabelledRows")
    }

    /// The table's rows that these were taken from, with other probabilities: those of a head, or those out of fold
    /// ([`HeadFit::out_of_fold`](super::HeadFit::out_of_fold)). Predictions follow them; losses and metrics, which were of the model's own probabilities, are left out.
    ///
    /// With probabilities out of fold the table is what the search for wrong labels wants:
    /// [`mislabeled_samples`](crate::explore::mislabeled_samples) with
    /// [`out_of_sample`](crate::explore::MislabeledOptions::out_of_sample), or [`confident_learning`](crate::explore::confident_learning).
    ///
    /// # Errors
    /// [`Error::Argument`] when there are not `rows x classes` probabilities, one is not in [0, 1], or `table` is not the one that the rows were
    /// taken from.
    pub fn rescored(&self, table: &SampleTable, probabilities: &[f64]) -> Result<SampleTable> {
        let refuse = |expected: String, found: String| Err(Error::argument("LabelledRows::rescored", expected, found));
        let classes = self.classes.len();
        if self.len().checked_mul(classes) != Some(probabilities.len()) {
            let expected = format!("{} rows x {classes} classes probabilities", self.len());
            return refuse(expected, format!("{} values", probabilities.len()));
        }
        let mut rescored = SampleTable::new(self.classes.iter().cloned());
        (rescored.attributes, rescored.metadata) = (table.attributes.clone(), table.metadata.clone());
        for (row, own) in probabilities.chunks_exact(classes).enumerate() {
            let id = self.ids.as_ref().map(|ids| &ids[row]);
            let original =
                table.rows.get(self.places[row]).filter(|row| id.is_some_and(|id| row.id.to_string() == *id));
            let Some(original) = original else {
                let id = id.map_or_else(|| format!("row {row}"), Clone::clone);
                return refuse("the table that the rows were taken from".to_owned(), format!("one without {id}"));
            };
            if !own.iter().all(|p| (0.0..=1.0).contains(p)) {
                return refuse("probabilities in [0, 1]".to_owned(), format!("{own:?} for sample {}", original.id));
            }
            rescored.rows.push(SampleRow {
                probabilities: own.to_vec(),
                prediction: arg_max(own),
                losses: Vec::new(),
                metrics: Vec::new(),
                ..original.clone()
            });
        }
        Ok(rescored)
    }
}
