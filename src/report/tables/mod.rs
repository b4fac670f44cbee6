//! The tables beside the page: one description of each, three formats.

mod contest;
mod scores;
mod sheet;
mod sheets;
#[cfg(feature = "parquet")]
mod write_parquet;

use std::fs;
use std::path::{Path, PathBuf};

use super::prepared::Prepared;
use crate::{Error, Result};

/// Writes every table that there is.
pub(super) fn write(report: &Prepared, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    let mut written = Vec::new();
    let mut path = |name: &str, extension: &str| {
        let path = folder.join(format!("{name}.{extension}"));
        written.push(path.clone());
        path
    };
    report.table.write_csv(path("samples", "csv"))?;
    report.table.write_json(path("samples", "json"))?;
    for sheet in sheets::all(report) {
        sheet.write_csv(&path(sheet.name, "csv"))?;
        match sheet.name {
            // In JSON an insight holds its samples, differences and evidence.
            "insights" => sheet::write_json(&report.insights, &path(sheet.name, "json"))?,
            "differences" => {}
            _ => sheet::write_json(&sheet.records(), &path(sheet.name, "json"))?,
        }
        #[cfg(feature = "parquet")]
        write_parquet::write(&sheet, &path(sheet.name, "parquet"))?;
    }
    #[cfg(feature = "parquet")]
    write_parquet::write(&sheets::samples(report), &path("samples", "parquet"))?;
    Ok(written)
}
