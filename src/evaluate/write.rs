use std::collections::HashMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use candle_core::{Device, Tensor};

use super::{SampleRow, SampleTable};
use crate::{Error, Result};

impl SampleTable {
    /// Writes one row for each sample: `id, subset`, the attributes, `label, prediction`, `probability_<class>`, `loss`
    /// (the first; others as `loss_<name>`), the metrics as `metric_<name>`, and every metadata column under its contract name.
    ///
    /// Values that are not known are empty. Numbers are written so that reading them gives the same bits.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let failed = |error: csv::Error| Error::io("write", path, error.into());
        let mut writer = csv::Writer::from_path(path).map_err(failed)?;
        writer.write_record(self.header()).map_err(failed)?;
        for row in &self.rows {
            writer.write_record(self.record(row)).map_err(failed)?;
        }
        writer.flush().map_err(|error| Error::io("write", path, error))
    }

    fn header(&self) -> Vec<String> {
        let mut header = vec!["id".to_owned(), "subset".to_owned()];
        header.extend(self.attributes.iter().cloned());
        header.extend(["label".to_owned(), "prediction".to_owned()]);
        header.extend(self.classes.iter().map(|class| format!("probability_{class}")));
        header.extend(
            self.losses
                .iter()
                .enumerate()
                .map(|(index, name)| if index == 0 { "loss".to_owned() } else { format!("loss_{name}") }),
        );
        header.extend(self.metrics.iter().map(|name| format!("metric_{name}")));
        header.extend(self.metadata.iter().cloned());
        header
    }

    fn record(&self, row: &SampleRow) -> Vec<String> {
        let mut record = vec![row.id.to_string(), row.state.to_string()];
        record.extend(row.attributes.iter().cloned());
        record.push(row.label.map_or("", |label| self.class(label)).to_owned());
        record.push(self.class(row.prediction).to_owned());
        record.extend(row.probabilities.iter().map(f64::to_string));
        let known = |value: &Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
        record.extend(row.losses.iter().map(known));
        record.extend(row.metrics.iter().map(known));
        record
            .extend(row.metadata.iter().map(|value| if value.is_absent() { String::new() } else { value.to_string() }));
        record
    }

    /// Writes the table as JSON, its latent vectors left out.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let file = fs::File::create(path).map_err(|error| Error::io("create", path, error))?;
        let mut writer = BufWriter::new(file);
        serde_json::to_writer(&mut writer, self).map_err(|error| Error::io("write", path, error.into()))?;
        writer.flush().map_err(|error| Error::io("write", path, error))
    }

    /// Writes the latent vectors as safetensors: one tensor `latent`, f32 `(rows, width)`, in row order.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Argument`] when there are no rows.
    pub fn write_latents(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let width = self.rows.first().map_or(0, |row| row.latent.len());
        if width == 0 {
            return Err(Error::argument("write_latents", "rows with latent vectors", "none"));
        }
        let values: Vec<f32> = self.rows.iter().flat_map(|row| row.latent.iter().copied()).collect();
        let latent =
            Tensor::from_vec(values, (self.rows.len(), width), &Device::Cpu).map_err(Error::tensor("latents"))?;
        candle_core::safetensors::save(&HashMap::from([("latent", latent)]), path)
            .map_err(|error| Error::io("write", path, std::io::Error::other(error)))
    }
}
