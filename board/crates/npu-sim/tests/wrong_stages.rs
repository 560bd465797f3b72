//! Wrong programs behind the accumulator stop with the register, the rule or erratum of §8, and the word that says so.

mod common;
mod support;

use common::{Bench, Random, Task};
use npu_reference::{Algorithm, Converter, Element, Joining, Map, Post, Rectifier, Stage};
use npu_sim::Origin;
use support::element::Join;
use support::machine::{FIRST, Machine};
use support::program::Program;
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

/// An add of two 16x5x5 maps (appendix B.4).
fn add(machine: &Machine) -> Program {
    let post = Post {
        bs: Stage::BYPASS,
        element: Element::Operand {
            second: Map::from_fn(16, 5, 5, |_, _, _| 0i8).into(),
            converter: Converter {
                offset_first: true,
                ..Converter::IDENTITY
            },
            joining: Joining::Alu(Algorithm::Add),
            rectifier: Rectifier::Off,
        },
        ..Post::BYPASS
    };
    let join = Join {
        shape: (16, 5, 5),
        left: machine.reserve(2 * 28 * 8, 64),
        right: machine.reserve(2 * 28 * 8, 64),
        output: machine.reserve(2 * 28 * 8, 64),
        rows: (0, 5),
    };
    join.program(&post, STYLE)
}

fn fault_of_add(changes: &[(u32, u32)]) -> String {
    let machine = Machine::new(FIRST);
    let mut program = add(&machine);
    program.set_all(changes);
    machine.run(&[program], STYLE)
}

/// Shows every fault that says something else, not only the first.
fn expect<'a>(cases: impl Iterator<Item = (String, &'a str)>) {
    let wrong: Vec<String> = cases
        .filter(|(fault, expected)| !fault.contains(expected))
        .map(|(fault, expected)| format!("got: {fault}\nwanted: {expected}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn a_dpu_only_task_that_its_readers_cannot_feed_is_named() {
    assert_eq!(fault_of_add(&[]), "");
    let cases: &[(&[(u32, u32)], &str)] = &[
        (
            &[(0x5044, 0x3801)],
            "DPU_RDMA.FEATURE_MODE_CFG (0x5044) BURST_LEN = 7: a DPU_RDMA burst of 7 hangs the bus; 8 and 15 work (§8 erratum 5) [word 64: 0x5044 = 0x3801]",
        ),
        (&[(0x5044, 0x0801)], "BURST_LEN = 0x1: not modelled; bursts of 8 or 15"),
        (
            &[(0x5044, 0x4000)],
            "DPU_RDMA.FEATURE_MODE_CFG (0x5044) FLYING_MODE = 0: a DPU-only task takes its input from DPU_RDMA (1)",
        ),
        (
            &[(0x400C, 0x108)],
            "DPU.FEATURE_MODE_CFG (0x400C) FLYING_MODE = 0: a DPU-only task takes its input from DPU_RDMA (1)",
        ),
        (
            &[(0x5034, 1)],
            "DPU_RDMA.ERDMA_CFG (0x5034) ERDMA_DISABLE = 1: the element-wise stage takes an operand, and no reader brings it",
        ),
        (
            &[(0x4070, 0x383)],
            "DPU_RDMA.ERDMA_CFG (0x5034) ERDMA_DISABLE = 0: an element-wise operand is read that no stage takes",
        ),
        (
            &[(0x5034, 0x8000_0000)],
            "DPU_RDMA.ERDMA_CFG (0x5034) ERDMA_DATA_MODE = 2: operand mode 2 hung on a chip of the same generation (§8 erratum 29)",
        ),
        (
            &[(0x4070, 0xA000_02D0)],
            "DPU.EW_CFG (0x4070) EW_DATA_MODE = 2: operand mode 2 hung on a chip of the same generation (§8 erratum 29)",
        ),
        (
            &[(0x4070, 0xB000_02D0)],
            "DPU.EW_CFG (0x4070) EW_DATA_MODE = 0x3: not modelled; one operand per channel (0) or per pixel (1)",
        ),
        (
            &[(0x4070, 0x8000_02D0)],
            "DPU_RDMA.ERDMA_CFG (0x5034) ERDMA_DATA_MODE = 1: the element-wise stage and its reader name the same operands",
        ),
        (
            &[(0x5034, 0x4000_0008)],
            "DPU_RDMA.ERDMA_CFG (0x5034) ERDMA_DATA_SIZE = 2: the element-wise stage and its reader name the same operands",
        ),
        (
            &[(0x5034, 0x4000_000C)],
            "DPU_RDMA.ERDMA_CFG (0x5034) ERDMA_DATA_SIZE = 3: the element-wise operand is at most 16 bits wide, so int32 partial sums cannot be accumulated (§8 erratum 18)",
        ),
        (
            &[(0x4070, 0x90C0_02D0)],
            "DPU.EW_CFG (0x4070) EDATA_SIZE = 3: the element-wise operand is at most 16 bits wide",
        ),
        (
            &[(0x5040, 25 * 8)],
            "DPU_RDMA.EW_SURF_STRIDE (0x5040) EW_SURF_STRIDE = 200: operand surfaces hold the task's pixels and are a multiple of 4 pixels apart (or 1, of a single pixel) (§8 erratum 11, §2.8)",
        ),
        (
            &[(0x504C, 0)],
            "SURF_NOTCH_ADDR = 0: operand surfaces hold the task's pixels and are a multiple of 4 pixels apart",
        ),
        (
            &[(0x504C, 56)],
            "DPU_RDMA.SURF_NOTCH (0x504C) SURF_NOTCH_ADDR = 56: the surface notch is what the task leaves out",
        ),
        (
            &[(0x4024, 25 * 8), (0x40C0, 25 * 8)],
            "DPU.DST_SURF_STRIDE (0x4024) DST_SURF_STRIDE = 200: surfaces of 8-byte pixels are a multiple of 4 pixels apart (or 1, of a single pixel), else the DMA faults (§8 erratum 11)",
        ),
        (
            &[(0x40C0, 448)],
            "DPU.SURFACE_ADD (0x40C0) SURF_ADD = 448: SURFACE_ADD is DST_SURF_STRIDE times the surfaces of a kernel group",
        ),
        (
            &[(0x4030, 5)],
            "DPU.DATA_CUBE_WIDTH (0x4030) WIDTH = 5: output width, rows and pixel count agree",
        ),
        (
            &[(0x5014, 7)],
            "DPU.DATA_CUBE_CHANNEL (0x403C) CHANNEL = 15: aligned output channels",
        ),
        (
            &[(0x4050, 0x126)],
            "DPU.BS_OW_CFG (0x4050) SIZE_E_0 = 1: SIZE_E is the surfaces of a kernel group minus one",
        ),
        (
            &[(0x4050, 0), (0x4054, 5)],
            "DPU.BS_OW_CFG (0x4050) OD_BYPASS = 0: compensation needs feature sums",
        ),
        (
            &[(0x4040, 0x158)],
            "DPU_RDMA.BRDMA_CFG (0x501C) BRDMA_DISABLE = 1: a stage takes operands from the parameter stream",
        ),
        (
            &[(0x501C, 4)],
            "DPU_RDMA.BRDMA_CFG (0x501C) BRDMA_DATA_USE = 0x2: not modelled; ALU alone (1)",
        ),
        (
            &[(0x501C, 2), (0x5024, 6)],
            "DPU_RDMA.BRDMA_LENGTH (0x5024) WORDS = 6: the parameter stream has 8 bytes per aligned channel, 4 for bias only; what is missing arrives as zero (§9.9)",
        ),
        (
            &[(0x5028, 0)],
            "DPU_RDMA.NRDMA_CFG (0x5028) NRDMA_DATA_USE = 0x0: not modelled; ALU (1), multiplier (4) or both (5)",
        ),
        (
            &[(0x4060, 0x140)],
            "DPU_RDMA.NRDMA_CFG (0x5028) NRDMA_DISABLE = 1: a stage takes operands from the parameter stream",
        ),
        (
            &[(0x5028, 2), (0x502C, 0x8000_0000)],
            "task 0: DPU_RDMA second parameter stream read at 0x80000000: no memory there [word 58: 0x502C = 0x80000000]",
        ),
        (
            &[(0x4070, 0x9000_0250)],
            "DPU.EW_CFG (0x4070) EW_LUT_BYPASS = 0: an activation table takes the element-wise stage, so it cannot join an operand too (§8 erratum 28)",
        ),
        (
            &[(0x4010, 0x0400_0000), (0x5044, 0xC001)],
            "DPU_RDMA.FEATURE_MODE_CFG (0x5044) IN_PRECISION = 0x1: not modelled; no int16 (§12.21)",
        ),
        (
            &[(0x4010, 0x4800_0002)],
            "DPU.DATA_FORMAT (0x4010) IN_PRECISION = 2: the formats of DPU and reader are those of what arrives",
        ),
        (
            &[(0x400C, 0x4000_0109)],
            "DPU.FEATURE_MODE_CFG (0x400C) TP_EN = 0x1: not modelled; no transpose (§12.21)",
        ),
        (&[(0x400C, 0x309)], "SURF_LEN = 0x1: not modelled; 0 of an aligned cube"),
        (
            &[(0x400C, 0x0200_0109)],
            "DPU.FEATURE_MODE_CFG (0x400C) SURF_LEN = 0: an unaligned cube has a surface length",
        ),
        (
            &[(0x5048, 0x1209)],
            "DPU_RDMA.SRC_DMA_CFG (0x5048)  = 0x1209: not modelled; 2x nearest without a line gap (0x1249)",
        ),
        (
            &[(0x5018, 0x10)],
            "task 0: DPU_RDMA main input read at 0x00000010: no memory there [word 53: 0x5018 = 0x10]",
        ),
        (
            &[(0x5038, 0xF000_0000)],
            "task 0: DPU_RDMA operand read at 0xF0000000: no memory there [word 61: 0x5038 = 0xF0000000]",
        ),
        (
            &[(0x501C, 2), (0x5024, 7), (0x5020, 0x8000_0000)],
            "task 0: DPU_RDMA parameter stream read at 0x80000000: no memory there [word 55: 0x5020 = 0x80000000]",
        ),
        (
            &[(0x4020, 0xFFFF_FFF0)],
            "task 0: DPU output write at 0xFFFFFFF0: no memory there [word 5: 0x4020 = 0xFFFFFFF0]",
        ),
        (
            &[(0x4020, FIRST + 32)],
            "DPU.DST_BASE_ADDR (0x4020) DST_BASE_ADDR = 2097184: the output overlaps an operand of the same task, which is a race (§8 erratum 12)",
        ),
    ];
    expect(
        cases
            .iter()
            .map(|(changes, expected)| (fault_of_add(changes), *expected)),
    );
}

/// A matrix product with parameter stream, requantized to int8 (mask 0x1F).
fn requantized(m: u32, k: u32, n: u32) -> Task {
    let task = Task {
        mask: 0x1F,
        ..Task::new(m, k, n)
    };
    let surface = m.next_multiple_of(4) * 8;
    [
        (0x4010, 0xE0),
        (0x4024, surface),
        (0x40C0, 2 * surface),
        (0x4040, 0x148),
        (0x4048, 0xE01),
        (0x4050, 0x125),
        (0x4084, 0x4000),
        (0x4088, 24),
    ]
    .into_iter()
    .fold(task, |task, (offset, value)| task.with(offset, value))
}

/// Registers to overwrite.
type Changes = Vec<(u32, u32)>;

/// The words of a task of common::Task, with DPU_RDMA.
fn with_reader(task: &Task, reader: &[(u32, u32)]) -> Vec<u64> {
    let mut words = task.words(None);
    let tail = words.split_off(words.len() - 4);
    let all = [
        (0x5004, 0x0E),
        (0x500C, task.width - 1),
        (0x5010, task.height - 1),
        (0x5014, task.n - 1),
        (0x501C, 0xE),
        (0x5020, 0x0060_0000),
        (0x5024, task.n - 1),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0x4000),
        (0x5068, 0x0101_0101),
    ];
    words.extend(
        all.iter()
            .chain(reader)
            .map(|&(offset, value)| common::word(0x2001, offset, value)),
    );
    words.extend(tail);
    words
}

fn fault_of_requantized(task: &Task, reader: &[(u32, u32)]) -> String {
    let bench = Bench::new();
    let amount = bench.place(&[with_reader(task, reader)]);
    bench.commit(amount, 1);
    bench.fault()
}

#[test]
fn a_convolution_whose_stream_or_operand_cannot_come_is_named() {
    let task = || requantized(4, 32, 16);
    assert_eq!(fault_of_requantized(&task(), &[]), "");
    let cases: Vec<(Task, Changes, &str)> = vec![
        (
            Task { mask: 0x0F, ..task() },
            vec![],
            "task 0: DPU_RDMA: a stage takes operands from the parameter stream, and no stream brings them: the unit waits (§2.6) [word 127: start 0xF]",
        ),
        (
            task(),
            vec![(0x501C, 2), (0x5024, 7)],
            "DPU_RDMA.BRDMA_CFG (0x501C) BRDMA_DATA_USE = 1: a stage takes operands from the parameter stream",
        ),
        (
            task(),
            vec![(0x5024, 7)],
            "DPU_RDMA.BRDMA_LENGTH (0x5024) WORDS = 7: the parameter stream",
        ),
        (
            task(),
            vec![(0x5044, 0x3800)],
            "BURST_LEN = 7: a DPU_RDMA burst of 7 hangs the bus; 8 and 15 work (§8 erratum 5)",
        ),
        (
            task(),
            vec![(0x5044, 0x4001)],
            "FLYING_MODE = 1: a convolution comes from CORE (0)",
        ),
        (
            task(),
            vec![(0x5044, 0x4006)],
            "CONV_MODE = 3: DPU and DPU_RDMA are in the mode of the convolution",
        ),
        (
            task().with(0x400C, 0x138),
            vec![],
            "DPU.FEATURE_MODE_CFG (0x400C) CONV_MODE = 3",
        ),
        (
            task().with(0x200C, 0),
            vec![],
            "DPU.BS_OW_CFG (0x4050) OD_BYPASS = 0: compensation needs feature sums: an int8 convolution with QD_EN",
        ),
        (
            task().with(0x4070, 0x9000_0250),
            vec![],
            "an activation table takes the element-wise stage, so it cannot join an operand too (§8 erratum 28)",
        ),
        (
            task().with(0x4070, 0x9000_02D0),
            vec![],
            "ERDMA_DISABLE = 1: the element-wise stage takes an operand",
        ),
        (
            task().with(0x403C, 16 << 16 | 15),
            vec![],
            "DPU.DATA_CUBE_CHANNEL (0x403C) ORIG_CHANNEL = 16: there are no more real output channels than aligned ones",
        ),
        (
            task().with(0x4048, 0xE03),
            vec![],
            "DPU.BS_MUL_CFG (0x4048) BS_TRUNCATE_SRC = 0x1: not modelled; shift from the register (0)",
        ),
        (
            task().with(0x4020, 0x0060_0000),
            vec![],
            "the output overlaps an operand of the same task, which is a race (§8 erratum 12)",
        ),
    ];
    expect(
        cases
            .iter()
            .map(|(task, reader, expected)| (fault_of_requantized(task, reader), *expected)),
    );
}

#[test]
fn an_add_cannot_be_fused_onto_a_depthwise_convolution_erratum_28() {
    let machine = Machine::new(FIRST);
    let mut layer = support::conv::Layer {
        kind: support::conv::Kind::Depthwise,
        half: false,
        input: (32, 4, 4),
        announced: 32,
        kernel: (3, 3),
        kernels: 32,
        geometry: npu_reference::Geometry {
            stride: (1, 1),
            step: (1, 1),
            pad: (0, 0),
            output: (2, 2),
        },
        pad_value: 0,
        convert: false,
        output: support::conv::Output::Int8,
        addresses: support::conv::Addresses::default(),
        most_rows: 4,
        kernels_per_task: 32,
        post: vec![
            (0x4040, 0x53),
            (0x4060, 0x53),
            (0x4070, 0x9000_02D0),
            (0x4078, 1),
            (0x4084, 1),
            (0x501C, 1),
        ],
        data_format: 0,
        ow: 2,
        stream_bytes: 0,
    };
    layer.addresses.input = machine.reserve(4 * 16 * 8, 64);
    layer.addresses.weights = machine.reserve(9 * 32, 64);
    layer.addresses.output = machine.reserve(4 * 4 * 8, 64);
    layer.addresses.operand = machine.reserve(4 * 4 * 8, 64);
    let fault = machine.run(&layer.programs(STYLE), STYLE);
    assert!(
        fault.contains("EW_OP_BYPASS = 0: a depthwise convolution reads its element-wise operand with the wrong surface walk (§8 erratum 28)"),
        "{fault}"
    );
}

#[test]
fn an_inherited_value_is_blamed_on_the_word_of_the_stream_that_wrote_it() {
    // Task 0 starts without DPU_RDMA, so a burst of 7 in its registers harms nobody; task 1 starts it and does not write it.
    let bench = Bench::new();
    let mut first = with_reader(&Task::new(4, 32, 16), &[(0x5044, 0x3800)]);
    let tail = first.len() - 4;
    first[tail] = common::word(0x0101, 0x10, common::COMMANDS + 1920);
    let mut second = with_reader(&requantized(4, 32, 16), &[]);
    second.retain(|word| word & 0xFFFF != 0x5044);
    first[tail + 1] = common::word(0x0101, 0x14, second.len() as u32 - 1);
    let at = first.iter().rposition(|word| word & 0xFFFF == 0x5044).unwrap();
    let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    bench.write(common::COMMANDS, &bytes(&first));
    bench.write(common::COMMANDS + 1920, &bytes(&second));
    bench.commit(first.len() as u32 - 1, 2);
    let fault = bench.board.npu().fault().unwrap();
    let origin = Origin::Word {
        start: 1,
        task: 0,
        index: at as u16,
    };
    assert_eq!((fault.task, fault.word_index()), (1, None));
    assert_eq!(
        fault.culprit.map(|culprit| (culprit.value, culprit.origin)),
        Some((0x3800, origin))
    );
    assert!(
        bench
            .fault()
            .ends_with(&format!("(§8 erratum 5) [word {at} of task 0: 0x5044 = 0x3800]"))
    );
}

#[test]
fn registers_that_the_cpu_wrote_are_blamed_on_the_cpu() {
    let bench = Bench::new();
    bench.mmio.write32(0x10, 1);
    bench.mmio.write32(0x4014, 3);
    let mut words = Task::new(1, 32, 16).words(None);
    words.retain(|word| word & 0xFFFF != 0x4014);
    let amount = bench.place(&[words]);
    bench.commit(amount, 1);
    assert_eq!(
        bench.fault(),
        "task 0: DPU.OFFSET_PEND (0x4014)  = 0x3: not modelled; only 0 [CPU write of 0x4014 = 0x3]"
    );
}

#[test]
fn random_registers_of_the_dpu_never_panic_and_never_hang() {
    let mut random = Random(1);
    let offsets: Vec<u32> = common::order()
        .iter()
        .map(|&(_, offset)| offset)
        .filter(|o| *o >= 0x400C)
        .collect();
    for _ in 0..120 {
        let mut task = requantized(1 + random.next() as u32 % 9, 32, 16);
        for _ in 0..1 + random.next() % 3 {
            let offset = offsets[random.next() as usize % offsets.len()];
            let value = if random.next().is_multiple_of(2) {
                random.next() as u32
            } else {
                task.value(offset) ^ 1 << (random.next() % 32)
            };
            task = task.with(offset, value);
        }
        fault_of_requantized(&task, &[]);
    }
    let readers: Vec<u32> = (0x500C..=0x506C)
        .step_by(4)
        .filter(|&o| npu_regs::register_at(o).is_some())
        .collect();
    for _ in 0..120 {
        let machine = Machine::new(FIRST);
        let mut program = add(&machine);
        let offset = readers[random.next() as usize % readers.len()];
        let value = if random.next().is_multiple_of(2) {
            random.next() as u32
        } else {
            program.get(offset) ^ 1 << (random.next() % 32)
        };
        program.set(offset, value);
        machine.run(&[program], STYLE);
    }
}
