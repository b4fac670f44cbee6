//! Weights files: safetensors with torchvision's tensor names and, in the metadata, what the numbers alone do not say.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Result as TensorResult, Shape, Tensor};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

use super::Architecture;
use crate::imaging::ImageSpec;
use crate::{BoxError, Error, Result};

/// Larger files are not read: the largest network here takes 115 MB in f32.
const MAX_BYTES: u64 = 1 << 30;

/// A weights file that was read, checked and brought to f32.
///
/// The metadata must hold `architecture` (see [`Architecture::by_name`]), `classes` (a JSON list of names in the order
/// of the head's rows) and `input` (an [`ImageSpec`] in JSON). Whatever else it holds is [`Weights::provenance`].
/// Tensors may be stored as f16, bf16, f32 or f64; those that the architecture does not name are ignored.
#[derive(Clone)]
pub struct Weights {
    path: PathBuf,
    architecture: Architecture,
    classes: Vec<String>,
    input: ImageSpec,
    provenance: BTreeMap<String, String>,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read; otherwise as [`Weights::from_bytes`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let length = std::fs::metadata(path).map_err(|source| Error::io("read", path, source))?.len();
        if length > MAX_BYTES {
            let found = format!("{length} bytes");
            return Err(wrong(path, format!("a file of at most {MAX_BYTES} bytes"), found, None));
        }
        let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads a weights file from memory. `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] if the bytes are not a safetensors file or a truncated one, if the metadata lacks a key or
    /// has an unknown architecture or input, and if tensors are missing, of the wrong shape or type, or not finite: all
    /// such tensors are listed.
    pub fn from_bytes(bytes: &[u8], path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let not_safetensors = |source: safetensors::SafeTensorError| {
            wrong(
                path,
                "a complete safetensors file",
                format!("{} bytes that are not", bytes.len()),
                Some(source.into()),
            )
        };
        let file = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
        let mut metadata: BTreeMap<_, _> = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let mut take = |key: &str| {
            metadata.remove(key).ok_or_else(|| wrong(path, format!("the metadata key {key}"), "none", None))
        };
        let architecture = take("architecture")?;
        let classes = parse_classes(path, &take("classes")?)?;
        let input: ImageSpec = parse(path, "input", &take("input")?)?;
        let architecture = Architecture::by_name(&architecture)
            .ok_or_else(|| wrong(path, "a known architecture", &architecture, None))?;
        let audit = Audit { file, tensors: Mutex::default(), problems: Mutex::default() };
        let vb = VarBuilder::from_backend(Box::new(&audit), DType::F32, Device::Cpu);
        let network = architecture.build(input.channels(), classes.len(), vb)?;
        let sides = network.sides();
        if !sides.contains(&input.width) || !sides.contains(&input.height) {
            return Err(wrong(path, format!("an input with sides of {sides:?}"), input.to_string(), None));
        }
        drop(network);
        let problems = audit.problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !problems.is_empty() {
            let expected = format!("{architecture} with {} classes ({})", classes.len(), classes.join(", "));
            return Err(wrong(path, expected, problems.join("; "), None));
        }
        let tensors = audit.tensors.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { path: path.to_owned(), architecture, classes, input, provenance: metadata, tensors })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The network.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The classes in the order of the logits. At least one, all different.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How the images of the training were prepared.
    pub fn input(&self) -> &ImageSpec {
        &self.input
    }

    /// What else the metadata says, for example `data`: where the training images came from and under which licence.
    pub fn provenance(&self) -> &BTreeMap<String, String> {
        &self.provenance
    }

    /// The tensors as f32 on `device`, under torchvision's names.
    pub fn var_builder(&self, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_tensors(self.tensors.clone(), DType::F32, device)
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights")
            .field("path", &self.path)
            .field("architecture", &self.architecture)
            .field("classes", &self.classes)
            .field("input", &self.input)
            .field("provenance", &self.provenance)
            .finish_non_exhaustive()
    }
}

fn parse_classes(path: &Path, text: &str) -> Result<Vec<String>> {
    let classes: Vec<String> = parse(path, "classes", text)?;
    let repeated = classes.iter().enumerate().any(|(i, class)| classes[..i].contains(class));
    if classes.is_empty() || repeated {
        return Err(wrong(path, "classes that are all different, at least one", text, None));
    }
    Ok(classes)
}

fn parse<T: DeserializeOwned>(path: &Path, key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| {
        wrong(path, format!("a valid metadata key {key}"), format!("{text} ({source})"), Some(source.into()))
    })
}

fn wrong(path: &Path, expected: impl Into<String>, found: impl Into<String>, source: Option<BoxError>) -> Error {
    Error::Weights { path: path.to_owned(), expected: expected.into(), found: found.into(), source }
}

/// Hands a network its tensors while it is built, and notes which of them will not do, so that the network's own
/// constructor is the only list of what a file must hold.
struct Audit<'a> {
    file: SafeTensors<'a>,
    tensors: Mutex<HashMap<String, Tensor>>,
    problems: Mutex<Vec<String>>,
}

impl Audit<'_> {
    fn load(&self, name: &str, shape: &Shape) -> Result<Tensor, String> {
        let view = self.file.tensor(name).map_err(|_| format!("no {name}"))?;
        if view.shape() != shape.dims() {
            return Err(format!("{name} of shape {:?} instead of {:?}", view.shape(), shape.dims()));
        }
        if !matches!(view.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            return Err(format!("{name} of type {:?}", view.dtype()));
        }
        let read = || {
            let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
            let sum = tensor.sum_all()?.to_scalar::<f32>()?;
            let least = tensor.flatten_all()?.min(0)?.to_scalar::<f32>()?;
            Ok((tensor, sum, least))
        };
        let read = read().map_err(|source: candle_core::Error| format!("{name} unreadable: {source}"));
        match read? {
            (_, sum, _) if !sum.is_finite() => Err(format!("{name} with values that are not finite")),
            (_, _, least) if name.ends_with("running_var") && least < 0.0 => Err(format!("{name} with {least}")),
            (tensor, ..) => Ok(tensor),
        }
    }
}

impl SimpleBackend for &Audit<'_> {
    fn get(&self, shape: Shape, name: &str, _: candle_nn::Init, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        match self.load(name, &shape) {
            Ok(tensor) => {
                let mut tensors = self.tensors.lock().unwrap_or_else(PoisonError::into_inner);
                tensors.insert(name.to_owned(), tensor.clone());
                Ok(tensor)
            }
            Err(problem) => {
                self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
                Tensor::zeros((), dtype, device)?.broadcast_as(shape)
            }
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> TensorResult<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.file.tensor(name).is_ok()
    }
}
