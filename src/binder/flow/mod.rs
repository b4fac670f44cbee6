//! The integration test: one sample goes from the encoders through the model to losses, metrics and visualizers.
//!
//! The body of the test gets a [`Flow`] and wires handles: what an encoder gives goes into the model, what the model gives
//! into a loss. It is run on real values, with the rules of direct calls, and once more to record the graph
//! ([`crate::contract::NodeConnection`]) that the platform builds from it. Python finds most misuse only by tracing; here a handle
//! has no value, no index and no arithmetic, and the sample's id is nowhere to be seen, so that the two runs cannot differ
//! and the graph is all there is.
//!
//! ```
//! use leap_binder::{Binder, binder::losses, contract::*};
//! use candle_core::Tensor;
//! # struct Signs;
//! # impl Dataset for Signs {
//! #     type Sample = f32;
//! #     fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
//! #         Ok(vec![Subset::new(DataState::Training, 0..8), Subset::new(DataState::Validation, 8..12)])
//! #     }
//! #     fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<f32> {
//! #         Ok(if id.to_string().len() == 1 { 1.0 } else { -1.0 })
//! #     }
//! # }
//! /// Scores a number by its sign.
//! struct Sign;
//!
//! impl LeapModel for Sign {
//!     fn inputs(&self) -> Vec<ModelInput> {
//!         vec![ModelInput::new("x", [None, Some(1)])]
//!     }
//!
//!     fn run(&self, inputs: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
//!         let positive = ((inputs[0].tanh()? + 1.0)? / 2.0)?;
//!         Ok(vec![Tensor::cat(&[(1.0 - &positive)?, positive], 1)?])
//!     }
//! }
//!
//! let binder = Binder::builder(Signs)
//!     .input("x", |x| Ok([*x]))
//!     .ground_truth("sign", |x| Ok(if *x < 0.0 { [1.0, 0.0] } else { [0.0, 1.0] }))
//!     .prediction("sign", ["negative", "positive"])
//!     .loss("cross_entropy", [ground_truth("sign").named("truth"), prediction("sign")], |[truth, scores]| {
//!         losses::categorical_crossentropy(truth, scores)
//!     })
//!     .load_model(|| Ok(Sign))
//!     .integration_test(|flow| {
//!         let (x, truth) = (flow.input("x")?, flow.ground_truth("sign")?);
//!         let scores = flow.model([&x])?.prediction("sign")?;
//!         flow.loss("cross_entropy", (&truth, &scores))
//!     })
//!     .build()?;
//! let report = binder.integration_test(DataState::Training, 3);
//! assert!(report.passed(), "{report}");
//! assert_eq!(report.connections.len(), 3);
//! # Ok::<(), leap_binder::Error>(())
//! ```
//!
//! # What does not compile
//!
//! Arithmetic on a handle:
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     let x = flow.input("x")?;
//!     let doubled = x * 2.0;
//!     Ok(())
//! }
//! ```
//! An index into an encoder's result, or a second one into a prediction:
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     let x = flow.input("x")?;
//!     let first = &x[0];
//!     Ok(())
//! }
//! ```
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     let x = flow.input("x")?;
//!     let row = flow.model([&x])?.at(0)?.at(0)?;
//!     Ok(())
//! }
//! ```
//! A branch on the sample, or on a value:
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     if flow.sample_id() == "s0" { flow.input("x")?; }
//!     Ok(())
//! }
//! ```
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     if flow.ground_truth("y")?.value() > 0.5 { flow.input("x")?; }
//!     Ok(())
//! }
//! ```
//! Anything but an input in the model, or anything but a ground truth beside a chain:
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     let y = flow.ground_truth("y")?;
//!     flow.model([&y])?;
//!     Ok(())
//! }
//! ```
//! ```compile_fail
//! fn body(flow: &mut leap_binder::binder::flow::Flow<'_>) -> leap_binder::Result<()> {
//!     let (chain, x) = (flow.chain()?, flow.input("x")?);
//!     flow.autoregressive_loss("l", &chain, [&x])
//! }
//! ```

mod call;
mod chain;
mod declared;
mod functions;
mod handle;
mod mapping;
mod model;
mod options;
mod over_chain;
mod report;
mod rules;
mod run;
mod table;
mod tensors;

use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;

use super::Registry;
use crate::Result;
use crate::contract::{LeapModel, SampleId, SimulationArguments, Violation};
pub use call::Calls;
pub(crate) use chain::{first_step, same_layout};
pub use handle::{ChainHandle, GroundTruthHandle, Handle, InputHandle, Outputs, PredictionHandle, Wire, Wires};
use handle::{Node, wiring};
use mapping::Recorder;
pub(crate) use model::LoadModel;
pub use model::ModelCall;
pub use options::{CallOptions, SampleChoice, TestOptions};
pub use report::{Defaulted, IntegrationReport, Warnings};
pub(crate) use rules::of_sample as latent_space_rules;
pub use table::{Ending, PartStatus, StatusRow, StatusTable};
pub use tensors::MetricCall;

/// The body of an integration test.
pub(crate) type IntegrationBody = Box<dyn Fn(&mut Flow<'_>) -> Result<()> + Send + Sync>;

/// What an integration test calls the binder's functions through.
///
/// Every method names a registered function, runs it on the sample of the test, holds its result against the rules of a
/// direct call ([`Calls`]), and records what was fed to it. Handles belong to the run that made them.
pub struct Flow<'a> {
    registry: &'a Registry,
    recorder: Recorder,
    /// None while the graph is recorded.
    real: Option<Real<'a>>,
    /// The name for the next function.
    name: Option<String>,
    /// Names of the inputs that the autoregressive step makes, where a real run has told them.
    step_inputs: Option<Vec<String>>,
    chained: bool,
    run: Arc<()>,
}

/// What a run on real values needs beside the graph.
struct Real<'a> {
    calls: Calls<'a>,
    id: SampleId,
    grouped: bool,
    model: Option<Arc<dyn LeapModel>>,
    table: StatusTable,
}

impl<'a> Flow<'a> {
    fn new(registry: &'a Registry, real: Option<Real<'a>>) -> Self {
        let (recorder, run) = (Recorder::new(registry), Arc::new(()));
        Self { registry, recorder, real, name: None, step_inputs: None, chained: false, run }
    }

    /// Encodes an input. Beside the model it may go into losses, metrics and visualizers.
    ///
    /// # Errors
    /// As [`Calls::input`].
    pub fn input(&mut self, name: &str) -> Result<InputHandle> {
        let index = call::place("input_encoder", &self.registry.inputs, |encoder| &encoder.name, name)?;
        self.recorder.input(index);
        let value = self.real(table::INPUT, |calls, id| {
            let xs = calls.encode_input(name, id)?;
            batched(calls, name, &xs)
        })?;
        Ok(InputHandle(self.wire(Node::Input(index), value)))
    }

    /// Encodes a ground truth.
    ///
    /// # Errors
    /// As [`Calls::ground_truth`].
    pub fn ground_truth(&mut self, name: &str) -> Result<GroundTruthHandle> {
        let index = call::place("gt_encoder", &self.registry.ground_truths, |encoder| &encoder.name, name)?;
        let value = self.real(table::GROUND_TRUTH, |calls, id| {
            let xs = calls.encode_ground_truth(name, id)?;
            batched(calls, name, &xs)
        })?;
        Ok(GroundTruthHandle(self.wire(Node::GroundTruth(index), value)))
    }

    /// Computes metadata, for its rules alone: metadata feed nothing.
    ///
    /// # Errors
    /// As [`Calls::metadata`].
    pub fn metadata(&mut self, name: &str) -> Result<()> {
        call::place("metadata", &self.registry.metadata, |function| &function.name, name)?;
        self.real(table::METADATA, |calls, id| calls.compute_metadata(name, id))?;
        Ok(())
    }

    /// Computes a latent space of the sample, for its rules alone.
    ///
    /// # Errors
    /// As [`Calls::latent_space`].
    pub fn latent_space(&mut self, name: &str) -> Result<()> {
        call::place("latent_space", &self.registry.latent_spaces, |space| &space.name, name)?;
        self.real(table::LATENT_SPACE, |calls, id| calls.encode_latent_space(name, id))?;
        Ok(())
    }

    /// Makes samples with a simulation and encodes their inputs, for its rules alone.
    ///
    /// # Errors
    /// As [`Calls::simulation`].
    pub fn simulation(&mut self, name: &str, arguments: &SimulationArguments) -> Result<()> {
        call::place("simulation", &self.registry.simulations, |simulation| &simulation.name, name)?;
        if let Some(real) = &mut self.real {
            real.table.enter(table::SIMULATION);
            let made = real.calls.simulation(name, arguments);
            real.table.simulated(name, made.is_ok());
            made?;
        }
        Ok(())
    }

    /// Runs the model on inputs in its order.
    ///
    /// # Errors
    /// `BND-302` when an input is fed twice or there are more than ten; as [`ModelCall::run`].
    pub fn model<'h>(&mut self, inputs: impl IntoIterator<Item = &'h InputHandle>) -> Result<Outputs> {
        self.call_model(inputs.into_iter().map(|input| input.0.clone()).collect(), None)
    }

    /// [`Flow::model`] with the names of the inputs, which the model must have in this order.
    ///
    /// # Errors
    /// As [`Flow::model`] and [`ModelCall::run_named`].
    pub fn model_named<'h, 'n>(
        &mut self,
        inputs: impl IntoIterator<Item = (&'n str, &'h InputHandle)>,
    ) -> Result<Outputs> {
        let (names, wires): (Vec<&str>, Vec<Wire>) =
            inputs.into_iter().map(|(name, input)| (name, input.0.clone())).unzip();
        self.call_model(wires, Some(&names))
    }

    /// Gives the next function's call a name of its own (Tensorleap: `user_unique_name`).
    ///
    /// Without one a call is shown under its function's name, and later calls get `_1`, `_2` appended.
    pub fn named(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    fn call_model(&mut self, wires: Vec<Wire>, names: Option<&[&str]>) -> Result<Outputs> {
        let values = self.values("model", &wires)?;
        let model = self.load_model()?;
        let warnings = self.recorder.feed(self.registry, &wires)?;
        if let Some(real) = &mut self.real {
            warnings.into_iter().for_each(|text| real.calls.warnings.add(text));
        }
        let values: Vec<&Tensor> = values.iter().collect();
        let values = match model {
            None => None,
            Some(model) => Some(match names {
                None => model.run(&values)?,
                Some(names) => model.run_named(&names.iter().copied().zip(values).collect::<Vec<_>>())?,
            }),
        };
        let names = self.registry.predictions.iter().map(|prediction| prediction.name.clone()).collect();
        Ok(Outputs { run: Arc::clone(&self.run), names, values })
    }

    /// The model of a run on real values.
    fn load_model(&mut self) -> Result<Option<ModelCall>, Violation> {
        let given = self.real.as_ref().and_then(|real| real.model.clone());
        self.real(table::LOAD_MODEL, |calls, _| match given {
            Some(model) => Ok(calls.model_call(model, true)),
            None => Ok(ModelCall { tile: true, ..calls.model()? }),
        })
    }

    /// Runs something on real values, if this is such a run, and ticks its row.
    fn real<T>(
        &mut self,
        row: &'static str,
        call: impl FnOnce(&mut Calls<'a>, &SampleId) -> Result<T, Violation>,
    ) -> Result<Option<T>, Violation> {
        let Some(real) = &mut self.real else { return Ok(None) };
        real.table.enter(row);
        let value = call(&mut real.calls, &real.id)?;
        real.table.pass(row);
        Ok(Some(value))
    }

    fn wire(&self, node: Node, value: Option<Tensor>) -> Wire {
        Wire { run: Arc::clone(&self.run), node, value }
    }

    /// The values of wires, which must come from this run; none while the graph is recorded.
    fn values(&self, function: &str, wires: &[Wire]) -> Result<Vec<Tensor>, Violation> {
        if wires.iter().any(|wire| !Arc::ptr_eq(&wire.run, &self.run)) {
            return Err(wiring(function, "handles of this run", "a handle that was kept from another run"));
        }
        Ok(wires.iter().filter_map(|wire| wire.value.clone()).collect())
    }
}

impl fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}

/// An encoder's tensor with a batch axis; one that seems to have it already deserves a warning.
fn batched(calls: &mut Calls<'_>, name: &str, xs: &Tensor) -> Result<Tensor, Violation> {
    if xs.dims().first() == Some(&1) {
        calls.warnings.add(format!(
            "{name}: Tensorleap will add a batch dimension at axis 0 of its tensor, but axis 0 is already of size 1, as if it \
             had one."
        ));
    }
    super::guarded(name, || Ok(xs.unsqueeze(0)?))
}
