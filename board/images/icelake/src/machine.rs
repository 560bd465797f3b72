//! Instructions that only this machine's code may use. Knows ports, model-specific registers and addresses; refuses to know programs.

use core::arch::asm;
use core::fmt;

/// The file of the program: the start of the 2 MiB that end with the ROM.
pub const FILE: *const u8 = 0xffe0_0000 as *const u8;
/// Its arguments, in the 64 KiB below the ROM: each ends with a zero byte, the last is followed by another.
pub const ARGUMENTS: *const u8 = 0xfffe_0000 as *const u8;
/// Memory of a loaded program: segments.
pub const SEGMENTS: core::ops::Range<usize> = 0x0020_0000..0x0200_0000;
/// Memory of a loaded program: what it maps.
pub const MAPPINGS: core::ops::Range<usize> = 0x0200_0000..0x0f00_0000;
/// Memory of a loaded program: the stack ends here, and so does memory.
pub const STACK_END: usize = 0x1000_0000;

/// Bochs prints what is written here.
const DEBUG_PORT: u16 = 0xe9;
/// Bochs ends when this port is told to.
const SHUTDOWN_PORT: u16 = 0x8900;

fn out(port: u16, value: u8) {
    // SAFETY: both ports above do nothing to memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

/// The debug port, as text.
pub struct Console;

impl Console {
    /// Prints bytes as they are.
    pub fn bytes(bytes: &[u8]) {
        for byte in bytes {
            out(DEBUG_PORT, *byte);
        }
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        Console::bytes(text.as_bytes());
        Ok(())
    }
}

/// Prints one line of the machine's own, which starts with `icelake:`, and ends the emulator.
pub fn end(why: fmt::Arguments) -> ! {
    // Console never fails.
    let _ = fmt::write(&mut Console, format_args!("\nicelake: {why}\n"));
    for byte in b"Shutdown" {
        out(SHUTDOWN_PORT, *byte);
    }
    loop {
        // SAFETY: interrupts are off: the processor stops here.
        unsafe { asm!("hlt", options(nomem, nostack)) };
    }
}

/// A model-specific register.
#[repr(u32)]
pub enum Register {
    /// Segments that `syscall` loads.
    Star = 0xc000_0081,
    /// Where `syscall` goes.
    Lstar = 0xc000_0082,
    /// Base of the program's thread-local storage.
    FsBase = 0xc000_0100,
}

/// Sets a register.
///
/// # Safety
/// The value suits the running code: a wrong one changes where it jumps or what it reads.
pub unsafe fn set(register: Register, value: u64) {
    // SAFETY: promised by the caller.
    unsafe {
        asm!("wrmsr", in("ecx") register as u32, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack))
    };
}

/// Ticks since the machine started.
pub fn ticks() -> u64 {
    // SAFETY: reads a counter.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The address that the last page fault was about.
pub fn faulting_address() -> u64 {
    let address: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    address
}
