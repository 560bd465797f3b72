//! The errata of the hardware sheet (§8) about what tasks ask of the blocks, one test per number: what silicon answers with a hang or
//! with garbage is a typed error here that names the number. Each program is right but for the one change.
//!
//! In neither file: 12 and 13 (a race and a load that does not land; not modelled, §12.25), 22 to 24 and 31 (power, clocks,
//! other chips), 1 and 3 (the IOMMU model's own tests).
//! Powering, fetching and starting: `errata_starting.rs`.

mod support;

use npu_reference::{Geometry, Pool, Post, Window, half};
use npu_regs::task::Mix;
use support::case::{Case, Wish, verify, wanted};
use support::conv::{Addresses, Kind, Layer, Output};
use support::element::zeros_joined;
use support::faults::{assert_named, pooling};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::pooling::Pooling;
use support::post;
use support::program::Program;
use support::style::Style;

const VENDOR: Style = Style::Vendor { zeros_in_front: false };

fn sum(machine: &Machine) -> Program {
    zeros_joined(machine, (16, 7, 7), VENDOR)
}

/// A random layer that has what the test needs.
fn case(kind: Kind, style: Style, has: impl Fn(&Case) -> bool) -> (Machine, Case) {
    wanted(Wish::small(kind, style), has)
}

fn with_operand(case: &Case) -> bool {
    case.layer.addresses.operand != 0
}

/// Runs the case with changed registers in every task; what stopped it.
fn broken((machine, case): &(Machine, Case), changes: &[(u32, u32)]) -> String {
    machine.reset();
    let mut programs = case.programs.clone();
    for program in &mut programs {
        program.set_all(changes);
    }
    machine.run(&programs, Style::Open)
}

#[test]
fn erratum_05_reader_bursts_of_seven_hang_and_of_eight_and_fifteen_work() {
    let both = case(Kind::Dense, VENDOR, with_operand);
    for (mode, works) in [(7 << 11, false), (8 << 11, true), (15 << 11, true), (0x7810, true)] {
        let fault = broken(&both, &[(0x5044, mode)]);
        if works {
            assert_eq!(fault, NO_FAULT, "0x{mode:X}");
        } else {
            assert_named(&fault, "DPU_RDMA.FEATURE_MODE_CFG", 5);
        }
    }
    let machine = Machine::new(FIRST);
    let mut program = sum(&machine);
    assert_named(
        &machine.run(&[program.set(0x5044, 7 << 11 | 1).clone()], VENDOR),
        "FEATURE_MODE_CFG",
        5,
    );
}

#[test]
fn erratum_11_surfaces_that_are_no_multiple_of_four_pixels_fault_in_every_reader_and_writer() {
    let odd = |case: &Case| with_operand(case) && case.layer.announced > 8 && case.layer.kernels > 8;
    let both = case(Kind::Dense, VENDOR, |case| {
        odd(case) && case.layer.input.1 * case.layer.input.2 % 4 == 1 && case.layer.output_pixels() % 4 == 1
    });
    let layer = &both.1.layer;
    let exact = (layer.input.1 * layer.input.2) as u32;
    assert_named(&broken(&both, &[(0x1080, exact)]), "CNA.DMA_CON2", 11);
    let exact = 8 * layer.output_pixels() as u32;
    assert_named(
        &broken(&both, &[(0x4024, exact), (0x40C0, 2 * exact)]),
        "DPU.DST_SURF_STRIDE",
        11,
    );
    assert_named(
        &broken(&both, &[(0x5040, exact), (0x504C, 0), (0x503C, 0)]),
        "DPU_RDMA.EW_SURF_STRIDE",
        11,
    );
    let machine = Machine::new(FIRST);
    let mut flying = sum(&machine);
    assert_named(&machine.run(&[flying.set(0x504C, 0).clone()], VENDOR), "DPU_RDMA", 11);
    // 7x7 out of 9x9: 49 pixels instead of 52, and 81 instead of 84.
    for (register, name) in [(0x607C, "PPU.DST_SURF_STRIDE"), (0x7028, "PPU_RDMA.SRC_SURF_STRIDE")] {
        let machine = Machine::new(FIRST);
        let memory = machine.reserve(0x4000, 64);
        let mut program = Pooling {
            input: (16, 9, 9),
            half: false,
            window: Window {
                size: (3, 3),
                stride: (1, 1),
                before: (0, 0),
                after: (0, 0),
            },
            pool: Pool::Max,
            pad: 0,
            from: memory,
            to: memory + 0x2000,
        }
        .program();
        let exact = if register == 0x607C { 49 * 8 } else { 81 * 8 };
        assert_named(&machine.run(&[program.set(register, exact).clone()], VENDOR), name, 11);
    }
}

#[test]
fn erratum_14_entries_count_declared_channels_and_must_fit_the_banks() {
    // 20 real channels, 32 declared: entries of the real ones alone would wrap.
    let both = case(Kind::Dense, Style::Open, |case| {
        let (channels, _, width) = case.layer.input;
        channels.div_ceil(8) < case.layer.announced / 8 && width >= 4
    });
    let (channels, height, width) = both.1.layer.input;
    let real = (width * channels.div_ceil(8)).div_ceil(4);
    assert_named(
        &broken(&both, &[(0x1044, (width << 16 | real) as u32)]),
        "CNA.CBUF_CON1",
        14,
    );
    let entries = both.1.layer.entries(Style::Open);
    assert!(entries * height <= 1024, "the layer needs one bank");
    let large = Wish {
        large: true,
        ..Wish::small(Kind::Dense, VENDOR)
    };
    let wide = wanted(large, |case| case.programs[0].get(0x1040) & 0xF > 1);
    assert_named(&broken(&wide, &[(0x1040, 0x71)]), "CNA.CBUF_CON0", 14);
}

#[test]
fn erratum_15_sizes_beyond_eleven_bits_are_refused_instead_of_wrapping() {
    let both = case(Kind::Dense, VENDOR, |_| true);
    let (_, height, width) = both.1.layer.input;
    // 2500 wide runs as 452 on silicon: the rest falls out of the field.
    for value in [2500 << 16 | 1, 0] {
        assert_named(&broken(&both, &[(0x1020, value)]), "CNA.DATA_SIZE0", 15);
    }
    assert_named(&broken(&both, &[(0x1028, 2048)]), "CNA.DATA_SIZE2", 15);
    // The loader's field is wider: what wrapped in the other shows here.
    let loaded = ((width + 2048) << 16 | height) as u32;
    assert_named(&broken(&both, &[(0x1084, loaded)]), "CNA.FC_DATA_SIZE0", 15);
}

#[test]
fn erratum_16_grains_of_more_than_ten_bits_are_refused() {
    let both = case(Kind::Dense, VENDOR, |_| true);
    assert_named(&broken(&both, &[(0x1010, 1025 << 4)]), "CNA.CONV_CON2", 16);
    assert_eq!(broken(&both, &[(0x1010, 1023 << 4)]), NO_FAULT);
}

#[test]
fn erratum_17_fp16_results_overflow_to_infinity_and_fp32_results_do_not() {
    for output in [Output::Half, Output::Float] {
        let machine = Machine::new(FIRST);
        let large = half::from_f32(60000.0).to_le_bytes().repeat(4);
        let two = half::from_f32(2.0).to_le_bytes().repeat(4 * 8);
        let mut layer = Layer {
            kind: Kind::Dense,
            half: true,
            input: (4, 1, 1),
            announced: 4,
            kernel: (1, 1),
            kernels: 8,
            geometry: Geometry {
                stride: (1, 1),
                step: (1, 1),
                pad: (0, 0),
                output: (1, 1),
            },
            pad_value: 0,
            convert: false,
            output,
            addresses: Addresses {
                input: machine.place(&large),
                weights: machine.place(&two),
                output: machine.reserve(256, 64),
                ..Addresses::default()
            },
            most_rows: 1,
            kernels_per_task: 16,
            post: Vec::new(),
            data_format: 0,
            ow: 0,
            stream_bytes: 0,
        };
        let programmed = post::program(&Post::BYPASS, 8, 0);
        (layer.post, layer.ow) = (programmed.registers, programmed.ow);
        assert_eq!(machine.run(&layer.programs(VENDOR), VENDOR), NO_FAULT);
        let bytes = machine.read(layer.addresses.output, 4);
        match output {
            Output::Half => assert_eq!(bytes[..2], 0x7C00u16.to_le_bytes()),
            _ => assert_eq!(bytes, 480_000f32.to_le_bytes()),
        }
    }
}

#[test]
fn erratum_18_thirty_two_bit_partial_sums_cannot_be_operands() {
    let machine = Machine::new(FIRST);
    let mut program = sum(&machine);
    // fp32 through the DPU with an operand beside it.
    program.set_all(&[
        (0x4010, 0xB400_0002),
        (0x5044, 0x2_C041),
        (0x4024, 16 * 49),
        (0x40C0, 16 * 49),
        (0x504C, 0),
    ]);
    assert_named(&machine.run(&[program], VENDOR), "DPU.EW_CFG", 18);
    // The size fields have a code for 32 bits.
    let both = case(Kind::Dense, VENDOR, with_operand);
    assert_named(&broken(&both, &[(0x5034, 0x4000_000C)]), "DPU_RDMA.ERDMA_CFG", 18);
    let wide = both.1.programs[0].get(0x4070) | 3 << 22;
    assert_named(&broken(&both, &[(0x4070, wide)]), "DPU.EW_CFG", 18);
}

#[test]
fn erratum_19_int16_results_are_refused_by_name() {
    let both = case(Kind::Dense, VENDOR, |_| true);
    let fault = broken(&both, &[(0x4010, 0x2000_00E0)]);
    assert!(
        fault.contains("DPU.DATA_FORMAT (0x4010) OUT_PRECISION = 0x1: not modelled"),
        "{fault}"
    );
}

#[test]
fn erratum_20_pooling_windows_and_strides_have_limits() {
    let machine = Machine::new(FIRST);
    assert_eq!(machine.run(&[pooling(&machine, 7, 7)], VENDOR), NO_FAULT);
    let machine = Machine::new(FIRST);
    assert_named(
        &machine.run(&[pooling(&machine, 8, 1)], VENDOR),
        "PPU.POOLING_KERNEL_CFG",
        20,
    );
}

#[test]
fn erratum_25_is_of_another_chip_a_convolution_beside_an_enabled_reader_runs() {
    // §12.1: vendor tasks of mask 0x1F write 0x4000, with the main read channel neither flying nor disabled.
    let both = case(Kind::Dense, VENDOR, |case| case.programs[0].mix == Mix::ConvolutionRdma);
    assert_eq!(broken(&both, &[(0x5044, 0x4000)]), NO_FAULT);
    verify(&both.0, &both.1.layer, &both.1.expected).unwrap();
    let fault = broken(&both, &[(0x5044, 0x4001)]);
    assert!(
        fault.contains("DPU_RDMA.FEATURE_MODE_CFG (0x5044) FLYING_MODE = 1"),
        "{fault}"
    );
}

#[test]
fn erratum_26_a_pooling_stride_larger_than_the_window_hangs() {
    let machine = Machine::new(FIRST);
    for stride in [4, 5, 8] {
        machine.reset();
        assert_named(
            &machine.run(&[pooling(&machine, 3, stride)], VENDOR),
            "PPU.POOLING_KERNEL_CFG",
            26,
        );
    }
}

#[test]
fn erratum_27_depthwise_outputs_are_announced_in_thirty_twos() {
    let both = case(Kind::Depthwise, VENDOR, |case| case.layer.kernels <= 16);
    assert_eq!(broken(&both, &[]), NO_FAULT);
    assert_named(&broken(&both, &[(0x3014, 15)]), "CORE.DATAOUT_SIZE_1", 27);
}

#[test]
fn erratum_28_a_residual_joins_neither_depthwise_layers_nor_tables() {
    let both = case(Kind::Depthwise, VENDOR, |case| {
        case.programs[0].mix == Mix::ConvolutionRdma
    });
    let operand = [(0x4070, 0x9000_02D0), (0x5034, 0x4000_0000), (0x5038, FIRST)];
    assert_named(&broken(&both, &operand), "DPU.EW_CFG", 28);
    let dense = case(Kind::Dense, VENDOR, with_operand);
    let table = dense.1.programs[0].get(0x4070) & !0x80;
    assert_named(&broken(&dense, &[(0x4070, table)]), "DPU.EW_CFG", 28);
}

#[test]
fn erratum_29_operand_mode_two_is_refused_and_factors_of_the_stream_work_here() {
    let both = case(Kind::Dense, VENDOR, with_operand);
    assert_named(&broken(&both, &[(0x5034, 0x8000_0000)]), "DPU_RDMA.ERDMA_CFG", 29);
    let factors = case(Kind::Dense, VENDOR, |case| case.layer.ow & 1 == 1);
    assert_eq!(broken(&factors, &[]), NO_FAULT);
    verify(&factors.0, &factors.1.layer, &factors.1.expected).unwrap();
}
