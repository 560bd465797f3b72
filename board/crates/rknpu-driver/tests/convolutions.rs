//! Convolutions of random shapes through the whole stack equal the independent reference, and their programs keep the
//! invariants of the sheet.

mod common;

use common::case::{Case, Results, Sizes, case};
use common::maps::window;
use common::{Random, driver, run};
use npu_device::{ActivatedConvolution, ConvolutionKind, DeviceError, NpuDevice, Window};
use rknpu_driver::Rknpu;

const FIRST: ConvolutionKind = ConvolutionKind::FirstLayer { unsigned: false };
const FIRST_UNSIGNED: ConvolutionKind = ConvolutionKind::FirstLayer { unsigned: true };

fn sizes(random: &mut Random, kind: ConvolutionKind) -> Sizes {
    let channels = match kind {
        ConvolutionKind::FirstLayer { .. } => 1 + random.below(4),
        _ => 1 + random.below(80),
    };
    (
        (channels, 1 + random.below(14), 1 + random.below(14)),
        1 + random.below(60),
    )
}

fn passes(npu: &mut Rknpu, case: Case) {
    if let Err(why) = run(npu, &[case.operation]) {
        panic!("{}: {why}", case.name);
    }
    case.check(npu);
    case.free(npu);
}

fn random_shapes(kinds: &[ConvolutionKind], results: &[Results], rounds: u64, seed: u64) {
    let mut npu = driver(64 << 20);
    let mut random = Random(seed);
    for _ in 0..rounds {
        for &kind in kinds {
            for &results in results {
                let sizes = sizes(&mut random, kind);
                let window = window(&mut random, (sizes.0.1, sizes.0.2), 5);
                let case = case(&mut npu, &mut random, kind, sizes, window, results);
                passes(&mut npu, case);
            }
        }
    }
}

#[test]
fn int32_sums_of_random_shapes_equal_the_reference() {
    let kinds = [
        ConvolutionKind::Dense,
        ConvolutionKind::Depthwise,
        FIRST,
        FIRST_UNSIGNED,
    ];
    random_shapes(&kinds, &[Results::Sums], 25, 11);
}

#[test]
fn a_map_added_to_a_convolution_of_random_shape_equals_the_reference() {
    random_shapes(&[ConvolutionKind::Dense], &[Results::Residual], 25, 16);
}

#[test]
fn one_row_of_one_kernel_group_is_cut_where_its_results_lie() {
    // An odd count of tasks is evened by cutting the row; what lies in a pixel depends on what the sums become.
    let mut npu = driver(64 << 20);
    let mut random = Random(21);
    for width in [1, 2, 3, 7, 8, 9, 30] {
        for results in [
            Results::Sums,
            Results::Plain,
            Results::Bias,
            Results::Full,
            Results::Residual,
            Results::PlainHalf,
            Results::FullHalf,
        ] {
            let sizes = ((16, 1, width), 4);
            let case = case(
                &mut npu,
                &mut random,
                ConvolutionKind::Dense,
                sizes,
                Window::of(1, 1),
                results,
            );
            passes(&mut npu, case);
        }
    }
}

#[test]
fn a_function_fused_into_a_convolution_of_random_shape_equals_the_reference() {
    let mut npu = driver(64 << 20);
    let mut random = Random(19);
    let results = [Results::Plain, Results::Bias, Results::Full];
    for round in 0..20 {
        for kind in [ConvolutionKind::Dense, ConvolutionKind::Depthwise, FIRST_UNSIGNED] {
            let sizes = sizes(&mut random, kind);
            let window = window(&mut random, (sizes.0.1, sizes.0.2), 5);
            let case = case(&mut npu, &mut random, kind, sizes, window, results[round % 3]);
            let (activated, case) = case.through_tables(&mut random);
            if let Err(why) = run(&mut npu, &[activated]) {
                panic!("{}: {why}", case.name);
            }
            case.check(&mut npu);
            case.free(&mut npu);
        }
    }
}

#[test]
fn a_function_is_fused_onto_int8_results_with_neither_rectifier_nor_residual() {
    let mut npu = driver(64 << 20);
    let mut random = Random(20);
    let small = |npu: &mut Rknpu, random: &mut Random, results| {
        case(
            npu,
            random,
            ConvolutionKind::Dense,
            ((8, 4, 4), 16),
            Window::of(1, 1),
            results,
        )
    };
    let (activated, _) = small(&mut npu, &mut random, Results::Plain).through_tables(&mut random);
    for results in [Results::Sums, Results::Residual, Results::FullHalf] {
        let other = small(&mut npu, &mut random, results);
        let wrong = ActivatedConvolution {
            convolution: other.operation,
            ..activated.clone()
        };
        let expected = "tables follow int8 results without rectifier and residual (erratum 28)";
        let refused = run(&mut npu, &[wrong]).unwrap_err();
        assert_eq!(refused, DeviceError::Unsupported(expected.into()), "{}", other.name);
    }
}

#[test]
fn fp16_results_of_int8_convolutions_equal_the_reference() {
    let kinds = [ConvolutionKind::Dense, ConvolutionKind::Depthwise, FIRST_UNSIGNED];
    random_shapes(&kinds, &[Results::PlainHalf, Results::FullHalf], 8, 17);
}

#[test]
fn a_map_is_added_to_the_band_and_slice_it_belongs_to() {
    let mut npu = driver(64 << 20);
    let mut random = Random(18);
    for (sizes, window) in [
        (((64, 60, 96), 16), Window::of(3, 3).stride(2).padding(1)),
        (((256, 5, 5), 130), Window::of(3, 3).padding(1)),
        (((128, 60, 40), 130), Window::of(3, 3).padding(1)),
    ] {
        let case = case(
            &mut npu,
            &mut random,
            ConvolutionKind::Dense,
            sizes,
            window,
            Results::Residual,
        );
        let tasks = common::tasks(&npu.disassemble_job(&[case.operation.into()]).unwrap());
        assert!(tasks.len() > 1);
        passes(&mut npu, case);
    }
}

#[test]
fn a_map_is_added_to_dense_convolutions_only() {
    let mut npu = driver(64 << 20);
    let mut random = Random(19);
    let sizes = ((32, 6, 6), 32);
    let dense = case(
        &mut npu,
        &mut random,
        ConvolutionKind::Dense,
        sizes,
        Window::of(1, 1),
        Results::Residual,
    );
    for kind in [ConvolutionKind::Depthwise, FIRST] {
        let mut refused = dense.operation;
        refused.kind = kind;
        refused.input.channels = if kind == FIRST { 3 } else { 32 };
        let why = run(&mut npu, &[refused]).unwrap_err();
        assert!(
            matches!(&why, DeviceError::Unsupported(text) if text.contains("erratum 28")),
            "{why}"
        );
    }
}

#[test]
fn int8_results_of_random_shapes_equal_the_reference() {
    let kinds = [
        ConvolutionKind::Dense,
        ConvolutionKind::Depthwise,
        FIRST,
        FIRST_UNSIGNED,
    ];
    random_shapes(&kinds, &[Results::Plain, Results::Bias, Results::Full], 6, 12);
}

#[test]
fn maps_that_need_bands_and_slices_equal_the_reference() {
    let mut npu = driver(64 << 20);
    let mut random = Random(13);
    let pad = |window: Window, pad| window.padding(pad);
    let shapes = [
        // Rows of 192 entries: bands.
        (
            ConvolutionKind::Dense,
            ((64, 60, 96), 16),
            pad(Window::of(3, 3).stride(2), 1),
        ),
        // Weights of nine banks: slices, with the features kept.
        (ConvolutionKind::Dense, ((256, 5, 5), 130), pad(Window::of(3, 3), 1)),
        // Both.
        (ConvolutionKind::Dense, ((128, 60, 40), 130), pad(Window::of(3, 3), 1)),
        (
            ConvolutionKind::Depthwise,
            ((40, 90, 100), 40),
            pad(Window::of(5, 5), 2),
        ),
        (FIRST_UNSIGNED, ((3, 192, 192), 20), pad(Window::of(3, 3).stride(2), 1)),
    ];
    for (kind, sizes, window) in shapes {
        let results = if kind == ConvolutionKind::Depthwise {
            Results::Full
        } else {
            Results::Sums
        };
        let case = case(&mut npu, &mut random, kind, sizes, window, results);
        passes(&mut npu, case);
    }
}

#[test]
fn every_program_of_a_convolution_satisfies_the_invariants_of_the_sheet() {
    let mut npu = driver(64 << 20);
    let mut random = Random(14);
    let large = [
        (((64, 60, 96), 8), Window::of(3, 3).stride(2)),
        (((512, 5, 5), 100), Window::of(3, 3).padding(1)),
    ];
    for round in 0..25 {
        let (sizes, window) = match large.get(round) {
            Some(&(sizes, window)) => (sizes, window),
            None => {
                let sizes = sizes(&mut random, ConvolutionKind::Dense);
                (sizes, window(&mut random, (sizes.0.1, sizes.0.2), 5))
            }
        };
        let case = case(
            &mut npu,
            &mut random,
            ConvolutionKind::Dense,
            sizes,
            window,
            Results::Full,
        );
        let listing = npu.disassemble_job(&[case.operation.into()]).unwrap();
        let tasks: Vec<Vec<u64>> = common::tasks(&listing)
            .into_iter()
            .filter(|words| words.len() > 73) // an idle task may even the count
            .collect();
        let registers: Vec<_> = tasks.iter().map(|words| common::registers(words)).collect();
        let extent_y = (window.kernel_height - 1) * window.dilation_y + 1;
        for r in &registers {
            let banks = r[&0x1040];
            let (data, weight) = (banks & 0xF, banks >> 4 & 0xF);
            let (width, rows, channels) = (r[&0x1020] >> 16, r[&0x1020] & 0x7FF, r[&0x1024] & 0xFFFF);
            let kernels = r[&0x1038] & 0x3FFF;
            assert_eq!(data + weight, 8); // §9.1
            let entries = r[&0x1044] & 0x3FFF;
            assert_eq!(entries, (width * (channels / 8)).div_ceil(4)); // §9.2
            assert!(entries * rows <= 1024 * data);
            assert_eq!(r[&0x1010] >> 4, extent_y + window.stride_y * (1 + 16 / r[&0x1028])); // §9.3
            assert_eq!(r[&0x1078], 0x0017_1C07); // §9.4
            assert_eq!(r[&0x1030], r[&0x1034] * kernels); // §9.5
            let fits = r[&0x1030] <= weight * 32768;
            assert!(banks & 0x2000 == 0 || fits); // §9.7
            assert_eq!(r[&0x40C0], 2 * r[&0x4024]); // §9.8
            assert_eq!(r[&0x5024], r[&0x3014]); // §9.9: one 8-byte word per aligned channel
        }
        for (index, pair) in registers.windows(2).enumerate() {
            let (now, next) = (&pair[0], &pair[1]);
            assert_eq!(now[&0x14], tasks[index + 1].len() as u32 - 1); // §9.6
            if now[&0x1110] == next[&0x1110] && now[&0x1020] != 0 && next[&0x4020] > now[&0x4020] {
                // §9.10.
                let out_rows = (now[&0x3010] >> 16) + 1;
                let lines = out_rows * window.stride_y - (now[&0x1068] & 0xF);
                assert_eq!(next[&0x1070], now[&0x1070] + lines * now[&0x107C] * 8);
            }
        }
        case.free(&mut npu);
    }
}

#[test]
fn layers_of_one_job_feed_each_other() {
    let mut npu = driver(64 << 20);
    let mut random = Random(15);
    let first = case(
        &mut npu,
        &mut random,
        FIRST_UNSIGNED,
        ((3, 16, 16), 32),
        Window::of(3, 3).padding(1),
        Results::Full,
    );
    let mut second = case(
        &mut npu,
        &mut random,
        ConvolutionKind::Depthwise,
        ((32, 16, 16), 32),
        Window::of(3, 3).stride(2).padding(1),
        Results::Full,
    );
    let unused = second.operation.input.at;
    second.operation.input.at = first.operation.output;
    let report = run(&mut npu, &[first.operation, second.operation]).unwrap();
    assert_eq!((report.operations.len(), report.hardware_starts), (2, 1));
    first.check(&mut npu);
    // The same second layer on the bytes that the first one wrote.
    let chained = common::maps::read(&mut npu, second.operation.output);
    let between = common::maps::read(&mut npu, first.operation.output);
    npu.write_memory(unused, &between).unwrap();
    second.operation.input.at = unused;
    run(&mut npu, &[second.operation]).unwrap();
    assert_eq!(common::maps::read(&mut npu, second.operation.output), chained);
}
