//! Exceptions end the machine with a line that says which and where: an instruction the emulator lacks is named, not lost in a reset.

use core::arch::asm;

use crate::machine::{end, faulting_address};

const COUNT: usize = 32;
const CODE_SEGMENT: u64 = 0x18;
/// Present, interrupt gate.
const GATE: u64 = 0x8e00;
/// Bytes between two entries of entries.s.
const ENTRY_BYTES: u64 = 16;
/// The vectors whose frame starts with an error code.
const WITH_CODE: u32 = 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21;
const PAGE_FAULT: u64 = 14;

unsafe extern "C" {
    static exception_entries: [u8; 0];
}

static mut GATES: [[u64; 2]; COUNT] = [[0; 2]; COUNT];

/// Makes the exceptions arrive in [`fault`].
pub fn install() {
    let gates = core::array::from_fn(|vector| {
        let entry = (&raw const exception_entries) as u64 + vector as u64 * ENTRY_BYTES;
        let low = entry & 0xffff | CODE_SEGMENT << 16 | GATE << 32 | (entry >> 16 & 0xffff) << 48;
        [low, entry >> 32]
    });
    // SAFETY: one processor, interrupts off, and nothing reads the table before `lidt`.
    unsafe { GATES = gates };
    #[repr(C, packed)]
    struct Pointer(u16, u64);
    let pointer = Pointer((COUNT * 16 - 1) as u16, (&raw const GATES) as u64);
    // SAFETY: the table lives for ever and every gate leads to entries.s.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack)) };
}

/// Called by entries.s with what lies on the stack: the vector, then what the processor pushed.
///
/// # Safety
/// `frame` points to that.
#[unsafe(no_mangle)]
unsafe extern "C" fn fault(frame: *const u64) -> ! {
    // SAFETY: an exception pushes five words or more.
    let (vector, first, second) = unsafe { (*frame, *frame.add(1), *frame.add(2)) };
    let has_code = WITH_CODE >> vector & 1 != 0;
    let (code, address) = if has_code { (first, second) } else { (0, first) };
    if vector == PAGE_FAULT {
        end(format_args!(
            "exception {vector} at {address:#x}, code {code:#x}, about {:#x}",
            faulting_address()
        ));
    }
    end(format_args!("exception {vector} at {address:#x}, code {code:#x}"))
}
