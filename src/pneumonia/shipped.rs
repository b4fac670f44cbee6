//! What the repository ships: 790 sample X-rays and trained weights. They are files beside the sources, so these paths are
//! good for a checkout and for a git dependency; the registry's package leaves them out.

use std::path::PathBuf;

/// The sample: the official test split (624 images), the 16 official validation images and 50 training images of each class.
/// CC BY 4.0, Kermany, Zhang, Goldbaum, doi:10.17632/rscbjbr9sj.2; see the README in the folder.
pub fn sample() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sample"))
}

/// DenseNet201 trained on the official training split; see `docs/model-card.md`.
pub fn weights() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights/densenet201-kermany224-f16.safetensors"))
}

/// The small CNN, trained by this crate on the official training split less a tenth of its patients: a baseline of a few hundred
/// kilobytes. See `docs/model-card.md`.
pub fn small_cnn() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights/small-cnn-kermany224-f16.safetensors"))
}
