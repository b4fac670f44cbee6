use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::passes::Rows;
use super::softmax::to_probabilities;
use crate::model::replace;
use crate::{Error, Result};

/// A softmax over linear scores: the classification head of a network, or a classifier of named columns.
///
/// `probabilities = softmax(weight x row + bias)`. Through serde it is JSON, whose numbers read back bit by bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct LinearHead {
    classes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    weight: Vec<Vec<f64>>,
    bias: Vec<f64>,
}

/// A head as it stands in a file, before it is looked at.
#[derive(Deserialize)]
struct Raw {
    classes: Vec<String>,
    columns: Option<Vec<String>>,
    weight: Vec<Vec<f64>>,
    bias: Vec<f64>,
}

impl TryFrom<Raw> for LinearHead {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        Self::new(raw.classes, raw.columns, raw.weight, raw.bias)
    }
}

impl LinearHead {
    /// A head from its numbers: `weight` has a row for each class, `bias` a number. `columns` may name what the rows hold.
    ///
    /// # Errors
    /// [`Error::Argument`] for fewer than two classes, no columns, rows of different length, other numbers of rows, biases or names, or
    /// a number that is not finite.
    pub fn new(
        classes: Vec<String>,
        columns: Option<Vec<String>>,
        weight: Vec<Vec<f64>>,
        bias: Vec<f64>,
    ) -> Result<Self> {
        let refuse = |expected: String, found: String| Err(Error::argument("LinearHead::new", expected, found));
        let (count, width) = (classes.len(), weight.first().map_or(0, Vec::len));
        if count < 2 {
            return refuse("two classes or more".to_owned(), format!("{classes:?}"));
        }
        if weight.len() != count || bias.len() != count {
            let found = format!("{} rows of weights and {} biases", weight.len(), bias.len());
            return refuse(format!("a row of weights and a bias for each of {count} classes"), found);
        }
        if width == 0 {
            return refuse("a weight or more for each class".to_owned(), "none".to_owned());
        }
        if let Some(row) = weight.iter().position(|row| row.len() != width) {
            return refuse(
                format!("{width} weights for each class"),
                format!("{} for {}", weight[row].len(), classes[row]),
            );
        }
        if let Some(names) = columns.as_ref().filter(|names| names.len() != width) {
            return refuse(format!("{width} names of columns"), names.len().to_string());
        }
        let finite = |row: &Vec<f64>| row.iter().all(|value| value.is_finite());
        if !finite(&bias) || !weight.iter().all(finite) {
            return refuse("finite weights and biases".to_owned(), "others".to_owned());
        }
        Ok(Self { classes, columns, weight, bias })
    }

    /// Reads a head from a JSON file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Weights`] when it holds no head.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Weights {
            path: path.to_path_buf(),
            expected: "a linear head as JSON".to_owned(),
            found: error.to_string(),
            source: Some(error.into()),
        })
    }

    /// Writes the head to a JSON file, which takes its place only when it is whole.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let json = serde_json::to_vec(self).map_err(|error| Error::io("write", path, error.into()))?;
        replace(path, |file| file.write_all(&json))
    }

    /// The classes in the order of the scores.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What the columns of a row are, where they have names.
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// The length of a row.
    pub fn width(&self) -> usize {
        self.weight.first().map_or(0, Vec::len)
    }

    /// `(classes, columns)`.
    pub fn weight(&self) -> &[Vec<f64>] {
        &self.weight
    }

    /// One for each class.
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// The score of each class for each row, `(rows, classes)` row by row. The same bits for any number of threads.
    ///
    /// # Errors
    /// [`Error::Argument`] when the values are no whole number of rows, or one is not finite; it names the row.
    pub fn logits(&self, rows: &[f32]) -> Result<Vec<f64>> {
        let refuse = |expected: String, found: String| Err(Error::argument("LinearHead", expected, found));
        let columns = self.width();
        if !rows.len().is_multiple_of(columns) {
            return refuse(format!("rows of {columns} values"), format!("{} values", rows.len()));
        }
        if let Some(place) = rows.iter().position(|value| !value.is_finite()) {
            let found = format!("{} in row {}, column {}", rows[place], place / columns, place % columns);
            return refuse("finite numbers".to_owned(), found);
        }
        let chosen: Vec<usize> = (0..rows.len() / columns).collect();
        Ok(Rows { values: rows, columns, chosen: &chosen }.times(&self.weight.concat(), &self.bias))
    }

    /// The probability of each class for each row, `(rows, classes)` row by row.
    ///
    /// # Errors
    /// As [`LinearHead::logits`].
    pub fn probabilities(&self, rows: &[f32]) -> Result<Vec<f64>> {
        let mut probabilities = self.logits(rows)?;
        probabilities.chunks_exact_mut(self.classes.len()).for_each(to_probabilities);
        Ok(probabilities)
    }
}
