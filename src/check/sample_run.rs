use std::borrow::Cow;
use std::cell::OnceCell;

use candle_core::Tensor;

use super::function::{Feed, Function, FunctionKind};
use super::observation::Failure;
use super::reference::References;
use super::rules::tensor::{self, Scan, scan, unreadable};
use super::rules::{Rule, RuleSet, metadata};
use super::tally::{Outcome, Seen};
use crate::binder::flow::latent_space_rules;
use crate::binder::{AnySample, LatentSpaceFn, Place, Registry, guarded};
use crate::contract::{Code, DataState, MetricResult, SampleId, SingleMetric, Violation, Visualization, validate_loss};
use crate::imaging::ImageSpec;

type Encoded = Result<(Tensor, Scan), Box<Failure>>;
type Cells = Vec<OnceCell<Encoded>>;

/// One loaded sample and what its encoders gave; each encoder runs once however many functions read it.
pub(super) struct SampleRun<'a> {
    registry: &'a Registry,
    rules: RuleSet,
    references: Option<&'a References>,
    state: DataState,
    id: &'a SampleId,
    sample: Result<Box<AnySample>, Box<Failure>>,
    inputs: Cells,
    ground_truths: Cells,
}

impl<'a> SampleRun<'a> {
    /// Holds a loaded sample against `rules`, and against the first training sample where that is known.
    pub(super) fn new(
        registry: &'a Registry,
        rules: RuleSet,
        references: Option<&'a References>,
        state: DataState,
        id: &'a SampleId,
        sample: Result<Box<AnySample>, Box<Failure>>,
    ) -> Self {
        let cells = |count| (0..count).map(|_| OnceCell::new()).collect();
        let (inputs, ground_truths) = (cells(registry.inputs.len()), cells(registry.ground_truths.len()));
        Self { registry, rules, references, state, id, sample, inputs, ground_truths }
    }

    /// Runs one function and its rules.
    pub(super) fn run(&self, function: &Function) -> Outcome {
        if !function.runs_on(self.state) {
            return Outcome::Skipped(Cow::Borrowed("it needs ground truth"));
        }
        let sample = match (&self.sample, function.kind) {
            (Err(failure), FunctionKind::Load) => return Outcome::Failed(failure.clone()),
            (Err(_), _) => return Outcome::Skipped(Cow::Borrowed("the sample could not be loaded")),
            (Ok(sample), _) => sample.as_ref(),
        };
        let encoded = |found: &Encoded| match found {
            Ok((xs, scan)) => Outcome::Passed(Seen::Tensor(xs.clone(), *scan)),
            Err(failure) => Outcome::Failed(failure.clone()),
        };
        match function.kind {
            FunctionKind::Load => Outcome::Passed(Seen::Nothing),
            FunctionKind::InputEncoder => encoded(self.input(function.index, &function.title, sample)),
            FunctionKind::GtEncoder => encoded(self.ground_truth(function.index, &function.title, sample)),
            FunctionKind::Metadata => self.judged(self.metadata(function, sample)),
            FunctionKind::LatentSpace => self.judged(self.latent_space(function, sample)),
            FunctionKind::Visualizer | FunctionKind::Loss | FunctionKind::Metric => self.reading(function, sample),
        }
    }

    /// The tensor that an encoder gave, if it gave one.
    pub(super) fn encoded(&self, functions: &[Function], feed: Feed) -> Option<Tensor> {
        let sample = self.sample.as_ref().ok()?.as_ref();
        let title = |kind, place: usize| {
            functions.iter().find(|function| function.kind == kind && function.index == place).map(|f| &*f.title)
        };
        let found = match feed {
            Feed::Input(place) => self.input(place, title(FunctionKind::InputEncoder, place)?, sample),
            Feed::GroundTruth(place) => self.ground_truth(place, title(FunctionKind::GtEncoder, place)?, sample),
            Feed::Prediction(_) | Feed::Wired => return None,
        };
        found.as_ref().ok().map(|(xs, _)| xs.clone())
    }

    fn place(&self) -> Place<'_> {
        Place { state: self.state, ids: std::slice::from_ref(self.id) }
    }

    fn failure(&self, violation: Violation) -> Box<Failure> {
        Box::new(violation.on(self.state, Some(self.id)).into())
    }

    fn judged(&self, result: Result<Seen, Violation>) -> Outcome {
        match result {
            Ok(seen) => Outcome::Passed(seen),
            Err(violation) => Outcome::Failed(self.failure(violation)),
        }
    }

    /// Whether this is the one that the others are held against.
    fn is_reference(&self, references: &References) -> bool {
        (self.state, self.id) == (references.state, &references.id)
    }

    fn input(&self, index: usize, title: &str, sample: &AnySample) -> &Encoded {
        let encode = || {
            let encoder = &self.registry.inputs[index];
            let xs = guarded(title, || (encoder.encode)(sample, self.place()))?;
            let declared = encoder.image.as_ref().map(ImageSpec::shape);
            let known = self.references.and_then(|references| references.inputs[index].as_deref());
            self.verified(title, xs, declared.as_ref().map(|shape| &shape[..]), known)
        };
        self.inputs[index].get_or_init(|| encode().map_err(|violation| self.failure(violation)))
    }

    fn ground_truth(&self, index: usize, title: &str, sample: &AnySample) -> &Encoded {
        let encode = || {
            let encoder = &self.registry.ground_truths[index];
            let xs = guarded(title, || (encoder.encode)(sample, self.place()))?;
            // A missing label is an empty tensor.
            let known = self.references.and_then(|references| references.ground_truths[index].as_deref());
            let known = known.filter(|_| xs.elem_count() > 0);
            self.verified(title, xs, None, known)
        };
        self.ground_truths[index].get_or_init(|| encode().map_err(|violation| self.failure(violation)))
    }

    fn verified(
        &self,
        title: &str,
        xs: Tensor,
        declared: Option<&[usize]>,
        known: Option<&[usize]>,
    ) -> Result<(Tensor, Scan), Violation> {
        if self.rules.has(Rule::Dtype) {
            tensor::dtype(title, &xs)?;
        }
        if self.rules.has(Rule::Shape) {
            let reference = self.references.map_or("", |references| &references.sample);
            tensor::shape(title, &xs, declared, known, reference)?;
        }
        let scan = scan(&xs).map_err(|error| unreadable(title, error))?;
        if self.rules.has(Rule::Finite) && !scan.finite {
            return Err(tensor::not_finite(title, &xs));
        }
        Ok((xs, scan))
    }

    fn latent_space(&self, function: &Function, sample: &AnySample) -> Result<Seen, Violation> {
        let (title, space) = (&*function.title, &self.registry.latent_spaces[function.index]);
        let LatentSpaceFn::Dataset(compute) = &space.compute else { return Ok(Seen::Nothing) };
        let xs = guarded(title, || compute(sample, self.place()))?;
        latent_space_rules(title, &xs, &space.options)?;
        let scan = scan(&xs).map_err(|error| unreadable(title, error))?;
        if self.rules.has(Rule::Finite) && !scan.finite {
            return Err(tensor::not_finite(title, &xs));
        }
        Ok(Seen::Tensor(xs, scan))
    }

    fn metadata(&self, function: &Function, sample: &AnySample) -> Result<Seen, Violation> {
        let handler = &self.registry.metadata[function.index];
        let title = &*function.title;
        let found = guarded(title, || (handler.compute)(sample, self.place()))?;
        let Some(references) = self.references else { return Ok(Seen::Metadata(found)) };
        if let Some(known) = &references.metadata[function.index] {
            if self.rules.has(Rule::Shape) {
                known.same_keys(title, &references.sample, &found)?;
            }
            if self.rules.has(Rule::Dtype) {
                known.same_types(title, &references.sample, &found)?;
            }
        }
        if self.rules.has(Rule::Dtype) && self.is_reference(references) {
            metadata::known_types(title, handler.declared.as_ref(), &found)?;
        }
        Ok(Seen::Metadata(found))
    }

    /// A function that reads tensors.
    fn reading(&self, function: &Function, sample: &AnySample) -> Outcome {
        let mut tensors = Vec::with_capacity(function.feeds.len());
        let mut fits = true;
        for feed in &function.feeds {
            match self.fed(function, *feed, sample) {
                Ok((xs, known)) => {
                    fits &= known;
                    tensors.push(xs);
                }
                Err(reason) => return Outcome::Skipped(reason),
            }
        }
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        let result = match function.kind {
            FunctionKind::Visualizer => self.visualizer(function, &tensors),
            FunctionKind::Loss => self.loss(function, &tensors),
            _ => self.metric(function, &tensors),
        };
        match result {
            Err(violation) if !fits => Outcome::Skipped(Cow::Owned(format!(
                "it fails on a stand-in for the model's output, whose shape is not known: {}",
                violation.found
            ))),
            result => self.judged(result),
        }
    }

    /// The tensor for one argument, and whether it is like what the function is given in earnest.
    fn fed(&self, function: &Function, feed: Feed, sample: &AnySample) -> Result<(Tensor, bool), Cow<'static, str>> {
        let failed = |kind: &str, name: &str| Cow::Owned(format!("{kind}::{name} failed"));
        let xs = match feed {
            Feed::Wired => return Err(Cow::Borrowed("only the integration test feeds it")),
            Feed::Prediction(place) => {
                let stand_in = self.references.and_then(|references| references.stand_ins[place].as_ref());
                let stand_in = stand_in.ok_or(Cow::Borrowed("there is no stand-in for the model's output"))?;
                let alone = function.kind == FunctionKind::Visualizer;
                return Ok((if alone { stand_in.one.clone() } else { stand_in.batch.clone() }, stand_in.fits));
            }
            Feed::Input(place) => {
                let name = &self.registry.inputs[place].name;
                let title = || format!("input_encoder::{name}");
                let found = match self.inputs[place].get() {
                    Some(found) => found,
                    None => self.input(place, &title(), sample),
                };
                found.as_ref().map_err(|_| failed("input_encoder", name))?.0.clone()
            }
            Feed::GroundTruth(place) => {
                let name = &self.registry.ground_truths[place].name;
                let title = || format!("gt_encoder::{name}");
                let found = match self.ground_truths[place].get() {
                    Some(found) => found,
                    None => self.ground_truth(place, &title(), sample),
                };
                let xs = found.as_ref().map_err(|_| failed("gt_encoder", name))?.0.clone();
                if xs.elem_count() == 0 {
                    return Err(Cow::Borrowed("the sample has no label"));
                }
                xs
            }
        };
        if function.kind == FunctionKind::Visualizer {
            return Ok((xs, true));
        }
        xs.unsqueeze(0).map(|xs| (xs, true)).map_err(|error| Cow::Owned(error.to_string()))
    }

    fn visualizer(&self, function: &Function, tensors: &[&Tensor]) -> Result<Seen, Violation> {
        let visualizer = &self.registry.visualizers[function.index];
        let payload: Visualization = guarded(&function.title, || (visualizer.compute)(tensors, self.place()))?;
        if self.rules.has(Rule::Black) && payload.would_render_black() {
            let found = format!("{payload} with no pixel above level 1");
            return Err(Violation::new(Code::BlackVisualizer, &*function.title, "a picture that can be seen", found));
        }
        Ok(Seen::Visual(payload))
    }

    fn loss(&self, function: &Function, tensors: &[&Tensor]) -> Result<Seen, Violation> {
        let loss = &self.registry.losses[function.index];
        let title = &*function.title;
        let result = guarded(title, || (loss.compute)(tensors, self.place()))?;
        validate_loss(title, &result)?;
        if result.elem_count() != 1 {
            let expected = "one value for each sample: shape [1] for a batch of one";
            return Err(Violation::new(Code::LossResult, title, expected, format!("{:?}", result.dims())));
        }
        let scan = scan(&result).map_err(|error| unreadable(title, error))?;
        if (self.rules.has(Rule::Finite) || self.rules.has(Rule::Loss)) && !scan.finite {
            return Err(tensor::not_finite(title, &result));
        }
        Ok(Seen::Tensor(result, scan))
    }

    fn metric(&self, function: &Function, tensors: &[&Tensor]) -> Result<Seen, Violation> {
        let metric = &self.registry.metrics[function.index];
        let title = &*function.title;
        let result = guarded(title, || (metric.compute)(tensors, self.place()))?;
        result.validate(title, Some(1))?;
        match result {
            MetricResult::Single(SingleMetric::Values(values)) => {
                let scan = scan(&values).map_err(|error| unreadable(title, error))?;
                Ok(Seen::Tensor(values, scan))
            }
            _ => Ok(Seen::Nothing),
        }
    }
}
