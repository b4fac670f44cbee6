use std::sync::Arc;

use candle_core::Tensor;

use super::adapters::{over_instance, over_tensor, over_tensors};
use super::{BinderBuilder, SamplePreprocessResponse};
use crate::binder::handlers::{LatentSpace, LatentSpaceFn};
use crate::contract::{Argument, ComputedAt, Dataset, HandlerResult, IntoTensor, LatentSpaceOptions};

impl<D: Dataset> BinderBuilder<D> {
    /// Registers a latent space that is computed from a sample: its tensor has at most 4096 numbers after reduction.
    pub fn latent_space<T: IntoTensor>(
        self,
        name: impl Into<String>,
        options: LatentSpaceOptions,
        compute: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.register(
            name.into(),
            ComputedAt::Dataset,
            options,
            Vec::new(),
            LatentSpaceFn::Dataset(over_tensor(compute)),
        )
    }

    /// Registers a latent space that is computed from the model's inputs and outputs: batched tensors in, `(n, width)` out.
    pub fn model_latent_space<const N: usize, T: IntoTensor>(
        self,
        name: impl Into<String>,
        options: LatentSpaceOptions,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N], SamplePreprocessResponse<'_, D>) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        let dataset = Arc::clone(&self.dataset);
        let (arguments, compute) = over_tensors(arguments, move |tensors, place| {
            let samples = SamplePreprocessResponse { sample_ids: place.ids, state: place.state, dataset: &*dataset };
            compute(tensors, samples)?.into_tensor()
        });
        self.register(name.into(), ComputedAt::Model, options, arguments, LatentSpaceFn::Model(compute))
    }

    /// Registers a latent space of an instance, by its number; needs [`BinderBuilder::instances`].
    ///
    /// Instances have no part in the choice of a space for the analysis.
    pub fn instance_latent_space<T: IntoTensor>(
        self,
        name: impl Into<String>,
        compute: impl Fn(&D::Sample, usize) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        let compute = over_instance(move |sample: &D::Sample, instance| compute(sample, instance)?.into_tensor());
        let (options, compute) = (LatentSpaceOptions::default(), LatentSpaceFn::Instance(compute));
        self.register(name.into(), ComputedAt::Dataset, options, Vec::new(), compute)
    }

    fn register(
        mut self,
        name: String,
        computed_at: ComputedAt,
        options: LatentSpaceOptions,
        arguments: Vec<Argument>,
        compute: LatentSpaceFn,
    ) -> Self {
        let instance_aware = matches!(compute, LatentSpaceFn::Instance(_));
        self.registry.latent_spaces.push(LatentSpace {
            name,
            computed_at,
            instance_aware,
            arguments,
            options,
            compute,
        });
        self
    }
}
