//! The data set that the cases share, and short words for what they say again and again.

use std::fmt::Display;
use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};
use leap_binder::binder::BinderBuilder;
use leap_binder::contract::{Code, DataState, Dataset, HandlerResult, LeapModel, ModelInput, SampleId, Subset};
use leap_binder::{Binder, Error};

/// Subsets from a closure; a sample is its id and state.
pub(crate) struct Data {
    list: Box<dyn Fn() -> HandlerResult<Vec<Subset>> + Send + Sync>,
    unlabeled: Box<dyn Fn() -> HandlerResult<Option<Subset>> + Send + Sync>,
}

#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) id: SampleId,
    pub(crate) state: DataState,
}

impl Sample {
    /// The number in the id.
    pub(crate) fn number(&self) -> i64 {
        let digits: String = self.id.to_string().chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

impl Dataset for Data {
    type Sample = Sample;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        (self.list)()
    }

    fn unlabeled_preprocess(&self) -> HandlerResult<Option<Subset>> {
        (self.unlabeled)()
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Sample> {
        Ok(Sample { id: id.clone(), state })
    }
}

impl Data {
    pub(crate) fn new(list: impl Fn() -> HandlerResult<Vec<Subset>> + Send + Sync + 'static) -> Self {
        Self { list: Box::new(list), unlabeled: Box::new(|| Ok(None)) }
    }

    pub(crate) fn of(subsets: Vec<Subset>) -> Self {
        Self::new(move || Ok(subsets.clone()))
    }

    pub(crate) fn with_unlabeled(
        mut self,
        unlabeled: impl Fn() -> HandlerResult<Option<Subset>> + Send + Sync + 'static,
    ) -> Self {
        self.unlabeled = Box::new(unlabeled);
        self
    }
}

/// `length` samples called `s<offset>`, `s<offset + 1>`, ...
pub(crate) fn split(state: DataState, length: usize, offset: usize) -> Subset {
    Subset::new(state, (0..length).map(|place| format!("s{}", offset + place)))
}

/// Three training samples from `s0`, two validation samples from `s100`.
pub(crate) fn train_val() -> Vec<Subset> {
    vec![split(DataState::Training, 3, 0), split(DataState::Validation, 2, 100)]
}

/// A binder over [`train_val`].
pub(crate) fn plain() -> BinderBuilder<Data> {
    Binder::builder(Data::of(train_val()))
}

/// [`plain`] over other subsets, with the one input that most cases have.
pub(crate) fn over(data: Data) -> BinderBuilder<Data> {
    Binder::builder(data).input("x", |_| Ok([0.0, 0.0]))
}

pub(crate) fn zeros(shape: &[usize]) -> Tensor {
    filled(shape, 0.0)
}

pub(crate) fn filled(shape: &[usize], value: f32) -> Tensor {
    Tensor::full(value, shape, &Device::Cpu).unwrap()
}

/// A model that the check must not load.
pub(crate) struct NotLoaded;

impl LeapModel for NotLoaded {
    fn inputs(&self) -> Vec<ModelInput> {
        Vec::new()
    }

    fn run(&self, _: &[Tensor]) -> HandlerResult<Vec<Tensor>> {
        Err("not run".into())
    }
}

/// What was called, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub(crate) fn note(&self, call: impl Display) {
        self.0.lock().unwrap().push(call.to_string());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// That the builder is refused with `code` and a text that holds `fragment`.
#[track_caller]
pub(crate) fn refused(builder: BinderBuilder<Data>, code: Code, fragment: &str) {
    match builder.build() {
        Ok(binder) => panic!("{binder:?} was built, expected {code} with `{fragment}`"),
        Err(error) => violates(&error, code, fragment),
    }
}

/// That the error is a violation of `code` whose text holds `fragment`.
#[track_caller]
pub(crate) fn violates(error: &Error, code: Code, fragment: &str) {
    let Error::Contract(violation) = error else { panic!("{error} is no violation") };
    assert_eq!(violation.code, code, "{violation}");
    assert!(violation.to_string().contains(fragment), "`{fragment}` is not in `{violation}`");
}

/// That the error's text holds `fragment`.
#[track_caller]
pub(crate) fn says<T>(result: leap_binder::Result<T>, fragment: &str) {
    let text = result.err().expect("an error").to_string();
    assert!(text.contains(fragment), "`{fragment}` is not in `{text}`");
}
