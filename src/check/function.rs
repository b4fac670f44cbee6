use serde::Serialize;

use crate::binder::{LatentSpaceFn, Registry};
use crate::contract::{Argument, DataState, Source};

/// What kind of function the check ran, in the order in which it runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionKind {
    /// `Dataset::load`, on which all others stand.
    Load,
    /// An input encoder.
    InputEncoder,
    /// A ground-truth encoder.
    GtEncoder,
    /// A metadata function.
    Metadata,
    /// A latent space that is computed from a sample.
    LatentSpace,
    /// A visualizer.
    Visualizer,
    /// A loss.
    Loss,
    /// A metric.
    Metric,
}

impl FunctionKind {
    /// The name in test names and messages: `input_encoder`, `gt_encoder`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::InputEncoder => "input_encoder",
            Self::GtEncoder => "gt_encoder",
            Self::Metadata => "metadata",
            Self::LatentSpace => "latent_space",
            Self::Visualizer => "visualizer",
            Self::Loss => "loss",
            Self::Metric => "metric",
        }
    }
}

/// One function of a binder, with what each run of it needs to know worked out once.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) kind: FunctionKind,
    /// Its place among those of its kind.
    pub(super) index: usize,
    pub(super) name: String,
    /// `kind::name`; loading is `load`.
    pub(super) title: String,
    /// What it reads, if it reads tensors.
    pub(super) feeds: Vec<Feed>,
}

/// What an argument is fed from, by its place in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    Input(usize),
    GroundTruth(usize),
    Prediction(usize),
    /// The integration test alone, or nothing.
    Wired,
}

impl Function {
    fn new(kind: FunctionKind, index: usize, name: &str, feeds: Vec<Feed>) -> Self {
        let title = if kind == FunctionKind::Load { name.to_owned() } else { format!("{}::{name}", kind.as_str()) };
        Self { kind, index, name: name.to_owned(), title, feeds }
    }

    /// All functions in the check's order: code_loader's (inputs, ground truths, metadata), then ours.
    pub(super) fn all(registry: &Registry) -> Vec<Self> {
        let plain = |kind, index, name: &str| Self::new(kind, index, name, Vec::new());
        let reading = |kind, index, name: &str, arguments: &[Argument]| {
            Self::new(kind, index, name, arguments.iter().map(|argument| Feed::of(registry, argument)).collect())
        };
        let mut all = vec![plain(FunctionKind::Load, 0, "load")];
        let inputs = registry.inputs.iter().enumerate();
        all.extend(inputs.map(|(index, f)| plain(FunctionKind::InputEncoder, index, &f.name)));
        let truths = registry.ground_truths.iter().enumerate();
        all.extend(truths.map(|(index, f)| plain(FunctionKind::GtEncoder, index, &f.name)));
        let metadata = registry.metadata.iter().enumerate();
        all.extend(metadata.map(|(index, f)| plain(FunctionKind::Metadata, index, &f.name)));
        let spaces = registry.latent_spaces.iter().enumerate();
        let spaces = spaces.filter(|(_, f)| matches!(f.compute, LatentSpaceFn::Dataset(_)));
        all.extend(spaces.map(|(index, f)| plain(FunctionKind::LatentSpace, index, &f.name)));
        let visualizers = registry.visualizers.iter().enumerate();
        all.extend(visualizers.map(|(index, f)| reading(FunctionKind::Visualizer, index, &f.name, &f.arguments)));
        let losses = registry.losses.iter().enumerate();
        all.extend(losses.map(|(index, f)| reading(FunctionKind::Loss, index, &f.name, &f.arguments)));
        let metrics = registry.metrics.iter().enumerate();
        all.extend(metrics.map(|(index, f)| reading(FunctionKind::Metric, index, &f.name, &f.arguments)));
        all
    }

    /// Whether the function is run on subsets of `state`: what needs ground truth is not run on unlabeled ones.
    pub(super) fn runs_on(&self, state: DataState) -> bool {
        state != DataState::Unlabeled || !(self.kind == FunctionKind::GtEncoder || self.reads_truth())
    }

    pub(super) fn reads_truth(&self) -> bool {
        self.feeds.iter().any(|feed| matches!(feed, Feed::GroundTruth(_)))
    }
}

impl Feed {
    fn of(registry: &Registry, argument: &Argument) -> Self {
        let found = match &argument.source {
            Source::Input(name) => registry.inputs.iter().position(|f| &f.name == name).map(Self::Input),
            Source::GroundTruth(name) => {
                registry.ground_truths.iter().position(|f| &f.name == name).map(Self::GroundTruth)
            }
            Source::Prediction(name) => registry.predictions.iter().position(|f| &f.name == name).map(Self::Prediction),
            Source::Wired => None,
        };
        found.unwrap_or(Self::Wired)
    }
}
