//! Threads and cancellation of one call. Knows how to hand out independent pieces of work; refuses to know what a piece is.
//!
//! Pieces write disjoint outputs in an order fixed by the kernel, so the number of threads never shows in a result.
//! The threads are those of [`crew`](crate::crew).

use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The call was cancelled through its flag. Outputs are unspecified but valid memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl core::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the computation was cancelled")
    }
}

impl core::error::Error for Cancelled {}

/// How one call runs: on how many threads, and the flag that stops it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    threads: usize,
    cancel: Option<&'a AtomicU32>,
}

impl<'a> Run<'a> {
    /// A call on up to `threads` threads (0 counts as 1) that cannot be cancelled.
    pub fn threads(threads: usize) -> Run<'static> {
        Run {
            threads: threads.max(1),
            cancel: None,
        }
    }

    /// A call on as many threads as this process may use processors.
    pub fn all_processors() -> Run<'static> {
        // Asking costs a system call or more: once is enough.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut count = COUNT.load(Ordering::Relaxed);
        if count == 0 {
            count = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
            COUNT.store(count, Ordering::Relaxed);
        }
        Self::threads(count)
    }

    /// A call on up to `threads` threads that stops within a block of work after `cancel` becomes non-zero.
    pub fn cancellable(threads: usize, cancel: &'a AtomicU32) -> Run<'a> {
        Run {
            threads: threads.max(1),
            cancel: Some(cancel),
        }
    }

    /// The most threads this call may use.
    pub fn thread_count(&self) -> usize {
        self.threads
    }

    /// Whether the flag has been raised.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
    }

    /// `Err(Cancelled)` once the flag has been raised.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// The same flag, one thread: for work inside a piece.
    pub fn single(&self) -> Run<'a> {
        Run {
            threads: 1,
            cancel: self.cancel,
        }
    }

    /// Calls `piece(index)` for every index below `count`, each exactly once, from up to `threads` threads.
    pub fn for_each(&self, count: usize, piece: impl Fn(usize) + Sync) -> Result<(), Cancelled> {
        let next = AtomicUsize::new(0);
        let work = || {
            while !self.is_cancelled() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                piece(index);
            }
        };
        let helpers = self.threads.min(count).saturating_sub(1);
        if helpers == 0 {
            work();
        } else {
            crate::crew::together(helpers, &work);
        }
        self.check()
    }

    /// Splits `0..rows` into ranges of about [`COST_GRAIN`] (`cost` per row) and calls `piece` on each.
    /// Small work stays on the calling thread.
    pub fn for_rows(&self, rows: usize, cost: usize, piece: impl Fn(Range<usize>) + Sync) -> Result<(), Cancelled> {
        self.for_blocks(rows, cost, 1, piece)
    }

    /// [`for_rows`](Self::for_rows) with ranges of at least `least` rows, for pieces that prepare something for all their rows.
    pub fn for_blocks(
        &self,
        rows: usize,
        cost: usize,
        least: usize,
        piece: impl Fn(Range<usize>) + Sync,
    ) -> Result<(), Cancelled> {
        let step = (COST_GRAIN / cost.max(1)).max(least).clamp(1, rows.max(1));
        let run = if rows.saturating_mul(cost) < 4 * COST_GRAIN {
            self.single()
        } else {
            *self
        };
        run.for_each(rows.div_ceil(step), |index| {
            piece(index * step..rows.min((index + 1) * step))
        })
    }
}

/// Multiply-adds, or as much, of one piece: tens of microseconds.
const COST_GRAIN: usize = 1 << 18;

/// A pointer that pieces of one call share, each writing its own disjoint part.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<T>(*mut T);

// SAFETY: only a pointer; every dereference happens through `slice`/`ptr` under the caller's promise of disjoint access.
unsafe impl<T: Send> Send for SharedMut<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    pub(crate) fn new(data: &mut [T]) -> Self {
        SharedMut(data.as_mut_ptr())
    }

    #[cfg(feature = "float")]
    pub(crate) fn ptr(&self) -> *mut T {
        self.0
    }

    /// # Safety
    /// `range` lies inside the slice this was made of, which outlives `'a`; no other piece touches it meanwhile.
    pub(crate) unsafe fn slice<'a>(&self, range: Range<usize>) -> &'a mut [T] {
        // SAFETY: promised by the caller.
        unsafe { core::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_runs_exactly_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let counts: Vec<AtomicU32> = (0..37).map(|_| AtomicU32::new(0)).collect();
            Run::threads(threads)
                .for_each(37, |i| _ = counts[i].fetch_add(1, Ordering::Relaxed))
                .unwrap();
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn rows_are_covered_without_gaps() {
        let seen = AtomicUsize::new(0);
        Run::threads(2)
            .for_rows(1001, 5000, |range| _ = seen.fetch_add(range.len(), Ordering::Relaxed))
            .unwrap();
        assert_eq!(seen.into_inner(), 1001);
    }

    #[test]
    fn a_raised_flag_stops_before_the_next_piece() {
        let flag = AtomicU32::new(0);
        let pieces = AtomicUsize::new(0);
        let result = Run::cancellable(1, &flag).for_each(10, |index| {
            pieces.fetch_add(1, Ordering::Relaxed);
            if index == 3 {
                flag.store(1, Ordering::Relaxed);
            }
        });
        assert_eq!(result, Err(Cancelled));
        assert_eq!(pieces.into_inner(), 4);
    }
}
