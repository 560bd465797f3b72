//! Pooling (§2.9, §12.18) against the reference, and the windows that starve the unit.

mod support;

use npu_reference::{Map, Pool, Window, native, pool};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::pooling::Pooling;
use support::random::{Random, for_seeds};
use support::style::Style;

fn window(random: &mut Random) -> Window {
    let mut along = || {
        let size = random.size(1, 7);
        let before = random.size(0, (size - 1).min(7));
        (size, random.size(1, size), before, random.size(0, (size - 1).min(7)))
    };
    let (rows, columns) = (along(), along());
    Window {
        size: (rows.0, columns.0),
        stride: (rows.1, columns.1),
        before: (rows.2, columns.2),
        after: (rows.3, columns.3),
    }
}

/// A size that windows cover exactly.
fn covered(random: &mut Random, size: usize, stride: usize, pads: usize) -> usize {
    let least = (size.saturating_sub(pads)).max(1);
    (0..)
        .map(|more| least + random.size(0, 6) + more)
        .find(|input| {
            (input + pads)
                .checked_sub(size)
                .is_some_and(|travel| travel % stride == 0)
        })
        .unwrap_or(size)
}

#[test]
fn pooling_gives_the_exact_bytes_of_the_reference() {
    for_seeds("pooling", 80, |mut random| {
        let random = &mut random;
        let machine = Machine::new(FIRST);
        let window = window(random);
        let height = covered(random, window.size.0, window.stride.0, window.before.0 + window.after.0);
        let width = covered(random, window.size.1, window.stride.1, window.before.1 + window.after.1);
        let channels = 8 * random.size(1, 3);
        let input = Map::from_fn(channels, height, width, |_, _, _| random.i8());
        let method = match random.size(0, 2) {
            0 => Pool::Max,
            1 => Pool::Min,
            _ => Pool::Average {
                reciprocal_width: 65536 / window.size.1 as i64,
                reciprocal_height: 65536 / window.size.0 as i64,
            },
        };
        let pad = random.within(-128, 127) as i32;
        let packed = native::pack_features(&input, native::Pitch::packed(height, width), channels, 0);
        let mut task = Pooling {
            input: (channels, height, width),
            half: false,
            window,
            pool: method,
            pad,
            from: machine.place(&packed),
            to: 0,
        };
        task.to = machine.reserve(task.output_bytes(), 64);
        let style = random.pick(&Style::ALL);
        assert_eq!(machine.run(&[task.program()], style), NO_FAULT, "{task:?}");
        let expected = pool(&input, window, method, pad);
        let got = machine.read(task.to, task.output_bytes());
        let pitch = native::Pitch::packed(expected.height, expected.width);
        let shape = (channels, expected.height, expected.width);
        let got = native::unpack_features::<i8>(&got, shape, pitch);
        assert_eq!(got.values, expected.values, "{task:?}");
    });
}

/// The vendor's 3x3 stride-1 pool over 20x20x128 (§2.9, appendix B.6).
fn vendor(machine: &Machine) -> Pooling {
    let bytes: Vec<u8> = (0..16 * 400 * 8).map(|at| (at * 7 % 251) as u8).collect();
    Pooling {
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
        from: machine.place(&bytes),
        to: machine.reserve(16 * 400 * 8, 64),
    }
}

#[test]
fn pooling_ends_without_a_pc_interrupt_and_says_so_erratum_10() {
    let machine = Machine::new(FIRST);
    let task = vendor(&machine);
    let program = task.program();
    let fields = [(0x6040, 0x1111), (0x6034, 0x202), (0x6024, 0x11), (0x6044, 0x7FF80)];
    assert!(fields.iter().all(|&(offset, value)| program.get(offset) == value));
    assert_eq!(
        machine.run(&[program], Style::Vendor { zeros_in_front: false }),
        NO_FAULT
    );
    assert_eq!((machine.peek(0x3C), machine.peek(0x2C)), (1, 0));
    assert_eq!(machine.board.npu().silent_end(), Some("no PC interrupt (erratum 10)"));
    assert_eq!(
        (machine.peek(0x6000), machine.peek(0x7000)),
        (0, 0),
        "both blocks are idle"
    );
    // Input once and 33 words; output once.
    assert_eq!(machine.peek(0x8038), 16 * 400 + 33);
    assert_eq!(machine.peek(0x8034), 16 * 400);
}

#[test]
fn an_average_over_a_whole_map_writes_single_pixel_surfaces() {
    // The vendor's global average: stride 8 in 0x607C and 0x6084, whose bit 3 is no DPU input then.
    let machine = Machine::new(FIRST);
    let packed = native::pack_features(
        &Map::from_fn(16, 7, 7, |channel, _, _| channel as i8 * 5 - 30),
        native::Pitch::packed(7, 7),
        16,
        0,
    );
    let task = Pooling {
        input: (16, 7, 7),
        half: false,
        window: Window {
            size: (7, 7),
            stride: (1, 1),
            before: (0, 0),
            after: (0, 0),
        },
        pool: Pool::Average {
            reciprocal_width: 9362,
            reciprocal_height: 9362,
        },
        pad: -128,
        from: machine.place(&packed),
        to: machine.reserve(16, 64),
    };
    let mut program = task.program();
    program.set_all(&[(0x607C, 8), (0x6084, 8)]);
    assert_eq!(machine.run(&[program], Style::Open), NO_FAULT);
    let expected: Vec<u8> = (0..16).map(|channel| (channel * 5 - 30) as u8).collect();
    assert_eq!(machine.read(task.to, 16), expected);
}

#[test]
fn windows_that_starve_or_hang_the_unit_are_named() {
    let fault = |changes: &[(u32, u32)]| {
        let machine = Machine::new(FIRST);
        let mut program = vendor(&machine).program();
        program.set_all(changes);
        machine.run(&[program], Style::Vendor { zeros_in_front: false })
    };
    let cases: &[(&[(u32, u32)], &str)] = &[
        (
            &[(0x6034, 0x11_0202)],
            "PPU.DATA_CUBE_OUT_WIDTH (0x6018) CUBE_OUT_WIDTH = 19: windows must cover the padded input exactly, or the unit starves",
        ),
        (
            &[(0x601C, 18)],
            "PPU.DATA_CUBE_OUT_HEIGHT (0x601C) CUBE_OUT_HEIGHT = 18: windows must cover",
        ),
        (
            &[(0x6034, 0x30_0202)],
            "KERNEL_STRIDE_HEIGHT = 3: a pooling stride larger than the window hangs (§8 erratum 26)",
        ),
        (
            &[(0x6034, 0x0702)],
            "PPU.POOLING_KERNEL_CFG (0x6034) KERNEL_HEIGHT = 7: pooling windows are at most 7 x 7 and strides at most 8 (§8 erratum 20, §4.5)",
        ),
        (
            &[(0x607C, 0xC88)],
            "PPU.DST_SURF_STRIDE (0x607C) DST_SURF_STRIDE = 3208: pooling surfaces hold their pixels and are a multiple of 4 pixels apart",
        ),
        (
            &[(0x7028, 0xC60)],
            "PPU_RDMA.SRC_SURF_STRIDE (0x7028) SRC_SURF_STRIDE = 3168: pooling surfaces",
        ),
        (
            &[(0x7024, 0x98)],
            "PPU_RDMA.SRC_LINE_STRIDE (0x7024) SRC_LINE_STRIDE = 152: a line of the pooling input holds its columns",
        ),
        (
            &[(0x700C, 18)],
            "PPU_RDMA.CUBE_IN_WIDTH (0x700C) CUBE_IN_WIDTH = 18: input and output have the same channels",
        ),
        (
            &[(0x6020, 63)],
            "PPU.DATA_CUBE_OUT_CHANNEL (0x6020) CUBE_OUT_CHANNEL = 63: input and output",
        ),
        (&[(0x6024, 0x13)], "POOLING_METHOD = 0x3: not modelled"),
        (
            &[(0x6024, 0x01)],
            "FLYING_MODE = 0x0: not modelled; input from PPU_RDMA (1)",
        ),
        (
            &[(0x604C, 0)],
            "PPU.PADDING_VALUE_3_CFG (0x604C)  = 0x0: not modelled; the four pad values",
        ),
        (
            &[(0x6084, 0xC82)],
            "PPU_RDMA.DATA_FORMAT (0x7030) IN_PRECISION = 0: PPU and PPU_RDMA work on one format",
        ),
        (
            &[(0x6084, 0xC81), (0x7030, 1)],
            "PPU.DATA_FORMAT (0x6084) PROC_PRECISION = 0x1: not modelled; int8 (0) or fp16 (2)",
        ),
        (
            &[(0x6084, 0xC88)],
            "DPU_FLYIN = 0x1: not modelled; input from PPU_RDMA (0), §12.21",
        ),
        (
            &[(0x701C, 0xF000_0000)],
            "task 0: PPU_RDMA input read at 0xF0000000: no memory there [word 25: 0x701C = 0xF0000000]",
        ),
        (
            &[(0x6070, 0xF000_0000)],
            "task 0: PPU output write at 0xF0000000: no memory there [word 17: 0x6070 = 0xF0000000]",
        ),
        (
            &[(0x6070, FIRST + 64)],
            "PPU.DST_BASE_ADDR (0x6070) DST_BASE_ADDR = 2097216: the output overlaps an operand",
        ),
    ];
    for (changes, expected) in cases {
        let fault = fault(changes);
        assert!(fault.contains(expected), "got: {fault}\nwanted: {expected}");
    }
}
