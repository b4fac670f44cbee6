use std::fmt;

use super::DataState;
use crate::BoxError;

/// A broken rule of the binder contract: where, what was expected, what was found, and how to mend it.
///
/// The [`Code`] is stable; messages may be reworded.
#[derive(Debug)]
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
    pub source: Option<BoxError>,
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

    /// The same failure where it stopped a sample from being loaded.
    pub(crate) fn loading(mut self) -> Self {
        if self.code == Code::FunctionFailed {
            self.code = Code::LoadFailed;
        }
        self
    }

    pub(crate) fn because(mut self, source: BoxError) -> Self {
        self.source = Some(source);
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

/// The rules, each with a stable code. The first digit groups them: 0 registration, 1 preprocess, 2 running a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Two functions of one kind share a name.
    DuplicateName,
    /// A name is empty.
    EmptyName,
    /// A channel dimension is neither -1 nor positive.
    ChannelDim,
    /// A loss, metric or visualizer reads something that is not registered.
    UnknownSource,
    /// The binder has no input encoder.
    NoInput,
    /// A prediction type has no labels, or a label twice.
    Labels,
    /// Preprocess returned an error or panicked.
    PreprocessFailed,
    /// Training or validation data is missing.
    MissingSubset,
    /// Two subsets have the same state.
    DuplicateState,
    /// A subset has no samples.
    EmptySubset,
    /// A sample id is longer than 256 characters.
    LongSampleId,
    /// Subsets mix text and integer ids.
    MixedIdTypes,
    /// A sample id occurs twice in one subset.
    DuplicateSampleId,
    /// Loading a sample failed.
    LoadFailed,
    /// A function returned an error.
    FunctionFailed,
    /// A function panicked.
    FunctionPanicked,
    /// A tensor has another dtype than f32.
    WrongDtype,
    /// A tensor's shape differs between samples or subsets, or does not fit its declaration.
    WrongShape,
    /// A tensor holds NaN or an infinity.
    NotFinite,
    /// Metadata that is absent on the first training sample, so that its type is unknown.
    MetadataType,
    /// A visualizer's payload breaks its construction rules.
    VisualizerPayload,
    /// A metadata map has other keys than on the first training sample.
    MetadataKeys,
    /// A metric's result, or what was declared about its keys, breaks the contract's rules.
    MetricResult,
    /// A loss's result has two or more axes.
    LossResult,
}

impl Code {
    /// Every code, in numeric order.
    pub const ALL: [Self; 24] = [
        Self::DuplicateName,
        Self::EmptyName,
        Self::ChannelDim,
        Self::UnknownSource,
        Self::NoInput,
        Self::Labels,
        Self::PreprocessFailed,
        Self::MissingSubset,
        Self::DuplicateState,
        Self::EmptySubset,
        Self::LongSampleId,
        Self::MixedIdTypes,
        Self::DuplicateSampleId,
        Self::LoadFailed,
        Self::FunctionFailed,
        Self::FunctionPanicked,
        Self::WrongDtype,
        Self::WrongShape,
        Self::NotFinite,
        Self::MetadataType,
        Self::VisualizerPayload,
        Self::MetadataKeys,
        Self::MetricResult,
        Self::LossResult,
    ];

    /// The stable code, for example `BND-001`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DuplicateName => "BND-001",
            Self::EmptyName => "BND-002",
            Self::ChannelDim => "BND-003",
            Self::UnknownSource => "BND-004",
            Self::NoInput => "BND-005",
            Self::Labels => "BND-006",
            Self::PreprocessFailed => "BND-101",
            Self::MissingSubset => "BND-102",
            Self::DuplicateState => "BND-103",
            Self::EmptySubset => "BND-104",
            Self::LongSampleId => "BND-105",
            Self::MixedIdTypes => "BND-106",
            Self::DuplicateSampleId => "BND-107",
            Self::LoadFailed => "BND-201",
            Self::FunctionFailed => "BND-202",
            Self::FunctionPanicked => "BND-203",
            Self::WrongDtype => "BND-204",
            Self::WrongShape => "BND-205",
            Self::NotFinite => "BND-206",
            Self::MetadataType => "BND-207",
            Self::VisualizerPayload => "BND-208",
            Self::MetadataKeys => "BND-209",
            Self::MetricResult => "BND-210",
            Self::LossResult => "BND-211",
        }
    }

    /// How to mend it, as an instruction.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::DuplicateName => "give each function of a kind its own name",
            Self::EmptyName => "give the function a name",
            Self::ChannelDim => {
                "use -1 for channel last, or the channel's axis in the batched tensor (1 for channel first)"
            }
            Self::UnknownSource => "register that input, ground truth or prediction, or correct the name",
            Self::NoInput => "register at least one input encoder",
            Self::Labels => "list each class name once",
            Self::PreprocessFailed => "make preprocess return the subsets; the error says what stopped it",
            Self::MissingSubset => "return a training and a validation subset from preprocess",
            Self::DuplicateState => "merge the two subsets or give one another state",
            Self::EmptySubset => "leave an empty subset out, or correct the paths it is listed from",
            Self::LongSampleId => "shorten ids to 256 characters",
            Self::MixedIdTypes => "use either text or integer ids in all subsets",
            Self::DuplicateSampleId => "list each sample once in a subset",
            Self::LoadFailed => "repair or remove the sample; the error says why it cannot be loaded",
            Self::FunctionFailed => "make the function handle this sample; its own error says what stopped it",
            Self::FunctionPanicked => "return an error instead of panicking; the message says what was assumed",
            Self::WrongDtype => "convert with `tensor.to_dtype(DType::F32)`",
            Self::WrongShape => "return one shape for every sample of every subset, without a batch axis",
            Self::NotFinite => "find the division by zero or the missing value and replace it before encoding",
            Self::MetadataType => {
                "declare the type with `metadata_typed`, or return a value for the first training sample"
            }
            Self::VisualizerPayload => "build the payload as its type documents",
            Self::MetadataKeys => {
                "return the same keys in the same order for every sample, with an absent value where unknown"
            }
            Self::MetricResult => {
                "return one value for each sample, and declare directions and insights only for keys that are returned"
            }
            Self::LossResult => {
                "reduce the loss to one value for each sample, for example with `mean` over the last axis"
            }
        }
    }
}
