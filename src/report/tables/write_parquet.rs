use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::sheet::{Cells, Sheet};
use crate::{Error, Result};

/// Writes a table as Parquet, compressed with Snappy. Columns that share a name are numbered: `x`, `x_2`.
pub(super) fn write(sheet: &Sheet, path: &Path) -> Result<()> {
    let mut fields: Vec<Field> = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, cells) in &sheet.columns {
        let (data_type, array) = array(cells);
        let taken = |name: &str| fields.iter().any(|field| field.name() == name);
        let free = (2..).map(|number| format!("{name}_{number}")).find(|name| !taken(name)).unwrap_or_default();
        let name = if taken(name) { free } else { name.clone() };
        fields.push(Field::new(name, data_type, true));
        arrays.push(array);
    }
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::io("write", path, io::Error::other(error));
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(sheet.rows()));
    let batch =
        RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).map_err(|e| failed(e.into()))?;
    let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(|e| failed(e.into()))?;
    writer.write(&batch).map_err(|e| failed(e.into()))?;
    writer.close().map(drop).map_err(|e| failed(e.into()))
}

fn array(cells: &Cells) -> (DataType, ArrayRef) {
    match cells {
        Cells::Text(values) => (DataType::Utf8, Arc::new(StringArray::from_iter(values))),
        Cells::Number(values) => (DataType::Float64, Arc::new(Float64Array::from_iter(values.iter().copied()))),
        Cells::Whole(values) => (DataType::Int64, Arc::new(Int64Array::from_iter(values.iter().copied()))),
        Cells::Flag(values) => (DataType::Boolean, Arc::new(BooleanArray::from_iter(values.iter().copied()))),
    }
}
