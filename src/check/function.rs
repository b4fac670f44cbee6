use std::fmt;

use serde::Serialize;

use crate::binder::Registry;
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
            Self::Visualizer => "visualizer",
            Self::Loss => "loss",
            Self::Metric => "metric",
        }
    }
}

/// One function of a binder: its kind, its place among those of its kind, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) kind: FunctionKind,
    pub(super) index: usize,
    pub(super) name: String,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        if self.kind == FunctionKind::Load { Ok(()) } else { write!(f, "::{}", self.name) }
    }
}

impl Function {
    /// All functions in the check's order: code_loader's (inputs, ground truths, metadata), then ours.
    pub(super) fn all(registry: &Registry) -> Vec<Self> {
        let load = Self { kind: FunctionKind::Load, index: 0, name: "load".to_owned() };
        std::iter::once(load)
            .chain(named(FunctionKind::InputEncoder, registry.inputs.iter().map(|f| &f.name)))
            .chain(named(FunctionKind::GtEncoder, registry.ground_truths.iter().map(|f| &f.name)))
            .chain(named(FunctionKind::Metadata, registry.metadata.iter().map(|f| &f.name)))
            .chain(named(FunctionKind::Visualizer, registry.visualizers.iter().map(|f| &f.name)))
            .chain(named(FunctionKind::Loss, registry.losses.iter().map(|f| &f.name)))
            .chain(named(FunctionKind::Metric, registry.metrics.iter().map(|f| &f.name)))
            .collect()
    }

    /// Whether the function is run on subsets of `state`: what needs ground truth is not run on unlabeled ones.
    pub(super) fn runs_on(&self, registry: &Registry, state: DataState) -> bool {
        state != DataState::Unlabeled
            || (self.kind != FunctionKind::GtEncoder
                && !self.arguments(registry).iter().any(|argument| matches!(argument.source, Source::GroundTruth(_))))
    }

    /// What the function reads, if it reads tensors.
    pub(super) fn arguments<'r>(&self, registry: &'r Registry) -> &'r [Argument] {
        match self.kind {
            FunctionKind::Visualizer => &registry.visualizers[self.index].arguments,
            FunctionKind::Loss => &registry.losses[self.index].arguments,
            FunctionKind::Metric => &registry.metrics[self.index].arguments,
            _ => &[],
        }
    }
}

fn named<'a>(kind: FunctionKind, names: impl Iterator<Item = &'a String>) -> impl Iterator<Item = Function> {
    names.enumerate().map(move |(index, name)| Function { kind, index, name: name.clone() })
}
