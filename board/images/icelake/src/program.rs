//! Loads a static Linux program and starts it as Linux would. Knows ELF and the first stack; refuses to know system calls.

use core::arch::asm;
use core::slice;

use crate::machine::{ARGUMENTS, FILE, SEGMENTS, STACK_END, end, ticks};

const MAGIC: [u8; 4] = *b"\x7fELF";
/// Loaded at the addresses it names.
const FIXED: u16 = 2;
const X86_64: u16 = 62;
const LOAD: u32 = 1;
/// More arguments than anybody gives.
const MOST_ARGUMENTS: usize = 32;

#[repr(C)]
struct Header {
    ident: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    segments: u64,
    sections: u64,
    flags: u32,
    header_bytes: u16,
    segment_bytes: u16,
    segment_count: u16,
}

#[repr(C)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_bytes: u64,
    memory_bytes: u64,
    align: u64,
}

/// Words of the first stack, from its lowest address: what `_start` reads.
struct FirstStack {
    words: [u64; MOST_ARGUMENTS + 24],
    count: usize,
}

impl FirstStack {
    fn push(&mut self, word: u64) {
        self.words[self.count] = word;
        self.count += 1;
    }
}

/// Copies the segments of the program, gives it its arguments and jumps into it.
pub fn start() -> ! {
    // SAFETY: the emulator has laid an ELF file there; headers of another kind are refused before they are followed.
    let header = unsafe { &*FILE.cast::<Header>() };
    if header.ident[..4] != MAGIC || header.kind != FIXED || header.machine != X86_64 {
        end(format_args!(
            "the file is no static x86-64 program with fixed addresses"
        ));
    }
    let first = header.segments as usize;
    // SAFETY: the table lies inside the file.
    let segments = unsafe { slice::from_raw_parts(FILE.add(first).cast::<Segment>(), header.segment_count.into()) };
    let mut table = 0;
    for segment in segments.iter().filter(|segment| segment.kind == LOAD) {
        load(segment);
        // The table itself is inside a loaded segment; the program unwinds with it.
        if (segment.offset..segment.offset + segment.file_bytes).contains(&header.segments) {
            table = segment.address + header.segments - segment.offset;
        }
    }
    let mut stack = FirstStack {
        words: [0; MOST_ARGUMENTS + 24],
        count: 1,
    };
    let mut argument = ARGUMENTS;
    // SAFETY: the emulator has laid zero-terminated texts there, the last one empty.
    unsafe {
        while *argument != 0 {
            stack.words[0] += 1;
            stack.push(argument as u64);
            while *argument != 0 {
                argument = argument.add(1);
            }
            argument = argument.add(1);
        }
    }
    stack.push(0); // end of the arguments
    stack.push(0); // end of an empty environment
    const SEED: usize = STACK_END - 16;
    // SAFETY: the last 16 bytes of memory, which nothing else uses.
    unsafe { (SEED as *mut [u64; 2]).write([ticks(), !ticks()]) };
    // Auxiliary vector: the segment table, the page size, 16 random bytes.
    for (key, value) in [
        (3, table),
        (4, size_of::<Segment>() as u64),
        (5, header.segment_count.into()),
        (6, 4096),
        (25, SEED as u64),
        (0, 0),
    ] {
        stack.push(key);
        stack.push(value);
    }
    let bottom = (SEED - stack.count * 8) & !15;
    // SAFETY: below the seed, where the program's stack lies; the program never returns.
    unsafe {
        (bottom as *mut u64).copy_from_nonoverlapping(stack.words.as_ptr(), stack.count);
        asm!("mov rsp, {}", "jmp {}", in(reg) bottom, in(reg) header.entry, in("rdx") 0, options(noreturn));
    }
}

fn load(segment: &Segment) {
    let (from, length) = (segment.address as usize, segment.memory_bytes as usize);
    if from < SEGMENTS.start || from + length > SEGMENTS.end {
        end(format_args!("a segment of the program lies at {from:#x}"));
    }
    // SAFETY: the range was checked and is nobody else's; memory is zero when the machine starts.
    unsafe {
        (from as *mut u8).copy_from_nonoverlapping(FILE.add(segment.offset as usize), segment.file_bytes as usize)
    };
}
