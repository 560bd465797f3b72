//! Activation tables: loaded by tasks or by the CPU (§2.6, §12.6).

mod support;

use support::element::table_load;
use support::machine::{FIRST, Machine, NO_FAULT};
use support::rows::{Format, copy};
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

#[test]
fn a_table_loaded_by_two_tasks_or_by_the_cpu_activates_alike() {
    let entry = |table: i32, index: i32| ((index - 256) * (37 + 11 * table)) as i16;
    let outcome = |by_tasks: bool| {
        let machine = Machine::new(FIRST);
        let from = machine.place(&(0..16 * 8).map(|v| (v * 2 - 128i32) as i8 as u8).collect::<Vec<u8>>());
        let to = machine.reserve(16 * 8, 64);
        let mut activation = copy((Format::Int8, Format::Int8), (16, 1, 8), (from, to));
        // BN scales by 512 into the tables' domain; the sum of both tables' entries is then cut to int8.
        activation.set_all(&[
            (0x4060, 0x48),
            (0x4068, 512 << 16),
            (0x4070, 0x302),
            (0x4100, 0),
            (0x4104, 0),
            (0x4108, 0x68),
            (0x410C, 0x0005_0500),
            (0x4110, 0xFFFF_C000),
            (0x411C, 0x4000),
            (0x4128, 0x4000_0000),
            (0x412C, 13 << 5),
            (0x4084, 0x4000),
            (0x4088, 20),
        ]);
        let mut programs = vec![activation];
        for table in 0..2 {
            let mut entries: Vec<i16> = (0..513).map(|index| entry(table, index)).collect();
            if by_tasks {
                // Words behind the last entry are fetched and dropped (§2.6, §12.6).
                entries.extend([0x5EAD; 3]);
                let scratch = machine.reserve(128, 64);
                programs.insert(table as usize, table_load(table as u32, &entries, scratch));
            } else {
                machine.load_table(table as u32, &entries);
            }
        }
        if by_tasks {
            let words = npu_regs::task::TABLE_WORDS as u64;
            let loads = STYLE.bodies(&programs[..2]);
            assert!(loads.iter().all(|body| body.len() as u64 + 4 == words));
        }
        assert_eq!(machine.run(&programs, STYLE), NO_FAULT);
        machine.read(to, 16 * 8)
    };
    let bytes = outcome(false);
    assert_eq!(bytes, outcome(true));
    // x = -128 + 2v, times 512: entry 256 + x * 16 of LE (start -16384, 32 inputs an entry) is met exactly.
    let expected: Vec<u8> = (0..128)
        .map(|v| {
            let x = (v * 2 - 128) * 512;
            let y = if x <= -16384 {
                i32::from(entry(0, 0))
            } else if x <= 0 {
                i32::from(entry(0, (x + 16384) / 32))
            } else if x <= 16384 {
                i32::from(entry(1, x / 32))
            } else {
                i32::from(entry(1, 512)) + (x - 16384) * 2
            };
            ((f64::from(y) / 64.0).round_ties_even() as i32).clamp(-128, 127) as i8 as u8
        })
        .collect();
    assert_eq!(bytes, expected);
}
