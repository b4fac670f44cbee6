use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::config::Config;
use super::listing::{Entry, Listing};
use crate::Result;
use crate::contract::{DataState, Dataset, HandlerResult, SampleId, Subset};
use crate::imaging::{BorderStatistics, GreyStatistics, Image, decode, read_file};
use crate::{BoxError, Error};

/// A folder of chest X-rays, split into training, validation and test.
///
/// Sample ids are paths below the data folder with forward slashes, for example `test/NORMAL/IM-0001-0001.jpeg`.
#[derive(Debug)]
pub struct ChestXrays {
    root: PathBuf,
    config: Config,
    subsets: Vec<Subset>,
    entries: HashMap<SampleId, Entry>,
    rejected: Vec<Error>,
    ignored: Vec<PathBuf>,
    absent: Vec<PathBuf>,
    drawn: bool,
}

/// One X-ray as the binder's functions see it.
#[derive(Debug, Clone)]
pub struct Xray {
    /// The image at the configured size, 8 bit.
    pub image: Image,
    /// Index of the true class.
    pub class: usize,
    /// Grey levels of `image`.
    pub grey: GreyStatistics,
    /// What stands at the edges and in the corners of `image`.
    pub border: BorderStatistics,
    /// Columns of the file's image, before it was resized.
    pub original_width: usize,
    /// Rows of it.
    pub original_height: usize,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
}

impl ChestXrays {
    /// How the attribute `patient` is told, for an [`Audit`](crate::train::Audit) to state.
    pub const PATIENT_RULE: &str = "the file's name (person123_virus_4.jpeg is of person123, IM-0115-0001.jpeg of IM-0115); \
                                    bacteria and viruses are numbered apart there, so that one person number with both may \
                                    be two people";

    /// Lists the X-rays of a folder: the layout of the Mendeley archive and of Kaggle,
    /// `{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg`, with bacteria or virus in the file names, or the reference's,
    /// `{train,val,test}/{NORMAL,bacteria,virus}/*.jpeg`; in `folder`, in `folder/chest_xray` or one deeper.
    ///
    /// Training needs every class. In the reference's layout validation and test may lack one ([`ChestXrays::absent`]).
    /// Without `val`, a tenth of the training patients becomes validation, chosen by `config.validation_seed`. No file is
    /// dropped silently: see [`ChestXrays::rejected`] and [`ChestXrays::ignored`]. Only the first bytes of each file are read.
    ///
    /// # Errors
    /// [`Error::Folder`] when no layout fits, a class folder is missing or no usable image is in it; [`Error::Config`]; [`Error::Io`].
    pub fn open(folder: impl AsRef<Path>, config: Config) -> Result<Self> {
        config.validate()?;
        let mut listing = Listing::read(folder.as_ref(), config.classes, config.validation_seed)?;
        let mut subsets = Vec::new();
        let mut entries = HashMap::new();
        for (state, listed) in std::mem::take(&mut listing.entries) {
            subsets.push(Subset::new(state, listed.iter().map(|entry| entry.relative.clone())));
            entries.extend(listed.into_iter().map(|entry| (SampleId::from(entry.relative.clone()), entry)));
        }
        let Listing { root, rejected, ignored, absent, drawn, .. } = listing;
        Ok(Self { root, config, subsets, entries, rejected, ignored, absent, drawn })
    }

    /// How the X-rays are read.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The folder that holds `train`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The subsets in contract order.
    pub fn subsets(&self) -> &[Subset] {
        &self.subsets
    }

    /// Files that stand among the X-rays but cannot be one (empty, not an image, of unknown cause), with path and reason.
    pub fn rejected(&self) -> &[Error] {
        &self.rejected
    }

    /// Files and folders outside the class folders, and hidden and system files (`.DS_Store`) in them: no part of the data.
    pub fn ignored(&self) -> &[PathBuf] {
        &self.ignored
    }

    /// Whether validation was taken from the training patients, as there is no `val`.
    pub const fn validation_is_drawn(&self) -> bool {
        self.drawn
    }

    /// Class folders that validation or test lack, in the reference's layout; such a subset shows fewer classes.
    pub fn absent(&self) -> &[PathBuf] {
        &self.absent
    }
}

impl Dataset for ChestXrays {
    type Sample = Xray;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(self.subsets.clone())
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<Xray> {
        let entry = self.entries.get(id).ok_or_else(|| BoxError::from(format!("no X-ray {id} was listed")))?;
        let path = self.root.join(&entry.relative);
        let bytes = read_file(&path)?;
        let mut image = decode(&bytes, &path.to_string_lossy())?;
        let (original_width, original_height) = (image.width(), image.height());
        if self.config.grey {
            image = image.into_grey();
        }
        let image = image.resize(self.config.side, self.config.side, self.config.resampling)?;
        let grey = GreyStatistics::of(&image, self.config.grey_mode);
        let border = BorderStatistics::of(&image);
        let digest = Sha256::digest(&bytes).into();
        Ok(Xray { image, class: entry.class, grey, border, original_width, original_height, digest })
    }

    /// `file`, below the root, and `patient`, by the file's name.
    fn attributes(&self, id: &SampleId, _state: DataState) -> Vec<(String, String)> {
        let patient = self.entries.get(id).map_or("", |entry| &entry.patient);
        vec![("file".to_owned(), id.to_string()), ("patient".to_owned(), patient.to_owned())]
    }

    fn digest(&self, sample: &Xray) -> Option<[u8; 32]> {
        Some(sample.digest)
    }
}
