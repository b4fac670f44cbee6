//! Single calls of what is registered, as the platform's engine makes them.

use leap_binder::contract::DataState;

use crate::support::{Sample, plain, zeros};

fn image(_: &Sample) -> candle_core::Tensor {
    zeros(&[2, 3])
}

/// Same: CAL-011, CAL-014, CAL-015.
///
/// An id is not looked up, a tensor has no batch axis, and one encoder may call what another calls.
#[test]
fn c038_samples_are_encoded_as_they_are() {
    let binder = plain()
        .input("x", |sample| Ok(image(sample)))
        .metadata("inner_call", |sample| Ok(image(sample).rank() as f64))
        .build()
        .unwrap();
    let sample = binder.get_sample(DataState::Training, &"nope".into()).unwrap();
    assert_eq!(sample.inputs[0].dims(), [2, 3]);
    assert_eq!(sample.metadata, [("inner_call".to_owned(), 2.0.into())]);
}
