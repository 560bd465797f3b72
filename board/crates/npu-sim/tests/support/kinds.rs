//! Small tasks of every kind, each in a machine of its own and run again with one register changed.

use npu_reference::{
    Algorithm, Element, FloatJoining, FloatOperand, FloatPost, FloatRectifier, FloatStage, Joining, Map, Operand, Pool,
    Rectifier, Window,
};
use npu_regs::Block;
use npu_sim::FaultKind;

use super::case::{Case, Wish, wanted};
use super::conv::{Kind, Output};
use super::machine::{FIRST, Machine};
use super::pooling::Pooling;
use super::program::Program;
use super::rows::{Format, copy, rows};
use super::style::Style;
use super::{element, float};

const STYLE: Style = Style::Vendor { zeros_in_front: false };
/// Memory that is compared: every tensor of these small tasks lies here.
const COMPARED: usize = 96 << 10;

/// A task in a machine, and what its memory holds before it runs.
pub struct Base {
    pub name: &'static str,
    machine: Machine,
    pub programs: Vec<Program>,
    memory: Vec<u8>,
    mark: u32,
}

impl Base {
    fn new(name: &'static str, machine: Machine, programs: Vec<Program>) -> Self {
        let memory = machine.read(FIRST, COMPARED);
        let mark = machine.mark();
        assert!(
            mark < FIRST + COMPARED as u32,
            "{name} uses more memory than is compared"
        );
        Self {
            name,
            machine,
            programs,
            memory,
            mark,
        }
    }

    fn of_case(name: &'static str, (machine, case): (Machine, Case)) -> Self {
        Self::new(name, machine, case.programs)
    }

    /// Runs with one register changed in every task that has it.
    pub fn run(&self, change: Option<(u32, u32)>) -> Result<Vec<u8>, FaultKind> {
        self.machine.reset();
        self.machine.hardware.dma.write(FIRST, &self.memory).unwrap();
        self.machine.rewind(FIRST + COMPARED as u32);
        let mut programs = self.programs.clone();
        if let Some((offset, value)) = change {
            programs.iter_mut().for_each(|program| {
                program.set(offset, value);
            });
        }
        self.machine.run(&programs, STYLE);
        match self.machine.board.npu().fault() {
            Some(fault) => Err(fault.kind),
            None => Ok(self.machine.read(FIRST, (self.mark - FIRST) as usize)),
        }
    }

    pub fn blocks(&self) -> Vec<Block> {
        self.programs[0].mix.blocks().to_vec()
    }
}

/// An int8 row from -128 to 127.
fn every_byte(machine: &Machine) -> Program {
    let from = machine.place(&(0..256).map(|x| (x - 128i32) as i8 as u8).collect::<Vec<u8>>());
    let to = machine.reserve(256, 64);
    copy((Format::Int8, Format::Int8), (8, 1, 32), (from, to))
}

/// Every input from -128 to 127 through two tables with a gap between them, and lines on all four sides.
fn activation(name: &'static str, lut_cfg: u32) -> Base {
    let machine = Machine::new(FIRST);
    let mut program = every_byte(&machine);
    let scratch = machine.reserve(128, 64);
    let loads = (0..2).map(|table| {
        let entries: Vec<i16> = (0..513)
            .map(|index| (index * 37 % 101) as i16 - 50 + 7 * table as i16)
            .collect();
        element::table_load(table, &entries, scratch)
    });
    let loads: Vec<Program> = loads.collect();
    program.set_all(&[
        (0x4070, 0x302),
        (0x4108, lut_cfg),
        (0x410C, 0x0001_0200),
        (0x4110, -64i32 as u32),
        (0x4114, -3i32 as u32),
        (0x4118, 2),
        (0x411C, 40),
        (0x4120, 0x0003_0005),
        (0x4124, 1 << 5 | 2),
        (0x4128, 0x0007_0009),
        (0x412C, 3 << 5 | 1),
    ]);
    Base::new(name, machine, loads.into_iter().chain([program]).collect())
}

/// Every input times a register.
fn products() -> Base {
    let machine = Machine::new(FIRST);
    let mut program = every_byte(&machine);
    program.set_all(&[(0x4070, 0x284), (0x4078, 1 << 22)]);
    program.set_all(&(0..8).map(|index| (0x4090 + 4 * index, 3)).collect::<Vec<(u32, u32)>>());
    Base::new("products", machine, vec![program])
}

/// Halves every input, so that every odd one is a tie.
fn ties() -> Base {
    let machine = Machine::new(FIRST);
    let mut program = every_byte(&machine);
    program.set(0x4088, 1);
    Base::new("ties", machine, vec![program])
}

fn float_row() -> Base {
    let machine = Machine::new(FIRST);
    let (channels, height, width) = (8, 3, 5);
    let value = |channel: usize, row: usize, column: usize| {
        npu_reference::half::from_f32((channel * 7 + row * 3 + column) as f32 / 4.0 - 6.0)
    };
    let input = Map::from_fn(channels, height, width, value);
    let per_channel = || FloatOperand::PerChannel((0..channels).map(|channel| channel as f32 - 3.0).collect());
    let stage = || FloatStage {
        alu: Some((Algorithm::Add, per_channel())),
        multiplier: Some((FloatOperand::Common(0.5), false)),
        rectifier: FloatRectifier::Off,
    };
    let post = FloatPost {
        bs: stage(),
        bn: FloatStage {
            multiplier: Some((per_channel(), false)),
            ..stage()
        },
        element: Some((
            Map::from_fn(channels, height, width, |c, r, x| value(x, c, r)),
            FloatJoining::Alu(Algorithm::Add),
            FloatRectifier::ReluX(20.0),
        )),
    };
    let pitch = npu_reference::native::Pitch::packed(height, width);
    let pack = |map: &Map<u16>| npu_reference::native::pack_features(map, pitch, channels, 0);
    let programmed = float::program(&post, channels, true);
    let from = machine.place(&pack(&input));
    let to = machine.reserve(channels / 4 * height * width * 16, 64);
    let mut program = rows((Format::Half, Format::Float), (channels, height, width), (from, to));
    program.set_all(&programmed.registers);
    let operand = post
        .element
        .as_ref()
        .map(|(operand, ..)| pack(operand))
        .unwrap_or_default();
    program.set_all(&[
        (0x5020, machine.place(&programmed.stream.unwrap())),
        (0x502C, machine.place(&programmed.second.unwrap())),
        (0x5038, machine.place(&operand)),
        (0x5040, Format::Half.surface(height * width) as u32),
    ]);
    Base::new("fp16 to fp32", machine, vec![program])
}

fn pooling(half: bool, pool: Pool) -> Base {
    let machine = Machine::new(FIRST);
    let bytes: Vec<u8> = (0..3 * 36 * 8u32).map(|at| (at * 37 % 251) as u8 & 0xBB).collect();
    let mut pooling = Pooling {
        input: (if half { 12 } else { 24 }, 6, 6),
        half,
        window: Window {
            size: (3, 3),
            stride: (2, 1),
            before: (1, 1),
            after: (0, 1),
        },
        pool,
        pad: if half { 0x3C00 } else { 5 },
        from: machine.place(&bytes),
        to: 0,
    };
    pooling.to = machine.reserve(pooling.output_bytes(), 64);
    let name = if half { "fp16 pooling" } else { "pooling" };
    Base::new(name, machine, vec![pooling.program()])
}

/// One task of every kind.
pub fn bases() -> Vec<Base> {
    let one = |case: &Case| case.programs.len() == 1 && case.layer.geometry.output.0 > 1;
    let operand = |case: &Case| one(case) && case.programs[0].get(0x5034) >> 30 == 1 && case.layer.output_pixels() > 4;
    let average = Pool::Average {
        reciprocal_width: 21845,
        reciprocal_height: 21845,
    };
    let small = |kind| Wish::small(kind, STYLE);
    let floats = Wish {
        output: Output::Float,
        ..small(Kind::Dense)
    };
    let streams = |case: &Case| one(case) && case.layer.addresses.second != 0 && case.layer.stream_bytes == 8;
    let registers = |case: &Case| one(case) && case.layer.stream_bytes == 0 && case.programs[0].get(0x4070) & 0x43 == 0;
    let product = |case: &Case| {
        let leaky = |element: &Element| match element {
            Element::Operand {
                joining: Joining::Multiply { leaky, .. },
                ..
            } => Some(*leaky),
            _ => None,
        };
        one(case) && leaky(&case.post.element) == Some(false)
    };
    let common = |case: &Case| one(case) && matches!(case.post.compensation, Some((Operand::Common(1..), _)));
    let bounded = |case: &Case| one(case) && matches!(case.post.bs.rectifier, Rectifier::ReluX(_));
    let mut image = Base::of_case(
        "first layer",
        wanted(small(Kind::First), |case| {
            one(case) && case.layer.convert && case.layer.input.0 == 4
        }),
    );
    // Halves every byte, so that order and rounding show.
    for channel in 0..4 {
        image.programs[0].set(0x1050 + 4 * channel, 0x2000_0003);
    }
    vec![
        Base::of_case("operand", wanted(small(Kind::Dense), operand)),
        Base::of_case("two streams", wanted(small(Kind::Dense), streams)),
        Base::of_case("register operands", wanted(small(Kind::Dense), registers)),
        Base::of_case("product", wanted(small(Kind::Dense), product)),
        Base::of_case("common factor", wanted(small(Kind::Dense), common)),
        Base::of_case("bound", wanted(small(Kind::Dense), bounded)),
        Base::of_case("to fp32", wanted(floats, one)),
        Base::of_case(
            "depthwise",
            wanted(small(Kind::Depthwise), |case| one(case) && case.layer.stream_bytes == 8),
        ),
        image,
        products(),
        ties(),
        activation("tables, LO above", 0x28),
        activation("tables, LO below", 0x18),
        float_row(),
        pooling(false, Pool::Max),
        pooling(false, average),
        pooling(true, average),
    ]
}
