//! Wrong tasks of the DPU alone stop with the register, the rule or erratum of §8, and the word that says so.

mod support;

use support::element::zeros_joined;
use support::faults::expect;
use support::machine::{FIRST, Machine};
use support::random::Random;
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

fn fault_of_add(changes: &[(u32, u32)]) -> String {
    let machine = Machine::new(FIRST);
    let mut program = zeros_joined(&machine, (16, 5, 5), STYLE);
    program.set_all(changes);
    machine.run(&[program], STYLE)
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
            "DPU.DATA_FORMAT (0x4010) OUT_PRECISION = 0: a transposition moves one row of at most 8 pixels",
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

#[test]
fn random_registers_of_the_reader_never_panic_and_never_hang() {
    let mut random = Random(1);
    let readers: Vec<u32> = (0x500C..=0x506C)
        .step_by(4)
        .filter(|&o| npu_regs::register_at(o).is_some())
        .collect();
    for _ in 0..120 {
        let machine = Machine::new(FIRST);
        let mut program = zeros_joined(&machine, (16, 5, 5), STYLE);
        let offset = readers[random.size(0, readers.len() - 1)];
        let value = if random.next().is_multiple_of(2) {
            random.next() as u32
        } else {
            program.get(offset) ^ 1 << (random.next() % 32)
        };
        program.set(offset, value);
        machine.run(&[program], STYLE);
    }
}
