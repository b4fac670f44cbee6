//! Single, validated calls of a binder's functions on samples: what an integration test is made of.

use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;

use super::model::ModelCall;
use super::options::CallOptions;
use super::report::Warnings;
use super::rules;
use crate::binder::handlers::{LatentSpace, LatentSpaceFn};
use crate::binder::{AnySample, Place, Registry, guarded};
use crate::contract::{
    Code, DataState, LeapModel, Metadata, SampleId, SimulationArguments, Subset, Violation, broken_simulation,
};

/// Direct calls of a binder's functions on one subset, with code_loader's rules for arguments and results.
///
/// Values have no batch axis where they come from a sample, and one where losses, metrics and model latent spaces take
/// them. A sample is loaded once for all calls that name it in a row. What is allowed but deserves a look is gathered in
/// [`Calls::warnings`].
///
/// An id must be of the type of the subset's ids; it is not looked up in the subset, loading it is what fails.
pub struct Calls<'a> {
    pub(super) registry: &'a Registry,
    pub(super) state: DataState,
    pub(super) options: CallOptions,
    pub(super) warnings: Warnings,
    pub(super) notes: Vec<String>,
    grouped: bool,
    kind: Option<&'static str>,
    loaded: Option<(SampleId, Box<AnySample>)>,
}

impl fmt::Debug for Calls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("state", &self.state).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Registry {
    /// Direct calls on a subset that [`Registry::subsets`] listed, or one of your own.
    pub fn calls(&self, subset: &Subset, options: CallOptions) -> Calls<'_> {
        Calls {
            registry: self,
            state: subset.state,
            options,
            warnings: Warnings::registered(self),
            notes: Vec::new(),
            grouped: subset.is_grouped(),
            kind: subset.sample_ids.first().map(SampleId::kind),
            loaded: None,
        }
    }
}

impl<'a> Calls<'a> {
    /// What deserves a look in the calls so far.
    pub const fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// Hints on calls that failed.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Encodes an input of one sample.
    ///
    /// # Errors
    /// `BND-004` for an unknown name, `BND-106` and `BND-108` for an id that does not fit the subset, `BND-201` to `BND-203`
    /// when the sample cannot be loaded or the encoder fails, `BND-204` unless the tensor is float32, `BND-003` when the
    /// channel axis lies beyond it.
    pub fn input(&mut self, name: &str, id: &SampleId) -> Result<Tensor, Violation> {
        self.flat()?;
        self.encode_input(name, id)
    }

    /// Encodes an input of samples that are loaded together.
    ///
    /// # Errors
    /// As [`Calls::input`]; `BND-212` when the group is not loaded whole.
    pub fn input_group(&mut self, name: &str, ids: &[SampleId]) -> Result<Vec<Tensor>, Violation> {
        self.group(ids, |calls, id| calls.encode_input(name, id))
    }

    /// Encodes a ground truth of one sample. A missing label is an empty float32 tensor.
    ///
    /// # Errors
    /// As [`Calls::input`], without the channel axis.
    pub fn ground_truth(&mut self, name: &str, id: &SampleId) -> Result<Tensor, Violation> {
        self.flat()?;
        self.encode_ground_truth(name, id)
    }

    /// Encodes a ground truth of samples that are loaded together.
    ///
    /// # Errors
    /// As [`Calls::input_group`].
    pub fn ground_truth_group(&mut self, name: &str, ids: &[SampleId]) -> Result<Vec<Tensor>, Violation> {
        self.group(ids, |calls, id| calls.encode_ground_truth(name, id))
    }

    /// Computes the metadata of one sample.
    ///
    /// # Errors
    /// As [`Calls::input`], without the rules of tensors.
    pub fn metadata(&mut self, name: &str, id: &SampleId) -> Result<Metadata, Violation> {
        self.flat()?;
        self.compute_metadata(name, id)
    }

    /// Computes the metadata of samples that are loaded together.
    ///
    /// # Errors
    /// As [`Calls::metadata`]; `BND-212` when the group is not loaded whole.
    pub fn metadata_group(&mut self, name: &str, ids: &[SampleId]) -> Result<Vec<Metadata>, Violation> {
        self.group(ids, |calls, id| calls.compute_metadata(name, id))
    }

    /// Computes a latent space of one sample.
    ///
    /// # Errors
    /// As [`Calls::metadata`]; `BND-213` for a tensor without features, wider than 4096 after its reduction, or without the
    /// axis that is kept; `BND-004` for one that is computed from the model's tensors or of an instance.
    pub fn latent_space(&mut self, name: &str, id: &SampleId) -> Result<Tensor, Violation> {
        self.flat()?;
        self.encode_latent_space(name, id)
    }

    /// Computes a latent space of one instance of a sample.
    ///
    /// # Errors
    /// As [`Calls::latent_space`], without a limit of the width.
    pub fn instance_latent_space(&mut self, name: &str, id: &SampleId, instance: usize) -> Result<Tensor, Violation> {
        self.flat()?;
        let space = find("latent_space", &self.registry.latent_spaces, |space| &space.name, name)?;
        let function = format!("latent_space::{name}");
        let LatentSpaceFn::Instance(compute) = &space.compute else {
            return Err(elsewhere(space, "one of an instance"));
        };
        let xs = self.on_sample(id, |sample, _| guarded(&function, || compute(sample, instance)))?;
        if xs.elem_count() == 0 {
            let found = format!("no features, shape {:?}", xs.dims());
            return Err(Violation::new(Code::LatentSpaceResult, function, "at least one feature", found));
        }
        if xs.rank() > 1 {
            self.warnings.add(format!("{function}: a tensor of shape {:?} will be flattened.", xs.dims()));
        }
        rules::values(&function, &xs, &mut self.warnings)?;
        Ok(xs)
    }

    /// Makes samples and encodes every input of each.
    ///
    /// # Errors
    /// `BND-004` for an unknown simulation, `BND-008` unless exactly its parameters are given and at least one sample is
    /// asked for, `BND-214` when it makes none, `BND-202` and `BND-203` when it or an encoder fails.
    pub fn simulation(&mut self, name: &str, arguments: &SimulationArguments) -> Result<Vec<Vec<Tensor>>, Violation> {
        let registry = self.registry;
        let simulation = find("simulation", &registry.simulations, |simulation| &simulation.name, name)?;
        let function = format!("simulation::{name}");
        let wanted: Vec<&str> = simulation.parameters.iter().map(|(parameter, _)| &**parameter).collect();
        let given: Vec<&str> = arguments.parameters.iter().map(|(parameter, _)| &**parameter).collect();
        if wanted.len() != given.len() || wanted.iter().any(|parameter| !given.contains(parameter)) {
            return Err(broken_simulation(&function, format!("the parameters {wanted:?}"), format!("{given:?}")));
        }
        if arguments.samples == 0 {
            return Err(broken_simulation(&function, "at least one sample to make", "0"));
        }
        let samples = guarded(&function, || (simulation.simulate)(arguments))?;
        if samples.is_empty() {
            return Err(Violation::new(Code::SimulationResult, function, "at least one sample", "none"));
        }
        let encode = |(number, sample): (i64, &AnySample)| {
            let ids = [SampleId::Int(number)];
            let place = Place { state: DataState::Additional, ids: &ids };
            let inputs = registry.inputs.iter().map(|encoder| {
                let function = format!("input_encoder::{}", encoder.name);
                let xs = guarded(&function, || (encoder.encode)(sample, place))?;
                rules::encoder(&function, &xs, Some(encoder.channel_dim))?;
                Ok(xs)
            });
            inputs.collect::<Result<Vec<_>, _>>()
        };
        (0..).zip(samples.iter().map(|sample| &**sample)).map(encode).collect()
    }

    /// The registered model, loaded at the first call; a fixed batch is left as it is.
    ///
    /// # Errors
    /// `BND-302` when none is registered, `BND-202` and `BND-203` when loading fails.
    pub fn model(&self) -> Result<ModelCall, Violation> {
        match &self.registry.load_model {
            Some(load) => Ok(self.model_call(load.get()?, false)),
            None => {
                let expected = "a model, registered with `load_model` or given to the test";
                Err(Violation::new(Code::IntegrationTest, "load_model", expected, "none"))
            }
        }
    }

    pub(super) fn model_call(&self, model: Arc<dyn LeapModel>, tile: bool) -> ModelCall {
        ModelCall { model, predictions: self.registry.predictions.len(), tile }
    }

    pub(super) fn encode_input(&mut self, name: &str, id: &SampleId) -> Result<Tensor, Violation> {
        let encoder = find("input_encoder", &self.registry.inputs, |encoder| &encoder.name, name)?;
        let function = format!("input_encoder::{name}");
        self.on_sample(id, |sample, place| {
            let xs = guarded(&function, || (encoder.encode)(sample, place))?;
            rules::encoder(&function, &xs, Some(encoder.channel_dim))?;
            Ok(xs)
        })
    }

    pub(super) fn encode_ground_truth(&mut self, name: &str, id: &SampleId) -> Result<Tensor, Violation> {
        let encoder = find("gt_encoder", &self.registry.ground_truths, |encoder| &encoder.name, name)?;
        let function = format!("gt_encoder::{name}");
        self.on_sample(id, |sample, place| {
            let xs = guarded(&function, || (encoder.encode)(sample, place))?;
            rules::encoder(&function, &xs, None)?;
            Ok(xs)
        })
    }

    pub(super) fn compute_metadata(&mut self, name: &str, id: &SampleId) -> Result<Metadata, Violation> {
        let metadata = find("metadata", &self.registry.metadata, |function| &function.name, name)?;
        let function = format!("metadata::{name}");
        self.on_sample(id, |sample, place| guarded(&function, || (metadata.compute)(sample, place)))
    }

    pub(super) fn encode_latent_space(&mut self, name: &str, id: &SampleId) -> Result<Tensor, Violation> {
        let space = find("latent_space", &self.registry.latent_spaces, |space| &space.name, name)?;
        let function = format!("latent_space::{name}");
        let LatentSpaceFn::Dataset(compute) = &space.compute else {
            return Err(elsewhere(space, "one that is computed from a sample"));
        };
        let xs = self.on_sample(id, |sample, place| guarded(&function, || compute(sample, place)))?;
        rules::latent_space(&function, &xs, false, &space.options, &mut self.warnings)?;
        Ok(xs)
    }

    /// Keeps a sample that was loaded with its group.
    pub(super) fn keep(&mut self, id: SampleId, sample: Box<AnySample>) {
        self.loaded = Some((id, sample));
    }

    /// Runs something on a sample, which is loaded unless it was the last one.
    pub(super) fn on_sample<T>(
        &mut self,
        id: &SampleId,
        call: impl FnOnce(&AnySample, Place<'_>) -> Result<T, Violation>,
    ) -> Result<T, Violation> {
        self.check_kind(id)?;
        let (registry, state) = (self.registry, self.state);
        let on = |violation: Violation| violation.on(state, Some(id));
        let loaded = match self.loaded.take() {
            Some(loaded) if loaded.0 == *id => loaded,
            _ => {
                let load = guarded("load", || registry.dataset.load(id, state));
                (id.clone(), load.map_err(Violation::loading).map_err(on)?)
            }
        };
        let (_, sample) = self.loaded.insert(loaded);
        call(&**sample, Place { state, ids: std::slice::from_ref(id) }).map_err(on)
    }

    pub(super) fn check_kind(&self, id: &SampleId) -> Result<(), Violation> {
        match self.kind {
            Some(kind) if kind != id.kind() => {
                let expected = format!("an id of the same type as the subset's, {kind}");
                let violation = Violation::new(Code::MixedIdTypes, "sample_id", expected, id.kind());
                Err(violation.on(self.state, Some(id)))
            }
            _ => Ok(()),
        }
    }

    fn flat(&self) -> Result<(), Violation> {
        if !self.grouped {
            return Ok(());
        }
        let found = "a single sample id for a grouped subset";
        Err(Violation::new(Code::MixedGrouping, "sample_id", "the ids of a group", found).on(self.state, None))
    }

    pub(super) fn load_group(&self, ids: &[SampleId]) -> Result<Vec<Box<AnySample>>, Violation> {
        if !self.grouped {
            let found = "a group of ids, but the subset is not grouped";
            return Err(
                Violation::new(Code::MixedGrouping, "sample_id", "a single sample id", found).on(self.state, None)
            );
        }
        ids.iter().try_for_each(|id| self.check_kind(id))?;
        let first = ids.first();
        self.registry.load_group(self.state, ids).map_err(|violation| violation.on(self.state, first.map(|id| id as _)))
    }

    fn group<T>(
        &mut self,
        ids: &[SampleId],
        mut call: impl FnMut(&mut Self, &SampleId) -> Result<T, Violation>,
    ) -> Result<Vec<T>, Violation> {
        let samples = self.load_group(ids)?;
        let mut results = Vec::with_capacity(ids.len());
        for (id, sample) in ids.iter().zip(samples) {
            self.keep(id.clone(), sample);
            results.push(call(self, id)?);
        }
        Ok(results)
    }
}

/// A registered function by its name.
pub(super) fn find<'f, F>(
    kind: &str,
    functions: &'f [F],
    name_of: fn(&F) -> &str,
    name: &str,
) -> Result<&'f F, Violation> {
    place(kind, functions, name_of, name).map(|place| &functions[place])
}

/// A registered function's place by its name.
pub(super) fn place<F>(kind: &str, functions: &[F], name_of: fn(&F) -> &str, name: &str) -> Result<usize, Violation> {
    functions.iter().position(|function| name_of(function) == name).ok_or_else(|| {
        let known: Vec<&str> = functions.iter().map(name_of).collect();
        let expected = format!("a registered function, one of {known:?}");
        Violation::new(Code::UnknownSource, format!("{kind}::{name}"), expected, format!("{name:?}"))
    })
}

fn elsewhere(space: &LatentSpace, expected: &str) -> Violation {
    let found = match &space.compute {
        LatentSpaceFn::Dataset(_) => "one that is computed from a sample",
        LatentSpaceFn::Model(_) => "one that is computed from the model's tensors",
        LatentSpaceFn::Instance(_) => "one of an instance",
    };
    Violation::new(Code::UnknownSource, format!("latent_space::{}", space.name), expected, found)
}
