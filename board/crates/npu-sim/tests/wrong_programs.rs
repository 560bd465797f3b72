//! Wrong programs stop with an error that names task, register, field and rule; erratum numbers are those of §8.

mod common;

use common::{A, Bench, C, COMMANDS, Task, word};

/// Runs one changed task and returns why it stopped.
fn fault_of(task: Task) -> String {
    let bench = Bench::new();
    bench.run(&[task]);
    // A hang raises no completion interrupt.
    assert_eq!(bench.mmio.read32(0x28), 0);
    assert_eq!(bench.mmio.read32(0x3C), 0);
    bench.fault()
}

#[test]
fn every_broken_rule_is_named_with_its_register() {
    let task = || Task::new(8, 64, 32);
    let cases: &[(Task, &str)] = &[
        (
            task().with(0x1080, 10),
            "task 0: CNA.DMA_CON2 (0x1080) SURF_STRIDE = 10: the surface stride must be a multiple of 4 pixels (1 for a map of one pixel) and hold the band, else the DMA faults (§8 erratum 11)",
        ),
        (
            task().with(0x1080, 4),
            "CNA.DMA_CON2 (0x1080) SURF_STRIDE = 4: the surface stride must",
        ),
        (
            task().with(0x1044, 15),
            "CNA.CBUF_CON1 (0x1044) DATA_ENTRIES = 15: entries per row are ceil(W * atoms / 4) of the declared channels",
        ),
        (
            task().with(0x1040, 0x45),
            "CNA.CBUF_CON0 (0x1040) WEIGHT_BANK = 4: data banks and weight banks are at least one each and eight together (§9.1, §4.2)",
        ),
        (
            task().with(0x1040, 0x80),
            "WEIGHT_BANK = 8: data banks and weight banks",
        ),
        (
            task().with(0x1030, 2047),
            "CNA.WEIGHT_SIZE0 (0x1030) WEIGHT_BYTES = 2047: weight bytes are bytes per kernel times kernels (§9.5)",
        ),
        (
            task().with(0x1034, 32),
            "CNA.WEIGHT_SIZE1 (0x1034) WEIGHT_BYTES_PER_KERNEL = 32: bytes per kernel are KH * KW * channels * element size (§2.4, §4.3)",
        ),
        (
            task().with(0x1024, 64 << 16 | 64),
            "CNA.DATA_SIZE1 (0x1024) DATAIN_CHANNEL_REAL = 64: channels are a multiple of 8",
        ),
        (
            task().with(0x1084, 9 << 16 | 1),
            "CNA.FC_DATA_SIZE0 (0x1084) DMA_WIDTH = 9: the loaded band and the convolved band are the same",
        ),
        (task().with(0x102C, 9), "CNA.DATA_SIZE3 (0x102C) DATAOUT_ATOMICS = 9"),
        (
            task().with(0x107C, 7),
            "CNA.DMA_CON1 (0x107C) LINE_STRIDE = 7: the line stride holds at least one row",
        ),
        (task().with(0x1010, 0), "CNA.CONV_CON2 (0x1010) FEATURE_GRAINS = 0"),
        (
            task().with(0x3014, 30),
            "CORE.DATAOUT_SIZE_1 (0x3014) DATAOUT_CHANNEL = 30: aligned output channels",
        ),
        (task().with(0x4030, 8), "DPU.DATA_CUBE_WIDTH (0x4030) WIDTH = 8"),
        (
            task().with(0x40C0, 32 * 8),
            "DPU.SURFACE_ADD (0x40C0) SURF_ADD = 256: SURFACE_ADD is DST_SURF_STRIDE times the surfaces of a kernel group (§9.8, §2.7)",
        ),
        (
            task().with(0x4024, 64),
            "DPU.DST_SURF_STRIDE (0x4024) DST_SURF_STRIDE = 64: DST_SURF_STRIDE holds every output pixel",
        ),
        (
            Task { mask: 0x07, ..task() },
            "GLOBAL.OPERATION_ENABLE (0xF008) mask = 7: known start masks",
        ),
        (
            Task { c: A + 64, ..task() },
            "DPU.DST_BASE_ADDR (0x4020) DST_BASE_ADDR = 3145792: the output overlaps an operand of the same task, which is a race (§8 erratum 12)",
        ),
        (
            task().with(0x1040, 0x1044),
            "CNA: the data banks do not hold features of the geometry this task would load (§12.10)",
        ),
        (
            task().with(0x1040, 0x2044),
            "CNA: the weight banks do not hold the complete weights this task would load (§12.10, §9.7)",
        ),
    ];
    for (task, expected) in cases {
        let fault = fault_of(task.clone());
        assert!(fault.contains(expected), "got: {fault}\nwanted: {expected}");
    }
}

#[test]
fn what_is_not_modelled_is_refused_by_register_and_field() {
    let task = || Task::new(8, 64, 32);
    let cases: &[(Task, &str)] = &[
        (
            task().with(0x1078, 0x0007_1C07),
            "CNA.DMA_CON0 (0x1078)  = 0x71C07: not modelled; 0x00171C07",
        ),
        (
            task().with(0x4010, 0x9000_0000),
            "DPU.DATA_FORMAT (0x4010) IN_PRECISION = 4: the formats of DPU and reader are those of what arrives",
        ),
        (
            task().with(0x4010, 0x8400_0000),
            "DPU.DATA_FORMAT (0x4010) IN_PRECISION = 0x1: not modelled; no int16 (§12.21)",
        ),
        (
            task().with(0x4010, 0x6000_0000),
            "DPU.DATA_FORMAT (0x4010) OUT_PRECISION = 0x3: not modelled; no bf16 (§12.21)",
        ),
        (
            task().with(0x400C, 0x4000_0108),
            "DPU.FEATURE_MODE_CFG (0x400C) TP_EN = 0x1: not modelled; no transposition (0) of what the array makes",
        ),
        (
            task().with(0x400C, 0x100),
            "DPU.FEATURE_MODE_CFG (0x400C) OUTPUT_MODE = 0x0: not modelled; output to memory (4); DPU to PPU is not modelled (§12.21)",
        ),
        (
            task().with(0x4040, 0x5C),
            "DPU.BS_CFG (0x4040) BS_ALU_ALGO = 0x3: not modelled; max (0), min (1), add (2)",
        ),
        (
            task().with(0x4060, 0x140),
            "DPU_RDMA: a stage takes operands from the parameter stream, and no stream brings them: the unit waits (§2.6)",
        ),
        (
            task().with(0x4070, 0x302),
            "DPU.LUT_CFG (0x4108) LUT_LO_LE_MUX = 0x0: not modelled; the choice by range (2)",
        ),
        (
            task().with(0x4024, 0x81),
            "DPU.DST_SURF_STRIDE (0x4024) reserved bits = 0x1",
        ),
    ];
    for (task, expected) in cases {
        let fault = fault_of(task.clone());
        assert!(fault.contains(expected), "got: {fault}\nwanted: {expected}");
    }
}

#[test]
fn features_larger_than_their_banks_wrap_erratum_14() {
    let fault = fault_of(Task {
        banks: 0x71,
        ..Task::new(33, 1024, 16)
    });
    assert_eq!(
        fault,
        "task 0: CNA.CBUF_CON0 (0x1040) DATA_BANK = 1: entries times rows exceed the data banks, so the buffer wraps (§8 erratum 14, §4.2) [word 16: 0x1040 = 0x71]"
    );
    assert_eq!(Bench::new().fault(), "");
}

#[test]
fn a_stream_of_more_than_1024_words_hangs_the_fetch_erratum_6() {
    let bench = Bench::new();
    bench.commit(1024, 1);
    let rule = "a stream longer than 1024 words hangs the fetch unit (§8 erratum 6)";
    assert_eq!(
        bench.fault(),
        format!("task 0: PC.REGISTER_AMOUNTS (0x0014) PC_DATA_AMOUNT = 1024: {rule} [CPU write of 0x0014 = 0x400]")
    );
}

#[test]
fn after_an_odd_count_the_next_start_stalls_until_a_reset_erratum_7() {
    let bench = Bench::new();
    bench.run(&[Task::new(1, 32, 16)]);
    assert_eq!((bench.fault().as_str(), bench.mmio.read32(0x3C)), ("", 1));
    bench.run(&[Task::new(1, 32, 16)]);
    let fault = bench.fault();
    assert!(
        fault.starts_with("task 0: CNA: the executer's group is not the pointer's"),
        "{fault}"
    );
    assert!(
        fault.ends_with("(§8 erratum 7, §12.2) [word 116: start 0xF]"),
        "{fault}"
    );
    bench.reset();
    bench.run(&[Task::new(1, 32, 16), Task::new(1, 32, 16)]);
    bench.run(&[Task::new(1, 32, 16), Task::new(1, 32, 16)]);
    assert_eq!((bench.fault().as_str(), bench.mmio.read32(0x3C)), ("", 2));
}

#[test]
fn clearing_the_executer_by_its_own_bit_also_ends_the_stall() {
    let bench = Bench::new();
    bench.run(&[Task::new(1, 32, 16)]);
    bench.mmio.write32(0x10, 1);
    for block in [0x1004, 0x2004, 0x3004, 0x4004] {
        assert_eq!(bench.mmio.read32(block), 0x0001_000F);
        bench.mmio.write32(block, 0x2E);
    }
    bench.run(&[Task::new(1, 32, 16)]);
    assert_eq!(bench.fault(), "");
}

#[test]
fn starting_a_block_by_its_own_bit_is_an_error_erratum_8() {
    for block in [0x1008, 0x2008, 0x3008, 0x4008] {
        let bench = Bench::new();
        bench.mmio.write32(0x10, 1);
        bench.mmio.write32(block, 1);
        let fault = bench.fault();
        assert!(
            fault.contains("OP_EN = 1: a block was started by its own OPERATION_ENABLE"),
            "{fault}"
        );
        assert!(fault.contains("§8 erratum 8"), "{fault}");
    }
}

#[test]
fn memory_that_is_not_there_is_named_by_task_block_and_address() {
    let good = || Task::new(4, 32, 16);
    let cases = [
        (
            Task {
                a: 0xF000_0000,
                ..good()
            },
            "task 1: CNA feature read at 0xF0000000: no memory there [word 26: 0x1070 = 0xF0000000]",
            1 << 12,
        ),
        (
            Task {
                b: 0x0000_1000,
                ..good()
            },
            "task 1: CNA weight read at 0x00001000: no memory there [word 35: 0x1110 = 0x1000]",
            1 << 12,
        ),
        (
            Task {
                c: 0x010F_FF80,
                ..good()
            },
            "task 1: DPU output write at 0x01100000: no memory there [word 68: 0x4020 = 0x10FFF80]",
            1 << 13,
        ),
    ];
    for (bad, expected, bit) in cases {
        let bench = Bench::new();
        bench.run(&[good(), bad]);
        assert_eq!(bench.fault(), expected);
        assert_eq!((bench.mmio.read32(0x3C), bench.mmio.read32(0x2C)), (1, bit));
    }
    let bench = Bench::new();
    bench.run(&[good()]);
    bench.mmio.write32(0x10, 0xFFFF_FFF0);
    bench.mmio.write32(0x08, 1);
    assert_eq!(
        bench.fault(),
        "task 0: PC command read at 0xFFFFFFF0: no memory there [CPU write of 0x0010 = 0xFFFFFFF0]"
    );
}

#[test]
fn chains_streams_and_starts_that_end_wrongly_are_named() {
    let task = || Task::new(1, 32, 16);
    let run = |streams: &[Vec<u64>], tasks: u32| {
        let bench = Bench::new();
        let amount = bench.place(streams);
        bench.commit(amount, tasks);
        bench.fault()
    };
    let full = task().words(None);
    let after = [full.clone(), vec![0]].concat();
    let without = full[..full.len() - 1].to_vec();
    let foreign = [vec![word(0x0201, 0x4010, 0)], full.clone()].concat();
    let pooling = [vec![word(0x4001, 0x6030, 0)], full.clone()].concat();
    let task_count = [vec![word(0x0101, 0x30, 1)], full.clone()].concat();
    assert!(run(core::slice::from_ref(&full), 2).contains(
        "task 0: PC.BASE_ADDRESS (0x0010) PC_SOURCE_ADDR = 0: the tail names no next stream before the task count"
    ));
    assert!(run(&[after], 1).contains("the start word must be the last word of a stream (§12.22)"));
    assert!(run(&[without], 1).contains("the stream has no start word"));
    assert!(run(&[foreign], 1).contains("command word 0: target of CNA cannot reach register 0x4010"));
    assert!(run(&[pooling], 1).contains("command word 0: block PPU has no known register 0x6030"));
    assert!(run(&[task_count], 1).contains("command words may write BASE_ADDRESS and REGISTER_AMOUNTS"));
    assert!(run(&[full], 0).contains("TASK_NUMBER is 0"));
}

#[test]
fn wrong_pokes_of_the_cpu_are_named() {
    let poke = |writes: &[(u32, u32)]| {
        let bench = Bench::new();
        writes
            .iter()
            .for_each(|&(offset, value)| bench.mmio.write32(offset, value));
        bench.fault()
    };
    assert!(poke(&[(0x10, 1), (0x08, 1)]).contains("it is in slave mode (§2.2)"));
    assert!(poke(&[(0x10, COMMANDS), (0x1010, 0)]).contains("take effect in slave mode only (§12.23)"));
    assert!(poke(&[(0x34, 0x8)]).contains("DMA_BASE_ADDR = 8: the task base is not a 16-byte aligned address"));
    assert!(poke(&[(0x1184, 1)]).contains("CNA: no register is known there (§2.3)"));
}

#[test]
fn touching_registers_without_power_is_erratum_2() {
    let bench = Bench::new();
    bench.hardware.platform.pmu().unwrap().write32(0xA0, 0x0002_0002);
    assert_eq!(bench.mmio.read32(0x00), u32::MAX);
    assert!(bench.fault().contains("silicon aborts the CPU (§8 erratum 2)"));
    bench.hardware.platform.pmu().unwrap().write32(0xA0, 0x0002_0000);
    bench.run(&[Task::new(1, 32, 16)]);
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 16), [0; 16]);
}

#[test]
fn the_dispatch_interrupt_storms_only_when_unmasked_erratum_9() {
    let bench = Bench::new();
    bench.run(&[Task::new(1, 32, 16)]);
    assert_eq!(bench.mmio.read32(0x2C), 0x100);
    bench.reset();
    for (offset, value) in [
        (0x10, COMMANDS),
        (0x14, 116),
        (0x20, 0x1FFFF),
        (0x30, 0x7001),
        (0x08, 1),
    ] {
        bench.mmio.write32(offset, value);
    }
    // All bits were asked for, those of the blocks before the DPU too (§12.24).
    assert_eq!(bench.mmio.read32(0x28), 0x1_0155);
}
