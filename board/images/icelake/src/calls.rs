//! The system calls of Linux that a single-threaded test program makes. Knows which of them matter; refuses everything else aloud:
//! a call that is not in this list ends the machine with its number.

use crate::machine::{Console, MAPPINGS, Register, end, set, ticks};

const ENOENT: i64 = -2;
const EAGAIN: i64 = -11;
const ENOMEM: i64 = -12;
const EFAULT: i64 = -14;
const ENOTTY: i64 = -25;
const ENOSYS: i64 = -38;

const PAGE: usize = 4096;
/// arch_prctl: sets the base of thread-local storage.
const SET_FS: u64 = 0x1002;
/// futex: the bits that say what is wanted, and "wake". To wait would be for ever.
const FUTEX_COMMAND: u64 = 0x7f;
const FUTEX_WAKE: u64 = 1;

/// Bytes of [`MAPPINGS`] in use.
static mut USED: usize = 0;

/// Called by entries.s; the result goes into rax.
///
/// # Safety
/// The arguments are those of a program that keeps to Linux's rules.
#[unsafe(no_mangle)]
unsafe extern "C" fn system_call(number: u64, arguments: &[u64; 6]) -> i64 {
    let [a, b, c, ..] = *arguments;
    match number {
        // write(descriptor, bytes, length)
        1 => {
            // SAFETY: the program's own bytes.
            Console::bytes(unsafe { core::slice::from_raw_parts(b as *const u8, c as usize) });
            c as i64
        }
        // writev(descriptor, pieces, count)
        20 => {
            // SAFETY: `count` pairs of address and length.
            let pieces = unsafe { core::slice::from_raw_parts(b as *const (*const u8, usize), c as usize) };
            for (bytes, length) in pieces {
                // SAFETY: as above.
                Console::bytes(unsafe { core::slice::from_raw_parts(*bytes, *length) });
            }
            pieces.iter().map(|(_, length)| *length as i64).sum()
        }
        // mmap(address, length, …): only memory without a file, anywhere
        9 => map(b as usize),
        // munmap(address, length)
        11 => {
            unmap(a as usize, b as usize);
            0
        }
        // mprotect, madvise, rt_sigaction, rt_sigprocmask, sigaltstack, poll: no protection, no signals, nothing to wait for
        10 | 28 | 13 | 14 | 131 | 7 => 0,
        // sched_yield; futex(word, WAKE): nobody else is there
        24 => 0,
        202 if b & FUTEX_COMMAND == FUTEX_WAKE => 0,
        // gettid, set_tid_address: one thread
        186 | 218 => 1,
        // arch_prctl(SET_FS, base)
        158 if a == SET_FS => {
            // SAFETY: the base is for the program alone; this ROM has no thread-local storage.
            unsafe { set(Register::FsBase, b) };
            0
        }
        // clock_gettime(clock, time): a tick counts as a nanosecond
        228 => {
            let now = ticks();
            // SAFETY: the program's own two words.
            unsafe { (b as *mut [u64; 2]).write([now / 1_000_000_000, now % 1_000_000_000]) };
            0
        }
        // getrandom(bytes, length, flags): seeds of hash maps
        318 => {
            // SAFETY: the program's own bytes.
            unsafe { core::slice::from_raw_parts_mut(a as *mut u8, b as usize) }.fill(ticks() as u8);
            b as i64
        }
        // exit, exit_group
        60 | 231 => end(format_args!("the program ended with status {a}")),
        // open, readlink: no files
        2 | 89 => ENOENT,
        // ioctl: no terminal
        16 => ENOTTY,
        // brk: memory comes from mmap
        12 => ENOMEM,
        // mremap: is copied instead
        25 => EFAULT,
        // clone: no second thread
        56 => EAGAIN,
        // sched_getaffinity: one processor
        204 => ENOSYS,
        _ => end(format_args!("the program asked for system call {number}")),
    }
}

fn map(length: usize) -> i64 {
    let length = length.next_multiple_of(PAGE);
    // SAFETY: one processor, interrupts off.
    let used = unsafe { USED };
    if length > MAPPINGS.len() - used {
        return ENOMEM;
    }
    let start = MAPPINGS.start + used;
    // SAFETY: as above; the range is nobody's, and may have been somebody's before.
    unsafe {
        USED = used + length;
        (start as *mut u8).write_bytes(0, length);
    }
    start as i64
}

/// Memory is taken back in the order of a stack; the rest is not missed.
fn unmap(start: usize, length: usize) {
    // SAFETY: one processor, interrupts off.
    unsafe {
        if start + length.next_multiple_of(PAGE) == MAPPINGS.start + USED {
            USED = start - MAPPINGS.start;
        }
    }
}
