use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{Error, Result};

/// Threads that each work on an image of their own, with all of the image's tensor operations on that one thread.
///
/// candle shares every matrix product among all threads. The layers of such a network are too small for that, and images
/// scored side by side would wait for one another's shares. Inside a pool of one thread there is nobody to share with.
#[derive(Debug)]
pub(super) struct Lanes {
    pools: Vec<ThreadPool>,
}

impl Lanes {
    /// As many lanes as the current rayon pool has threads.
    pub(super) fn new() -> Result<Self> {
        let pool = |_| ThreadPoolBuilder::new().num_threads(1).build();
        let pools = (0..rayon::current_num_threads()).map(pool).collect::<std::result::Result<_, _>>();
        let pools = pools.map_err(|error| Error::Device {
            requested: "cpu".to_owned(),
            reason: "no thread could be started".to_owned(),
            source: Some(error.into()),
        })?;
        Ok(Self { pools })
    }

    /// `work` of each of `0..count`, in that order. What a lane gets depends on time, its result does not.
    pub(super) fn map<T: Send>(&self, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let lane = || {
            let taken = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|&i| i < count);
            taken.map(|i| (i, work(i))).collect::<Vec<_>>()
        };
        let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
            let lane = &lane;
            let running: Vec<_> =
                self.pools.iter().take(count).map(|pool| scope.spawn(move || pool.install(lane))).collect();
            let joined =
                running.into_iter().map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.flatten().collect()
        });
        results.sort_by_key(|(i, _)| *i);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        let lanes = Lanes::new().unwrap();
        assert_eq!(lanes.map(100, |i| i * i), (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert!(lanes.map(0, |i| i).is_empty());
        assert!(lanes.map(3, |_| rayon::current_num_threads()).iter().all(|&threads| threads == 1));
    }
}
