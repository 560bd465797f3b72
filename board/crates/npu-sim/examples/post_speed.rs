//! How fast results leave the simulated DPU: `cargo run --release -p npu-sim --example post_speed`.
//!
//! A DPU-only task over 64 channels of 112 x 112 pixels, once copied, once scaled, once joined with a second map; median of
//! nine runs, and what a plain copy of the same bytes takes on this machine.

use std::sync::Arc;
use std::time::Instant;

use npu_device::{DmaMem, DmaRange, Mmio, Platform};
use npu_regs::task::Mix;
use npu_regs::{Command, register_at};
use npu_sim::{MappedMemory, SimBoard, SimConfig, Stepping};

const CHANNELS: u32 = 64;
const SIDE: u32 = 112;
const SURFACE: u32 = SIDE * SIDE * 8;
const BYTES: u32 = CHANNELS / 8 * SURFACE;
const COMMANDS: u32 = 0x0010_0000;
const LEFT: u32 = 0x0100_0000;
const RIGHT: u32 = 0x0200_0000;
const OUTPUT: u32 = 0x0300_0000;

/// A full task; registers not named are 0.
fn words(values: &[(u32, u32)]) -> Vec<u8> {
    let write = |offset: u32, value: u32| {
        let register = register_at(offset).expect("a register of the map");
        Command::Write { register, value }.encode()
    };
    let value = |offset: u32| {
        values
            .iter()
            .rev()
            .find(|(at, _)| *at == offset)
            .map_or(0, |&(_, value)| value)
    };
    let pointer = |offset: u32| if offset & 0xFFF == 4 { 0x0E } else { value(offset) };
    let body = Mix::Dpu
        .writes()
        .map(|register| write(register.offset, pointer(register.offset)));
    let tail = [
        write(0x10, 0),
        write(0x14, 0),
        Command::Barrier.encode(),
        Command::Enable { mask: 0x18 }.encode(),
    ];
    body.chain(tail).flat_map(u64::to_le_bytes).collect()
}

/// Sizes and addresses of every task here.
fn cube() -> Vec<(u32, u32)> {
    vec![
        (0x400C, 0x109),
        (0x4020, OUTPUT),
        (0x4024, SURFACE),
        (0x4030, SIDE - 1),
        (0x4034, SIDE - 1),
        (0x403C, (CHANNELS - 1) << 16 | (CHANNELS - 1)),
        (0x4040, 0x53),
        (0x4050, 2),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x40C0, SURFACE),
        (0x500C, SIDE - 1),
        (0x5010, SIDE - 1),
        (0x5014, CHANNELS - 1),
        (0x5018, LEFT),
        (0x501C, 1),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0x4001),
    ]
}

fn median(mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[4]
}

fn main() -> Result<(), npu_device::DeviceError> {
    let mut memory = MappedMemory::new();
    for (address, size) in [(COMMANDS, 0x1_0000), (LEFT, BYTES), (RIGHT, BYTES), (OUTPUT, BYTES)] {
        memory.map(address, u64::from(size))?;
    }
    let memory = Arc::new(memory);
    let map: Vec<u8> = (0..BYTES).map(|at| ((at * 31) >> 3) as u8).collect();
    memory.write(LEFT, &map).expect("mapped");
    memory.write(RIGHT, &map).expect("mapped");
    let config = SimConfig {
        stepping: Stepping::RunToIdle,
        ..SimConfig::default()
    };
    let nothing = DmaRange { base: 0, size_bytes: 0 };
    let board = SimBoard::on(memory.clone(), nothing, config);
    let npu = board.npu();
    npu.set_power(true);
    let scale = [
        (0x4040, 0x48),
        (0x4044, 128),
        (0x4048, 1 << 30),
        (0x4080, 0xFFFF_FF80),
        (0x4084, 0x7BCF),
        (0x4088, 29),
    ];
    let join = [
        (0x4070, 0x9000_02D0),
        (0x4074, 128),
        (0x4078, 0x5000),
        (0x5034, 0x4000_0000),
        (0x5038, RIGHT),
        (0x5040, SURFACE),
    ];
    let tasks = [
        ("copied", cube()),
        ("scaled", [&cube()[..], &scale].concat()),
        ("joined", [&cube()[..], &scale, &join].concat()),
    ];
    let mut copy = vec![0u8; map.len()];
    let plain = median(|| copy.copy_from_slice(&map));
    for (name, values) in tasks {
        let words = words(&values);
        memory.write(COMMANDS, &words).expect("mapped");
        let seconds = median(|| {
            board.set_resets(true).expect("the model resets");
            let start = [
                (0x10, COMMANDS),
                (0x14, words.len() as u32 / 8 - 1),
                (0x20, 0x300),
                (0x30, 0x7001),
                (0x08, 1),
            ];
            start
                .into_iter()
                .for_each(|(register, value)| npu.write32(register, value));
        });
        assert_eq!(npu.fault().map(|fault| fault.to_string()), None);
        let rate = f64::from(BYTES) / seconds / 1e6;
        println!(
            "{name}: {rate:.0} million values/s, {:.2} ms a task; a plain copy {:.2} ms",
            seconds * 1e3,
            plain * 1e3
        );
    }
    Ok(())
}
