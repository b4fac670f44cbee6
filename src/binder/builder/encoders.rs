use super::adapters::{over_sample, over_tensor};
use super::{BinderBuilder, InputOptions};
use crate::binder::handlers::{GroundTruthEncoder, InputEncoder, MetadataFunction, PredictionType};
use crate::contract::{Dataset, HandlerResult, IntoTensor, Metadata, MetadataTypes};
use crate::imaging::ImageSpec;

impl<D: Dataset> BinderBuilder<D> {
    /// Registers an input encoder whose tensor has its channels last.
    ///
    /// `encode` returns one sample's f32 tensor without a batch axis.
    pub fn input<T: IntoTensor>(
        self,
        name: impl Into<String>,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.input_with(name, InputOptions::default(), encode)
    }

    /// Registers an input encoder with its channel axis, counted in the batched tensor (-1 last, 1 first), or with
    /// [`InputOptions`].
    pub fn input_with<T: IntoTensor>(
        self,
        name: impl Into<String>,
        options: impl Into<InputOptions>,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.register_input(name.into(), options.into(), None, encode)
    }

    /// Registers an input encoder of images, `(height, width, channels)`, and says how they are prepared.
    ///
    /// The check can then compare the tensor with the declared size, and a model that wants images prepared another way
    /// is refused by name instead of scoring them wrongly.
    pub fn image_input<T: IntoTensor>(
        self,
        name: impl Into<String>,
        spec: ImageSpec,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.register_input(name.into(), InputOptions::from(-1), Some(spec), encode)
    }

    fn register_input<T: IntoTensor>(
        mut self,
        name: String,
        options: InputOptions,
        image: Option<ImageSpec>,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.registry.inputs.push(InputEncoder {
            name,
            channel_dim: options.channel_dim.unwrap_or(-1),
            channel_dim_defaulted: options.channel_dim.is_none(),
            model_input_index: options.model_input_index,
            image,
            encode: over_tensor(encode),
        });
        self
    }

    /// Registers a ground-truth encoder. It is not run on unlabeled subsets. A missing label is an empty tensor.
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

    /// Registers a metadata function with the types of its columns, for values that the first training sample may lack:
    /// one [`crate::contract::MetadataType`] for a single value, `[(key, type), ...]` for a map.
    pub fn metadata_typed<M: Into<Metadata>>(
        self,
        name: impl Into<String>,
        types: impl Into<MetadataTypes>,
        compute: impl Fn(&D::Sample) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        self.register_metadata(name.into(), Some(types.into()), compute)
    }

    fn register_metadata<M: Into<Metadata>>(
        mut self,
        name: String,
        declared: Option<MetadataTypes>,
        compute: impl Fn(&D::Sample) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        let compute = over_sample(move |sample: &D::Sample| compute(sample).map(Into::into));
        self.registry.metadata.push(MetadataFunction { name, declared, compute });
        self
    }

    /// Registers what the model's next output means: its name and its classes in output order, which is its last axis.
    pub fn prediction<L: Into<String>>(self, name: impl Into<String>, labels: impl IntoIterator<Item = L>) -> Self {
        let mut with = self.prediction_with(name, labels, -1);
        if let Some(prediction) = with.registry.predictions.last_mut() {
            prediction.channel_dim_defaulted = true;
        }
        with
    }

    /// [`BinderBuilder::prediction`] with the axis of the classes, counted in the batched output.
    pub fn prediction_with<L: Into<String>>(
        mut self,
        name: impl Into<String>,
        labels: impl IntoIterator<Item = L>,
        channel_dim: i64,
    ) -> Self {
        let labels = labels.into_iter().map(Into::into).collect();
        self.registry.predictions.push(PredictionType {
            name: name.into(),
            labels,
            channel_dim,
            channel_dim_defaulted: false,
        });
        self
    }
}
