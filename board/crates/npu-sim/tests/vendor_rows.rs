//! What a vendor model file does that the sheet has no row for (decision 0044): bands of columns of a pooling, a column of
//! pixels that the DPU counts in rows, and the transposition of a row of pixels. Values are our own.

mod common;
mod support;

use common::{A, B, Bench, C, Random as Bytes, Task, reference};
use npu_reference::{Map, native, pool};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::pooling::{Pooling, random_window};
use support::program::Program;
use support::random::for_seeds;
use support::style::Style;
use support::transpose::transposition;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

/// The columns `from..to` of a pooling's output as a task of its own.
fn band(whole: &Pooling, from: usize, to: usize) -> Program {
    let (columns, u) = (whole.output().1, |value: usize| value as u32);
    let window = whole.window;
    let first = (from * window.stride.1).saturating_sub(window.before.1);
    let left = if from == 0 { window.before.1 } else { 0 };
    let end = (to - 1) * window.stride.1 + window.size.1 - window.before.1;
    let last = end.min(whole.input.2);
    let mut program = whole.program();
    let pads = u(left | window.before.0 << 4 | (end - last) << 8 | window.after.0 << 12);
    program.set_all(&[
        (0x600C, u(last - first - 1)),
        (0x700C, u(last - first - 1)),
        (0x6018, u(to - from - 1)),
        (0x6024, program.get(0x6024) | u(columns - (to - from)) << 16),
        (0x6040, pads),
        (0x6070, whole.to + u(from * 8)),
        (0x701C, whole.from + u(first * 8)),
    ]);
    program
}

#[test]
fn a_pooling_in_bands_of_columns_gives_the_bytes_of_the_whole() {
    for_seeds("bands of columns", 60, |mut random| {
        let shape = (8 * random.size(1, 3), random.size(4, 9), random.size(8, 16));
        let (window, what) = random_window(&mut random, shape.1, shape.2);
        let machine = Machine::new(FIRST);
        let input = Map::from_fn(shape.0, shape.1, shape.2, |_, _, _| random.i8());
        let packed = native::pack_features(&input, native::Pitch::packed(shape.1, shape.2), shape.0, 0);
        let mut whole = Pooling {
            input: shape,
            half: false,
            window,
            pool: what,
            pad: -128,
            from: machine.place(&packed),
            to: 0,
        };
        let columns = whole.output().1;
        // A band that begins inside its padding has a form of its own, which no file shows.
        let least = window.before.1.div_ceil(window.stride.1).max(1);
        if columns <= least {
            return;
        }
        let cut = random.size(least, columns - 1);
        whole.to = machine.reserve(whole.output_bytes(), 64);
        let bands = [band(&whole, 0, cut), band(&whole, cut, columns)];
        assert_eq!(machine.run(&bands, STYLE), NO_FAULT, "{whole:?} cut at {cut}");
        let expected = pool(&input, window, what, -128);
        let bytes = machine.read(whole.to, whole.output_bytes());
        let shape = (shape.0, expected.height, expected.width);
        let got = native::unpack_features::<i8>(&bytes, shape, native::Pitch::packed(shape.1, shape.2));
        assert_eq!(got.values, expected.values, "{whole:?} cut at {cut}");
    });
}

#[test]
fn rows_of_a_band_need_the_surface_of_the_whole_map() {
    let machine = Machine::new(FIRST);
    let whole = Pooling {
        input: (8, 4, 8),
        half: false,
        window: npu_reference::Window {
            size: (1, 1),
            stride: (1, 1),
            before: (0, 0),
            after: (0, 0),
        },
        pool: npu_reference::Pool::Max,
        pad: 0,
        from: machine.reserve(256, 64),
        to: machine.reserve(256, 64),
    };
    let mut program = band(&whole, 0, 3);
    program.set(0x607C, 4 * 3 * 8);
    let fault = machine.run(&[program], STYLE);
    assert!(
        fault.contains("PPU.DST_SURF_STRIDE (0x607C) DST_SURF_STRIDE = 96: pooling surfaces hold their pixels"),
        "{fault}"
    );
}

/// A product of 12 rows as a column of 12 pixels.
fn column(bench: &Bench) -> (Task, Vec<i32>) {
    let (m, k, n) = (12usize, 64, 32);
    let mut random = Bytes(3);
    let (a, b) = (random.bytes(m * k), random.bytes(n * k));
    bench.write(A, &a);
    bench.write(B, &b);
    let mut task = Task::new(m as u32, k as u32, n as u32);
    (task.width, task.height) = (1, m as u32);
    (task.with(0x1044, 1 << 16 | 2), reference(&a, &b, m, k, n))
}

#[test]
fn a_column_of_pixels_may_be_counted_in_rows_and_stays_in_order() {
    for (width, height) in [(1, 12), (3, 4), (4, 3), (12, 1)] {
        let bench = Bench::new();
        let (task, products) = column(&bench);
        bench.run(&[task.with(0x4030, width - 1).with(0x4034, height - 1)]);
        assert_eq!(bench.fault(), "");
        assert_eq!(bench.read_i32(C, 12 * 32), products, "{width} x {height}");
    }
}

#[test]
fn other_sizes_of_the_same_pixels_are_refused() {
    let bench = Bench::new();
    let (task, _) = column(&bench);
    let row = |width: u32, height: u32| {
        let mut row = Task::new(12, 64, 32);
        (row.width, row.height) = (width, height);
        row
    };
    let cases = [
        (task.clone().with(0x4030, 4).with(0x4034, 1), "WIDTH = 4: output width"),
        (task.with(0x4030, 2).with(0x4034, 2), "HEIGHT = 2: output width"),
        (row(12, 1).with(0x4030, 3).with(0x4034, 2), "WIDTH = 3: output width"),
        (row(6, 2).with(0x4030, 11).with(0x4034, 0), "WIDTH = 11: output width"),
    ];
    for (task, expected) in cases {
        let bench = Bench::new();
        bench.run(&[task]);
        assert!(
            bench.fault().contains(expected),
            "{} instead of {expected}",
            bench.fault()
        );
    }
}

#[test]
fn a_transposition_puts_the_channels_of_one_pixel_after_the_other() {
    for_seeds("transposition", 60, |mut random| {
        let machine = Machine::new(FIRST);
        let (channels, width) = (4 * random.size(1, 8), random.size(1, 21));
        let map = Map::from_fn(channels, 1, width, |_, _, _| random.next() as i16);
        let from = machine.place(&native::pack_features(
            &map,
            native::Pitch::packed(1, width),
            channels,
            0x5A,
        ));
        let to = machine.reserve(width * channels * 2 + 16, 64);
        let tasks: Vec<Program> = (0..width)
            .step_by(8)
            .map(|first| transposition((channels, width), (first, (width - first).min(8)), (from, to)))
            .collect();
        assert_eq!(
            machine.run(&tasks, random.pick(&Style::ALL)),
            NO_FAULT,
            "{channels} x {width}"
        );
        let mut expected = native::pack_interleaved(&map);
        expected.extend([0; 16]);
        assert_eq!(machine.read(to, expected.len()), expected, "{channels} x {width}");
    });
}

#[test]
fn a_transposition_outside_its_row_of_the_sheet_is_refused_by_register() {
    let rule = "a transposition moves one row of at most 8 pixels";
    type Case<'a> = (&'a [(u32, u32)], &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        (&[(0x4010, 0x2400_0000)], "DPU.DATA_FORMAT (0x4010)", rule),
        (&[(0x400C, 0x4200_0109)], "DPU.FEATURE_MODE_CFG (0x400C)", rule),
        (&[(0x5044, 0xC001)], "DPU_RDMA.FEATURE_MODE_CFG (0x5044)", rule),
        (&[(0x5048, 0x8_0000)], "DPU_RDMA.SRC_DMA_CFG (0x5048)", rule),
        (&[(0x4030, 8)], "DPU.DATA_CUBE_WIDTH (0x4030) WIDTH = 8", rule),
        (&[(0x4034, 1)], "DPU.DATA_CUBE_HEIGHT (0x4034) HEIGHT = 1", rule),
        (
            &[(0x403C, 0x6_0006)],
            "DPU.DATA_CUBE_CHANNEL (0x403C) CHANNEL = 6",
            rule,
        ),
        (&[(0x4024, 32)], "DPU.DST_SURF_STRIDE (0x4024)", rule),
        (&[(0x40C0, 16)], "DPU.SURFACE_ADD (0x40C0)", rule),
        (&[(0x4040, 0x12)], "DPU.BS_CFG (0x4040) BS_BYPASS = 0", rule),
        (&[(0x501C, 0)], "DPU_RDMA.BRDMA_CFG (0x501C) BRDMA_DISABLE = 0", rule),
        (
            &[(0x4050, 0x6DA)],
            "DPU.BS_OW_CFG (0x4050) SIZE_E_0 = 6",
            "SIZE_E is the surfaces",
        ),
        (
            &[(0x5014, 3)],
            "DPU_RDMA.DATA_CUBE_CHANNEL (0x5014)",
            "DPU_RDMA and DPU have the same",
        ),
        (
            &[(0x504C, 8)],
            "DPU_RDMA.SURF_NOTCH (0x504C)",
            "a multiple of 4 pixels apart",
        ),
        (&[(0x4084, 2)], "DPU.OUT_CVT_SCALE (0x4084)", "bytes pass unchanged (1)"),
        (
            &[(0x4020, FIRST)],
            "DPU.DST_BASE_ADDR (0x4020)",
            "the output overlaps an operand",
        ),
    ];
    for (changes, register, why) in cases {
        let machine = Machine::new(FIRST);
        let (from, to) = (machine.reserve(256, 64), machine.reserve(256, 64));
        let mut program = transposition((8, 8), (0, 8), (from, to));
        program.set_all(changes);
        let fault = machine.run(&[program], STYLE);
        assert!(fault.contains(register) && fault.contains(why), "{changes:X?}: {fault}");
    }
}
