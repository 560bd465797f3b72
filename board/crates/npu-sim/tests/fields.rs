//! What the model does with every field of every executing block, found by changing it: bit by bit in tasks of every kind,
//! and looking at what comes out. `FIELDS.md` says so; with `NPULAB_BLESS=1` it is written anew. A field that changes
//! nothing must have its reason here, and what is refused is refused by the register's name.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use npu_reference::{
    Algorithm, Element, FloatJoining, FloatOperand, FloatPost, FloatRectifier, FloatStage, Joining, Map, Operand, Pool,
    Rectifier, Window,
};
use npu_regs::{Block, RegisterInfo};
use npu_sim::FaultKind;
use support::case::{Case, Wish, wanted};
use support::conv::{Kind, Output};
use support::float;
use support::machine::{FIRST, Machine};
use support::pooling::Pooling;
use support::program::Program;
use support::rows::{Format, rows};
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };
/// Memory that is compared: every tensor of these small tasks lies here.
const COMPARED: usize = 96 << 10;

/// Fields that may say anything, and why.
const IGNORED: &[(&str, &str, &str)] = &[
    (
        "CNA",
        "CBUF_CON1.WIDTH",
        "the width is not checked, entries are (§12.8)",
    ),
    ("CNA", "CLK_GATE", "clock gates do not change results"),
    (
        "CNA",
        "FC_CON0.FC_SKIP_DATA",
        "nothing is skipped while FC_SKIP_EN is 0",
    ),
    (
        "CNA",
        "DCOMP_CTRL.WT_DEC_BYPASS",
        "there is no decompression to go around",
    ),
    (
        "DPU",
        "FEATURE_MODE_CFG.BURST_LEN",
        "the length of write bursts does not change results",
    ),
    (
        "DPU",
        "LUT_CFG.LUT_HYBRID_PRIORITY",
        "LE answers where both tables cover an input (§12.17)",
    ),
    (
        "DPU_RDMA",
        "FEATURE_MODE_CFG.MRDMA_DISABLE",
        "the main read channel runs when FLYING_MODE is 1 (§12.1)",
    ),
    (
        "DPU_RDMA",
        "WEIGHT",
        "arbitration between readers does not change results",
    ),
    ("PPU", "DATA_FORMAT.INDEX_ADD", "there is no index output"),
    (
        "PPU",
        "MISC_CTRL.BURST_LEN",
        "the length of write bursts does not change results",
    ),
    ("PPU_RDMA", "REG_7018", "unnamed; known tasks write 0 or 1 (§12.5)"),
];

/// A task in a machine, and what its memory holds before it runs.
struct Base {
    name: &'static str,
    machine: Machine,
    programs: Vec<Program>,
    memory: Vec<u8>,
    mark: u32,
}

/// What one change did.
enum Outcome {
    Same,
    Changed,
    Fault(FaultKind),
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
    fn run(&self, change: Option<(u32, u32)>) -> Result<Vec<u8>, FaultKind> {
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

    fn blocks(&self) -> Vec<Block> {
        self.programs[0].mix.blocks().to_vec()
    }
}

/// An int8 row from -128 to 127.
fn every_byte(machine: &Machine) -> Program {
    let from = machine.place(&(0..256).map(|x| (x - 128i32) as i8 as u8).collect::<Vec<u8>>());
    let to = machine.reserve(256, 64);
    let mut program = rows((Format::Int8, Format::Int8), (8, 1, 32), (from, to));
    let plain = [
        (0x4040, 0x53),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x501C, 1),
        (0x5028, 1),
    ];
    program.set_all(&plain);
    program
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
        support::element::table_load(table, &entries, scratch)
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

fn bases() -> Vec<Base> {
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

/// What was seen of one field.
#[derive(Default)]
struct Seen {
    runs: usize,
    changed: bool,
    /// Rules that named this register.
    rules: BTreeSet<&'static str>,
    /// Refusals that named this register.
    refused: BTreeSet<String>,
    /// Something else was named: another register that no longer agrees, or memory that is not there.
    elsewhere: bool,
}

/// Single bits of a field, the lowest, the highest and some between, and all of them.
fn changes(width: u32) -> impl Iterator<Item = u32> {
    let bits = [0, 1, 2, width / 2, width.saturating_sub(2), width - 1];
    let bits: BTreeSet<u32> = bits.into_iter().filter(|bit| *bit < width).collect();
    let all = if width == 32 { u32::MAX } else { (1 << width) - 1 };
    bits.into_iter()
        .map(|bit| 1 << bit)
        .chain([all])
        .collect::<BTreeSet<u32>>()
        .into_iter()
}

/// Registers that are no part of a task: pointers, status, own start bits, table access.
fn configuration(register: &RegisterInfo) -> bool {
    let within = register.offset - register.block.base();
    within >= 0x0C && !matches!(register.offset, 0x4100 | 0x4104)
}

fn look(bases: &[Base]) -> BTreeMap<(u32, u8), Seen> {
    let mut all: BTreeMap<(u32, u8), Seen> = BTreeMap::new();
    for base in bases {
        let right = base.run(None).unwrap_or_else(|why| panic!("{}: {why}", base.name));
        let last = base.programs.last().unwrap();
        for register in base.blocks().iter().flat_map(|block| block.registers()) {
            if !configuration(register) {
                continue;
            }
            for field in register.fields {
                let seen = all.entry((register.offset, field.lsb)).or_default();
                for bits in changes(u32::from(field.msb - field.lsb) + 1) {
                    let value = last.get(register.offset) ^ bits << field.lsb;
                    seen.runs += 1;
                    let outcome = match base.run(Some((register.offset, value))) {
                        Ok(bytes) if bytes == right => Outcome::Same,
                        Ok(_) => Outcome::Changed,
                        Err(kind) => Outcome::Fault(kind),
                    };
                    match outcome {
                        Outcome::Same => {}
                        Outcome::Changed => seen.changed = true,
                        Outcome::Fault(FaultKind::Rule {
                            register: named, rule, ..
                        }) if named == *register => {
                            seen.rules.insert(rule.source);
                        }
                        Outcome::Fault(FaultKind::NotModelled {
                            register: named,
                            modelled,
                            ..
                        }) if named == *register => {
                            seen.refused.insert(modelled);
                        }
                        Outcome::Fault(_) => seen.elsewhere = true,
                    }
                }
            }
        }
    }
    all
}

fn reason(register: &RegisterInfo, field: &str) -> Option<&'static str> {
    let found = IGNORED.iter().find(|(block, name, _)| {
        let whole = format!("{}.{field}", register.name);
        *block == register.block.name() && (*name == register.name || *name == whole)
    });
    found.map(|(_, _, why)| *why)
}

#[test]
fn every_field_is_executed_checked_refused_by_name_or_ignored_for_a_reason() {
    let seen = look(&bases());
    let mut text = String::from(
        "# What npu-sim does with every field\n\nFound by `tests/fields.rs`, which changes the field in tasks of every kind; \
         do not edit. *Executed*: some value changes\nthe results. *Checked*: other values break a rule of the sheet, given \
         by section. *Refused*: other values stop with the\nregister's name. *Ignored*: any value gives the same results.\n",
    );
    let mut silent = Vec::new();
    let mut unused: BTreeSet<&str> = IGNORED.iter().map(|(_, name, _)| *name).collect();
    for block in Block::EXECUTING {
        write!(
            text,
            "\n## {}\n\n| offset | register | field | verdict |\n|---|---|---|---|\n",
            block.name()
        )
        .unwrap();
        for register in block.registers().iter().filter(|register| configuration(register)) {
            for field in register.fields {
                let seen = &seen[&(register.offset, field.lsb)];
                let mut verdict = Vec::new();
                if seen.changed {
                    verdict.push("executed".to_owned());
                }
                if !seen.rules.is_empty() {
                    let rules: Vec<&str> = seen.rules.iter().copied().collect();
                    verdict.push(format!("checked ({})", rules.join("; ")));
                } else if seen.elsewhere && !seen.changed {
                    verdict.push("checked with the registers it belongs to".to_owned());
                }
                if !seen.refused.is_empty() {
                    let refused: Vec<&str> = seen.refused.iter().map(String::as_str).collect();
                    verdict.push(format!("else refused: {}", refused.join("; ")));
                }
                if verdict.is_empty() {
                    match reason(register, field.name) {
                        Some(why) => {
                            unused.remove(register.name);
                            unused.remove(format!("{}.{}", register.name, field.name).as_str());
                            verdict.push(format!("ignored: {why}"));
                        }
                        None => silent.push(format!("{}.{}.{}", block.name(), register.name, field.name)),
                    }
                }
                let (offset, name) = (register.offset, register.name);
                writeln!(
                    text,
                    "| 0x{offset:04X} | {name} | {} | {} |",
                    field.name,
                    verdict.join(", ")
                )
                .unwrap();
            }
        }
    }
    assert!(
        silent.is_empty(),
        "fields without effect and without a reason:\n{}",
        silent.join("\n")
    );
    assert!(unused.is_empty(), "reasons for fields that have an effect: {unused:?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FIELDS.md");
    if std::env::var_os("NPULAB_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == text,
        "FIELDS.md is not what the model does; NPULAB_BLESS=1 writes it anew"
    );
}
