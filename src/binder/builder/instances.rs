use super::adapters::{known, over_instance, over_sample, over_tensor};
use super::{BinderBuilder, typed};
use crate::binder::builtin::metadata as builtin;
use crate::binder::handlers::{FalsePositives, Instances};
use crate::contract::{
    Code, Dataset, ElementInstance, HandlerResult, IntoTensor, MetadataType, NamedTensors, Violation,
};

impl<D: Dataset> BinderBuilder<D> {
    /// Registers the instances in a sample (Tensorleap: `element_instance_preprocess` with its length and mask encoders).
    ///
    /// `length` says how many a sample has, `mask` gives each by its number, or none. Preprocess then lists a row for
    /// each, named `<id>_<number>`, after the samples of its subset. `types` declares instance metadata that may be absent.
    pub fn instances<K: Into<String>>(
        mut self,
        length: impl Fn(&D::Sample) -> HandlerResult<usize> + Send + Sync + 'static,
        mask: impl Fn(&D::Sample, usize) -> HandlerResult<Option<ElementInstance>> + Send + Sync + 'static,
        types: impl IntoIterator<Item = (K, MetadataType)>,
    ) -> Self {
        if self.registry.instances.is_some() {
            self.refuse("element_instance_preprocess", "only one");
        }
        self.builtin_instance_metadata();
        let (length, mask) = (over_sample(length), over_instance(mask));
        self.registry.instances = Some(Instances { metadata_types: typed(types), length, mask });
        self
    }

    /// Registers the encoder of what the model saw and is not there; at most one.
    ///
    /// It gets a sample and the model's outputs for it, by prediction name and without a batch axis. Every ground truth
    /// needs an [`BinderBuilder::empty_ground_truth`].
    pub fn false_positives<K: Into<String>>(
        mut self,
        name: impl Into<String>,
        types: impl IntoIterator<Item = (K, MetadataType)>,
        encode: impl Fn(&D::Sample, &NamedTensors) -> HandlerResult<Vec<ElementInstance>> + Send + Sync + 'static,
    ) -> Self {
        if let Some(known) = &self.registry.false_positives {
            let function = format!("false_positives::{}", known.name);
            self.refuse(&function, "only one");
        }
        let types = typed(types);
        self.builtin_instance_metadata();
        if !types.is_empty() {
            self.registry.metadata.push(builtin::instance_extra(&types));
        }
        self.registry.false_positives = Some(FalsePositives {
            name: name.into(),
            metadata_types: types,
            encode: Box::new(move |sample, predictions| encode(known(sample)?, predictions)),
        });
        self
    }

    /// Registers what the ground truth called `ground_truth` is where there is nothing: once for each ground truth of a
    /// binder with [`BinderBuilder::false_positives`], in any order.
    pub fn empty_ground_truth<T: IntoTensor>(
        mut self,
        ground_truth: impl Into<String>,
        encode: impl Fn(&D::Sample) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        let name = ground_truth.into();
        if self.registry.empty_ground_truths.iter().any(|(known, _)| *known == name) {
            self.refuse(&format!("empty_ground_truth::{name}"), "one for each ground truth");
        } else {
            self.registry.empty_ground_truths.push((name, over_tensor(encode)));
        }
        self
    }

    /// The columns that tell rows of instances from rows of samples; once, where the first registration stands.
    fn builtin_instance_metadata(&mut self) {
        if self.instance_metadata.is_none() {
            self.instance_metadata = Some(self.registry.metadata.len());
            self.registry.metadata.push(builtin::instance(false));
        }
    }

    fn refuse(&mut self, function: &str, expected: &str) {
        self.problems.push(Violation::new(Code::InstanceRule, function, expected, "it is already defined"));
    }
}
