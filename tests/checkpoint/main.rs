//! Weights files of every format: read exactly, and refused without harm where they are broken or hostile.

mod alloc;
mod broken;
mod build;
mod memory;
mod refused;
mod shards;
mod truth;

use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoint/files").join(name)
}
