use crate::contract::DataState;
use crate::train::split::Cohort;
use crate::{Error, Result};

/// Labelled rows of numbers that a head is fitted to: latent vectors, or any columns.
///
/// All numbers are finite, every label is a class, weights are not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRows {
    pub(super) classes: Vec<String>,
    pub(super) columns: usize,
    pub(super) names: Option<Vec<String>>,
    pub(super) values: Vec<f32>,
    pub(super) labels: Vec<usize>,
    pub(super) ids: Option<Vec<String>>,
    pub(super) groups: Option<Vec<Option<String>>>,
    pub(super) weights: Option<Vec<f64>>,
    /// Rows of the table that they were taken from.
    pub(super) places: Vec<usize>,
}

impl LabelledRows {
    /// `values` row by row, `columns` to a row, and the class of each row.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two classes or one that comes twice, no columns, another number of values than `labels x columns`, a value that is not
    /// finite or a label that is no class; it names the first row at fault.
    pub fn new(
        classes: impl IntoIterator<Item: Into<String>>,
        columns: usize,
        values: Vec<f32>,
        labels: Vec<usize>,
    ) -> Result<Self> {
        let places = (0..labels.len()).collect();
        Self {
            classes: classes.into_iter().map(Into::into).collect(),
            columns,
            names: None,
            values,
            labels,
            ids: None,
            groups: None,
            weights: None,
            places,
        }
        .checked("LabelledRows::new")
    }

    pub(super) fn checked(self, function: &'static str) -> Result<Self> {
        let refuse = |expected: String, found: String| Err(Error::argument(function, expected, found));
        let (rows, columns) = (self.labels.len(), self.columns);
        if self.classes.len() < 2 {
            return refuse("two classes or more".to_owned(), format!("{:?}", self.classes));
        }
        let mut names: Vec<&String> = self.classes.iter().collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse("different classes".to_owned(), format!("{} twice", twice[0]));
        }
        if columns == 0 {
            return refuse("one column or more".to_owned(), "none".to_owned());
        }
        if rows.checked_mul(columns) != Some(self.values.len()) {
            return refuse(format!("{rows} rows x {columns} columns"), format!("{} values", self.values.len()));
        }
        if let Some(place) = self.values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (place / columns, place % columns);
            let column = self.names.as_ref().map_or_else(|| column.to_string(), |names| names[column].clone());
            let found = format!("{} in column {column} of {}", self.values[place], self.row_name(row));
            return refuse("finite numbers".to_owned(), found);
        }
        let classes = self.classes.len();
        match self.labels.iter().position(|&label| label >= classes) {
            Some(row) => {
                let found = format!("{} for {}", self.labels[row], self.row_name(row));
                refuse(format!("labels below {classes}"), found)
            }
            None => Ok(self),
        }
    }

    /// What errors call the rows; their numbers otherwise.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number than there are rows.
    pub fn with_ids(self, ids: impl IntoIterator<Item: ToString>) -> Result<Self> {
        let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
        self.one_each("ids", ids.len())?;
        Ok(Self { ids: Some(ids), ..self })
    }

    /// Names of the columns, which the head keeps.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number than there are columns.
    pub fn with_names(self, names: impl IntoIterator<Item: Into<String>>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.len() != self.columns {
            let expected = format!("{} names, one for each column", self.columns);
            return Err(Error::argument("LabelledRows", expected, names.len().to_string()));
        }
        Ok(Self { names: Some(names), ..self })
    }

    /// What each row is of, mostly the patient: rows of one group are held out together. A row without one is a group of its
    /// own, as all are by default.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number than there are rows.
    pub fn with_groups(self, groups: impl IntoIterator<Item = Option<impl Into<String>>>) -> Result<Self> {
        let groups: Vec<Option<String>> = groups.into_iter().map(|group| group.map(Into::into)).collect();
        self.one_each("groups", groups.len())?;
        Ok(Self { groups: Some(groups), ..self })
    }

    /// How much each row counts; 1 by default. scikit-learn's `sample_weight`.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number than there are rows, or a weight that is negative or not finite; it names the row.
    pub fn with_weights(self, weights: Vec<f64>) -> Result<Self> {
        self.one_each("weights", weights.len())?;
        match weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            Some(row) => {
                let found = format!("{} for {}", weights[row], self.row_name(row));
                Err(Error::argument("LabelledRows", "weights of at least 0", found))
            }
            None => Ok(Self { weights: Some(weights), ..self }),
        }
    }

    fn one_each(&self, what: &str, count: usize) -> Result<()> {
        if count == self.len() {
            return Ok(());
        }
        Err(Error::argument("LabelledRows", format!("{} {what}, one for each row", self.len()), count.to_string()))
    }

    /// The classes' names.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The length of a row.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The class of each row.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Rows, classes and groups, for folds.
    pub(super) fn cohort(&self) -> Result<Cohort> {
        let group = |row: usize| self.groups.as_ref().and_then(|groups| groups[row].clone());
        let row = |(row, &label): (usize, &usize)| ((DataState::Training, row as i64), label, group(row));
        Cohort::new(self.classes.clone(), self.labels.iter().enumerate().map(row))
    }

    /// A row as errors call it.
    fn row_name(&self, row: usize) -> String {
        match self.ids.as_ref().and_then(|ids| ids.get(row)) {
            Some(id) => format!("sample {id}"),
            None => format!("row {row}"),
        }
    }
}
