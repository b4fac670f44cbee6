use candle_core::{DType, Tensor};

use super::sample::Loaded;
use crate::binder::Registry;
use crate::contract::{Code, SampleId, Violation};

/// Dtype and shape of some encoders' tensors.
type Kinds = Vec<(DType, Vec<usize>)>;

/// What the first sample looked like; all others must look the same, so that they fit into one batch and one table.
#[derive(Debug)]
pub(super) struct Layout {
    sample: SampleId,
    pub(super) attributes: Vec<String>,
    pub(super) metadata: Vec<String>,
    inputs: Kinds,
    /// Known from the first labelled sample on.
    ground_truths: Option<Kinds>,
}

impl Layout {
    pub(super) fn of(sample: &Loaded) -> Self {
        let names = |name: &String| name.clone();
        Self {
            sample: sample.id.clone(),
            attributes: sample.attributes.iter().map(|(name, _)| names(name)).collect(),
            metadata: sample.encoded.metadata.iter().map(|(name, _)| names(name)).collect(),
            inputs: kinds(&sample.encoded.inputs),
            ground_truths: None,
        }
    }

    /// Whether `sample` looks like the first one.
    pub(super) fn accept(&mut self, binder: &Registry, sample: &Loaded) -> Result<(), Violation> {
        let encoded = &sample.encoded;
        self.same_names("metadata", &self.metadata, encoded.metadata.iter().map(|(name, _)| name))?;
        self.same_names("attributes", &self.attributes, sample.attributes.iter().map(|(name, _)| name))?;
        let names = binder.inputs().iter().map(|encoder| format!("input_encoder::{}", encoder.name));
        self.same_kinds(names, &self.inputs, &encoded.inputs)?;
        if sample.label.is_none() {
            return Ok(());
        }
        match &self.ground_truths {
            None => self.ground_truths = Some(kinds(&encoded.ground_truths)),
            Some(known) => {
                let names = binder.ground_truths().iter().map(|encoder| format!("gt_encoder::{}", encoder.name));
                self.same_kinds(names, known, &encoded.ground_truths)?;
            }
        }
        Ok(())
    }

    fn same_names<'n>(
        &self,
        what: &str,
        known: &[String],
        found: impl Iterator<Item = &'n String> + Clone,
    ) -> Result<(), Violation> {
        if known.iter().eq(found.clone()) {
            return Ok(());
        }
        let expected = format!("the {} columns of sample {}", known.len(), self.sample);
        let added: Vec<&String> = found.clone().filter(|name| !known.contains(name)).take(3).collect();
        let found = format!("{} columns, new among them {added:?}", found.count());
        Err(Violation::new(Code::MetadataKeys, what, expected, found))
    }

    fn same_kinds(
        &self,
        mut names: impl Iterator<Item = String>,
        known: &Kinds,
        tensors: &[Tensor],
    ) -> Result<(), Violation> {
        for ((dtype, shape), xs) in known.iter().zip(tensors) {
            let function = names.next().unwrap_or_default();
            if *dtype != xs.dtype() || shape != xs.dims() {
                let expected = format!("{dtype:?} of shape {shape:?} as on sample {}", self.sample);
                let found = format!("{:?} of shape {:?}", xs.dtype(), xs.dims());
                return Err(Violation::new(Code::WrongShape, function, expected, found));
            }
        }
        Ok(())
    }
}

fn kinds(tensors: &[Tensor]) -> Kinds {
    tensors.iter().map(|xs| (xs.dtype(), xs.dims().to_vec())).collect()
}
