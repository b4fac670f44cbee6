use crate::{Error, Result};

/// Rows of equally many finite numbers, row by row: latent vectors, one for each sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// `rows x columns` values, row by row.
    ///
    /// # Errors
    /// [`Error::Argument`] when the number of values is another one, or one is not finite; it names the first such row.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self> {
        let refuse = |expected: String, found: String| Err(Error::argument("Matrix::new", expected, found));
        if rows.checked_mul(columns) != Some(values.len()) {
            return refuse(format!("{rows} x {columns} values"), values.len().to_string());
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (place / columns, place % columns);
            return refuse("finite numbers".to_owned(), format!("{} in row {row}, column {column}", values[place]));
        }
        Ok(Self { rows, columns, values })
    }

    /// Rows, which must all have the same length.
    ///
    /// # Errors
    /// As [`Matrix::new`].
    pub fn from_rows<R: AsRef<[f32]>>(rows: impl IntoIterator<Item = R>) -> Result<Self> {
        let (mut count, mut columns, mut values) = (0, None, Vec::new());
        for row in rows {
            let row = row.as_ref();
            let known = *columns.get_or_insert(row.len());
            if row.len() != known {
                let found = format!("{} in row {count}", row.len());
                return Err(Error::argument("Matrix::from_rows", format!("{known} numbers a row"), found));
            }
            values.extend_from_slice(row);
            count += 1;
        }
        Self::new(count, columns.unwrap_or(0), values)
    }

    /// The number of rows.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The length of a row.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// One row.
    ///
    /// # Panics
    /// As indexing a slice does, when there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}
