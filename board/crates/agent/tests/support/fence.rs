//! A fence around an agent's process: an ioctl that StarryOS's terminal does not have ends it.
//!
//! Surprising: a filter of the system's own (seccomp), so that nothing of the agent knows of it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What its terminals and sockets have (starryos.md, sections 2.1 and 2.2).
const IOCTLS: &[u32] = &[
    libc::TCGETS as u32,
    libc::TCSETS as u32,
    libc::TCSETSW as u32,
    libc::TCSETSF as u32,
    libc::TCGETS2 as u32,
    libc::TCSETS2 as u32,
    libc::TCSETSW2 as u32,
    libc::TCSETSF2 as u32,
    libc::TIOCGPGRP as u32,
    libc::TIOCSPGRP as u32,
    libc::TIOCGWINSZ as u32,
    libc::TIOCSWINSZ as u32,
    libc::TCSBRK as u32,
    libc::TIOCSCTTY as u32,
    libc::TIOCNOTTY as u32,
    libc::TIOCSPTLCK as u32,
    libc::TIOCGPTN as u32,
    libc::FIONBIO as u32,
    libc::FIOCLEX as u32,
];

/// Offsets in what a filter sees: the number of the call, and the low half of its second argument.
const NUMBER: u32 = 0;
const SECOND_ARGUMENT: u32 = 16 + 8;

fn filter() -> Vec<libc::sock_filter> {
    let step = |code: u32, jt: usize, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jt as u8,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let mut steps = vec![
        step(load, 0, 0, NUMBER),
        // No ioctl: straight to the end.
        step(equal, 0, IOCTLS.len() as u8 + 2, libc::SYS_ioctl as u32),
        step(load, 0, 0, SECOND_ARGUMENT),
    ];
    for (at, &ioctl) in IOCTLS.iter().enumerate() {
        steps.push(step(equal, IOCTLS.len() - at, 0, ioctl));
    }
    let end = libc::BPF_RET | libc::BPF_K;
    steps.push(step(end, 0, 0, libc::SECCOMP_RET_KILL_PROCESS));
    steps.push(step(end, 0, 0, libc::SECCOMP_RET_ALLOW));
    steps
}

/// Puts the fence around what the command starts.
pub fn fenced(command: &mut Command) -> &mut Command {
    let mut steps = filter();
    let fence = move || {
        let program = libc::sock_fprog {
            len: steps.len() as u16,
            filter: steps.as_mut_ptr(),
        };
        // SAFETY: both calls take plain numbers and a program that lives until they return.
        let set = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
        };
        if set { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it makes two system calls, takes no lock and allocates nothing.
    unsafe { command.pre_exec(fence) }
}
