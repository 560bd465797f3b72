//! The errata of the hardware sheet (§8) about powering, fetching and starting, one test per number: what silicon answers with a hang or
//! with garbage is a typed error here that names the number. Each program is right but for the one change.

mod support;

use npu_regs::task::Mix;
use support::element::zeros_joined;
use support::faults::{assert_named, pooling};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::program::Program;
use support::style::{Style, tail};

const VENDOR: Style = Style::Vendor { zeros_in_front: false };

fn sum(machine: &Machine) -> Program {
    zeros_joined(machine, (16, 7, 7), VENDOR)
}

#[test]
fn erratum_02_registers_without_power_abort() {
    let machine = Machine::new(FIRST);
    machine.hardware.platform.pmu().unwrap().write32(0xA0, 0x0002_0002);
    machine.poke(&[(0x10, 1)]);
    assert_named(&machine.fault(), "PC", 2);
}

#[test]
fn erratum_04_a_shifted_task_base_hangs_the_bus() {
    let machine = Machine::new(FIRST);
    machine.poke(&[(0x34, FIRST >> 4 | 1)]);
    assert_named(&machine.fault(), "TASK_DMA_BASE_ADDR", 4);
}

#[test]
fn erratum_06_a_stream_of_1025_words_hangs_the_fetch_and_one_of_1024_runs() {
    for (words, works) in [(1024, true), (1025, false)] {
        let machine = Machine::new(FIRST);
        let program = sum(&machine);
        let mut stream = vec![0u64; words - 73];
        stream.extend(&VENDOR.bodies(std::slice::from_ref(&program))[0]);
        stream.extend(tail(0, 0, program.mix.mask()));
        assert_eq!(stream.len(), words);
        let address = machine.place(&stream.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<u8>>());
        machine.start((address, words as u32 - 1), 1, 0x300, VENDOR);
        if works {
            assert_eq!(machine.fault(), NO_FAULT);
        } else {
            assert_named(&machine.fault(), "PC.REGISTER_AMOUNTS", 6);
        }
    }
}

#[test]
fn erratum_07_after_an_odd_count_the_next_start_stalls_whatever_blocks_ran() {
    let machine = Machine::new(FIRST);
    let program = sum(&machine);
    let one = [program.clone()];
    let two = [program.clone(), program];
    assert_eq!(machine.run(&two, VENDOR), NO_FAULT);
    assert_eq!(machine.run(&one, VENDOR), NO_FAULT);
    assert_named(&machine.run(&one, VENDOR), "DPU", 7);
    machine.reset();
    assert_eq!(machine.run(&one, VENDOR), NO_FAULT, "a core reset cures it");
    let pool = pooling(&machine, 2, 2);
    assert_eq!(
        machine.run(std::slice::from_ref(&pool), VENDOR),
        NO_FAULT,
        "other blocks have their own executer"
    );
    assert_named(&machine.run(&[pool], VENDOR), "PPU", 7);
}

#[test]
fn erratum_08_a_block_started_by_its_own_bit_scrambles() {
    for block in [0x1008, 0x2008, 0x3008, 0x4008, 0x5008, 0x6008, 0x7008] {
        let machine = Machine::new(FIRST);
        machine.poke(&[(0x10, 1), (block, 1)]);
        assert_named(&machine.fault(), "OPERATION_ENABLE", 8);
    }
    let mut words = VENDOR.bodies(&[sum(&Machine::new(FIRST))])[0].clone();
    words.push(support::style::write(0x4008, 1));
    words.extend(tail(0, 0, Mix::Dpu.mask()));
    let machine = Machine::new(FIRST);
    let amount = words.len() as u32 - 1;
    let address = machine.place(&words.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<u8>>());
    machine.start((address, amount), 1, 0x300, VENDOR);
    assert_named(&machine.fault(), "DPU.OPERATION_ENABLE", 8);
}

#[test]
fn erratum_09_interrupt_bit_16_fires_at_dispatch_only_if_unmasked() {
    for (mask, raised) in [(0x300, 0x100), (0x1_0300, 0x1_0100)] {
        let machine = Machine::new(FIRST);
        let program = sum(&machine);
        let chain = machine.chain(&[program], VENDOR);
        machine.start(chain, 1, mask, Style::Open);
        assert_eq!((machine.fault().as_str(), machine.peek(0x2C)), (NO_FAULT, raised));
    }
}

#[test]
fn erratum_10_the_pooling_unit_raises_no_interrupt_even_if_unmasked() {
    let machine = Machine::new(FIRST);
    let program = pooling(&machine, 3, 1);
    assert_eq!(machine.run(&[program], Style::Open), NO_FAULT);
    assert_eq!(
        (machine.peek(0x2C), machine.peek(0x28), machine.peek(0x3C) & 0xFFF),
        (0, 0, 1)
    );
}
