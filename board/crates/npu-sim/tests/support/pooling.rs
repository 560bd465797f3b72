//! Pooling tasks (§2.9).

use npu_reference::{Pool, Window};

use super::program::Program;
use super::random::Random;

#[derive(Clone, Debug)]
pub struct Pooling {
    /// Channels (of whole surfaces), rows, columns.
    pub input: (usize, usize, usize),
    /// fp16 instead of int8; the pad value then holds its bits.
    pub half: bool,
    pub window: Window,
    pub pool: Pool,
    pub pad: i32,
    pub from: u32,
    pub to: u32,
}

impl Pooling {
    pub fn output(&self) -> (usize, usize) {
        self.window
            .output(self.input.1, self.input.2)
            .expect("windows cover the input")
    }

    fn surface_channels(&self) -> usize {
        if self.half { 4 } else { 8 }
    }

    pub fn output_bytes(&self) -> usize {
        let (rows, columns) = self.output();
        self.input.0 / self.surface_channels() * (rows * columns).next_multiple_of(4) * 8
    }

    pub fn program(&self) -> Program {
        let (channels, height, width) = self.input;
        let (rows, columns) = self.output();
        let u = |value: usize| value as u32;
        let (method, reciprocals) = match self.pool {
            Pool::Max => (1, (0, 0)),
            Pool::Min => (2, (0, 0)),
            Pool::Average {
                reciprocal_width,
                reciprocal_height,
            } => (0, (reciprocal_width as u32, reciprocal_height as u32)),
        };
        let Window {
            size,
            stride,
            before,
            after,
        } = self.window;
        let kernel = (stride.0 - 1) << 20 | (stride.1 - 1) << 16 | (size.0 - 1) << 8 | (size.1 - 1);
        let precision = if self.half { 2 } else { 0 };
        let surface = u((rows * columns).next_multiple_of(4) * 8);
        let mut program = Program::new(npu_regs::task::Mix::Pooling);
        program.set_all(&[
            (0x600C, u(width - 1)),
            (0x6010, u(height - 1)),
            (0x6014, u(channels - 1)),
            (0x6018, u(columns - 1)),
            (0x601C, u(rows - 1)),
            (0x6020, u(channels - 1)),
            (0x6024, 0x10 | method),
            (0x6034, u(kernel)),
            (0x6038, reciprocals.0),
            (0x603C, reciprocals.1),
            (0x6040, u(before.1 | before.0 << 4 | after.1 << 8 | after.0 << 12)),
            (0x6070, self.to),
            (0x607C, surface),
            (0x6084, surface | precision),
            (0x60DC, 3),
            (0x700C, u(width - 1)),
            (0x7010, u(height - 1)),
            (0x7014, u(channels - 1)),
            (0x7018, 1),
            (0x701C, self.from),
            (0x7024, u(width * 8)),
            (0x7030, precision),
            (0x7028, u((width * height).next_multiple_of(4) * 8)),
        ]);
        for register in (0x6044..=0x6050).step_by(4) {
            program.set(register, self.pad as u32 & 0x7FFFF);
        }
        program
    }
}

/// A window that covers one axis of `size` exactly: kernel, stride, pads before and after.
fn axis(random: &mut Random, size: usize) -> (usize, usize, usize, usize) {
    loop {
        let kernel = random.size(1, 7);
        let stride = random.size(1, kernel);
        let (before, after) = (random.size(0, kernel - 1), random.size(0, kernel - 1));
        if size + before + after >= kernel && (size + before + after - kernel).is_multiple_of(stride) {
            return (kernel, stride, before, after);
        }
    }
}

/// A random window over `height` x `width`, and what it makes of it.
pub fn random_window(random: &mut Random, height: usize, width: usize) -> (Window, Pool) {
    let (rows, columns) = (axis(random, height), axis(random, width));
    let window = Window {
        size: (rows.0, columns.0),
        stride: (rows.1, columns.1),
        before: (rows.2, columns.2),
        after: (rows.3, columns.3),
    };
    let what = match random.size(0, 2) {
        0 => Pool::Max,
        1 => Pool::Min,
        _ => Pool::Average {
            reciprocal_width: 65536 / columns.0 as i64,
            reciprocal_height: 65536 / rows.0 as i64,
        },
    };
    (window, what)
}
