use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// A table of named columns of equal length.
pub(super) struct Sheet {
    pub(super) name: &'static str,
    pub(super) columns: Vec<(String, Cells)>,
}

/// A column's values, by their type.
pub(super) enum Cells {
    Text(Vec<Option<String>>),
    Number(Vec<Option<f64>>),
    Whole(Vec<Option<i64>>),
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    Flag(Vec<Option<bool>>),
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Flag(values) => values.len(),
        }
    }

    /// A value as JSON; numbers that are not finite are null.
    fn value(&self, row: usize) -> Value {
        match self {
            Self::Text(values) => values[row].clone().map_or(Value::Null, Value::String),
            Self::Number(values) => values[row].map_or(Value::Null, Value::from),
            Self::Whole(values) => values[row].map_or(Value::Null, Value::from),
            Self::Flag(values) => values[row].map_or(Value::Null, Value::Bool),
        }
    }

    fn text(&self, row: usize) -> String {
        match self {
            Self::Text(values) => values[row].clone().unwrap_or_default(),
            Self::Number(values) => {
                values[row].filter(|value| value.is_finite()).map_or_else(String::new, |v| v.to_string())
            }
            Self::Whole(values) => values[row].map_or_else(String::new, |value| value.to_string()),
            Self::Flag(values) => values[row].map_or_else(String::new, |value| value.to_string()),
        }
    }
}

impl Sheet {
    pub(super) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, cells)| cells.len())
    }

    /// A header and one line for each row; what is not known is empty.
    pub(super) fn write_csv(&self, path: &Path) -> Result<()> {
        let failed = |error: csv::Error| Error::io("write", path, error.into());
        let mut writer = csv::Writer::from_path(path).map_err(failed)?;
        writer.write_record(self.columns.iter().map(|(name, _)| name)).map_err(failed)?;
        for row in 0..self.rows() {
            writer.write_record(self.columns.iter().map(|(_, cells)| cells.text(row))).map_err(failed)?;
        }
        writer.flush().map_err(|error| Error::io("write", path, error))
    }

    /// One object for each row.
    pub(super) fn records(&self) -> Vec<Map<String, Value>> {
        let record = |row: usize| self.columns.iter().map(|(name, cells)| (name.clone(), cells.value(row))).collect();
        (0..self.rows()).map(record).collect()
    }
}

/// Writes a value as JSON.
pub(super) fn write_json(value: &impl Serialize, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
    let mut writer = BufWriter::new(file);
    serde_json::to_writer(&mut writer, value).map_err(|error| Error::io("write", path, error.into()))?;
    writer.flush().map_err(|error| Error::io("write", path, error))
}
