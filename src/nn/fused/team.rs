//! Threads that work on one image together.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::yield_now;

/// Steps that run one after the other; the units of one step run on whatever threads have time.
///
/// A thread takes the next unit of the current step, and whoever finishes a step's last unit opens the next step. Nobody waits
/// for a thread that has not come: the first one does everything alone if it must, so that this cannot block inside a
/// busy thread pool. There are hundreds of steps in a few milliseconds, so those who wait spin.
pub(super) struct Team<'a> {
    /// Units of each step; none is zero.
    units: &'a [usize],
    /// The current step in the upper half, the next unit to take in the lower.
    ticket: AtomicU64,
    /// Finished units of the current step.
    done: AtomicUsize,
    /// Threads that have come.
    workers: AtomicUsize,
}

impl<'a> Team<'a> {
    /// Calls `work(step, unit, worker)` for each unit of each step, on at most `threads` threads of the current rayon
    /// pool. `worker` is below `threads`, and no two threads have the same.
    pub(super) fn run(units: &'a [usize], threads: usize, work: &(dyn Fn(usize, usize, usize) + Sync)) {
        let team = Self { units, ticket: AtomicU64::new(0), done: AtomicUsize::new(0), workers: AtomicUsize::new(0) };
        team.join(threads.max(1) - 1, work);
    }

    fn join(&self, others: usize, work: &(dyn Fn(usize, usize, usize) + Sync)) {
        if others == 0 || self.is_over() {
            self.work(work);
        } else {
            rayon::join(|| self.work(work), || self.join(others - 1, work));
        }
    }

    fn is_over(&self) -> bool {
        step_and_unit(self.ticket.load(Ordering::Acquire)).0 >= self.units.len()
    }

    fn work(&self, work: &(dyn Fn(usize, usize, usize) + Sync)) {
        let worker = self.workers.fetch_add(1, Ordering::Relaxed);
        let end = EndOnPanic(self);
        let mut waited = 0_u32;
        loop {
            let (step, unit) = step_and_unit(self.ticket.load(Ordering::Acquire));
            if step >= self.units.len() {
                break;
            }
            if unit >= self.units[step] {
                pause(&mut waited);
                continue;
            }
            // Between the look and the grab the step may have changed: what counts is what was grabbed.
            let (step, unit) = step_and_unit(self.ticket.fetch_add(1, Ordering::AcqRel));
            if step >= self.units.len() || unit >= self.units[step] {
                continue;
            }
            waited = 0;
            work(step, unit, worker);
            if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.units[step] {
                self.done.store(0, Ordering::Relaxed);
                self.ticket.store((step as u64 + 1) << 32, Ordering::Release);
            }
        }
        std::mem::forget(end);
    }
}

fn step_and_unit(ticket: u64) -> (usize, usize) {
    ((ticket >> 32) as usize, (ticket & u64::from(u32::MAX)) as usize)
}

/// Spins, and lets others run after some microseconds.
fn pause(waited: &mut u32) {
    *waited += 1;
    if *waited < 2000 {
        spin_loop();
    } else {
        yield_now();
    }
}

/// Sends the others home when a unit panics: its step would never end.
struct EndOnPanic<'a>(&'a Team<'a>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        self.0.ticket.store(u64::MAX << 32, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn units_run_once_and_steps_in_order() {
        let units = [3, 1, 50, 7];
        for threads in [1, 2, 5] {
            let seen = Mutex::new(Vec::new());
            Team::run(&units, threads, &|step, unit, worker| {
                assert!(worker < threads);
                seen.lock().unwrap().push((step, unit));
            });
            let mut seen = seen.into_inner().unwrap();
            assert!(seen.is_sorted_by_key(|(step, _)| *step));
            seen.sort_unstable();
            let all = units.iter().enumerate().flat_map(|(step, &n)| (0..n).map(move |unit| (step, unit)));
            assert_eq!(seen, all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_team_inside_a_busy_pool_gets_along() {
        use rayon::prelude::*;
        let sums: Vec<usize> = (0..64)
            .into_par_iter()
            .map(|_| {
                let sum = AtomicUsize::new(0);
                Team::run(&[10; 20], 4, &|step, unit, _| {
                    sum.fetch_add(step * unit, Ordering::Relaxed);
                });
                sum.into_inner()
            })
            .collect();
        assert!(sums.iter().all(|&sum| sum == 190 * 45));
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let run = || Team::run(&[4; 4], 3, &|step, unit, _| assert!((step, unit) != (1, 2)));
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
