//! DPU-only tasks: the second tensor joins the first (appendix B.4).

use npu_reference::{Algorithm, Converter, Element, Joining, Map, Post, Rectifier};

use super::machine::Machine;
use super::post;
use super::program::Program;
use super::style::Style;

/// An element-wise task over int8 maps of (channels, rows, columns); channels are a multiple of 8.
#[derive(Clone, Debug)]
pub struct Join {
    pub shape: (usize, usize, usize),
    pub left: u32,
    pub right: u32,
    pub output: u32,
    /// First row and rows of this task.
    pub rows: (usize, usize),
}

impl Join {
    pub fn surface_bytes(&self) -> usize {
        (self.shape.1 * self.shape.2).next_multiple_of(4) * 8
    }

    pub fn program(&self, post: &Post, style: Style) -> Program {
        let (channels, _, width) = self.shape;
        assert_eq!(channels % 8, 0);
        let (width, rows, channels) = (width as u32, self.rows.1 as u32, channels as u32);
        let surface = self.surface_bytes() as u32;
        let offset = self.rows.0 as u32 * width * 8;
        let programmed = post::program(post, channels as usize, 0);
        assert!(programmed.stream.is_none() && programmed.second.is_none());
        let reader = programmed.registers.iter().find(|(offset, _)| *offset == 0x5034);
        let reader = reader.map_or(0x4000_0000, |(_, value)| *value);
        let mut program = Program::new(npu_regs::task::Mix::Dpu);
        program.set_all(&programmed.registers).set_all(&[
            (0x400C, 0x109),
            (0x4010, programmed.data_format),
            (0x4020, self.output + offset),
            (0x4024, surface),
            (0x4030, width - 1),
            (0x4034, rows - 1),
            (0x403C, (channels - 1) << 16 | (channels - 1)),
            (0x4050, 0x2),
            (0x40C0, surface),
            (0x500C, width - 1),
            (0x5010, rows - 1),
            (0x5014, channels - 1),
            (0x5018, self.left + offset),
            (0x5028, 1),
            (0x5034, reader),
            (0x5038, self.right + if reader >> 30 == 1 { offset } else { 0 }),
            (0x503C, if style == Style::Open { surface - 8 } else { 0 }),
            (0x5040, surface),
            (0x5044, if style == Style::Open { 0x7801 } else { 0x4001 }),
            (0x504C, surface - width * rows * 8),
            (0x5068, 0x0101_0101),
        ]);
        program
    }
}

/// The sum of two maps of zeros as appendix B.4 adds them, without its stages: right but for what a test changes.
pub fn zeros_joined(machine: &Machine, shape: (usize, usize, usize), style: Style) -> Program {
    let (channels, height, width) = shape;
    let post = Post {
        element: Element::Operand {
            second: Map::from_fn(channels, height, width, |_, _, _| 0i8).into(),
            converter: Converter {
                offset_first: true,
                ..Converter::IDENTITY
            },
            joining: Joining::Alu(Algorithm::Add),
            rectifier: Rectifier::Off,
        },
        ..Post::BYPASS
    };
    let mut join = Join {
        shape,
        left: 0,
        right: 0,
        output: 0,
        rows: (0, height),
    };
    let bytes = channels / 8 * join.surface_bytes();
    [join.left, join.right, join.output] = std::array::from_fn(|_| machine.reserve(bytes, 64));
    join.program(&post, style)
}

/// The vendor's task that loads one table (§2.6): a DPU task over a 1x1x8 cube with 516 data words, 588 words in all.
/// `scratch` is memory it may read and write.
pub fn table_load(table: u32, entries: &[i16], scratch: u32) -> Program {
    let join = Join {
        shape: (8, 1, 1),
        left: scratch,
        right: 0,
        output: scratch + 64,
        rows: (0, 1),
    };
    let mut program = join.program(&Post::BYPASS, Style::Vendor { zeros_in_front: false });
    // No operand.
    let unused = [(0x5034, 1), (0x5038, 0), (0x5040, 0)];
    program.set_all(&unused).set(0x4100, 0x2_0000 | table << 16);
    program.table = entries.to_vec();
    program.table.resize(516, 0);
    program
}
