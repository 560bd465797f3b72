//! fp16 convolutions against a sum in f64: every result lies within the bound of an f32 sum of its terms (§12.19), and an
//! fp16 result within half a step more.

mod support;

use npu_reference::{Converter, Kernels, Map, Post, float, half, native};
use support::case::{geometry, guarded};
use support::conv::{Addresses, Kind, Layer, Output};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::post;
use support::random::{Random, for_seeds};
use support::style::Style;

/// Half the distance between fp16 numbers near `value`.
fn half_step(value: f64) -> f64 {
    let exponent = value.abs().max(2f64.powi(-14)).log2().floor();
    2f64.powf(exponent - 11.0)
}

fn check(mut random: Random, kind: Kind, output: Output) {
    let machine = Machine::new(FIRST);
    let style = random.pick(&Style::ALL);
    let channels = if kind == Kind::First {
        random.size(1, 4)
    } else {
        random.size(1, 60)
    };
    let (height, width) = (random.size(1, 12), random.size(1, 12));
    let kernel = (random.size(1, 3), random.size(1, 3));
    let kernels = random.size(1, 30);
    let geometry = geometry(&mut random, kernel, (height, width));
    let input = Map::from_fn(channels, height, width, |_, _, _| random.half());
    let depthwise = kind == Kind::Depthwise;
    let kernels = if depthwise { channels } else { kernels };
    let per_kernel = if depthwise { 1 } else { channels };
    let weights = Kernels::from_fn((kernels, per_kernel), kernel, || random.half());
    let announced = channels.next_multiple_of(match (depthwise, style) {
        (true, _) => 16,
        (false, Style::Open) => 8,
        (false, _) => 4,
    });
    // Any fp16 number may stand beside the map.
    let pad = if random.chance(50) { 0 } else { random.half() };
    let post = Post {
        out: Converter::IDENTITY,
        ..Post::BYPASS
    };
    let mut layer = Layer {
        kind,
        half: true,
        input: (channels, height, width),
        announced: if kind == Kind::First { channels } else { announced },
        kernel,
        kernels,
        geometry,
        pad_value: i32::from(pad),
        convert: false,
        output,
        addresses: Addresses::default(),
        most_rows: height,
        kernels_per_task: kernels.next_multiple_of(16),
        post: Vec::new(),
        data_format: 0,
        ow: 0,
        stream_bytes: 0,
    };
    let programmed = post::program(&post, layer.aligned(), 0);
    layer.post = programmed.registers;
    layer.ow = programmed.ow;
    let features = match kind {
        Kind::First => native::pack_interleaved(&input),
        _ => native::pack_features(&input, native::Pitch::packed(height, width), announced, 0x5A),
    };
    let packed = match kind {
        Kind::First => native::pack_first_weights(&weights),
        Kind::Depthwise => native::pack_depthwise(&weights, announced),
        Kind::Dense => native::pack_weights(&weights, announced),
    };
    layer.addresses = Addresses {
        input: machine.place(&features),
        weights: machine.place(&packed),
        output: guarded(&machine, layer.output_bytes()),
        ..Addresses::default()
    };
    assert_eq!(
        machine.run(&layer.programs(style), style),
        NO_FAULT,
        "\n{style:?}\n{layer:?}"
    );
    let (rows, columns) = geometry.output;
    let shape = (kernels, rows, columns);
    let bytes = machine.read(layer.addresses.output, layer.output_bytes());
    let got: Vec<f64> = if output == Output::Float {
        let map = native::unpack_features::<f32>(&bytes, shape, native::Pitch::exact(rows, columns));
        map.values.into_iter().map(f64::from).collect()
    } else {
        let map = native::unpack_features::<u16>(&bytes, shape, native::Pitch::packed(rows, columns));
        map.values
            .into_iter()
            .map(|bits| f64::from(half::to_f32(bits)))
            .collect()
    };
    let exact = if depthwise {
        float::depthwise_bounded(&input, &weights, geometry, pad)
    } else {
        float::convolve_bounded(&input, &weights, geometry, pad)
    };
    for (at, (&got, &(exact, bound))) in got.iter().zip(&exact.values).enumerate() {
        let bound = if output == Output::Float {
            bound
        } else {
            bound + half_step(exact.abs() + bound)
        };
        let difference = (got - exact).abs();
        assert!(
            difference <= bound,
            "value {at} is {got}, not {exact} ± {bound}\n{style:?}\n{layer:?}"
        );
    }
}

#[test]
fn fp16_convolutions_to_fp32_lie_within_the_bound_of_their_sums() {
    for_seeds("half to float", 50, |random| check(random, Kind::Dense, Output::Float));
}

#[test]
fn fp16_convolutions_to_fp16_lie_within_the_bound_and_half_a_step() {
    for_seeds("half to half", 50, |random| check(random, Kind::Dense, Output::Half));
}

#[test]
fn fp16_first_layers_lie_within_the_bound_and_half_a_step() {
    for_seeds("half first", 40, |random| check(random, Kind::First, Output::Half));
}

#[test]
fn fp16_depthwise_convolutions_lie_within_the_bound_of_their_sums() {
    for_seeds("half depthwise", 40, |random| {
        check(random, Kind::Depthwise, Output::Float)
    });
    for_seeds("half depthwise to half", 40, |random| {
        check(random, Kind::Depthwise, Output::Half)
    });
}
