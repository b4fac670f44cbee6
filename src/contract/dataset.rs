use std::any::Any;

use candle_core::{Device, Tensor};

use super::{DataState, SampleId, Subset};
use crate::BoxError;

/// What a user's function returns: a value, or any error, which the check reports with the function, subset and sample.
pub type HandlerResult<T> = std::result::Result<T, BoxError>;

/// Where samples come from: the one thing that a binder's functions share.
///
/// Each sample is loaded once and then handed to every encoder, metadata function and visualizer by reference, so an image
/// is decoded once however many functions look at it. A data set with nothing to share uses `type Sample = SampleId`.
///
/// Implementations must be deterministic: the same id gives the same sample. `load` is called from several threads.
pub trait Dataset: Send + Sync + 'static {
    /// What loading one sample yields, for example a decoded image with its label.
    type Sample: Any + Send + Sync;

    /// Lists the subsets (Tensorleap: `preprocess`): at least training and validation, each state once, none empty.
    ///
    /// # Errors
    /// Anything that prevents listing; the check reports it as `BND-101`.
    fn preprocess(&self) -> HandlerResult<Vec<Subset>>;

    /// Loads one sample that `preprocess` listed under `state`.
    ///
    /// # Errors
    /// Anything that prevents loading; the check reports it as `BND-201` with the sample's id.
    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Self::Sample>;

    /// Loads samples that `preprocess` listed as one group, in the order of `ids`; part of a group when only that is asked for.
    ///
    /// The default loads them one by one. Data sets with many samples in a file read the file once here; [`Dataset::load`] is
    /// still asked for single samples, and may take the one sample of `load_group(slice::from_ref(id), state)`.
    ///
    /// # Errors
    /// As [`Dataset::load`]; `BND-212` when the number of samples is not that of the ids.
    fn load_group(&self, ids: &[SampleId], state: DataState) -> HandlerResult<Vec<Self::Sample>> {
        ids.iter().map(|id| self.load(id, state)).collect()
    }

    /// Lists samples without ground truth, when `preprocess` lists none (Tensorleap: `unlabeled_preprocess`).
    ///
    /// The subset's state is taken to be unlabeled.
    ///
    /// # Errors
    /// As [`Dataset::preprocess`].
    fn unlabeled_preprocess(&self) -> HandlerResult<Option<Subset>> {
        Ok(None)
    }

    /// Facts that help to find a sample again (its file, the patient it is of), as name and value. They become columns of
    /// the evaluation's table and are no part of the contract's metadata. Names must be the same for all samples.
    fn attributes(&self, _id: &SampleId, _state: DataState) -> Vec<(String, String)> {
        Vec::new()
    }

    /// SHA-256 of the bytes in which a sample is stored, where loading has seen them: by it the analysis finds equal files.
    /// None by default. No part of the contract.
    fn digest(&self, _sample: &Self::Sample) -> Option<[u8; 32]> {
        None
    }
}

/// What an encoder may return: one sample's tensor, without a batch axis.
///
/// The contract wants f32: direct calls and the check's rule `dtype` report any other as `BND-204`.
pub trait IntoTensor {
    /// Makes the tensor on the CPU.
    ///
    /// # Errors
    /// Those of the tensor's construction.
    fn into_tensor(self) -> HandlerResult<Tensor>;
}

impl IntoTensor for Tensor {
    fn into_tensor(self) -> HandlerResult<Tensor> {
        Ok(self)
    }
}

/// A vector of shape `(n,)`.
impl IntoTensor for Vec<f32> {
    fn into_tensor(self) -> HandlerResult<Tensor> {
        let length = self.len();
        Ok(Tensor::from_vec(self, length, &Device::Cpu)?)
    }
}

/// A vector of shape `(N,)`.
impl<const N: usize> IntoTensor for [f32; N] {
    fn into_tensor(self) -> HandlerResult<Tensor> {
        Ok(Tensor::new(&self, &Device::Cpu)?)
    }
}

/// Values in row-major order with their shape, for example `(pixels, [224, 224, 3])`.
impl<const R: usize> IntoTensor for (Vec<f32>, [usize; R]) {
    fn into_tensor(self) -> HandlerResult<Tensor> {
        Ok(Tensor::from_vec(self.0, &self.1[..], &Device::Cpu)?)
    }
}
