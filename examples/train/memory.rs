//! Keeping memory that was once had.

/// Lets glibc keep what is freed. Training frees and asks again for buffers of many megabytes in every step; by default each goes
/// back to the system, whose clearing of fresh pages then takes most of the time. Elsewhere this does nothing.
#[allow(unsafe_code)]
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two integers and touches nothing of ours; no other thread has been started yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 256 << 20);
    }
}
