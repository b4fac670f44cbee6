//! Memory that shows where it is touched.

/// Values to read, which end where their memory ends.
pub(super) enum Input {
    /// An allocation of exactly this size: tools that watch the heap see a step beyond.
    Heap(Box<[f32]>),
    /// The end of a file that is mapped further than it reaches: a step beyond kills the process.
    #[cfg(all(unix, not(miri)))]
    Fenced { map: memmap2::MmapMut, start: usize },
}

/// A multiple of the page of every usual system.
#[cfg(all(unix, not(miri)))]
const FENCE: usize = 64 * 1024;

impl Input {
    /// The same values in both kinds of memory.
    pub(super) fn of(values: &[f32]) -> Vec<Self> {
        vec![
            Self::Heap(values.into()),
            #[cfg(all(unix, not(miri)))]
            Self::fenced(values),
        ]
    }

    #[cfg(all(unix, not(miri)))]
    fn fenced(values: &[f32]) -> Self {
        let size = size_of_val(values);
        let end = size.next_multiple_of(FENCE).max(FENCE);
        let file = tempfile::tempfile().unwrap();
        file.set_len(end as u64).unwrap();
        // SAFETY: nobody else knows the file.
        let mut map = unsafe { memmap2::MmapOptions::new().len(end + FENCE).map_mut(&file) }.unwrap();
        let start = end - size;
        for (to, value) in map[start..end].chunks_exact_mut(size_of::<f32>()).zip(values) {
            to.copy_from_slice(&value.to_ne_bytes());
        }
        Self::Fenced { map, start }
    }

    pub(super) fn as_ptr(&self) -> *const f32 {
        match self {
            Self::Heap(values) => values.as_ptr(),
            #[cfg(all(unix, not(miri)))]
            Self::Fenced { map, start } => map[*start..].as_ptr().cast(),
        }
    }
}

/// A number that no kernel computes.
const UNTOUCHED: u32 = 0x7fed_cba9;

/// Values on either side that must stay as they are.
const MARGIN: usize = 64;

/// Memory to write to.
pub(super) struct Output {
    values: Vec<f32>,
}

/// What a place must hold: a value and how far it may be off, or `None` for what must not be touched.
pub(super) type Expected = Option<(f64, f64)>;

impl Output {
    pub(super) fn new(len: usize) -> Self {
        Self { values: vec![f32::from_bits(UNTOUCHED); len + 2 * MARGIN] }
    }

    /// Where the first of the `len` values goes.
    pub(super) fn start(&mut self) -> *mut f32 {
        self.values[MARGIN..].as_mut_ptr()
    }

    /// One value a word.
    #[track_caller]
    pub(super) fn check(&self, expected: &[Expected], what: &str) {
        let found: Vec<_> = self.values.iter().map(|value| (value.to_bits(), f64::from(*value))).collect();
        check(&found, UNTOUCHED, UNTOUCHED, MARGIN, expected, what);
    }

    /// Two bf16 a word, the first one in the lower half.
    #[track_caller]
    pub(super) fn check_pairs(&self, expected: &[Expected], what: &str) {
        let halves = self.values.iter().flat_map(|value| [value.to_bits() & 0xffff, value.to_bits() >> 16]);
        let found: Vec<_> = halves.map(|half| (half, f64::from(f32::from_bits(half << 16)))).collect();
        check(&found, UNTOUCHED & 0xffff, UNTOUCHED >> 16, 2 * MARGIN, expected, what);
    }
}

/// Bits and values against what they must be. What was not written is `even` and `odd` in turn.
#[track_caller]
fn check(found: &[(u32, f64)], even: u32, odd: u32, margin: usize, expected: &[Expected], what: &str) {
    assert_eq!(found.len(), expected.len() + 2 * margin);
    for (place, &(bits, value)) in found.iter().enumerate() {
        let at = place as isize - margin as isize;
        match expected.get(place.wrapping_sub(margin)).copied().flatten() {
            None => assert_eq!(bits, if place % 2 == 0 { even } else { odd }, "{what}: {value} was written at {at}"),
            Some((right, tolerance)) => {
                let near = (value - right).abs() <= tolerance || (value.is_nan() && right.is_nan());
                assert!(near, "{what}: {value} at {at} instead of {right} +- {tolerance}");
            }
        }
    }
}

/// The memory itself: a step beyond a fence must show, or the fences prove nothing. A child process takes the step.
#[cfg(all(unix, not(miri)))]
#[test]
fn a_step_beyond_the_fence_shows() {
    const CHILD: &str = "LEAP_BINDER_STEPS_BEYOND";
    if std::env::var_os(CHILD).is_some() {
        let input = Input::fenced(&[1.0; 5]);
        // SAFETY: none: the process ends here, and that is what is tested.
        let beyond = unsafe { input.as_ptr().add(5).read_volatile() };
        panic!("read {beyond}");
    }
    let input = Input::fenced(&[1.0, 2.0, 3.0]);
    // SAFETY: the three values.
    let values = unsafe { std::slice::from_raw_parts(input.as_ptr(), 3) };
    assert_eq!(values, [1.0, 2.0, 3.0]);
    // Under an emulator there may be no child.
    let Ok(program) = std::env::current_exe() else { return };
    let name = "kernel::tests::memory::a_step_beyond_the_fence_shows";
    let Ok(child) = std::process::Command::new(program).args(["--include-ignored", name]).env(CHILD, "1").output()
    else {
        return;
    };
    use std::os::unix::process::ExitStatusExt;
    assert!(child.status.signal().is_some(), "{child:?}");
}
