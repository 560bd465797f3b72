//! The second generator against the worked examples of appendix B and the invariants of §9 and §11: word for word where
//! an example is complete, field by field elsewhere.

mod support;

use npu_reference::{
    Algorithm, Converter, Element, Geometry, Joining, Map, Multiplier, Operand, Pool, Post, Rectifier, Stage, Window,
};
use npu_regs::task::Mix;
use npu_regs::worked_examples::{B1, B2, B2_FEATURE_STEP, B2_SECOND_BAND, B3, B4, B6};
use support::conv::{Addresses, Kind, Layer, Output};
use support::element::Join;
use support::pooling::Pooling;
use support::post;
use support::program::Program;
use support::style::{Style, tail, write};

const VENDOR: Style = Style::Vendor { zeros_in_front: false };

fn layer(
    kind: Kind,
    input: (usize, usize, usize),
    kernels: usize,
    kernel: usize,
    stride: usize,
    output: usize,
) -> Layer {
    let geometry = Geometry {
        stride: (stride, stride),
        step: (1, 1),
        pad: (0, 0),
        output: (output, output),
    };
    Layer {
        kind,
        half: false,
        input,
        announced: input.0,
        kernel: (kernel, kernel),
        kernels,
        geometry,
        pad_value: -128,
        convert: kind == Kind::First,
        output: Output::Int8,
        addresses: Addresses {
            input: 0x10_0000,
            weights: 0x20_0000,
            output: 0x30_0000,
            stream: 0x40_0000,
            ..Addresses::default()
        },
        most_rows: input.1,
        kernels_per_task: kernels.next_multiple_of(16),
        post: Vec::new(),
        data_format: 0,
        ow: 0,
        stream_bytes: 0,
    }
}

/// Bias, factor and multiplier per channel, ReLU in BN, then 0x5BEC >> 22 − 128 (appendix B.1).
fn vendor_post(channels: usize) -> Post {
    let each = |value| Operand::PerChannel(vec![value; channels]);
    Post {
        compensation: Some((each(0), Map::from_fn(1, 1, 1, |_, _, _| 0))),
        bs: Stage {
            alu: Some((Algorithm::Add, each(0))),
            multiplier: Some(Multiplier {
                operand: each(1 << 14),
                shift: 14,
                negative_shift: 14,
                leaky: false,
            }),
            rectifier: Rectifier::Off,
        },
        bn: Stage {
            rectifier: Rectifier::Relu,
            ..Stage::BYPASS
        },
        element: Element::Bypass,
        out: Converter {
            offset: -128,
            scale: 0x5BEC,
            shift: 22,
            ..Converter::IDENTITY
        },
    }
}

fn with_post(mut layer: Layer, post: &Post) -> Layer {
    let programmed = post::program(post, layer.aligned(), 0);
    layer.stream_bytes = programmed.stream.map_or(0, |bytes| bytes.len() / layer.aligned());
    layer.post = programmed.registers;
    layer.data_format = programmed.data_format;
    layer.ow = programmed.ow;
    layer
}

fn b1() -> Vec<Program> {
    with_post(layer(Kind::Dense, (64, 96, 96), 64, 3, 2, 48), &vendor_post(64)).programs(VENDOR)
}

fn expect(program: &Program, values: &[(u32, u32)]) {
    for &(offset, value) in values {
        let got = program.get(offset);
        assert_eq!(got, value, "0x{offset:04X}: 0x{got:X} instead of 0x{value:X}");
    }
}

#[test]
fn appendix_b1_comes_out_word_for_word() {
    let programs = b1();
    let pointers = [0x1004, 0x2004, 0x3004, 0x4004, 0x5004].map(|pointer| (pointer, 0x0E));
    let addresses = [
        (0x1070, 0x10_0000),
        (0x1110, 0x20_0000),
        (0x4020, 0x30_0000),
        (0x5020, 0x40_0000),
    ];
    let values: Vec<(u32, u32)> = [&pointers[..], B1.listed, &addresses].concat();
    let value = |offset: u32| {
        values
            .iter()
            .find(|(at, _)| *at == offset)
            .map_or(0, |(_, value)| *value)
    };
    let mut expected: Vec<u64> = Mix::ConvolutionRdma
        .writes()
        .map(|register| write(register.offset, value(register.offset)))
        .collect();
    let mut words = VENDOR.bodies(&programs)[0].clone();
    expected.extend(tail(0x480, 0x88, 0x1F));
    words.extend(tail(0x480, 0x88, 0x1F));
    assert_eq!(words.len(), 137);
    assert_eq!(words, expected);
    // Weights of 36 864 bytes exceed one bank, so the following bands load them again.
    assert!(programs.iter().all(|band| band.get(0x1040) & 0x2000 == 0));
}

#[test]
fn row_bands_follow_invariant_10_of_section_9() {
    let programs = b1();
    assert_eq!(programs.len(), 3);
    for pair in programs.windows(2) {
        let rows = (pair[0].get(0x4034) + 1) * 2;
        assert_eq!(pair[1].get(0x1070), pair[0].get(0x1070) + rows * 96 * 8);
        assert_eq!(
            pair[1].get(0x4020),
            pair[0].get(0x4020) + (pair[0].get(0x4034) + 1) * 48 * 8
        );
    }
    assert_eq!(programs.iter().map(|band| band.get(0x4034) + 1).sum::<u32>(), 48);
}

#[test]
fn appendix_b2_first_layer_has_every_listed_field() {
    let first = Layer {
        geometry: Geometry {
            stride: (2, 2),
            step: (1, 1),
            pad: (0, 0),
            output: (96, 96),
        },
        ..layer(Kind::First, (3, 192, 192), 64, 3, 2, 96)
    };
    let programs = with_post(first, &vendor_post(64)).programs(VENDOR);
    assert_eq!(programs.len(), 2);
    expect(&programs[0], B2.listed);
    expect(&programs[1], B2_SECOND_BAND.listed);
    expect(&programs[1], &[(0x1070, 0x10_0000 + B2_FEATURE_STEP)]);
}

#[test]
fn appendix_b3_fp16_first_layer_has_the_listed_fields() {
    let half = Layer {
        half: true,
        convert: false,
        output: Output::Half,
        pad_value: 0,
        ..layer(Kind::First, (3, 10, 10), 3, 1, 1, 10)
    };
    let programs = with_post(half, &Post::BYPASS).programs(VENDOR);
    // The vendor rounds the width field of 0x1044 up to 12; entries are what counts (§12.8).
    let (buffer, others): (Vec<_>, Vec<_>) = B3.listed.iter().partition(|(offset, _)| *offset == 0x1044);
    expect(&programs[0], &others);
    assert_eq!(programs[0].get(0x1044) & 0xFFFF, buffer[0].1 & 0xFFFF);
    assert_eq!(programs[0].mix, Mix::Convolution);
}

#[test]
fn appendix_b4_residual_add_has_every_listed_field() {
    let post = Post {
        bs: Stage {
            alu: Some((Algorithm::Add, Operand::Common(0x80))),
            multiplier: Some(Multiplier {
                operand: Operand::Common(1 << 14),
                shift: 0,
                negative_shift: 0,
                leaky: false,
            }),
            rectifier: Rectifier::Off,
        },
        element: Element::Operand {
            second: Map::from_fn(16, 48, 48, |_, _, _| 0i8).into(),
            converter: Converter {
                offset_first: true,
                ..Converter::IDENTITY
            },
            joining: Joining::Alu(Algorithm::Add),
            rectifier: Rectifier::Relu,
        },
        out: Converter {
            offset: -128,
            scale: 0x7BCF,
            shift: 0x1D,
            ..Converter::IDENTITY
        },
        ..Post::BYPASS
    };
    let join = Join {
        shape: (16, 48, 48),
        left: 0x10_0000,
        right: 0x20_0000,
        output: 0x30_0000,
        rows: (0, 48),
    };
    expect(&join.program(&post, VENDOR), B4.listed);
}

#[test]
fn appendix_b6_maximum_has_every_listed_field_in_33_words() {
    let pooling = Pooling {
        input: (128, 20, 20),
        half: false,
        window: Window {
            size: (3, 3),
            stride: (1, 1),
            before: (1, 1),
            after: (1, 1),
        },
        pool: Pool::Max,
        pad: -128,
        from: 0x10_0000,
        to: 0x20_0000,
    };
    let program = pooling.program();
    expect(&program, B6.listed);
    assert_eq!(Style::Open.bodies(&[program])[0].len() + 4, 33);
}

#[test]
fn the_open_style_is_134_full_words_with_three_times_cbuf_con0() {
    let programs = with_post(layer(Kind::Dense, (64, 96, 96), 64, 3, 2, 48), &vendor_post(64)).programs(Style::Open);
    let bodies = Style::Open.bodies(&programs);
    for (body, program) in bodies.iter().zip(&programs) {
        let count = |offset: u32| body.iter().filter(|&&word| word as u16 == offset as u16).count();
        assert_eq!(count(0x1040), 3);
        assert_eq!((count(0x4100), count(0x4104), program.get(0x5044)), (1, 1, 0x7810));
    }
    let extra = [0x1180, 0x4058, 0x405C, 0x506C]
        .into_iter()
        .filter(|&at| npu_regs::register_at(at).is_some())
        .count();
    assert!(bodies.iter().all(|body| body.len() + 4 == 130 + extra));
}

#[test]
fn the_vendor_style_shortens_from_the_third_task_on() {
    let bodies = VENDOR.bodies(&b1());
    assert_eq!((bodies[0].len() + 4, bodies[1].len() + 4), (137, 137));
    assert!(bodies[2].len() + 4 <= 31, "{} words", bodies[2].len() + 4);
    let padded = Style::Vendor { zeros_in_front: true }.bodies(&b1());
    assert_eq!(padded[0].len() + 4, 144);
    assert!(padded.iter().all(|body| (body.len() + 4) % 8 == 0));
}

#[test]
fn the_vendors_table_load_is_588_words() {
    let load = support::element::table_load(1, &[7; 513], 0x10_0000);
    assert_eq!((load.get(0x4100), load.get(0x400C)), (0x3_0000, 0x109));
    assert_eq!(VENDOR.bodies(&[load])[0].len() + 4, 588);
}
