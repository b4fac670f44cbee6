//! Single, validated calls of the functions that take tensors: losses, metrics, visualizers, model latent spaces.

use candle_core::Tensor;

use super::call::{Calls, find};
use super::rules;
use crate::binder::handlers::{LatentSpaceFn, TensorsFn};
use crate::binder::{Place, engine_float16, guarded};
use crate::contract::{
    Argument, Code, MetricDirections, MetricResult, SampleId, Violation, Visualization, check_insights,
    resolve_directions, validate_loss,
};

/// What a metric gave, and which way its values get better.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MetricCall {
    /// The values.
    pub result: MetricResult,
    /// One direction, or one for each key of the result.
    pub directions: MetricDirections,
}

impl Calls<'_> {
    /// Computes a loss from batched tensors, one for each of its arguments; `ids` are the samples in the rows.
    ///
    /// # Errors
    /// `BND-004` for an unknown name, `BND-302` for a wrong number of tensors, `BND-202` and `BND-203` when it fails,
    /// `BND-211` for a result of two or more axes.
    pub fn loss(&mut self, name: &str, tensors: &[&Tensor], ids: &[SampleId]) -> Result<Tensor, Violation> {
        let loss = find("loss", &self.registry.losses, |loss| &loss.name, name)?;
        let function = format!("loss::{name}");
        let values = self.halved(&function, &loss.arguments, tensors, ids, &loss.compute)?;
        validate_loss(&function, &values)?;
        Ok(values)
    }

    /// Computes a metric from batched tensors.
    ///
    /// # Errors
    /// As [`Calls::loss`], with `BND-210` for a result that breaks the rules of metrics, declared directions or insights
    /// for keys that the result has not, or another batch than [`super::CallOptions::batch_size`].
    pub fn metric(&mut self, name: &str, tensors: &[&Tensor], ids: &[SampleId]) -> Result<MetricCall, Violation> {
        let metric = find("metric", &self.registry.metrics, |metric| &metric.name, name)?;
        let function = format!("metric::{name}");
        self.check_batch(&function, tensors)?;
        let result = self.halved(&function, &metric.arguments, tensors, ids, &metric.compute)?;
        result.validate(&function, self.options.batch_size)?;
        let insights = metric.compute_insights.as_ref();
        let resolved = resolve_directions(&function, Some(&metric.directions), insights, &result)?;
        if let Some(parameter) = resolved.defaulted {
            self.warnings.defaulted(&parameter, "Downward", name);
        }
        let more = check_insights(&function, insights, &result)?;
        resolved.warnings.into_iter().chain(more).for_each(|text| self.warnings.add(text));
        Ok(MetricCall { result, directions: resolved.directions })
    }

    /// Computes a metric over instances: values for each instance by its number.
    ///
    /// # Errors
    /// As [`Calls::metric`]; `BND-210` unless every instance occurs once and has a tensor of one axis.
    pub fn instance_metric(
        &mut self,
        name: &str,
        tensors: &[&Tensor],
        ids: &[SampleId],
    ) -> Result<Vec<(i64, Tensor)>, Violation> {
        let metric = find("instance_metric", &self.registry.instance_metrics, |metric| &metric.name, name)?;
        let function = format!("instance_metric::{name}");
        self.check_batch(&function, tensors)?;
        let result = self.halved(&function, &metric.arguments, tensors, ids, &metric.compute)?;
        let by_number = result.iter().map(|(number, values)| (number.to_string(), values.clone()));
        MetricResult::map(by_number).validate(&function, self.options.batch_size)?;
        Ok(result)
    }

    /// Computes a latent space from batched tensors of the model.
    ///
    /// # Errors
    /// As [`Calls::loss`]; `BND-213` unless the result is `(n, width)` or more axes with at least one and, after its
    /// reduction, at most 4096 features; `BND-004` for a latent space that is computed from a sample.
    pub fn model_latent_space(
        &mut self,
        name: &str,
        tensors: &[&Tensor],
        ids: &[SampleId],
    ) -> Result<Tensor, Violation> {
        let space = find("latent_space", &self.registry.latent_spaces, |space| &space.name, name)?;
        let function = format!("latent_space::{name}");
        let LatentSpaceFn::Model(compute) = &space.compute else {
            let expected = "one that is computed from the model's tensors";
            return Err(Violation::new(Code::UnknownSource, function, expected, "one that is computed from a sample"));
        };
        let xs = self.halved(&function, &space.arguments, tensors, ids, compute)?;
        rules::latent_space(&function, &xs, true, &space.options, &mut self.warnings)?;
        match self.options.batch_size.filter(|batch| xs.dims().first() != Some(batch)) {
            None => Ok(xs),
            Some(batch) => {
                let expected = format!("a first axis of the batch size, {batch}");
                Err(Violation::new(Code::LatentSpaceResult, function, expected, format!("shape {:?}", xs.dims())))
            }
        }
    }

    /// Draws one sample's tensors, which have no batch axis and keep their precision.
    ///
    /// # Errors
    /// As [`Calls::loss`]; `BND-208` when the payload cannot be built; `BND-302` for a tensor whose first axis is the batch
    /// of [`super::CallOptions::batch_size`].
    pub fn visualizer(&mut self, name: &str, tensors: &[&Tensor], id: &SampleId) -> Result<Visualization, Violation> {
        let visualizer = find("visualizer", &self.registry.visualizers, |visualizer| &visualizer.name, name)?;
        let function = format!("visualizer::{name}");
        self.check_kind(id)?;
        counted(&function, &visualizer.arguments, tensors)?;
        if let Some(batch) = self.options.batch_size.filter(|n| tensors.iter().any(|xs| xs.dims().first() == Some(n))) {
            let found = format!("one whose first axis is the batch size, {batch}");
            return Err(Violation::new(Code::IntegrationTest, function, "tensors without batch dimension", found));
        }
        let place = Place { state: self.state, ids: std::slice::from_ref(id) };
        let payload = guarded(&function, || (visualizer.compute)(tensors, place))
            .map_err(|violation| violation.on(self.state, Some(id)))?;
        self.look_at(&function, &payload);
        Ok(payload)
    }

    /// Asks a payload what will not render well.
    pub(super) fn look_at(&mut self, function: &str, payload: &Visualization) {
        payload.warnings().into_iter().for_each(|text| self.warnings.add(format!("{function}: {text}")));
    }

    /// Calls a function on what the platform's engine would hand it.
    fn halved<T>(
        &mut self,
        function: &str,
        arguments: &[Argument],
        tensors: &[&Tensor],
        ids: &[SampleId],
        compute: &TensorsFn<T>,
    ) -> Result<T, Violation> {
        counted(function, arguments, tensors)?;
        ids.iter().try_for_each(|id| self.check_kind(id))?;
        let mut cast = false;
        let mut given = Vec::with_capacity(tensors.len());
        for xs in tensors {
            let (xs, half) = match self.options.float16 {
                true => guarded(function, || Ok(engine_float16(xs)?))?,
                false => ((*xs).clone(), false),
            };
            cast |= half;
            given.push(xs);
        }
        let given: Vec<&Tensor> = given.iter().collect();
        guarded(function, || compute(&given, Place { state: self.state, ids })).map_err(|mut violation| {
            if cast {
                let name = function.rsplit("::").next().unwrap_or(function);
                self.notes.push(format!(
                    "note: {name}() received its tensors as float16 — the platform stores every tensor at that precision, so \
                     the local test feeds the same dtype the engine will. If the failure above is a dtype mismatch, cast \
                     inside the function."
                ));
                violation.found.push_str("; the function received its tensors as float16, as on the platform");
            }
            violation.on(self.state, ids.first().map(|id| id as _))
        })
    }

    fn check_batch(&self, function: &str, tensors: &[&Tensor]) -> Result<(), Violation> {
        let Some(batch) = self.options.batch_size else { return Ok(()) };
        match tensors.iter().find(|xs| xs.dims().first() != Some(&batch)) {
            None => Ok(()),
            Some(xs) => {
                let expected = format!("tensors whose first axis is the batch size, {batch}");
                Err(Violation::new(Code::MetricResult, function, expected, format!("shape {:?}", xs.dims())))
            }
        }
    }
}

/// A function takes at least one tensor, and as many as it has arguments.
pub(super) fn counted<T>(function: &str, arguments: &[Argument], tensors: &[T]) -> Result<(), Violation> {
    let names: Vec<&str> = arguments.iter().map(|argument| &*argument.name).collect();
    if arguments.is_empty() {
        return Err(Violation::new(Code::IntegrationTest, function, "at least one positional argument", "none"));
    }
    if tensors.len() == arguments.len() {
        return Ok(());
    }
    let found = format!("{} tensors", tensors.len());
    Err(Violation::new(Code::IntegrationTest, function, format!("one tensor for each argument, {names:?}"), found))
}
