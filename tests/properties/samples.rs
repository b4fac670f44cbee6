//! Random subsets and ids.

use leap_binder::contract::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::description::*;

const OTHER_STATES: [DataState; 3] = [DataState::Test, DataState::Unlabeled, DataState::Additional];

/// Training, validation and any others, in any order; flat or, where it may be, in groups.
pub(crate) fn data(may_group: bool) -> impl Strategy<Value = Data> {
    let ids = prop_oneof![Just(None), Just(Some(0)), Just(Some(256))];
    let groups = if may_group { any::<bool>().boxed() } else { Just(false).boxed() };
    (ids, groups, subsequence(OTHER_STATES.to_vec(), 0..=3), vec(1..=6usize, 5), any::<bool>(), 1..4usize)
        .prop_flat_map(|(ids, grouped, others, lengths, aside, size)| {
            let states = [DataState::Training, DataState::Validation].into_iter().chain(others).collect::<Vec<_>>();
            let part = move |(state, length): (DataState, usize)| Part {
                state,
                ids: (0..length).map(|number| id(ids, state, number)).collect(),
                groups: grouped.then(|| (0..length).step_by(size).map(|first| size.min(length - first)).collect()),
            };
            let parts: Vec<Part> = states.into_iter().zip(lengths).map(part).collect();
            Just(parts).prop_shuffle().prop_map(move |mut subsets| {
                let unlabeled = subsets.iter().position(|part| aside && part.state == DataState::Unlabeled);
                let unlabeled = unlabeled.map(|place| subsets.remove(place));
                let (preprocess, unlabeled_preprocess, load, one_too_many) = (None, None, None, None);
                Data { subsets, unlabeled, preprocess, unlabeled_preprocess, load, one_too_many }
            })
        })
}

/// An integer, or a text, padded to a length.
fn id(length: Option<usize>, state: DataState, number: usize) -> SampleId {
    let Some(length) = length else { return (state as i64 * 100 + number as i64).into() };
    let id = format!("{state}/{number}é");
    let missing = length.saturating_sub(id.chars().count());
    (id + &"ß".repeat(missing)).into()
}

/// Rows of instances have longer ids than their samples, and are named after them, which takes texts.
pub(crate) fn shorten(data: &mut Data) {
    for part in data.subsets.iter_mut().chain(&mut data.unlabeled) {
        for id in &mut part.ids {
            *id = id.to_string().chars().take(254).collect::<String>().into();
        }
    }
}
