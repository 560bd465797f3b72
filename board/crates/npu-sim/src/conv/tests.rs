//! Convolutions up to the accumulator against the independent reference, and the rules their registers are held to.

mod program;
mod refusals;
mod reuse;
mod worked_examples;

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem, DmaView};
use npu_reference::native::{self, Pitch};
use npu_reference::{Geometry, Kernels, Map, convolve, depthwise, window_sums};
use program::{Bench, Program, Random};

fn geometry(program: &Program) -> Geometry {
    Geometry {
        stride: program.stride,
        step: (program.gap.0 + 1, program.gap.1 + 1),
        pad: program.pad,
        output: program.output,
    }
}

/// A random program; its sizes stay small enough for plain loops.
fn random_program(random: &mut Random) -> Program {
    let half = cfg!(feature = "float") && random.below(3) == 0;
    let depthwise = random.below(3) == 0;
    let interleaved = random.below(4) == 0;
    let atom = if half { 4 } else { 8 };
    let declared = if interleaved {
        atom
    } else {
        atom * random.between(1, 12)
    };
    let real = if interleaved {
        random.between(1, 4)
    } else {
        declared - random.below(declared.min(12))
    };
    let kernel = (random.between(1, 5), random.between(1, 5));
    let stride = (random.between(1, 3), random.between(1, 3));
    let gap = (random.below(3), random.below(3));
    let extent = ((kernel.0 - 1) * (gap.0 + 1) + 1, (kernel.1 - 1) * (gap.1 + 1) + 1);
    let pad = (random.below(extent.0.min(8)), random.below(extent.1.min(8)));
    let (height, width) = (random.between(1, 14), random.between(1, 14));
    // Padding right and below is what is left; the output takes some of it.
    let outputs = |size: usize, pad: usize, extent: usize, stride: usize, extra: usize| {
        (pad + size + extra).saturating_sub(extent) / stride + 1
    };
    let output = (
        outputs(height, pad.0, extent.0, stride.0, random.below(3)),
        outputs(width, pad.1, extent.1, stride.1, random.below(3)),
    );
    let line_stride = if interleaved {
        (width * real * if half { 2 } else { 1 }).div_ceil(8)
    } else {
        width + random.below(4)
    };
    let surface_stride = (line_stride * height + random.below(9)).next_multiple_of(4);
    Program {
        half,
        depthwise,
        interleaved,
        declared,
        real,
        kernels: if depthwise { 1 } else { random.between(1, 50) },
        kernel,
        stride,
        gap,
        pad,
        pad_value: if half { 0 } else { random.next() as i8 as i16 },
        output,
        line_stride,
        surface_stride,
        ..Program::new(width, height, declared, 16)
    }
}

/// Features with garbage in the channels that do not exist, and weights that would see it.
struct Operands<T> {
    features: Map<T>,
    weights: Kernels<T>,
}

impl<T: native::Element> Operands<T> {
    fn random(program: &Program, mut value: impl FnMut() -> T) -> Self {
        let features = Map::from_fn(program.declared, program.height, program.width, |_, _, _| value());
        let (count, channels) = if program.depthwise {
            (program.declared, 1)
        } else {
            (program.kernels, program.declared)
        };
        Self {
            features,
            weights: Kernels::from_fn((count, channels), program.kernel, value),
        }
    }

    fn place(&self, program: &Program, bench: &Bench) {
        let pitch = Pitch {
            line: program.line_stride,
            surface: program.surface_stride,
        };
        let features = if program.interleaved {
            native::pack_interleaved(&self.real_features(program))
        } else {
            native::pack_features(&self.features, pitch, program.declared, 0x55)
        };
        let weights = if program.depthwise {
            native::pack_depthwise(&self.weights, program.declared)
        } else {
            native::pack_weights(&self.weights, program.declared)
        };
        bench.write(program.features, &features);
        bench.write(program.weights, &weights);
    }

    fn real_features(&self, program: &Program) -> Map<T> {
        Map::from_fn(program.real, program.height, program.width, |c, y, x| {
            self.features.at(c, y, x)
        })
    }

    /// Weights of the channels that exist.
    fn real_weights(&self, program: &Program) -> Kernels<T> {
        let mut places = Vec::new();
        let (kernels, channels) = if program.depthwise {
            (program.real, 1)
        } else {
            (program.kernels, program.real)
        };
        for (kernel, channel) in (0..kernels).flat_map(|k| (0..channels).map(move |c| (k, c))) {
            for (ky, kx) in (0..program.kernel.0).flat_map(|y| (0..program.kernel.1).map(move |x| (y, x))) {
                places.push(self.weights.at(kernel, channel, ky, kx));
            }
        }
        let mut places = places.into_iter();
        Kernels::from_fn((kernels, channels), program.kernel, || places.next().expect("as many"))
    }
}

fn int8_agrees(program: &Program, random: &mut Random) {
    let mut bench = Bench::new();
    let operands = Operands::random(program, || random.next() as i8);
    operands.place(program, &bench);
    let task = program.decode(&[]).unwrap_or_else(|why| panic!("{program:?}: {why}"));
    let (got, _) = bench.run(&task).expect("runs");
    let (features, weights) = (operands.real_features(program), operands.real_weights(program));
    let pad = program.pad_value as i8;
    let sums = window_sums(&features, program.kernel, geometry(program), pad);
    let expected = if program.depthwise {
        depthwise(&features, &weights, geometry(program), pad)
    } else {
        convolve(&features, &weights, geometry(program), pad)
    };
    let pixels = got.pixels;
    for channel in 0..task.cube.channels {
        for pixel in 0..pixels {
            let (y, x) = (pixel / task.cube.width, pixel % task.cube.width);
            let real = channel < task.cube.real_channels;
            let value = if real { expected.at(channel, y, x) } else { 0 };
            assert_eq!(
                got.ints[channel * pixels + pixel],
                Some(value),
                "{program:?} {channel} {y} {x}"
            );
            let sum: i64 = match (program.depthwise, real) {
                (true, true) => sums.at(channel, y, x),
                (true, false) => 0,
                (false, _) => (0..program.real).map(|channel| sums.at(channel, y, x)).sum(),
            };
            assert_eq!(
                i64::from(got.sums[channel * pixels + pixel]),
                sum,
                "{program:?} Σx {channel} {y} {x}"
            );
        }
    }
}

/// Halves of moderate size, now and then a denormal.
#[cfg(feature = "float")]
fn any_half(random: &mut Random) -> u16 {
    let bits = random.next() as u16;
    match random.below(8) {
        0 => bits & 0x83FF,
        _ => bits & 0x8FFF | 0x3000,
    }
}

#[cfg(feature = "float")]
fn fp16_agrees(program: &Program, random: &mut Random) {
    let mut bench = Bench::new();
    let operands = Operands::random(program, || any_half(random));
    operands.place(program, &bench);
    let task = program.decode(&[]).unwrap_or_else(|why| panic!("{program:?}: {why}"));
    let (got, _) = bench.run(&task).expect("runs");
    let (features, weights) = (operands.real_features(program), operands.real_weights(program));
    let channel_of =
        |map: &Map<u16>, channel: usize| Map::from_fn(1, map.height, map.width, |_, y, x| map.at(channel, y, x));
    let dense = (!program.depthwise).then(|| npu_reference::float::convolve(&features, &weights, geometry(program)));
    for channel in 0..task.cube.channels {
        let own = program.depthwise && channel < program.real;
        let separate = own.then(|| {
            let taps = program.kernel.0 * program.kernel.1;
            let mut values = weights.values[channel * taps..].iter().copied();
            let kernel = Kernels::from_fn((1, 1), program.kernel, || values.next().expect("as many"));
            npu_reference::float::convolve(&channel_of(&features, channel), &kernel, geometry(program))
        });
        for pixel in 0..got.pixels {
            let (y, x) = (pixel / task.cube.width, pixel % task.cube.width);
            let expected = match (&dense, &separate) {
                (Some(map), _) if channel < program.kernels => map.at(channel, y, x),
                (_, Some(map)) => map.at(0, y, x),
                _ => 0.0,
            };
            let value = got.floats[channel * got.pixels + pixel];
            assert_eq!(value, Some(expected), "{program:?} {channel} {y} {x}");
        }
    }
}

#[test]
fn random_convolutions_equal_the_reference() {
    let mut random = Random(1);
    let mut seen = [0; 8];
    for _ in 0..300 {
        let program = random_program(&mut random);
        let kind =
            usize::from(program.half) * 4 + usize::from(program.depthwise) * 2 + usize::from(program.interleaved);
        seen[kind] += 1;
        if program.half {
            #[cfg(feature = "float")]
            fp16_agrees(&program, &mut random);
        } else {
            int8_agrees(&program, &mut random);
        }
    }
    let kinds = if cfg!(feature = "float") { 8 } else { 4 };
    assert!(seen[..kinds].iter().all(|&count| count > 5), "{seen:?}");
}

#[test]
fn kernels_of_31_taps_and_strides_of_7_equal_the_reference() {
    let mut random = Random(2);
    let tall = Program {
        kernel: (31, 3),
        stride: (7, 2),
        pad: (15, 1),
        pad_value: -5,
        output: (3, 10),
        ..Program::new(20, 40, 16, 20)
    };
    int8_agrees(&tall, &mut random);
    let wide = Program {
        kernel: (1, 31),
        stride: (1, 7),
        gap: (0, 1),
        pad: (0, 15),
        output: (2, 4),
        ..Program::new(64, 2, 40, 5)
    };
    int8_agrees(&wide, &mut random);
}

#[test]
fn a_convolution_larger_than_the_working_buffers_equals_the_reference() {
    // 1600 windows of 7 * 7 * 40 bytes are gathered in several runs, and 88 kernels unpacked for each.
    let program = Program {
        kernel: (7, 7),
        pad: (3, 3),
        pad_value: 11,
        output: (40, 40),
        ..Program::new(40, 40, 40, 24)
    };
    int8_agrees(&program, &mut Random(3));
}

#[test]
fn depthwise_taps_stored_in_rows_of_sixteen_channels_are_read_as_such() {
    // 24 channels, taps of 32 bytes (S-iav test 66).
    let program = Program {
        depthwise: true,
        kernel: (3, 3),
        output: (4, 5),
        ..Program::new(7, 6, 24, 1)
    };
    let mut random = Random(4);
    let operands = Operands::random(&program, || random.next() as i8);
    let mut bench = Bench::new();
    operands.place(&program, &bench);
    bench.write(program.weights, &native::pack_depthwise(&operands.weights, 32));
    let task = program.decode(&[(0x1030, 9 * 32), (0x1034, 9 * 32)]).expect("accepted");
    let (got, read) = bench.run(&task).expect("runs");
    let expected = depthwise(&operands.features, &operands.weights, geometry(&program), 0);
    for (at, value) in expected.values.iter().enumerate() {
        assert_eq!(got.ints[at], Some(*value));
    }
    assert_eq!(read.weight_read_bytes, 9 * 32);
}

/// Memory that lends no views, like a board's over a bus.
struct WithoutViews<'a>(&'a dyn DmaMem);

impl DmaMem for WithoutViews<'_> {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.0.read(address, into)
    }
    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        self.0.write(address, bytes)
    }
    fn pin(&self, _: u32, _: usize) -> Result<Option<alloc::boxed::Box<dyn DmaView + '_>>, DmaFault> {
        Ok(None)
    }
}

#[test]
fn memory_without_views_gives_the_same_accumulators() {
    let mut random = Random(5);
    for _ in 0..40 {
        let program = random_program(&mut random);
        let bench = &mut Bench::new();
        if program.half {
            Operands::random(&program, || 0x3C00 | random.next() as u16 & 0x3FF).place(&program, bench);
        } else {
            Operands::random(&program, || random.next() as i8).place(&program, bench);
        }
        let task = program.decode(&[]).expect("within the sheet");
        let (lent, _) = bench.run(&task).expect("runs");
        let other = Bench::new();
        let mut bytes = alloc::vec![0; 4 << 20];
        bench.memory.read(program::FEATURES, &mut bytes).expect("mapped");
        other.write(program::FEATURES, &bytes);
        let (copied, _) = bench.run_on(&task, Some(&WithoutViews(&other.memory))).expect("runs");
        assert_eq!(lent.ints, copied.ints);
        assert_eq!(lent.floats, copied.floats);
    }
}

#[test]
fn traffic_is_whole_atoms_of_what_exists_and_weights_once() {
    let mut bench = Bench::new();
    // §3.6: 80 x 80 x 16 features, 5 x 5 stride 2 to 40 x 40 x 128, int8: 102 400 and 51 200 bytes.
    let program = Program {
        kernel: (5, 5),
        stride: (2, 2),
        pad: (2, 2),
        output: (40, 40),
        ..Program::new(80, 80, 16, 128)
    };
    let (_, read) = bench.run(&program.decode(&[]).expect("accepted")).expect("runs");
    assert_eq!((read.data_read_bytes, read.weight_read_bytes), (102_400, 51_200));
    // Surfaces that hold only channels that do not exist are not read.
    let declared = Program {
        real: 8,
        ..Program::new(10, 10, 32, 16)
    };
    let (_, read) = bench.run(&declared.decode(&[]).expect("accepted")).expect("runs");
    assert_eq!(read.data_read_bytes, 800);
    let image = Program {
        interleaved: true,
        real: 3,
        line_stride: 4,
        ..Program::new(10, 10, 8, 16)
    };
    let (_, read) = bench.run(&image.decode(&[]).expect("accepted")).expect("runs");
    assert_eq!(read.data_read_bytes, 10 * 32);
}
