//! Where each tensor of a network comes from, and handing it out while the network is built.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, DType, Device, Result as TensorResult, Shape, Storage, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarMap};

use super::fresh::fresh;
use super::names::canonical;
use crate::model::{Architecture, Checkpoint};

/// First parts of the names of classification heads in torchvision, timm and Keras's converter.
const HEADS: [&str; 6] = ["fc", "head", "heads", "classifier", "last_linear", "linear"];

/// Tensors whose values will not do; noted while a network is built.
pub(super) type Problems = Arc<Mutex<Vec<String>>>;

/// A file whose tensors have been matched with those of a network, or nothing but a seed.
#[derive(Debug)]
pub(super) struct Source {
    checkpoint: Option<Checkpoint>,
    /// From the network's names to the file's.
    names: HashMap<String, String>,
    /// For what is not in the file.
    seed: u64,
    /// What each tensor begins as, whoever asks for it.
    inits: HashMap<String, Init>,
}

impl Source {
    /// Matches the tensors that the network expects with those of the file. With a seed, the head (or everything, without a
    /// file) is left to be drawn. The error lists all that does not match.
    pub(super) fn new(
        checkpoint: Option<Checkpoint>,
        architecture: Architecture,
        expected: &[(String, Shape, Init)],
        seed: Option<u64>,
    ) -> Result<Self, Vec<String>> {
        let shapes: HashMap<&str, &Shape> = expected.iter().map(|(name, shape, _)| (name.as_str(), shape)).collect();
        let mut names = HashMap::new();
        let mut problems = Vec::new();
        let drawn = |name: &str| seed.is_some() && (checkpoint.is_none() || name.starts_with(architecture.head()));
        // What the heads of the usual libraries are called, for a file whose head is another one.
        let foreign_head = |name: &str| {
            seed.is_some() && !shapes.contains_key(name) && HEADS.contains(&name.split('.').next().unwrap_or_default())
        };
        for name in checkpoint.iter().flat_map(Checkpoint::names) {
            let Some(own) = canonical(architecture, name, |name| shapes.contains_key(name)) else { continue };
            if drawn(&own) || foreign_head(&own) {
                continue;
            }
            if let Some(other) = names.insert(own, name.to_owned()) {
                problems.push(format!("both {other} and {name}"));
            }
        }
        let mut unclaimed: HashMap<&str, &str> =
            names.iter().map(|(own, name)| (own.as_str(), name.as_str())).collect();
        for (own, shape, _) in expected.iter().filter(|(own, ..)| !drawn(own)) {
            let name = unclaimed.remove(own.as_str());
            let entry = name.and_then(|name| Some((name, checkpoint.as_ref()?.entry(name)?)));
            match entry {
                None => problems.push(format!("no {own}")),
                Some((name, entry)) if !fits(entry.shape(), shape, name != own) => {
                    problems.push(format!("{own} of shape {:?} instead of {:?}", entry.shape(), shape.dims()));
                }
                Some((_, entry)) if !entry.dtype().is_float() => {
                    problems.push(format!("{own} of type {:?}", entry.dtype()));
                }
                Some(_) => {}
            }
        }
        let mut extra: Vec<_> = unclaimed.into_values().map(|name| format!("{name}, which it does not have")).collect();
        extra.sort();
        problems.extend(extra);
        if !problems.is_empty() {
            return Err(problems);
        }
        let inits = expected.iter().map(|(name, _, init)| (name.clone(), *init)).collect();
        Ok(Self { checkpoint, names, seed: seed.unwrap_or_default(), inits })
    }

    pub(super) fn path(&self) -> &Path {
        self.checkpoint.as_ref().map_or_else(|| Path::new("<random>"), Checkpoint::path)
    }

    /// Hands out the tensors under the network's names.
    pub(super) fn reader(self: &Arc<Self>, problems: Problems) -> Reader {
        Reader { source: Arc::clone(self), problems, variables: None }
    }
}

pub(super) struct Reader {
    source: Arc<Source>,
    problems: Problems,
    variables: Option<VarMap>,
}

impl Reader {
    /// Makes variables of the tensors, and keeps them in `variables`.
    pub(super) fn into_variables(self, variables: VarMap) -> Self {
        Self { variables: Some(variables), ..self }
    }

    fn read(&self, shape: &Shape, name: &str, init: Init, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        let source = &self.source;
        let (Some(checkpoint), Some(stored)) = (&source.checkpoint, source.names.get(name)) else {
            let init = source.inits.get(name).copied().unwrap_or(init);
            return fresh(source.seed, name, shape, init, dtype, device);
        };
        let tensor = checkpoint.tensor(stored, dtype, &Device::Cpu).map_err(candle_core::Error::wrap)?;
        if let Some(problem) = fault(name, &tensor) {
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
        }
        // A tensor of another library's network may have the same numbers in another shape; see `fits`.
        tensor.reshape(shape)?.to_device(device)
    }
}

impl SimpleBackend for Reader {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        let tensor = self.read(&shape, name, init, dtype, device)?;
        if tensor.shape() != &shape {
            return Err(candle_core::Error::UnexpectedShape {
                msg: name.to_owned(),
                expected: shape,
                got: tensor.shape().clone(),
            });
        }
        let Some(variables) = &self.variables else { return Ok(tensor) };
        let variable = Var::from_tensor(&tensor)?;
        let tensor = variable.as_tensor().clone();
        variables.data().lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), variable);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> TensorResult<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.source.checkpoint.is_none() || self.source.names.contains_key(name)
    }
}

/// Whether a file's tensor will do. Under another library's name the same numbers may have another shape: sides of one that
/// come and go, and torchvision's VGG with matrices where timm's has convolutions.
fn fits(found: &[usize], expected: &Shape, renamed: bool) -> bool {
    let expected = expected.dims();
    let without_ones = |shape: &[usize]| shape.iter().copied().filter(|&side| side != 1).collect::<Vec<_>>();
    let flattened =
        || matches!((found, expected), ([a, b], [c, rest @ ..]) if a == c && *b == rest.iter().product::<usize>());
    found == expected || (renamed && (without_ones(found) == without_ones(expected) || flattened()))
}

/// What is wrong with the values of a tensor on the CPU.
pub(super) fn fault(name: &str, tensor: &Tensor) -> Option<String> {
    let (storage, _) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { return None };
    let (finite, least) = match storage {
        CpuStorage::F32(values) => (values.iter().all(|x| x.is_finite()), least(values, |x| f64::from(*x))),
        CpuStorage::F64(values) => (values.iter().all(|x| x.is_finite()), least(values, |x| *x)),
        CpuStorage::F16(values) => (values.iter().all(|x| x.is_finite()), least(values, |x| x.to_f64())),
        CpuStorage::BF16(values) => (values.iter().all(|x| x.is_finite()), least(values, |x| x.to_f64())),
        _ => return Some(format!("{name} of type {:?}", tensor.dtype())),
    };
    if !finite {
        return Some(format!("{name} with values that are not finite in {}", tensor.dtype().as_str()));
    }
    (name.ends_with("running_var") && least < 0.0).then(|| format!("{name} with {least}"))
}

fn least<T>(values: &[T], widen: impl Fn(&T) -> f64) -> f64 {
    values.iter().map(widen).fold(f64::INFINITY, f64::min)
}
