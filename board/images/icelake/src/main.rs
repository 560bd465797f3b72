//! ROM of a bare x86-64 machine that runs one static Linux program: enough of a computer to run the kernels' tests on a processor that
//! exists here only as an emulator.
//!
//! Knows the way from the reset vector to 64 bits and two dozen system calls. Refuses to know files, threads, devices and signals.
//! The surprising point: program and ROM share one address space at the highest privilege, since there is nobody to protect.
//! This code is compiled without vector registers, so it leaves those of the program alone.

#![no_std]
#![no_main]

mod calls;
mod faults;
mod machine;
mod program;

use core::arch::global_asm;

global_asm!(include_str!("reset.s"), options(att_syntax));
global_asm!(include_str!("entries.s"), options(att_syntax));

unsafe extern "C" {
    static syscall_entry: [u8; 0];
}

/// Called by reset.s.
#[unsafe(no_mangle)]
extern "C" fn boot() -> ! {
    faults::install();
    // SAFETY: the segments are those of reset.s, the entry that of entries.s.
    unsafe {
        machine::set(machine::Register::Star, 0x18 << 32);
        machine::set(machine::Register::Lstar, (&raw const syscall_entry) as u64);
    }
    program::start()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    machine::end(format_args!("{info}"))
}
