//! What is odd about a selection without making it useless.

use std::fmt;
use std::path::PathBuf;

/// Something about a selection that is most likely not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectionWarning {
    /// An `include` pattern that matches no file.
    IncludesNothing {
        /// The pattern as it is written.
        pattern: String,
        /// What to write in its place, where one can tell.
        hint: Option<String>,
    },
    /// An `exclude` pattern that names a folder, which leaves out nothing of what it holds.
    ExcludesNothing {
        /// The pattern as it is written.
        pattern: String,
        /// What to write in its place.
        hint: String,
    },
    /// A link that is selected and cannot be followed. It is left out.
    BrokenLink {
        /// The link, relative to the root.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// No file at the root says what the binder needs to be built: [`super::REQUIREMENTS`].
    NoRequirements,
    /// Heavy files come to [`super::HEAVY_LIMIT`] or more.
    TooHeavy {
        /// Their size in bytes.
        bytes: u64,
        /// The `exclude` patterns that would leave them out.
        patterns: Vec<String>,
    },
    /// Heavy files were left out by [`super::Selection::without_heavy`].
    HeavyLeftOut {
        /// How many.
        files: usize,
        /// Their size in bytes.
        bytes: u64,
        /// The `exclude` patterns that leave them out for good, for the user to write into `leap.yaml`.
        patterns: Vec<String>,
    },
}

impl fmt::Display for SelectionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
        match self {
            Self::IncludesNothing { pattern, hint } => {
                write!(f, "include pattern `{pattern}` matches no file")?;
                hint.iter().try_for_each(|hint| write!(f, ": {hint}"))
            }
            Self::ExcludesNothing { pattern, hint } => write!(f, "exclude pattern `{pattern}` matches no file: {hint}"),
            Self::BrokenLink { path, reason } => write!(f, "link {} is left out: {reason}", path.display()),
            Self::NoRequirements => {
                write!(f, "no file of the root that says what the binder needs is selected, such as ")?;
                f.write_str(&super::REQUIREMENTS.join(", "))
            }
            Self::TooHeavy { bytes, patterns } => write!(
                f,
                "files that look like data or models come to {:.1} MiB, and {:.0} MiB are too many; to leave them out, \
                 exclude {}",
                mebibytes(*bytes),
                mebibytes(super::HEAVY_LIMIT),
                patterns.join(", ")
            ),
            Self::HeavyLeftOut { files, bytes, patterns } => write!(
                f,
                "left out {files} files of {:.1} MiB that look like data or models; to leave them out for \
                 good, exclude {}",
                mebibytes(*bytes),
                patterns.join(", ")
            ),
        }
    }
}
