//! Memory for weights and activations: one piece, planned before it is made.

use std::io;

use memmap2::MmapMut;

use super::GRANULE;

/// A range of f32 in a [`Buffer`], which starts on a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) start: usize,
    pub(super) len: usize,
}

/// Hands out slots of a buffer that is yet to be made.
#[derive(Debug, Default)]
pub(super) struct Layout {
    len: usize,
}

impl Layout {
    pub(super) fn take(&mut self, len: usize) -> Slot {
        let slot = Slot { start: self.len, len };
        self.len = slot.start.saturating_add(len.div_ceil(GRANULE).saturating_mul(GRANULE));
        slot
    }
}

/// As many f32 as a [`Layout`] gave out, all zero at first. It comes in whole pages, in large ones where the system has them: page faults are
/// dear on virtual machines.
#[derive(Debug)]
pub(super) struct Buffer {
    map: MmapMut,
    len: usize,
}

impl Buffer {
    pub(super) fn new(layout: &Layout) -> io::Result<Self> {
        // One granule more, so that a vector may be loaded at the last value.
        let len = layout.len.saturating_add(GRANULE);
        let bytes = len.checked_mul(size_of::<f32>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(bytes)?;
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self { map, len })
    }

    /// The values of a slot that this buffer's layout gave out.
    pub(super) fn slot(&self, slot: Slot) -> &[f32] {
        &self.values()[slot.start..slot.start + slot.len]
    }

    pub(super) fn slot_mut(&mut self, slot: Slot) -> &mut [f32] {
        &mut self.values_mut()[slot.start..slot.start + slot.len]
    }

    pub(super) fn values(&self) -> &[f32] {
        // SAFETY: the map is aligned to a page, holds `len` f32, and any bits are an f32.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.len) }
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `values`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.len) }
    }
}
