//! Simulated memory asks the operating system for large pages. An emulator of another processor keeps mappings of its own, so this
//! is asked of a native kernel only.
#![cfg(all(feature = "fast", target_os = "linux", target_arch = "x86_64"))]

use std::fs;

use npu_device::DmaMem;
use npu_sim::{HostMemory, MEMORY_BASE};

/// `VmFlags` of the mapping that holds an address, from the kernel's own list.
fn flags_at(address: usize) -> Option<String> {
    let maps = fs::read_to_string("/proc/self/smaps").ok()?;
    let mut inside = false;
    for line in maps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        if let Some((from, to)) = range {
            let bound = |text| usize::from_str_radix(text, 16);
            inside = bound(from).ok()? <= address && address < bound(to).ok()?;
        } else if inside && let Some(flags) = line.strip_prefix("VmFlags:") {
            return Some(flags.to_owned());
        }
    }
    None
}

#[test]
fn the_kernel_is_told_that_simulated_memory_wants_large_pages() {
    if !fs::exists("/sys/kernel/mm/transparent_hugepage").unwrap() {
        return;
    }
    let memory = HostMemory::new(8 << 20).unwrap();
    let middle = memory.pin(MEMORY_BASE + (4 << 20), 1).unwrap().unwrap();
    let flags = flags_at(middle.bytes().as_ptr().addr()).unwrap();
    assert!(flags.split_whitespace().any(|flag| flag == "hg"), "{flags}");
}

#[test]
fn memory_of_less_than_a_page_is_left_as_it_is() {
    let memory = HostMemory::new(100).unwrap();
    memory.write(MEMORY_BASE, &[7; 100]).unwrap();
    let mut bytes = [0; 100];
    memory.read(MEMORY_BASE, &mut bytes).unwrap();
    assert_eq!(bytes, [7; 100]);
}
