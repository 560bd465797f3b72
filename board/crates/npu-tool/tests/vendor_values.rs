//! Every value that the hardware sheet says vendor streams hold is accepted by `scan`: each row is a worked example with the
//! registers of one observation, judged as a file is.

mod support;

use npu_regs::task::Mix;
use npu_regs::worked_examples::{B1, B2, B3, B4, B5, B6};
use npu_tool::scan;
use support::{bytes, padded, task, with};

fn rejects(words: &[u64]) -> Vec<String> {
    let tasks = scan::scan(&bytes(&padded(words.to_vec())), |_, _, _| {});
    assert_eq!(tasks.len(), 1, "one task");
    tasks[0]
        .checked
        .rejects
        .iter()
        .map(|reject| reject.kind.to_string())
        .collect()
}

#[track_caller]
fn accepted(rows: &[(&str, Vec<u64>)]) {
    for (what, words) in rows {
        assert_eq!(rejects(words), Vec::<String>::new(), "{what}");
    }
}

/// A map of B.1's convolution, changed in size, for rows that are about sizes.
fn sized(
    width: u32,
    rows: u32,
    channels: u32,
    out: (u32, u32),
    kernels: u32,
    kernel: u32,
    stride: u32,
) -> Vec<(u32, u32)> {
    let entries = (width * channels.div_ceil(8)).div_ceil(4);
    let banks = (entries * rows).div_ceil(1024);
    let aligned = kernels.next_multiple_of(16);
    let each = kernel * kernel * channels;
    let surface = (out.0 * out.1).next_multiple_of(4) * 8;
    vec![
        (0x1010, (kernel + stride * (1 + 16 / out.0)) << 4),
        (0x1014, stride << 3 | stride),
        (0x1020, width << 16 | rows),
        (0x1024, (channels - 1) << 16 | channels),
        (0x1028, out.0),
        (0x102C, out.0 * out.1),
        (0x1030, kernels * each),
        (0x1034, each),
        (0x1038, kernel << 24 | kernel << 16 | kernels),
        (0x1040, (8 - banks) << 4 | banks),
        (0x1044, width << 16 | entries),
        (0x107C, width),
        (0x1080, (width * rows).next_multiple_of(4)),
        (0x1084, width << 16 | rows),
        (0x1088, channels),
        (0x3010, (out.1 - 1) << 16 | (out.0 - 1)),
        (0x3014, aligned - 1),
        (0x4024, surface),
        (0x4030, out.0 - 1),
        (0x4034, out.1 - 1),
        (0x403C, (kernels - 1) << 16 | (aligned - 1)),
        (0x40C0, 2 * surface),
        (0x500C, out.0 - 1),
        (0x5010, out.1 - 1),
        (0x5014, aligned - 1),
        (0x5024, aligned - 1),
    ]
}

fn changed(mut values: Vec<(u32, u32)>, more: &[(u32, u32)]) -> Vec<u64> {
    values.extend_from_slice(more);
    with(&B1, &values)
}

#[test]
fn loader_values_of_sections_2_3_2_4_and_4() {
    accepted(&[
        // §2.4: 12 real channels in a plane of 16.
        (
            "real channels",
            changed(sized(20, 20, 16, (20, 20), 16, 1, 1), &[(0x1024, 0x000B_0010)]),
        ),
        // §4.1: a window 25 wide in a map 26 wide.
        (
            "line and surface stride",
            changed(
                sized(25, 26, 16, (25, 26), 16, 1, 1),
                &[(0x107C, 0x1A), (0x1080, 0x2A4), (0x1044, 25 << 16 | 13)],
            ),
        ),
        // §2.4: 255 kernels of 128 bytes, 32640 in all; §2.7: 255 become 256, 2 and 12 become 16.
        ("255 kernels", with(&B1, &sized(8, 8, 128, (8, 8), 255, 1, 1))),
        ("2 kernels", with(&B1, &sized(8, 8, 128, (8, 8), 2, 1, 1))),
        ("12 kernels", with(&B1, &sized(8, 8, 128, (8, 8), 12, 1, 1))),
        // §2.4: 20x20x512 to 256 in four slices of 64 with seven data banks.
        (
            "data reuse",
            changed(sized(20, 20, 512, (20, 20), 64, 1, 1), &[(0x1040, 0x1017)]),
        ),
        // §4.4: heights beyond what other chips take.
        ("1600 rows", with(&B1, &sized(4, 1600, 16, (4, 1600), 16, 1, 1))),
        ("1024 rows", with(&B1, &sized(8, 1024, 16, (8, 1024), 16, 1, 1))),
        // §1.3: more banks than needed.
        (
            "spare banks",
            changed(sized(8, 8, 64, (8, 8), 16, 1, 1), &[(0x1040, 0x17)]),
        ),
        // §2.4: one channel of an image, one converter.
        (
            "one channel",
            with(
                &B2,
                &[
                    (0x100C, 0x8000),
                    (0x1018, 0),
                    (0x1024, 8),
                    (0x104C, 0xE1),
                    (0x1054, 0x0001_0000),
                    (0x1058, 0x0001_0000),
                    (0x107C, 24),
                ],
            ),
        ),
        // §9.7: the second band keeps weights that fit.
        ("weight reuse", with(&B2, &[(0x1040, 0x2017)])),
        ("fp16 first layer", with(&B3, &[])),
    ]);
}

#[test]
fn depthwise_values_with_thirty_two_and_with_sixteen_channels() {
    let depthwise = |channels: u32, kernel: u32, more: &[(u32, u32)]| {
        let mut values = sized(20, 20, channels, (20 - kernel + 1, 20 - kernel + 1), 32, kernel, 1);
        let each = kernel * kernel * channels;
        let surface = ((20 - kernel + 1) * (20 - kernel + 1)).next_multiple_of(4) * 8;
        values.extend([
            (0x100C, 3),
            (0x1030, each),
            (0x1034, each),
            (0x1038, kernel << 24 | kernel << 16 | 1),
            (0x200C, 3),
            (0x300C, 2),
            (0x400C, 0x138),
            (0x4050, 0x36D),
            (0x40C0, 4 * surface),
            (0x5044, 0x4006),
        ]);
        values.extend_from_slice(more);
        with(&B1, &values)
    };
    accepted(&[
        ("32 channels", depthwise(32, 3, &[])),
        ("common factor", depthwise(32, 3, &[(0x4050, 0x36C)])),
        // §4.3: 16 bytes per tap, 64 for 2x2.
        (
            "16 channels",
            depthwise(16, 2, &[(0x1034, 64), (0x1030, 64), (0x403C, 0x000F_001F)]),
        ),
    ]);
}

#[test]
fn stage_values_of_section_2_6() {
    let bias_only = [
        (0x4040, 0x158),
        (0x4048, 0),
        (0x4050, 0x124),
        (0x4054, 0x20),
        (0x501C, 2),
        (0x5024, 0x1F),
    ];
    let silu = [
        (0x4060, 0x48),
        (0x4064, 3),
        (0x4068, 100 << 16),
        (0x4070, 0x302),
        (0x4108, 0x68),
        (0x410C, 0x0005_0500),
        (0x4110, 0xFFFF_C000),
        (0x4114, 0),
        (0x4118, 0),
        (0x411C, 0x4000),
    ];
    accepted(&[
        ("bias and common factor", with(&B1, &bias_only)),
        ("ReLUX", with(&B1, &[(0x4060, 0x92), (0x406C, 6000)])),
        ("no rectifier", with(&B1, &[(0x4060, 0x53)])),
        ("SiLU tables", with(&B1, &silu)),
        (
            "S-iav's LUT_CFG",
            with(&B1, &[&silu[..], &[(0x4108, 0x28), (0x4118, 0xFFFF_FE00)]].concat()),
        ),
        ("add without rectifier", with(&B4, &[(0x4070, 0x9000_02D0)])),
        (
            "BS from registers without multiplier",
            with(&B4, &[(0x4040, 0x58), (0x4048, 0)]),
        ),
        ("line stride of the operand", with(&B4, &[(0x503C, 0x4800 - 8)])),
        (
            "a band of a sum",
            with(&B4, &[(0x4034, 0x17), (0x5010, 0x17), (0x504C, 24 * 48 * 8)]),
        ),
    ]);
}

#[test]
fn output_rows_of_section_2_7() {
    let copy = |more: &[(u32, u32)]| {
        let values = [
            (0x4040, 0x53),
            (0x4044, 0),
            (0x4048, 0),
            (0x4060, 0x53),
            (0x4070, 0x383),
            (0x4078, 1),
            (0x4080, 0),
            (0x4084, 1),
            (0x4088, 0),
            (0x5034, 1),
            (0x5040, 0),
        ];
        with(&B4, &[&values[..], more].concat())
    };
    let pixels = 48 * 48;
    accepted(&[
        (
            "int8 to fp16",
            with(
                &B1,
                &[
                    (0x4010, 0x4000_0000),
                    (0x4050, 0x36C),
                    (0x40C0, 4 * 0x4800),
                    (0x4040, 0x158),
                    (0x4048, 0),
                ],
            ),
        ),
        ("int8 copy", copy(&[])),
        (
            "int8 to fp32, eight channels",
            copy(&[
                (0x4010, 0xA000_0000),
                (0x4024, 16 * pixels),
                (0x403C, 0x0007_0007),
                (0x4050, 0x126),
                (0x40C0, 32 * pixels),
                (0x5014, 7),
            ]),
        ),
        ("fp16 to fp32", with(&B5, &[])),
        ("fp16 to fp32, aligned", with(&B5, &[(0x400C, 0x109)])),
        (
            "fp32 to fp32",
            with(
                &B5,
                &[
                    (0x4010, 0xB400_0002),
                    (0x4044, 0x4300_0000),
                    (0x5044, 0x0002_C041),
                    (0x400C, 0x109),
                ],
            ),
        ),
        (
            "int8 upsampled",
            copy(&[
                (0x4010, 0x0400_0000),
                (0x4024, 2 * 48 * 8),
                (0x4030, 2 * 48 - 1),
                (0x4038, 96 << 16 | 96),
                (0x4050, 0x126),
                (0x403C, 0x0007_0007),
                (0x40C0, 4 * 48 * 8),
                (0x5014, 7),
                (0x5044, 0xC001),
                (0x5048, 0x1249),
            ]),
        ),
        (
            "a band of columns of a pooling: 9 of 20, from an odd pixel on (0044)",
            with(
                &B6,
                &[
                    (0x600C, 9),
                    (0x700C, 9),
                    (0x6018, 8),
                    (0x6024, 0x11 | 11 << 16),
                    (0x6040, 0x1110),
                    (0x6070, 0x58),
                    (0x701C, 0x50),
                ],
            ),
        ),
        (
            "a column of 36 pixels that the DPU counts as 9 x 4 (0044)",
            task(
                Mix::Convolution,
                &[
                    B1.listed,
                    B1.implied,
                    &sized(1, 36, 64, (1, 36), 64, 1, 1),
                    &[(0x4030, 8), (0x4034, 3), (0x4040, 0x53), (0x4050, 0x124)],
                ]
                .concat(),
                None,
            ),
        ),
        (
            "average pooling",
            with(&B6, &[(0x6024, 0x10), (0x6038, 65536 / 3), (0x603C, 65536 / 3)]),
        ),
    ]);
}
