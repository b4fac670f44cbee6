//! The bytes of a file: mapped into memory, or handed over by the caller.
#![allow(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::{Error, Result};

/// Bytes that any number of tensors can point into.
#[derive(Clone)]
pub(super) struct Bytes(Arc<Holder>);

enum Holder {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps the file at `path`.
    pub(super) fn map(path: &Path) -> Result<Self> {
        let failed = |source| Error::io("read", path, source);
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            return Ok(Self::owned(Vec::new()));
        }
        // SAFETY: the map is private to this crate, read-only, and lives as long as the slices that are made of it,
        // which borrow from it. Its length is the file's length at this moment, and every range taken from it is
        // checked against that length. What cannot be ruled out from inside a process is that somebody else writes to
        // the file while it is mapped: changed bytes would be read as other numbers (every bit pattern is a valid
        // number here, and all structure is checked on the values that are then used), and a *shortened* file ends the
        // process with a bus error. That condition is stated in the documentation of `Checkpoint::open`.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self(Arc::new(Holder::Mapped(map))))
    }

    pub(super) fn owned(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Holder::Owned(bytes)))
    }

    /// Tells the system that the pages of `range` are not needed for now, so that a file that was read does not stay
    /// counted as this process's memory. Reading them again reads the file again.
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Holder::Mapped(map) = &*self.0
            && range.start < range.end
            && range.end <= map.len()
        {
            // SAFETY: the range lies inside the map. For a shared, read-only map of a file, `MADV_DONTNEED` only drops
            // the page table entries; the next access finds the same bytes of the file again, so no slice changes its
            // value. A failure changes nothing and is of no interest.
            let _ = unsafe {
                map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.end - range.start)
            };
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Holder::Mapped(map) => map,
            Holder::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match &*self.0 {
            Holder::Mapped(_) => "mapped",
            Holder::Owned(_) => "owned",
        };
        write!(f, "{} {how} bytes", self.len())
    }
}
