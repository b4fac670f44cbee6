//! From closures over the user's types to boxed functions over erased ones.

use std::any::Any;
use std::sync::Arc;

use candle_core::Tensor;

use crate::binder::handlers::{AnyDataset, AnySample, InstanceFn, Place, SampleFn, TensorsFn};
use crate::contract::{Argument, DataState, Dataset, HandlerResult, IntoTensor, SampleId, Subset};

pub(super) struct Erased<D>(pub(super) Arc<D>);

impl<D: Dataset> AnyDataset for Erased<D> {
    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        self.0.preprocess()
    }

    fn unlabeled_preprocess(&self) -> HandlerResult<Option<Subset>> {
        self.0.unlabeled_preprocess()
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Box<AnySample>> {
        Ok(Box::new(self.0.load(id, state)?))
    }

    fn load_group(&self, ids: &[SampleId], state: DataState) -> HandlerResult<Vec<Box<AnySample>>> {
        let samples = self.0.load_group(ids, state)?.into_iter();
        Ok(samples.map(|sample| Box::new(sample) as Box<AnySample>).collect())
    }

    fn attributes(&self, id: &SampleId, state: DataState) -> Vec<(String, String)> {
        self.0.attributes(id, state)
    }

    fn digest(&self, sample: &AnySample) -> Option<[u8; 32]> {
        sample.downcast_ref().and_then(|sample| self.0.digest(sample))
    }
}

/// The sample as its data set made it.
pub(super) fn known<S: Any>(sample: &AnySample) -> HandlerResult<&S> {
    sample.downcast_ref::<S>().ok_or_else(|| "the sample was loaded by another data set".into())
}

pub(super) fn over_sample<S: Any, T>(compute: impl Fn(&S) -> HandlerResult<T> + Send + Sync + 'static) -> SampleFn<T> {
    Box::new(move |sample, _| compute(known(sample)?))
}

pub(super) fn over_instance<S: Any, T>(
    compute: impl Fn(&S, usize) -> HandlerResult<T> + Send + Sync + 'static,
) -> InstanceFn<T> {
    Box::new(move |sample, instance| compute(known(sample)?, instance))
}

pub(super) fn over_tensor<S: Any, T: IntoTensor>(
    encode: impl Fn(&S) -> HandlerResult<T> + Send + Sync + 'static,
) -> SampleFn<Tensor> {
    over_sample(move |sample: &S| encode(sample)?.into_tensor())
}

pub(super) fn over_tensors<const N: usize, T>(
    arguments: [Argument; N],
    compute: impl Fn([&Tensor; N], Place<'_>) -> HandlerResult<T> + Send + Sync + 'static,
) -> (Vec<Argument>, TensorsFn<T>) {
    let compute: TensorsFn<T> = Box::new(move |tensors, place| compute(exactly(tensors)?, place));
    (distinct(arguments), compute)
}

/// Arguments under names of their own: a name that an earlier one has gets `_1`, `_2` appended.
pub(super) fn distinct<const N: usize>(arguments: [Argument; N]) -> Vec<Argument> {
    let mut named: Vec<Argument> = Vec::with_capacity(N);
    for mut argument in arguments {
        let taken = |name: &str| named.iter().any(|known| known.name == name);
        if taken(&argument.name) {
            let free = (1..).map(|place| format!("{}_{place}", argument.name)).find(|name| !taken(name));
            argument.name = free.unwrap_or_default();
        }
        named.push(argument);
    }
    named
}

/// As many tensors as the closure takes.
pub(super) fn exactly<'a, const N: usize>(tensors: &[&'a Tensor]) -> HandlerResult<[&'a Tensor; N]> {
    Ok(<[&Tensor; N]>::try_from(tensors).map_err(|_| format!("takes {N} tensors, was given {}", tensors.len()))?)
}
