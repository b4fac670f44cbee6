//! What the body of an integration test passes from one function to the next: tickets for values it cannot look at.

use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;

use super::chain::ChainRun;
use crate::contract::{Code, Violation};

/// Where a value comes from, by place in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Input(usize),
    GroundTruth(usize),
    Prediction(u8),
    /// An input that the autoregressive step makes.
    Step(usize),
}

/// A value of any origin on its way into a loss, metric, visualizer or latent space.
///
/// It has neither arithmetic, nor an index, nor a value to branch on: what the platform could not follow does not compile.
#[derive(Clone)]
pub struct Wire {
    /// Tells the handles of one run from those of another.
    pub(super) run: Arc<()>,
    pub(super) node: Node,
    /// With a batch axis; none while the graph is recorded.
    pub(super) value: Option<Tensor>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.node).finish()
    }
}

/// The result of an input encoder; only this can be fed to the model.
#[derive(Debug, Clone)]
#[must_use]
pub struct InputHandle(pub(super) Wire);

/// The result of a ground-truth encoder; only this can go beside a chain into an autoregressive function.
#[derive(Debug, Clone)]
#[must_use]
pub struct GroundTruthHandle(pub(super) Wire);

/// One output of the model.
#[derive(Debug, Clone)]
#[must_use]
pub struct PredictionHandle(Wire);

/// What the model gave; take an output by its prediction's name or its place.
#[derive(Clone)]
#[must_use]
pub struct Outputs {
    pub(super) run: Arc<()>,
    /// The declared prediction types, in output order.
    pub(super) names: Arc<[String]>,
    /// None while the graph is recorded.
    pub(super) values: Option<Vec<Tensor>>,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outputs").field(&self.names).finish()
    }
}

impl Outputs {
    /// The output of a registered prediction type.
    ///
    /// # Errors
    /// `BND-302` when there is no prediction type of that name.
    pub fn prediction(&self, name: &str) -> Result<PredictionHandle, Violation> {
        match self.names.iter().position(|known| known == name) {
            Some(place) => self.at(place),
            None => {
                let found = format!("Unknown prediction name {name:?}");
                Err(wiring("model", format!("one of the declared prediction types, {:?}", self.names), found))
            }
        }
    }

    /// The output at a place, counted from 0.
    ///
    /// # Errors
    /// `BND-302` for a place above 9, or one at which the model has no output.
    pub fn at(&self, place: usize) -> Result<PredictionHandle, Violation> {
        let Some(slot) = u8::try_from(place).ok().filter(|slot| *slot < 10) else {
            return Err(wiring("model", "a model with no more then 10 active predictions", format!("place {place}")));
        };
        let outputs = match &self.values {
            Some(values) => Some(values.len()),
            None => Some(self.names.len()).filter(|declared| *declared > 0),
        };
        if outputs.is_some_and(|outputs| place >= outputs) {
            let found = format!("place {place} of {} outputs", outputs.unwrap_or_default());
            return Err(wiring("model", "a place at which the model has an output", found));
        }
        let value = self.values.as_ref().and_then(|values| values.get(place).cloned());
        Ok(PredictionHandle(Wire { run: Arc::clone(&self.run), node: Node::Prediction(slot), value }))
    }

    /// The one output of a model that has no other.
    ///
    /// # Errors
    /// `BND-302` when there are several.
    pub fn only(&self) -> Result<PredictionHandle, Violation> {
        let several = self.values.as_ref().map_or(self.names.len(), Vec::len);
        if several > 1 {
            return Err(wiring("model", "a choice among the model's outputs", format!("{several} outputs")));
        }
        self.at(0)
    }
}

/// A finished chain: the final inputs, outputs and state of the autoregressive step, which stay together.
#[derive(Clone)]
#[must_use]
pub struct ChainHandle {
    pub(super) run: Arc<()>,
    pub(super) finished: Option<Arc<ChainRun>>,
}

impl fmt::Debug for ChainHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainHandle").finish_non_exhaustive()
    }
}

/// What goes into a function as one argument: an input, a ground truth, a prediction, or a [`Wire`] of any of them.
pub trait Handle: sealed::Sealed {
    /// The value without its kind, for lists of values of several kinds.
    fn wire(&self) -> Wire;
}

/// The arguments of a loss, metric, visualizer or latent space, in order: one handle, a tuple of handles of several kinds, or
/// a list of handles of one kind.
pub trait Wires: sealed::Sealed {
    /// The arguments in order.
    fn wires(self) -> Vec<Wire>;
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for Wire {}
impl Handle for Wire {
    fn wire(&self) -> Wire {
        self.clone()
    }
}

macro_rules! handles {
    ($($handle:ident),*) => {$(
        impl sealed::Sealed for $handle {}
        impl Handle for $handle {
            fn wire(&self) -> Wire {
                self.0.clone()
            }
        }
    )*};
}

handles!(InputHandle, GroundTruthHandle, PredictionHandle);

impl<A: Handle> sealed::Sealed for &A {}
impl<A: Handle> Wires for &A {
    fn wires(self) -> Vec<Wire> {
        vec![self.wire()]
    }
}

impl<A: Handle, const N: usize> sealed::Sealed for [&A; N] {}
impl<A: Handle, const N: usize> Wires for [&A; N] {
    fn wires(self) -> Vec<Wire> {
        self.into_iter().map(Handle::wire).collect()
    }
}

impl sealed::Sealed for Vec<Wire> {}
impl Wires for Vec<Wire> {
    fn wires(self) -> Vec<Wire> {
        self
    }
}

macro_rules! tuples {
    ($(($($name:ident $place:tt),*))*) => {$(
        impl<$($name: Handle),*> sealed::Sealed for ($(&$name,)*) {}
        impl<$($name: Handle),*> Wires for ($(&$name,)*) {
            fn wires(self) -> Vec<Wire> {
                vec![$(self.$place.wire()),*]
            }
        }
    )*};
}

tuples!((A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5));

/// A graph that the platform could not follow.
pub(super) fn wiring(function: &str, expected: impl Into<String>, found: impl Into<String>) -> Violation {
    Violation::new(Code::IntegrationTest, function, expected, found)
}
