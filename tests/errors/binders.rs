//! Small binders to break, and how their code is read.

use leap_binder::binder::BinderBuilder;
use leap_binder::check::{CheckReport, check};
use leap_binder::contract::*;
use leap_binder::{Binder, Error};

/// What the data set's functions do; fields are replaced to break a rule.
pub(crate) struct Numbers {
    pub(crate) preprocess: fn() -> HandlerResult<Vec<Subset>>,
    pub(crate) load: fn(&SampleId) -> HandlerResult<f32>,
    /// How many samples any group has.
    pub(crate) group: Option<usize>,
}

/// Two training samples and one for validation.
pub(crate) const NUMBERS: Numbers = Numbers {
    preprocess: || Ok(vec![Subset::new(DataState::Training, [0, 1]), Subset::new(DataState::Validation, [2])]),
    load: |_| Ok(0.5),
    group: None,
};

impl Dataset for Numbers {
    type Sample = f32;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        (self.preprocess)()
    }

    fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<f32> {
        (self.load)(id)
    }

    fn load_group(&self, ids: &[SampleId], _: DataState) -> HandlerResult<Vec<f32>> {
        match self.group {
            Some(samples) => Ok(vec![0.5; samples]),
            None => ids.iter().map(|id| (self.load)(id)).collect(),
        }
    }
}

/// A valid binder: an input `x` and a ground truth `y`.
pub(crate) fn binder() -> BinderBuilder<Numbers> {
    over(NUMBERS)
}

pub(crate) fn over(numbers: Numbers) -> BinderBuilder<Numbers> {
    Binder::builder(numbers).input("x", |x| Ok([*x])).ground_truth("y", |x| Ok([*x]))
}

pub(crate) fn listing(preprocess: fn() -> HandlerResult<Vec<Subset>>) -> String {
    reported(over(Numbers { preprocess, ..NUMBERS }))
}

/// The code with which `build` refuses.
pub(crate) fn refused(builder: BinderBuilder<Numbers>) -> String {
    match builder.build() {
        Err(Error::Contract(violation)) => violation.code.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was built"),
    }
}

/// The code of the first failure that the check reports, in payloads and then as a general error.
pub(crate) fn reported(builder: BinderBuilder<Numbers>) -> String {
    code_in(&check(&builder.build().unwrap()))
}

pub(crate) fn code_in(report: &CheckReport) -> String {
    let failed = report.payloads.iter().filter(|payload| !payload.is_passed);
    let mut messages = failed.flat_map(|payload| payload.display.values()).chain(&report.general_error);
    let message = messages.next().expect("a failure");
    message.strip_prefix('[').and_then(|text| text.split(']').next()).unwrap().to_owned()
}

/// The code of a rule that is applied without a binder.
pub(crate) fn broken<T>(result: Result<T, Violation>) -> String {
    result.err().unwrap().code.to_string()
}
