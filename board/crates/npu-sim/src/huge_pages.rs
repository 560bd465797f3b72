//! Large pages under simulated memory, where the operating system has them to give. Weights are read once and in order, so with
//! small pages a good part of the reading is finding out where they lie. Advice only: nothing depends on it being followed.

/// Asks for large pages under `bytes`. Pages that were never written still cost nothing.
#[cfg(all(feature = "fast", target_os = "linux"))]
pub(crate) fn ask_for(bytes: &mut [u8]) {
    use rustix::mm::{Advice, madvise};

    let page = rustix::param::page_size();
    let range = bytes.as_mut_ptr_range();
    let (first, end) = (range.start.addr().next_multiple_of(page), range.end.addr());
    // Less than a page may have neighbours of other owners.
    let length = end.saturating_sub(first) / page * page;
    if length > 0 {
        let first = range.start.with_addr(first).cast();
        // SAFETY: whole pages inside `bytes`, which is borrowed exclusively; the advice changes no byte.
        let _ = unsafe { madvise(first, length, Advice::LinuxHugepage) };
    }
}

/// There is nobody to ask.
#[cfg(not(all(feature = "fast", target_os = "linux")))]
pub(crate) fn ask_for(_bytes: &mut [u8]) {}
