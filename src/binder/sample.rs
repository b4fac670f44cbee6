use candle_core::Tensor;

use super::guarded;
use super::handlers::{AnySample, LatentSpaceFn, Place, SampleFn};
use super::registry::Registry;
use crate::contract::{DataState, MetadataValue, SampleId, Subset, Violation};
use crate::{Error, Result};

/// What a binder's functions say of one sample (Tensorleap: `DatasetSample`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodedSample {
    /// Each input encoder's tensor, in registration order, without a batch axis.
    pub inputs: Vec<Tensor>,
    /// Each ground-truth encoder's tensor; none for unlabeled samples.
    pub ground_truths: Vec<Tensor>,
    /// Metadata columns under their contract names.
    pub metadata: Vec<(String, MetadataValue)>,
    /// The latent spaces that are computed from samples, by name.
    pub latent_spaces: Vec<(String, Tensor)>,
    /// SHA-256 of the bytes in which the sample is stored, where the data set gives it ([`crate::contract::Dataset::digest`]).
    pub digest: Option<[u8; 32]>,
}

impl Registry {
    /// Loads one sample and runs its encoders and metadata functions (Tensorleap: `get_sample`).
    ///
    /// The functions' results are handed on as they are; `check` is what holds them against the contract's rules.
    ///
    /// # Errors
    /// [`Error::Contract`] with `BND-201` to `BND-203` when the sample cannot be loaded or a function fails or panics.
    pub fn get_sample(&self, state: DataState, id: &SampleId) -> Result<EncodedSample> {
        Ok(self.encode(state, id).map_err(|violation| violation.on(state, Some(id)))?)
    }

    /// Loads samples of one group together and encodes each (Tensorleap: `get_samples`).
    ///
    /// The order is that of `ids`. `ceiling` is the largest number of samples to be asked for at a time, if there is one.
    ///
    /// # Errors
    /// [`Error::Argument`] when the subset is not grouped, an id is not in it, the ids are of several groups, or there are
    /// more than the ceiling; [`Error::Contract`] as [`Registry::get_sample`], and `BND-212` when the data set
    /// gives another number of samples.
    pub fn get_samples(&self, subset: &Subset, ids: &[SampleId], ceiling: Option<usize>) -> Result<Vec<EncodedSample>> {
        let wrong = |expected: &str, found: String| Error::argument("get_samples", expected, found);
        if !subset.is_grouped() {
            return Err(wrong("a grouped subset", format!("{}, which is not grouped", subset.state)));
        }
        if let Some(ceiling) = ceiling.filter(|ceiling| ids.len() > *ceiling) {
            return Err(wrong(&format!("no more samples than the ceiling {ceiling}"), ids.len().to_string()));
        }
        let mut groups = Vec::new();
        for id in ids {
            let mut having =
                subset.groups().enumerate().filter(|(_, group)| group.contains(id)).map(|(place, _)| place);
            let group = having.next().ok_or_else(|| wrong("ids of the subset", format!("unknown id {id}")))?;
            if having.next().is_some() {
                return Err(wrong("ids of one group", format!("{id} in two groups")));
            }
            groups.push(group);
        }
        groups.sort_unstable();
        groups.dedup();
        if groups.len() > 1 {
            return Err(wrong("ids of one group", format!("ids spanning {} groups", groups.len())));
        }
        let first = ids.first();
        let on = |violation: Violation| violation.on(subset.state, first.map(|id| id as _));
        let samples = self.load_group(subset.state, ids).map_err(on)?;
        let encode = |(sample, id): (&AnySample, &SampleId)| {
            let on = |violation: Violation| violation.on(subset.state, Some(id));
            self.encode_loaded(sample, Place { state: subset.state, ids: std::slice::from_ref(id) }).map_err(on)
        };
        Ok(samples.iter().map(|sample| &**sample).zip(ids).map(encode).collect::<Result<_, _>>()?)
    }

    /// Loads samples together, and as many as there are ids.
    pub(crate) fn load_group(&self, state: DataState, ids: &[SampleId]) -> Result<Vec<Box<AnySample>>, Violation> {
        let samples = guarded("load", || self.dataset.load_group(ids, state)).map_err(Violation::loading)?;
        if samples.len() == ids.len() {
            return Ok(samples);
        }
        let expected = format!("leading dim {}: one sample for each id of the group", ids.len());
        Err(Violation::new(crate::contract::Code::GroupSize, "load_group", expected, samples.len().to_string()))
    }

    pub(crate) fn encode(&self, state: DataState, id: &SampleId) -> Result<EncodedSample, Violation> {
        let sample = guarded("load", || self.dataset.load(id, state)).map_err(Violation::loading)?;
        self.encode_loaded(&*sample, Place { state, ids: std::slice::from_ref(id) })
    }

    /// What goes into a model and what should come out, without metadata: each input encoder's and each ground-truth encoder's
    /// tensor.
    pub(crate) fn encode_tensors(
        &self,
        state: DataState,
        id: &SampleId,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>), Violation> {
        let sample = guarded("load", || self.dataset.load(id, state)).map_err(Violation::loading)?;
        self.tensors_of(&*sample, Place { state, ids: std::slice::from_ref(id) })
    }

    fn tensors_of(&self, sample: &AnySample, place: Place<'_>) -> Result<(Vec<Tensor>, Vec<Tensor>), Violation> {
        let inputs = self.inputs.iter().map(|f| encoded("input_encoder", &f.name, &f.encode, sample, place));
        let labelled = place.state != DataState::Unlabeled;
        let truths = self.ground_truths.iter().filter(|_| labelled);
        let truths = truths.map(|f| encoded("gt_encoder", &f.name, &f.encode, sample, place));
        Ok((inputs.collect::<Result<_, _>>()?, truths.collect::<Result<_, _>>()?))
    }

    fn encode_loaded(&self, sample: &AnySample, place: Place<'_>) -> Result<EncodedSample, Violation> {
        let (inputs, ground_truths) = self.tensors_of(sample, place)?;
        let mut metadata = Vec::new();
        for function in &self.metadata {
            let values = guarded(&format!("metadata::{}", function.name), || (function.compute)(sample, place))?;
            metadata.extend(values.into_columns(&function.name));
        }
        let mut latent_spaces = Vec::new();
        for space in &self.latent_spaces {
            if let LatentSpaceFn::Dataset(compute) = &space.compute {
                let space_of = encoded("latent_space", &space.name, compute, sample, place)?;
                latent_spaces.push((space.name.clone(), space_of));
            }
        }
        let digest = guarded("digest", || Ok(self.dataset.digest(sample)))?;
        Ok(EncodedSample { inputs, ground_truths, metadata, latent_spaces, digest })
    }
}

/// One encoder's tensor; a panic becomes a violation that names the encoder.
fn encoded(
    kind: &str,
    name: &str,
    encode: &SampleFn<Tensor>,
    sample: &AnySample,
    place: Place<'_>,
) -> Result<Tensor, Violation> {
    guarded(&format!("{kind}::{name}"), || encode(sample, place))
}
