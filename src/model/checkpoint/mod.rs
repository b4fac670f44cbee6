//! Reading weights files of every format that people hold.

mod fault;
mod format;
mod map;
mod names;
mod pickle;
mod safetensors;
mod shards;
mod state_dict;
mod stored;
mod torch;
mod write;
mod zip;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::{Error, Result};
use fault::{Fault, listed};
use format::Format;
use map::Bytes;
use stored::Place;
pub(crate) use write::{replace, safetensors_bytes, write_safetensors};

/// A file of named tensors, whatever its format: opened and verified, its tensors not yet read.
///
/// Cloning is cheap: clones share the file.
///
/// [`Checkpoint::open`] tells the format by the content, never by the extension:
///
/// - safetensors: one file; an index `*.safetensors.index.json` with its shards beside it; a folder that holds such an
///   index or `model.safetensors`
/// - `torch.save` since PyTorch 1.6: the zip archive with `data.pkl`
/// - `torch.save` before PyTorch 1.6: the file of pickles, as torchvision's older weights are, and as
///   `_use_new_zipfile_serialization=False` still writes it
///
/// A file of `torch.save` may be a state dict, a dictionary that has one under `state_dict`, `model_state_dict`, `ema`,
/// `model_ema`, `model`, `net`, `network` or `weights` (the first of these that holds tensors is taken; averaged
/// weights come before the last ones unless there is a `state_dict`), or a whole pickled `nn.Module`, bare or under such a key, as Ultralytics' `.pt`
/// files have it. What else is in the file, such as an optimizer, is read over.
///
/// Tensor names are those of the network: the prefixes `module.` (`DataParallel`), `_orig_mod.` (`torch.compile`) and
/// `model.` or `net.` (Lightning) are stripped where *all* tensors have them, except that `model.` and `net.` stay
/// where only numbers follow (`model.0.conv.weight`, a sequential network).
///
/// # What is refused, and why
///
/// A pickle is a program for a stack machine, which Python lets call any function. The machine here executes nothing: a
/// class or function is a name from a closed list, and an object is its attributes. A file that names anything else, or
/// has an opcode that no checkpoint has, is refused as a whole, since what it describes cannot be known. Further
/// refused are lengths, shapes, strides and offsets that lead outside the file or its parts, overlapping parts, shards
/// outside the folder of their index, compressed entries (their numbers could not be mapped), big-endian files, and
/// number types that no network here has. Files that are something else (HDF5, ONNX, TorchScript, a saved web page, a
/// Git LFS pointer) get an error that says what they are and what to do.
///
/// # Memory
///
/// Nothing is allocated because a file claims a size: what a file describes is paid for from a budget of 8 MiB and an
/// eighth of the file's length, and every size is compared with the bytes that are there. The file is mapped, a tensor
/// is read from the map straight into its own memory, and the pages that were read are given back, so reading all
/// tensors in their own types takes the file's size.
///
/// # Examples
///
/// ```no_run
/// use candle_core::{DType, Device};
/// use leap_binder::model::Checkpoint;
///
/// let checkpoint = Checkpoint::open("densenet201.pth")?;
/// for name in checkpoint.names() {
///     println!("{name}");
/// }
/// let stem = checkpoint.tensor("features.conv0.weight", DType::F32, &Device::Cpu)?;
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Clone)]
pub struct Checkpoint(Arc<Opened>);

struct Opened {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, (Entry, Place)>,
}

/// The type and the shape of one tensor of a [`Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    dtype: DType,
    shape: Vec<usize>,
}

impl Entry {
    /// The number type in the file. Types that candle lacks are given as the smallest that holds their values: `bool`
    /// as [`DType::U8`], `int8` as [`DType::I16`], `uint16` as [`DType::U32`]; `uint64` as [`DType::I64`], where values
    /// from 2^63 on become 2^63 - 1.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The sides, outermost first; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// What a format's reader finds in a file.
#[derive(Debug, Default)]
struct Contents {
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Place>,
}

impl Checkpoint {
    /// Opens the file or the folder at `path` and checks all that it says of its tensors, whose numbers stay unread.
    ///
    /// The file is mapped into memory for as long as the checkpoint or a clone of it lives. It must not be shortened or
    /// overwritten in that time: the operating system ends a process that reads beyond the end of a mapped file.
    /// Replacing it by renaming another file over it is safe. Where that cannot be promised, use
    /// [`Checkpoint::from_bytes`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read; otherwise as [`Checkpoint::from_bytes`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() {
            let file = shards::in_folder(path)?;
            return Self::parse(Bytes::map(&file)?, &file);
        }
        Self::parse(Bytes::map(path)?, path)
    }

    /// Reads a file from memory. `path` is what errors call it, and where the shards of an index lie.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] if the bytes are no file of a known format (which says what they are, where that is known),
    /// if the file is damaged, truncated or names what no checkpoint needs (see [`Checkpoint`]), or if it holds no
    /// tensors. Missing shards, and tensors that are missing from them or are there twice, are listed together.
    pub fn from_bytes(bytes: Vec<u8>, path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(Bytes::owned(bytes), path.as_ref())
    }

    fn parse(bytes: Bytes, path: &Path) -> Result<Self> {
        let parsed = match format::detect(&bytes).map_err(|fault| fault.at(path))? {
            Format::Safetensors => safetensors::parse(&bytes),
            Format::Zip => torch::parse_zip(&bytes),
            Format::Pickle => torch::parse_legacy(&bytes),
            Format::ShardIndex => Ok(shards::parse(&bytes, path)?),
        };
        let Contents { metadata, tensors } = parsed.map_err(|fault| fault.at(path))?;
        if tensors.is_empty() {
            return Err(Fault::new("a file that holds tensors", "none").at(path));
        }
        let described = |(name, place): (String, Place)| {
            (name, (Entry { dtype: place.dtype(), shape: place.shape().to_vec() }, place))
        };
        let tensors = names::clean(tensors).into_iter().map(described).collect();
        Ok(Self(Arc::new(Opened { path: path.to_owned(), metadata, tensors })))
    }

    /// The file; for a folder, the file in it that was opened.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What the file says about itself: the `__metadata__` of safetensors; empty for other formats.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// The names of the tensors, sorted. At least one.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.tensors.keys().map(String::as_str)
    }

    /// The same file with its tensors under other names: `rename` gives the new name, or `None` for a tensor to leave out. For
    /// prefixes and parts that this crate does not know. Nothing is read or copied.
    ///
    /// ```no_run
    /// # use leap_binder::model::Checkpoint;
    /// // A Lightning module that keeps its network as `densenet121`, beside a weighted loss.
    /// let checkpoint = Checkpoint::open("model.ckpt")?;
    /// let network = checkpoint.renamed(|name| name.strip_prefix("densenet121.").map(str::to_owned))?;
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] if two tensors would have one name, or none is left.
    pub fn renamed(&self, rename: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &self.0.tensors {
            let Some(new) = rename(name) else { continue };
            if tensors.insert(new.clone(), tensor.clone()).is_some() {
                return Err(Fault::new("one tensor for each name", format!("two that become {new}")).at(self.path()));
            }
        }
        if tensors.is_empty() {
            return Err(Fault::new("a tensor to keep", "none").at(self.path()));
        }
        let Opened { path, metadata, .. } = &*self.0;
        Ok(Self(Arc::new(Opened { path: path.clone(), metadata: metadata.clone(), tensors })))
    }

    /// The type and shape of the tensor `name`. `None` if there is none.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.tensors.get(name).map(|(entry, _)| entry)
    }

    /// Reads the tensor `name` as numbers of type `dtype` on `device`.
    ///
    /// Besides the result, no memory is taken on the CPU; another device gets it from a copy there. In the tensor's own
    /// type, numbers keep every bit. Otherwise floats are rounded to the nearest, ties to even (from f64 to f16 and
    /// bf16 by way of f32, as in PyTorch), and numbers outside the range of an integer type become its nearest.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] if there is no such tensor, [`Error::Tensor`] if `dtype` is not one of u8, u32, i16, i32,
    /// i64, bf16, f16, f32 and f64, or if the device fails.
    pub fn tensor(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        match self.0.tensors.get(name) {
            Some((_, place)) => place.read(dtype, device).map_err(Error::tensor(format!("reading {name}"))),
            None => {
                let names: Vec<&str> = self.names().collect();
                Err(Fault::new(format!("the tensor {name}"), format!("only {}", listed(&names))).at(self.path()))
            }
        }
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("path", &self.0.path)
            .field("tensors", &self.0.tensors.len())
            .field("metadata", &self.0.metadata)
            .finish_non_exhaustive()
    }
}
