//! Wrong convolutions behind the accumulator stop with the register, the rule or erratum of §8, and the word that says so.

mod common;
mod support;

use common::{Bench, Random, Task};
use npu_sim::Origin;
use support::faults::expect;
use support::machine::{FIRST, Machine};
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

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
}
