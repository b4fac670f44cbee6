use candle_core::{DType, Device, Tensor};

use super::tensor::with_values;
use super::{Rule, thinned};
use crate::binder::{Place, guarded};
use crate::check::finding::Judged;
use crate::check::function::{Feed, Function};
use crate::check::session::Session;
use crate::contract::{Code, DataState, SampleId, Subset, Violation};
use crate::rng::SplitMix64;

/// Samples in the batch.
const SAMPLES: usize = 8;
/// How far a prediction is moved from an even one to the truth, or away from it.
const MOVE: f64 = 0.9;
/// How much two values of one sample may differ: floats added in another order.
const RELATIVE: f32 = 1e-4;
const ABSOLUTE: f32 = 1e-5;

/// Tries a loss on a batch of real samples with stand-in predictions.
pub(in crate::check) fn judge(session: &Session<'_>, function: &Function) -> Judged {
    let mut judged = Judged::default();
    let labelled = session.subsets.iter().find(|subset| subset.state != DataState::Unlabeled);
    let Some(subset) = labelled else { return judged };
    match Probe::new(session, function, subset) {
        Err(reason) => judged.skip(Rule::Loss, &function.title, reason),
        Ok(probe) => {
            let result = probe.per_sample().map_err(Stop::from).and_then(|()| probe.falls());
            match result {
                Ok(()) => {}
                Err(Stop::Skipped(reason)) => judged.skip(Rule::Loss, &function.title, reason),
                Err(Stop::Broken(violation)) if probe.fits => judged.fail(Rule::Loss, *violation),
                Err(Stop::Broken(violation)) => {
                    let reason = "it fails on a stand-in for the model's output, whose shape is not known";
                    judged.skip(Rule::Loss, &function.title, format!("{reason}: {}", violation.found));
                }
            }
        }
    }
    judged
}

/// Why a probe goes no further.
enum Stop {
    Broken(Box<Violation>),
    Skipped(String),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Broken(Box::new(violation))
    }
}

impl From<candle_core::Error> for Stop {
    fn from(error: candle_core::Error) -> Self {
        Self::Skipped(error.to_string())
    }
}

/// A loss and a batch for it.
struct Probe<'s> {
    session: &'s Session<'s>,
    function: &'s Function,
    state: DataState,
    ids: Vec<SampleId>,
    /// One batched tensor for each argument, varied ones for predictions.
    tensors: Vec<Tensor>,
    /// Whether the predictions' shapes are the model's, as far as can be told.
    fits: bool,
}

impl<'s> Probe<'s> {
    fn new(session: &'s Session<'s>, function: &'s Function, subset: &Subset) -> Result<Self, String> {
        if function.feeds.contains(&Feed::Wired) {
            return Err("only the integration test feeds it".to_owned());
        }
        let mut ids = Vec::new();
        let mut rows: Vec<Vec<Option<Tensor>>> = Vec::new();
        for place in thinned(&(0..subset.len()).collect::<Vec<_>>(), SAMPLES) {
            let run = session.sample(subset, place);
            let row: Option<Vec<Option<Tensor>>> = function
                .feeds
                .iter()
                .map(|feed| match feed {
                    Feed::Prediction(_) => Some(None),
                    _ => run.encoded(&session.functions, *feed).filter(|xs| xs.elem_count() > 0).map(Some),
                })
                .collect();
            let shapes = |row: &[Option<Tensor>]| {
                row.iter().map(|xs| xs.as_ref().map(|xs| xs.dims().to_vec())).collect::<Vec<_>>()
            };
            if let Some(row) = row.filter(|row| rows.first().is_none_or(|first| shapes(first) == shapes(row))) {
                rows.push(row);
                ids.push(subset.sample_ids[place].clone());
            }
        }
        if rows.len() < 2 {
            return Err(format!("{} labelled samples that fit into one batch, two are needed", rows.len()));
        }
        let mut fits = true;
        let mut tensors = Vec::new();
        for (place, feed) in function.feeds.iter().enumerate() {
            let batch = if let Feed::Prediction(prediction) = feed {
                let references = session.references();
                let stand_in = references.and_then(|references| references.stand_ins[*prediction].as_ref());
                let stand_in = stand_in.ok_or("there is no stand-in for the model's output")?;
                fits &= stand_in.fits;
                varied(rows.len(), stand_in.one.elem_count())
            } else {
                Tensor::stack(&rows.iter().filter_map(|row| row[place].as_ref()).collect::<Vec<_>>(), 0)
            };
            tensors.push(batch.map_err(|error| error.to_string())?);
        }
        Ok(Self { session, function, state: subset.state, ids, tensors, fits })
    }

    /// The loss's values on a batch, which must be one finite value for each sample.
    fn values(&self, tensors: &[Tensor], ids: &[SampleId]) -> Result<Vec<f32>, Violation> {
        let title = &*self.function.title;
        let on = |violation: Violation, id: Option<&SampleId>| violation.on(self.state, id.map(|id| id as _));
        let loss = &self.session.registry.losses[self.function.index];
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        let place = Place { state: self.state, ids };
        let result = guarded(title, || (loss.compute)(&tensors, place)).map_err(|violation| on(violation, None))?;
        if result.dims() != [ids.len()] {
            let code = if result.rank() < 2 { Code::LossNotPerSample } else { Code::LossResult };
            let expected = format!("shape [{}] for a batch of {}", ids.len(), ids.len());
            return Err(on(Violation::new(code, title, expected, format!("shape {:?}", result.dims())), None));
        }
        let values =
            with_values(&result, <[f32]>::to_vec).map_err(|error| on(super::tensor::unreadable(title, error), None))?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(place) => {
                let violation = Violation::new(Code::NotFinite, title, "a finite value", values[place].to_string());
                Err(on(violation, ids.get(place)))
            }
        }
    }

    /// A sample's value depends neither on the others in its batch nor on their order.
    fn per_sample(&self) -> Result<(), Violation> {
        let together = self.values(&self.tensors, &self.ids)?;
        let unreadable = |error| super::tensor::unreadable(&self.function.title, error);
        let count = self.ids.len();
        for (place, id) in self.ids.iter().enumerate() {
            let row = |xs: &Tensor| xs.narrow(0, place, 1);
            let row = self.tensors.iter().map(row).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
            let alone = self.values(&row, std::slice::from_ref(id))?;
            self.equal(id, together[place], alone[0], "alone")?;
        }
        // One step round: unlike a reversal, it is seen even if the loss itself reverses its result.
        let turned = |xs: &Tensor| Tensor::cat(&[xs.narrow(0, 1, count - 1)?, xs.narrow(0, 0, 1)?], 0);
        let batch = self.tensors.iter().map(turned).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let mut ids = self.ids.clone();
        ids.rotate_left(1);
        let values = self.values(&batch, &ids)?;
        for (place, id) in self.ids.iter().enumerate() {
            self.equal(id, together[place], values[(place + count - 1) % count], "when the batch is in another order")?;
        }
        Ok(())
    }

    fn equal(&self, id: &SampleId, batched: f32, other: f32, how: &str) -> Result<(), Violation> {
        if (batched - other).abs() <= ABSOLUTE + RELATIVE * batched.abs().max(other.abs()) {
            return Ok(());
        }
        let expected = format!("{batched}, as in a batch of {}", self.ids.len());
        let found = format!("{other} {how}");
        Err(Violation::new(Code::LossNotPerSample, &*self.function.title, expected, found).on(self.state, Some(id)))
    }

    /// It falls when the prediction moves from an even one to the truth, and is larger when it moves away.
    fn falls(&self) -> Result<(), Stop> {
        let skip = |reason: &str| Err(Stop::Skipped(format!("whether it falls: {reason}")));
        let at = |wanted: fn(&Feed) -> bool| {
            let mut places = self.function.feeds.iter().enumerate().filter(|(_, feed)| wanted(feed));
            places.next().filter(|_| places.next().is_none()).map(|(place, _)| place)
        };
        let truth = at(|feed| matches!(feed, Feed::GroundTruth(_)));
        let Some((truth, prediction)) = truth.zip(at(|feed| matches!(feed, Feed::Prediction(_)))) else {
            return skip("it does not read one ground truth and one prediction");
        };
        if self.tensors[truth].dims() != self.tensors[prediction].dims() {
            return skip("the ground truth's width is not that of the prediction's labels");
        }
        let truths = self.tensors[truth].to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let Some(even) = even(&truths) else { return skip("the ground truth is no distribution over the labels") };
        let moved = |target: &dyn Fn(&[f32], usize) -> f32| {
            let rows = truths
                .iter()
                .flat_map(|row| (0..row.len()).map(move |class| even + MOVE as f32 * (target(row, class) - even)));
            let rows: Vec<f32> = rows.collect();
            Tensor::from_vec(rows, self.tensors[prediction].dims(), &Device::Cpu)
        };
        let one_hot = truths.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let wrong = |row: &[f32], class: usize| {
            if one_hot { row[(class + 1) % row.len()] } else { 1.0 - row[class] }
        };
        let values = |prediction_tensor: Tensor| {
            let mut tensors = self.tensors.clone();
            tensors[prediction] = prediction_tensor;
            self.values(&tensors, &self.ids)
        };
        let (even_loss, toward, away) =
            (values(moved(&|_, _| even)?)?, values(moved(&|row, class| row[class])?)?, values(moved(&wrong)?)?);
        let mut told = false;
        for (place, (row, id)) in truths.iter().zip(&self.ids).enumerate() {
            // An even truth cannot be moved to.
            if row.iter().all(|value| (value - even).abs() < 0.1) {
                continue;
            }
            told = true;
            let (even_loss, toward, away) = (even_loss[place], toward[place], away[place]);
            let broken = |expected: String, found: String| {
                let violation = Violation::new(Code::LossDoesNotFall, &*self.function.title, expected, found);
                Err(Stop::from(violation.on(self.state, Some(id))))
            };
            if toward >= even_loss {
                let expected = format!("less than {even_loss}, its value for an even prediction");
                return broken(expected, format!("{toward} for a prediction close to the ground truth"));
            }
            if away <= toward {
                let expected = format!("more than {toward}, its value for a prediction close to the ground truth");
                return broken(expected, format!("{away} for one close to another class"));
            }
        }
        if told { Ok(()) } else { skip("the ground truth is even") }
    }
}

/// The value of every entry of an even prediction: for distributions over classes, or for independent labels 0 and 1.
fn even(truths: &[Vec<f32>]) -> Option<f32> {
    let classes = truths.first().map_or(0, Vec::len);
    let inside = truths.iter().flatten().all(|value| (0.0..=1.0).contains(value));
    let sums = truths.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    let bits = truths.iter().flatten().all(|value| *value == 0.0 || *value == 1.0);
    match (inside && classes > 0, sums && classes > 1, bits) {
        (true, true, _) => Some(1.0 / classes as f32),
        (true, false, true) => Some(0.5),
        _ => None,
    }
}

/// A distribution for each row, no two alike.
fn varied(rows: usize, classes: usize) -> candle_core::Result<Tensor> {
    let mut rng = SplitMix64::new(0);
    let mut values = Vec::with_capacity(rows * classes);
    for _ in 0..rows {
        let row: Vec<f32> = (0..classes).map(|_| 1.0 + rng.below(1000) as f32).collect();
        let sum: f32 = row.iter().sum();
        values.extend(row.into_iter().map(|value| value / sum));
    }
    Tensor::from_vec(values, (rows, classes), &Device::Cpu)
}
