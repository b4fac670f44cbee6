use std::fmt;
use std::sync::Arc;

use super::{Code, DataState};
use crate::BoxError;

/// A broken rule of the binder contract: where, what was expected, what was found, and how to mend it.
///
/// The [`Code`] is stable; messages may be reworded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Violation {
    /// Which rule.
    pub code: Code,
    /// The function concerned as `kind::name`, for example `input_encoder::image`; `preprocess` stands alone.
    pub function: String,
    /// The subset it was run on.
    pub subset: Option<DataState>,
    /// The sample it was run on.
    pub sample: Option<String>,
    /// What the contract asks for.
    pub expected: String,
    /// What the function gave.
    pub found: String,
    /// The user's own error, when the rule is "must not fail".
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Violation {
    pub(crate) fn new(
        code: Code,
        function: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            code,
            function: function.into(),
            subset: None,
            sample: None,
            expected: expected.into(),
            found: found.into(),
            source: None,
        }
    }

    pub(crate) fn on(mut self, subset: DataState, sample: Option<&dyn fmt::Display>) -> Self {
        self.subset = Some(subset);
        self.sample = sample.map(ToString::to_string);
        self
    }

    /// The text with every cause below the user's error.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source.as_deref().and_then(|error| error.source());
        while let Some(error) = cause {
            text.push_str(&format!("\n  caused by: {error}"));
            cause = error.source();
        }
        text
    }

    /// The same failure where it stopped a sample from being loaded.
    pub(crate) fn loading(mut self) -> Self {
        if self.code == Code::FunctionFailed {
            self.code = Code::LoadFailed;
        }
        self
    }

    pub(crate) fn because(mut self, source: BoxError) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code.as_str(), self.function)?;
        if let Some(subset) = &self.subset {
            write!(f, " on {subset}")?;
        }
        if let Some(sample) = &self.sample {
            write!(f, " sample {sample}")?;
        }
        write!(f, ": expected {}, found {}. Mend: {}", self.expected, self.found, self.code.mend())
    }
}

impl std::error::Error for Violation {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
