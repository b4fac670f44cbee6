//! An allocator that counts what each thread holds.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// The largest single allocation, in bytes.
    pub largest: usize,
    /// The most bytes held at once, beyond what was held before.
    pub peak: usize,
}

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator with the arguments that it came with. The counters are thread-local
// cells without a destructor that are initialised at compile time, so counting neither allocates nor panics. `realloc`
// and `alloc_zeroed` are the trait's own, made of the two methods here: a vector that grows is counted with both its
// copies.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get() + layout.size() as isize;
        HELD.set(held);
        PEAK.set(PEAK.get().max(held));
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Runs `work` and says what it allocated on this thread.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    let before = HELD.get();
    PEAK.set(before);
    LARGEST.set(0);
    let result = work();
    let usage = Usage { largest: LARGEST.get(), peak: (PEAK.get() - before).max(0) as usize };
    (result, usage)
}

#[test]
fn allocations_are_counted() {
    let (kept, usage) = measure(|| {
        drop(vec![0u8; 5000]);
        vec![1u8; 3000]
    });
    assert_eq!(kept.len(), 3000);
    assert_eq!((usage.largest, usage.peak), (5000, 5000));
    let (_, usage) = measure(|| (vec![0u8; 5000], vec![1u8; 3000]));
    assert_eq!((usage.largest, usage.peak), (5000, 8000));
}
