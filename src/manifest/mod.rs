//! `leap.yaml`: which project a binder belongs to, where it is entered, and which files make it up.
//!
//! [`Manifest::read`] reads the seven keys that Tensorleap's command line knows, [`Manifest::select`] names the files
//! of a project that they select, and [`Selection::bundle`] packs those for the platform. None of them ever writes
//! `leap.yaml`: comments, order and keys that this crate does not know stay in the file as they are.
//!
//! ```no_run
//! use leap_binder::manifest::Manifest;
//!
//! let mut selection = Manifest::read("leap.yaml")?.select(".")?;
//! if selection.is_too_heavy() {
//!     selection = selection.without_heavy();
//! }
//! for warning in &selection.warnings {
//!     eprintln!("{warning}");
//! }
//! selection.bundle_to("target/binder.tar.gz")?;
//! # Ok::<(), leap_binder::Error>(())
//! ```

mod bundle;
mod glob;
mod heavy;
mod select;
mod selection_warning;
mod walk;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};

pub use bundle::BundleSummary;
pub use heavy::HEAVY_LIMIT;
pub use select::{REQUIREMENTS, SelectedFile, Selection};
pub use selection_warning::SelectionWarning;
pub use yaml::Warning;

use crate::{Error, Result};

/// The entry file of a manifest that has no `entryFile` key: the binder test of a cargo package.
pub const DEFAULT_ENTRY_FILE: &str = "tests/leap_test.rs";

/// A `leap.yaml` that has been read.
///
/// Text keys that are absent or empty in the file are empty here, apart from the two defaults named below.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// `projectId`: the project on the platform. Empty until one is chosen.
    pub project_id: String,
    /// `secretId`: the secret that the data needs. Empty for none.
    pub secret_id: String,
    /// `branch`: a label for this line of the code.
    pub branch: String,
    /// `entryFile`: the file in which the binder is entered, relative to the root. [`DEFAULT_ENTRY_FILE`] if the key is
    /// absent; empty, which [`Manifest::select`] refuses, if the key is there and has no value.
    pub entry_file: String,
    /// `include`: patterns of the files that make up the binder. `**`, everything, if absent or empty.
    pub include: Vec<String>,
    /// `exclude`: patterns of files to leave out again.
    pub exclude: Vec<String>,
    /// `pythonVersion`: the platform's base image, such as `py310`. Of no use to a binder in Rust, and kept for one
    /// that has a Python part.
    pub python_version: String,
    origin: PathBuf,
    warnings: Vec<Warning>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read as UTF-8 text, [`Error::Manifest`] as [`Manifest::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        Self::parse(&text, path)
    }

    /// Parses a manifest; `origin` is the path that errors name.
    ///
    /// ```
    /// let manifest = leap_binder::manifest::Manifest::parse("entryFile: leap.rs\ncolour: red\n", "leap.yaml")?;
    /// assert_eq!(manifest.entry_file, "leap.rs");
    /// assert_eq!(manifest.include, ["**"]);
    /// assert_eq!(manifest.warnings()[0].to_string(), "line 2: key `colour` has no effect, it is not known");
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] with line and column, the line itself and a caret under the column, for text that is not
    /// YAML, a value of the wrong type, or a key that stands twice.
    pub fn parse(text: &str, origin: impl Into<PathBuf>) -> Result<Self> {
        let origin = origin.into();
        let (keys, warnings) = match yaml::parse(text) {
            Ok(parsed) => parsed,
            Err(problem) => return Err(Error::Manifest { path: origin, problem }),
        };
        let include = keys.include.filter(|patterns| !patterns.is_empty());
        Ok(Self {
            project_id: keys.project_id.unwrap_or_default(),
            secret_id: keys.secret_id.unwrap_or_default(),
            branch: keys.branch.unwrap_or_default(),
            entry_file: keys.entry_file.map_or_else(|| DEFAULT_ENTRY_FILE.to_owned(), Option::unwrap_or_default),
            include: include.unwrap_or_else(|| vec!["**".to_owned()]),
            exclude: keys.exclude.unwrap_or_default(),
            python_version: keys.python_version.unwrap_or_default(),
            origin,
            warnings,
        })
    }

    /// Keys that have no effect, unknown or obsolete, in the order of their lines.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
