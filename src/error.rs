//! The one error type of the crate.
//!
//! Variants are grouped by who must act: whoever owns the data, the binder, the configuration, the weights, or the
//! machine. Each says where it happened, what was expected and what was found.

use std::path::{Path, PathBuf};

/// What a user's own function may fail with: anything that is an error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, by who must act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// *Bad data*: one image cannot be used.
    #[error("image {origin}: expected {expected}, found {found}")]
    Image {
        /// The file's path, or `<bytes>` for an image that never had one.
        origin: String,
        /// What the crate needs.
        expected: String,
        /// What was there instead.
        found: String,
        /// The decoder's own error, when it had one.
        source: Option<BoxError>,
    },
    /// *Bad data*: a folder is not laid out as a data set.
    #[error("data folder {}: expected {expected}, found {found}", path.display())]
    Folder {
        /// The folder in question.
        path: PathBuf,
        /// The layouts or entries that were looked for.
        expected: String,
        /// What the folder holds.
        found: String,
    },
    /// *Bad binder*: a rule of the binder contract is broken.
    #[error("{0}")]
    Contract(Box<crate::contract::Violation>),
    /// *Bad configuration*: an option has a value that cannot work.
    #[error("option {option}: expected {expected}, found {found}")]
    Config {
        /// The option's name as the caller wrote it.
        option: String,
        /// Values that are allowed.
        expected: String,
        /// The value given.
        found: String,
    },
    /// *Bad configuration*: `leap.yaml` cannot be read or names something that is not there.
    #[error("manifest {}: {problem}", path.display())]
    Manifest {
        /// The manifest's path.
        path: PathBuf,
        /// What is wrong, with the line where one is known.
        problem: String,
    },
    /// *Bad weights*: a weights file is damaged, incomplete or of another network.
    #[error("weights {}: expected {expected}, found {found}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What the network needs.
        expected: String,
        /// What the file holds.
        found: String,
        /// The reader's own error, when it had one.
        source: Option<BoxError>,
    },
    /// *Two sides that do not fit*: a model and a binder (or an image) disagree.
    #[error("{subject} do not fit: {left}; {right}")]
    Mismatch {
        /// What was compared, as a plural: `classes`, `image sizes`.
        subject: String,
        /// The first side and what it has, for example `the model densenet201 has [..]`.
        left: String,
        /// The second side and what it has.
        right: String,
    },
    /// *The network*: a file cannot be fetched, or is not the one that was asked for.
    #[error("download of {url}: expected {expected}, found {found}")]
    Download {
        /// The address, without what stands behind a question mark.
        url: String,
        /// What was wanted of the server or of the file.
        expected: String,
        /// What came instead.
        found: String,
        /// The connection's own error, when it had one.
        source: Option<BoxError>,
    },
    /// *The machine*: a device is not there or was not built in.
    #[error("device {requested}: {reason}")]
    Device {
        /// The device asked for.
        requested: String,
        /// What is missing.
        reason: String,
        /// The driver's own error, when it had one.
        source: Option<BoxError>,
    },
    /// *The machine*: reading or writing failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb: `read`, `write`, `create`, `list`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// *Numbers*: a tensor operation failed, which is either a shape that the checks let pass or a full device.
    #[error("{stage}: {source}")]
    Tensor {
        /// The step that failed, for example `denseblock3`.
        stage: String,
        /// candle's error.
        source: candle_core::Error,
    },
    /// *Training*: it cannot go on. Checkpoints stay as they were.
    #[error("training, step {step} (epoch {epoch}): expected {expected}, found {found}")]
    Training {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step of the optimiser, counted from 1 since the beginning.
        step: usize,
        /// What a training needs.
        expected: String,
        /// What came instead.
        found: String,
    },
    /// *Bad arguments*: numbers handed to a function of the crate do not go together.
    #[error("{function}: expected {expected}, found {found}")]
    Argument {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
}

impl Error {
    /// An IO error with its path.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// A tensor error with the step it happened in: `.map_err(Error::tensor("stem"))`.
    pub(crate) fn tensor(stage: impl Into<String>) -> impl FnOnce(candle_core::Error) -> Self {
        let stage = stage.into();
        move |source| Self::Tensor { stage, source }
    }

    /// A wrong argument.
    pub(crate) fn argument(function: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Argument { function, expected: expected.into(), found: found.into() }
    }

    /// A wrong option.
    pub(crate) fn config(option: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Config { option: option.into(), expected: expected.into(), found: found.into() }
    }
}

impl From<crate::contract::Violation> for Error {
    fn from(violation: crate::contract::Violation) -> Self {
        Self::Contract(Box::new(violation))
    }
}
