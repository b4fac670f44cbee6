use std::any::Any;
use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;

use super::Binder;
use super::registry::{
    AnyDataset, AnySample, GroundTruthEncoder, InputEncoder, Loss, MetadataFunction, Metric, PredictionType, Registry,
    SampleFn, TensorsFn, Visualizer,
};
use super::rules;
use crate::Result;
use crate::contract::{
    Argument, DataState, Dataset, HandlerResult, IntoTensor, Metadata, MetadataType, MetricDirection, SampleId, Subset,
    Visual,
};
use crate::imaging::ImageSpec;

/// Collects a binder's functions; [`BinderBuilder::build`] checks the registration as a whole.
///
/// Functions over a sample are closures over the data set's own `Sample` type. Losses and metrics get batched tensors,
/// visualizers one sample's; how many tensors is part of the closure's type, so a wrong count does not compile.
#[must_use = "a builder does nothing until `build`"]
pub struct BinderBuilder<D: Dataset> {
    dataset: Arc<D>,
    registry: Registry,
}

impl<D: Dataset> BinderBuilder<D> {
    pub(super) fn new(dataset: D) -> Self {
        let dataset = Arc::new(dataset);
        let registry = Registry {
            dataset: Box::new(Erased(Arc::clone(&dataset))),
            inputs: Vec::new(),
            ground_truths: Vec::new(),
            metadata: Vec::new(),
            predictions: Vec::new(),
            losses: Vec::new(),
            metrics: Vec::new(),
            visualizers: Vec::new(),
        };
        Self { dataset, registry }
    }

    /// Registers an input encoder whose tensor has its channels last.
    ///
    /// `encode` returns one sample's f32 tensor without a batch axis; its shape must be the same for all samples.
    pub fn input<T: IntoTensor>(
        self,
        name: impl Into<String>,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.input_with(name, -1, encode)
    }

    /// Registers an input encoder with its channel axis, counted in the batched tensor: -1 last, 1 first.
    pub fn input_with<T: IntoTensor>(
        mut self,
        name: impl Into<String>,
        channel_dim: i64,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        let encode = over_tensor(encode);
        self.registry.inputs.push(InputEncoder { name: name.into(), channel_dim, image: None, encode });
        self
    }

    /// Registers an input encoder of images, `(height, width, channels)`, and says how they are prepared.
    ///
    /// The check then compares the tensor with the declared size, and a model that wants images prepared another way
    /// is refused by name instead of scoring them wrongly.
    pub fn image_input<T: IntoTensor>(
        mut self,
        name: impl Into<String>,
        spec: ImageSpec,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        let encode = over_tensor(encode);
        self.registry.inputs.push(InputEncoder { name: name.into(), channel_dim: -1, image: Some(spec), encode });
        self
    }

    /// Registers a ground-truth encoder. It is not run on unlabeled subsets.
    pub fn ground_truth<T: IntoTensor>(
        mut self,
        name: impl Into<String>,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.registry.ground_truths.push(GroundTruthEncoder { name: name.into(), encode: over_tensor(encode) });
        self
    }

    /// Registers a metadata function: one value or a [`Metadata::map`] of values.
    pub fn metadata<M: Into<Metadata>>(
        self,
        name: impl Into<String>,
        compute: impl Fn(&D::Sample) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        self.register_metadata(name.into(), None, compute)
    }

    /// Registers a metadata function with its column type, for values that the first training sample may lack.
    pub fn metadata_typed<M: Into<Metadata>>(
        self,
        name: impl Into<String>,
        column_type: MetadataType,
        compute: impl Fn(&D::Sample) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        self.register_metadata(name.into(), Some(column_type), compute)
    }

    fn register_metadata<M: Into<Metadata>>(
        mut self,
        name: String,
        declared: Option<MetadataType>,
        compute: impl Fn(&D::Sample) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        let compute = over_sample(move |sample: &D::Sample| compute(sample).map(Into::into));
        self.registry.metadata.push(MetadataFunction { name, declared, compute });
        self
    }

    /// Registers what the model's next output means: its name and its classes in output order.
    pub fn prediction<L: Into<String>>(mut self, name: impl Into<String>, labels: impl IntoIterator<Item = L>) -> Self {
        let labels = labels.into_iter().map(Into::into).collect();
        self.registry.predictions.push(PredictionType { name: name.into(), labels, channel_dim: -1 });
        self
    }

    /// Registers a loss: from batched tensors `(n, ...)` to one value for each sample, `(n,)`.
    pub fn loss<const N: usize>(
        mut self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<Tensor> + Send + Sync + 'static,
    ) -> Self {
        let (arguments, compute) = over_tensors(arguments, compute);
        self.registry.losses.push(Loss { name: name.into(), arguments, compute });
        self
    }

    /// Registers a metric: from batched tensors `(n, ...)` to one value for each sample, `(n,)`.
    pub fn metric<const N: usize>(
        mut self,
        name: impl Into<String>,
        direction: MetricDirection,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<Tensor> + Send + Sync + 'static,
    ) -> Self {
        let (arguments, compute) = over_tensors(arguments, compute);
        self.registry.metrics.push(Metric { name: name.into(), arguments, direction, compute });
        self
    }

    /// Registers a visualizer: from one sample's tensors, without a batch axis, to a payload.
    pub fn visualizer<const N: usize, V: Visual>(
        mut self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<V> + Send + Sync + 'static,
    ) -> Self {
        let (arguments, compute) = over_tensors(arguments, move |tensors| compute(tensors).map(Into::into));
        self.registry.visualizers.push(Visualizer { name: name.into(), data_type: V::TYPE, arguments, compute });
        self
    }

    /// Checks the registration and makes the binder.
    ///
    /// # Errors
    /// [`crate::Error::Contract`] with the first broken rule: `BND-001` to `BND-006`.
    pub fn build(self) -> Result<Binder<D>> {
        rules::validate(&self.registry)?;
        Ok(Binder { dataset: self.dataset, registry: self.registry })
    }
}

impl<D: Dataset> fmt::Debug for BinderBuilder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BinderBuilder").field(&self.registry).finish()
    }
}

struct Erased<D>(Arc<D>);

impl<D: Dataset> AnyDataset for Erased<D> {
    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        self.0.preprocess()
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Box<AnySample>> {
        Ok(Box::new(self.0.load(id, state)?))
    }

    fn attributes(&self, id: &SampleId, state: DataState) -> Vec<(String, String)> {
        self.0.attributes(id, state)
    }
}

fn over_sample<S: Any, T>(compute: impl Fn(&S) -> HandlerResult<T> + Send + Sync + 'static) -> SampleFn<T> {
    Box::new(move |sample| match sample.downcast_ref::<S>() {
        Some(sample) => compute(sample),
        None => Err("the sample was loaded by another data set".into()),
    })
}

fn over_tensor<S: Any, T: IntoTensor>(
    encode: impl Fn(&S) -> HandlerResult<T> + Send + Sync + 'static,
) -> SampleFn<Tensor> {
    over_sample(move |sample: &S| encode(sample)?.into_tensor())
}

fn over_tensors<const N: usize, T>(
    arguments: [Argument; N],
    compute: impl Fn([&Tensor; N]) -> HandlerResult<T> + Send + Sync + 'static,
) -> (Vec<Argument>, TensorsFn<T>) {
    let compute: TensorsFn<T> = Box::new(move |tensors| {
        let tensors =
            <[&Tensor; N]>::try_from(tensors).map_err(|_| format!("takes {N} tensors, was given {}", tensors.len()))?;
        compute(tensors)
    });
    (arguments.into(), compute)
}
