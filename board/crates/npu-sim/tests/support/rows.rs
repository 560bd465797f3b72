//! DPU-only tasks between any two formats of §2.7, without their stages.

use npu_regs::task::Mix;

use super::program::Program;

/// What both ends of the pipeline work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Int8,
    Half,
    Float,
}

impl Format {
    pub fn code(self) -> u32 {
        match self {
            Self::Int8 => 0,
            Self::Half => 2,
            Self::Float => 5,
        }
    }

    /// Bytes of a pixel of one surface.
    pub fn atom(self) -> usize {
        if self == Self::Float { 16 } else { 8 }
    }

    pub fn surface_channels(self) -> usize {
        if self == Self::Int8 { 8 } else { 4 }
    }

    /// Bytes of a surface.
    pub fn surface(self, pixels: usize) -> usize {
        if self == Self::Float {
            pixels * 16
        } else {
            pixels.next_multiple_of(4) * 8
        }
    }
}

/// A task without its stages.
pub fn rows(formats: (Format, Format), shape: (usize, usize, usize), (from, to): (u32, u32)) -> Program {
    let ((input, output), (channels, height, width)) = (formats, shape);
    let pixels = height * width;
    let processing = if input == Format::Int8 { 0 } else { 2 };
    let surfaces = input.surface_channels() / output.surface_channels();
    let size_e = surfaces as u32 - 1;
    let u = |value: usize| value as u32;
    let stride = u(output.surface(pixels));
    let mut program = Program::new(Mix::Dpu);
    program.set_all(&[
        (0x400C, 0x109),
        (0x4010, output.code() << 29 | input.code() << 26 | processing),
        (0x4020, to),
        (0x4024, stride),
        (0x4030, u(width - 1)),
        (0x4034, u(height - 1)),
        (0x403C, u((channels - 1) << 16 | (channels - 1))),
        (0x4050, size_e << 8 | size_e << 5 | size_e << 2 | 2),
        (0x40C0, u(surfaces) * stride),
        (0x500C, u(width - 1)),
        (0x5010, u(height - 1)),
        (0x5014, u(channels - 1)),
        (0x5018, from),
        (0x5034, 1),
        (0x5044, input.code() << 15 | 0x4000 | processing << 5 | 1),
        (0x504C, u(input.surface(pixels) - pixels * input.atom())),
        (0x5068, 0x0101_0101),
    ]);
    program
}

/// A task whose stages are all bypassed.
pub fn copy(formats: (Format, Format), shape: (usize, usize, usize), places: (u32, u32)) -> Program {
    let mut program = rows(formats, shape, places);
    program.set_all(&[
        (0x4040, 0x53),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x501C, 1),
        (0x5028, 1),
    ]);
    program
}
