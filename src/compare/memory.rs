//! How much memory the process takes, where the system tells.

use std::fs;

/// A watch over the process's resident memory, from a reset of its high-water mark on.
///
/// Linux keeps the mark in `/proc/self/status` and resets it when `5` is written to `/proc/self/clear_refs` (proc(5)).
/// Where either is missing or forbidden there is no watch.
pub(super) struct Watch {
    resident: u64,
}

impl Watch {
    pub(super) fn start() -> Option<Self> {
        fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(Self { resident: bytes("VmRSS:")? })
    }

    /// By how many bytes the resident memory has risen at most since the start.
    pub(super) fn rise(&self) -> Option<u64> {
        Some(bytes("VmHWM:")?.saturating_sub(self.resident))
    }
}

/// A line of the status such as `VmRSS:     1234 kB`, in bytes.
fn bytes(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_allocation_is_seen_after_it_is_gone() {
        let Some(watch) = Watch::start() else { return };
        let size = 64 << 20;
        let touched: u64 = std::hint::black_box(vec![1u8; size]).iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(touched, size as u64);
        // Other tests share the process, so only what cannot be less is sure.
        assert!(watch.rise().unwrap() > size as u64 / 2);
    }
}
