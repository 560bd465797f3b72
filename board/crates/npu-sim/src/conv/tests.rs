//! Convolutions up to the accumulator against the independent reference, and the rules their registers are held to.

mod operands;
mod program;
mod refusals;
mod reuse;
mod worked_examples;

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem, DmaView};
#[cfg(feature = "float")]
use npu_reference::{Kernels, Map};
use npu_reference::{convolve, depthwise, native, window_sums};
use operands::{Operands, geometry, random_program};
use program::{Bench, Program, Random};

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
    let dense = (!program.depthwise).then(|| npu_reference::float::convolve(&features, &weights, geometry(program), 0));
    for channel in 0..task.cube.channels {
        let own = program.depthwise && channel < program.real;
        let separate = own.then(|| {
            let taps = program.kernel.0 * program.kernel.1;
            let mut values = weights.values[channel * taps..].iter().copied();
            let kernel = Kernels::from_fn((1, 1), program.kernel, || values.next().expect("as many"));
            npu_reference::float::convolve(&channel_of(&features, channel), &kernel, geometry(program), 0)
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

#[test]
fn registers_with_flipped_bits_are_refused_or_run_but_never_panic() {
    let mut random = Random(6);
    let (mut refused, mut ran, mut faulted) = (0, 0, 0);
    let mut bench = Bench::new();
    for _ in 0..3000 {
        let program = random_program(&mut random);
        let registers = program.registers();
        let changes: Vec<(u32, u32)> = (0..random.between(1, 2))
            .map(|_| {
                let (offset, value) = registers[random.below(registers.len())];
                (offset, value as u32 ^ 1 << random.below(32))
            })
            .collect();
        match program.decode(&changes).map(|task| bench.run(&task)) {
            Err(_) => refused += 1,
            Ok(Ok(_)) => ran += 1,
            Ok(Err(_)) => faulted += 1,
        }
    }
    assert!(refused > 500 && ran > 50 && faulted > 10, "{refused} {ran} {faulted}");
}
