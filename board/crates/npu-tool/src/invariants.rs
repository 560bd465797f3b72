//! The numeric invariants of the vendor's programs (sheet §9, with the sums of §2 to §4 they rest on), each by name.
//!
//! They are regularities of one generator, not rules of the hardware: other generators break some of them and still run.
//! What the hardware refuses is found by `scan`. Addresses may be symbolic; where two tasks cannot be told apart by them,
//! an invariant of pairs does not apply.

use npu_regs::task::{DMA_CON0_VALUE, MASK_DPU, S_POINTER_PING_PONG};
use npu_regs::{Block, Command, MAX_STREAM_WORDS, Register, TARGET_BARRIER, cna, core, dpu, dpu_rdma, pc};

use crate::describe::Registers;
use crate::scan::{Task, scan};

const BANK_BYTES: u64 = 32 * 1024;
const ENTRIES_PER_BANK: u32 = 1024;
/// `S_POINTER` with both clear bits and nothing else: group 0, which stays.
const S_POINTER_CLEAR: u32 = 0x30;

/// An invariant.
pub struct Invariant {
    /// Name.
    pub name: &'static str,
    /// Section of the sheet.
    pub source: &'static str,
    /// What it says.
    pub text: &'static str,
    holds: fn(&Facts, Option<&Facts>) -> Answer,
}

/// `None`: does not apply. `Err`: is broken, with both numbers.
type Answer = Option<Result<(), String>>;

/// How often an invariant held.
pub struct Tally {
    /// Which.
    pub invariant: &'static Invariant,
    /// Tasks, or pairs of tasks, it applied to.
    pub checked: usize,
    /// Task index and what was found instead, for each that broke it.
    pub broken: Vec<(usize, String)>,
}

/// Checks all invariants over all tasks of a file.
pub fn check(bytes: &[u8]) -> (Vec<Task>, Vec<Tally>) {
    let mut facts: Vec<Facts> = Vec::new();
    let tasks = scan(bytes, |_, task, registers| {
        facts.push(Facts::of(task, &task.found.read(bytes), registers))
    });
    let mut tallies: Vec<Tally> = INVARIANTS
        .iter()
        .map(|invariant| Tally {
            invariant,
            checked: 0,
            broken: Vec::new(),
        })
        .collect();
    for index in 0..facts.len() {
        // The pair of a task is the one whose tail names it.
        let before = index.checked_sub(1).filter(|&before| tasks[before].next == Some(index));
        for tally in &mut tallies {
            let answer = (tally.invariant.holds)(&facts[index], before.map(|before| &facts[before]));
            tally.checked += usize::from(answer.is_some());
            if let Some(Err(found)) = answer {
                tally.broken.push((index, found));
            }
        }
    }
    (tasks, tallies)
}

/// What the invariants look at.
struct Facts {
    words: usize,
    tail: bool,
    pointers: bool,
    cleared: bool,
    mask: u32,
    next_amount: u32,
    first_layer: bool,
    fp16: bool,
    width: u32,
    height: u32,
    channels: u32,
    output_width: u32,
    atomics: u32,
    core_size: (u32, u32),
    cube: (u32, u32, u32),
    same_band: bool,
    kernel_height: u32,
    stride_y: u32,
    grains: u32,
    dma_con0: u32,
    weight: (u32, u32, u32),
    banks: (u32, u32),
    data_reuse: bool,
    weight_reuse: bool,
    entries: u32,
    pad_top: u32,
    line_stride: u32,
    surface_stride: u32,
    feature: u32,
    weights_at: u32,
    wide_output: bool,
    transposes: bool,
    surfaces: [u32; 3],
    stride_bytes: u32,
    surface_add: u32,
    unpools: bool,
    stream: (u32, u32),
}

impl Facts {
    fn of(task: &Task, words: &[u64], r: &Registers<'_>) -> Self {
        let out = r.get(dpu::DATA_FORMAT::OUT_PRECISION);
        Self {
            words: words.len(),
            tail: has_tail(words),
            pointers: words.iter().all(|&word| pointer_is(word, S_POINTER_PING_PONG)),
            // A task that looks tables up starts from group 0, and its blocks do not alternate (decision 0044).
            cleared: words.iter().all(|&word| pointer_is(word, S_POINTER_CLEAR))
                && r.get(dpu::EW_CFG::EW_LUT_BYPASS) == 0,
            mask: task.checked.mask,
            next_amount: task.checked.next_amount,
            first_layer: r.get(cna::CONV_CON1::ARGB_IN) != 0,
            fp16: r.get(cna::CONV_CON1::PROC_PRECISION) == 2,
            width: r.get(cna::DATA_SIZE0::DATAIN_WIDTH),
            height: r.get(cna::DATA_SIZE0::DATAIN_HEIGHT),
            channels: r.get(cna::DATA_SIZE1::DATAIN_CHANNEL),
            output_width: r.get(cna::DATA_SIZE2::DATAOUT_WIDTH),
            atomics: r.get(cna::DATA_SIZE3::DATAOUT_ATOMICS),
            core_size: (
                r.get(core::DATAOUT_SIZE_0::DATAOUT_WIDTH) + 1,
                r.get(core::DATAOUT_SIZE_0::DATAOUT_HEIGHT) + 1,
            ),
            cube: (
                r.get(dpu::DATA_CUBE_WIDTH::WIDTH) + 1,
                r.get(dpu::DATA_CUBE_HEIGHT::HEIGHT) + 1,
                r.get(dpu::DATA_CUBE_CHANNEL::CHANNEL) + 1,
            ),
            same_band: r.get(cna::FC_DATA_SIZE0::DMA_WIDTH) == r.get(cna::DATA_SIZE0::DATAIN_WIDTH)
                && r.get(cna::FC_DATA_SIZE0::DMA_HEIGHT) == r.get(cna::DATA_SIZE0::DATAIN_HEIGHT)
                && r.get(cna::FC_DATA_SIZE1::DMA_CHANNEL) == r.get(cna::DATA_SIZE1::DATAIN_CHANNEL),
            kernel_height: r.get(cna::WEIGHT_SIZE2::WEIGHT_HEIGHT),
            stride_y: r.get(cna::CONV_CON3::CONV_Y_STRIDE),
            grains: r.get(cna::CONV_CON2::FEATURE_GRAINS),
            dma_con0: r.raw::<cna::DMA_CON0>(),
            weight: (
                r.get(cna::WEIGHT_SIZE0::WEIGHT_BYTES),
                r.get(cna::WEIGHT_SIZE1::WEIGHT_BYTES_PER_KERNEL),
                r.get(cna::WEIGHT_SIZE2::WEIGHT_KERNELS),
            ),
            banks: (r.get(cna::CBUF_CON0::DATA_BANK), r.get(cna::CBUF_CON0::WEIGHT_BANK)),
            data_reuse: r.get(cna::CBUF_CON0::DATA_REUSE) == 1,
            weight_reuse: r.get(cna::CBUF_CON0::WEIGHT_REUSE) == 1,
            entries: r.get(cna::CBUF_CON1::DATA_ENTRIES),
            pad_top: r.get(cna::PAD_CON0::PAD_TOP),
            line_stride: r.get(cna::DMA_CON1::LINE_STRIDE),
            surface_stride: r.get(cna::DMA_CON2::SURF_STRIDE),
            feature: r.raw::<cna::FEATURE_DATA_ADDR>(),
            weights_at: r.raw::<cna::DCOMP_ADDR0>(),
            wide_output: out == 4 || out == 5,
            transposes: r.get(dpu::FEATURE_MODE_CFG::TP_EN) == 1 || r.get(dpu::BS_OW_CFG::TP_ORG_EN) == 1,
            surfaces: [
                r.get(dpu::BS_OW_CFG::SIZE_E_0) + 1,
                r.get(dpu::BS_OW_CFG::SIZE_E_1) + 1,
                r.get(dpu::BS_OW_CFG::SIZE_E_2) + 1,
            ],
            stride_bytes: r.raw::<dpu::DST_SURF_STRIDE>(),
            surface_add: r.raw::<dpu::SURFACE_ADD>(),
            unpools: task.checked.mask & MASK_DPU == MASK_DPU && r.get(dpu_rdma::SRC_DMA_CFG::UNPOOLING_EN) == 1,
            stream: (
                r.raw::<dpu_rdma::BRDMA_CFG>(),
                // Length of the per-channel stream: a register the RK3588 map has no name for.
                npu_regs::register_at(0x5024).map_or(0, |register| r.0.executed(register)),
            ),
        }
    }

    const fn convolves(&self) -> bool {
        self.mask & 1 == 1
    }

    const fn writes_by_dpu(&self) -> bool {
        self.mask & 8 == 8
    }

    const fn streams(&self) -> bool {
        self.mask & MASK_DPU == MASK_DPU
    }

    /// Two tasks over the same weights, one band of rows after the other.
    fn follows_band(&self, before: &Self) -> bool {
        let weights = before.weight == self.weight && before.weights_at == self.weights_at;
        let map = before.line_stride == self.line_stride && before.surface_stride == self.surface_stride;
        // Addresses of a file count from each tensor's start: one that does not rise begins another layer.
        self.convolves() && before.convolves() && weights && map && before.feature < self.feature
    }

    /// Two tasks over the same features, one slice of kernels after the other.
    fn same_features(&self, before: &Self) -> bool {
        let size = |f: &Self| {
            (
                f.width,
                f.height,
                f.channels,
                f.line_stride,
                f.surface_stride,
                f.feature,
            )
        };
        self.convolves() && before.convolves() && size(before) == size(self)
    }
}

fn has_tail(words: &[u64]) -> bool {
    let Some([address, amount, barrier, start]) = words.last_chunk::<4>() else {
        return false;
    };
    let pc = |word: u64, offset: u32| (word >> 48) as u16 == 0x0101 && u32::from(word as u16) == offset;
    // The last task of a file has a zero word where the others name their successor (decision 0044).
    (pc(*address, pc::BASE_ADDRESS::INFO.offset) || *address == 0)
        && pc(*amount, pc::REGISTER_AMOUNTS::INFO.offset)
        && *barrier == u64::from(TARGET_BARRIER) << 48
        && matches!(Command::decode(*start), Ok(Command::Enable { .. }))
}

fn pointer_is(word: u64, wanted: u32) -> bool {
    match Command::decode(word) {
        Ok(Command::Write { register, value }) if Block::EXECUTING.contains(&register.block) => {
            register.offset & 0xFFF != 4 || value == wanted
        }
        _ => true,
    }
}

fn equal(what: &str, found: u64, wanted: u64) -> Answer {
    Some(if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} {found} instead of {wanted}"))
    })
}

fn ensure(holds: bool, found: impl FnOnce() -> String) -> Answer {
    Some(if holds { Ok(()) } else { Err(found()) })
}

macro_rules! invariants {
    ($( $name:literal, $source:literal, $text:literal, $holds:expr; )*) => {
        /// Every invariant, in the order of the sheet.
        pub static INVARIANTS: &[Invariant] = &[$( Invariant { name: $name, source: $source, text: $text, holds: $holds } ),*];
    };
}

invariants! {
    "tail", "§3.2, 0044", "a task ends with PC 0x10 (a zero word where none follows), PC 0x14, barrier and start", |f, _| {
        ensure(f.tail, || "another tail".into())
    };
    "stream-length", "§3.2", "at most 1024 words", |f, _| {
        ensure(f.words <= MAX_STREAM_WORDS, || format!("{} words", f.words))
    };
    "s-pointer", "§2.1, 0044", "every S_POINTER is 0x0E, or all are 0x30 in a task that looks tables up", |f, _| {
        ensure(f.pointers || f.cleared, || "another value".into())
    };
    "banks-sum", "§9.1", "data banks and weight banks are eight together", |f, _| {
        if !f.convolves() { return None; }
        equal("data + weight banks", u64::from(f.banks.0 + f.banks.1), 8)
    };
    "bank-capacity", "§1.3", "entries per row times rows fit the data banks", |f, _| {
        if !f.convolves() { return None; }
        let (used, room) = (u64::from(f.entries) * u64::from(f.height), u64::from(f.banks.0 * ENTRIES_PER_BANK));
        ensure(used <= room, || format!("{used} entries in {room}"))
    };
    "entries-per-row", "§9.2", "entries are ceil(W * ceil(C/8) / 4), C/4 for 16 bits, ceil(W * 8 / 32) in a first layer", |f, _| {
        if !f.convolves() { return None; }
        let atoms = if f.first_layer { 1 } else { f.channels.div_ceil(if f.fp16 { 4 } else { 8 }) };
        let exact = (u64::from(f.width) * u64::from(atoms)).div_ceil(4);
        // Both forms of §4.2: a remainder of three atoms as a whole group, and a first layer rounded up to even.
        let round = if atoms % 4 == 3 { u64::from(f.width) * u64::from(atoms + 1) / 4 } else { exact };
        let other = if f.first_layer { exact.next_multiple_of(2) } else { round };
        ensure([exact, other].contains(&u64::from(f.entries)), || format!("{} entries instead of {exact}", f.entries))
    };
    "feature-grains", "§9.3, 0044", "grains are KH + stride y * (1 + floor(16 / output width)), or all rows of a lower band", |f, _| {
        if !f.convolves() || f.output_width == 0 { return None; }
        let wanted = f.kernel_height + f.stride_y * (1 + 16 / f.output_width);
        if f.grains == f.height && f.height < wanted { return Some(Ok(())); }
        equal("grains", u64::from(f.grains), u64::from(wanted))
    };
    "dma-con0", "§9.4", "DMA_CON0 is 0x00171C07", |f, _| {
        if !f.convolves() { return None; }
        ensure(f.dma_con0 == DMA_CON0_VALUE, || format!("0x{:08X}", f.dma_con0))
    };
    "weight-bytes", "§9.5", "weight bytes are bytes per kernel times kernels", |f, _| {
        if !f.convolves() { return None; }
        equal("weight bytes", u64::from(f.weight.0), u64::from(f.weight.1) * u64::from(f.weight.2))
    };
    "same-band", "§2.4", "the loaded band is the convolved band", |f, _| {
        if !f.convolves() { return None; }
        ensure(f.same_band, || "0x1084 or 0x1088 differs from 0x1020 or 0x1024".into())
    };
    "output-size", "§2.4, 0044", "CNA, CORE and DPU name the same output; a column of pixels may be rows to the DPU", |f, _| {
        if !f.convolves() { return None; }
        let (w, h) = f.core_size;
        let cube = (f.cube.0, f.cube.1) == (w, h) || w == 1 && u64::from(f.cube.0) * u64::from(f.cube.1) == u64::from(h);
        let same = f.output_width == w && u64::from(f.atomics) == u64::from(w) * u64::from(h) && cube;
        ensure(same, || format!("CNA {} of {}, CORE {w}x{h}, DPU {}x{}", f.output_width, f.atomics, f.cube.0, f.cube.1))
    };
    "amount", "§9.6", "the tail before a task holds its words minus one", |f, before| {
        equal("amount", u64::from(before?.next_amount), f.words as u64 - 1)
    };
    "weight-reuse", "§9.7", "a later row band reuses weights iff all of them fit the weight banks", |f, before| {
        if !f.follows_band(before?) { return None; }
        let fits = u64::from(f.weight.0) <= u64::from(f.banks.1) * BANK_BYTES;
        ensure(f.weight_reuse == fits, || format!("reuse {}, {} bytes in {} banks", f.weight_reuse, f.weight.0, f.banks.1))
    };
    "data-reuse", "§9.7", "a later slice of kernels over the same features reuses them, and nothing else does", |f, before| {
        let before = before?;
        let slice = f.same_features(before) && before.weights_at != f.weights_at;
        if !f.convolves() || !slice && !f.data_reuse { return None; }
        ensure(slice == f.data_reuse, || format!("reuse {}, same features {slice}", f.data_reuse))
    };
    "surface-add", "§9.8, §2.7", "SURFACE_ADD is the surfaces of a group (size_e + 1) times DST_SURF_STRIDE", |f, _| {
        if !f.writes_by_dpu() || f.transposes || f.unpools || f.surfaces[0] == 8 { return None; }
        if f.surfaces != [f.surfaces[0]; 3] && f.convolves() {
            return Some(Err(format!("size_e {:?}", f.surfaces.map(|surfaces| surfaces - 1))));
        }
        equal("SURFACE_ADD", u64::from(f.surface_add), u64::from(f.surfaces[0]) * u64::from(f.stride_bytes))
    };
    "dst-surf-stride", "§2.7", "DST_SURF_STRIDE holds 8 bytes for each pixel, rounded up to 4 pixels but of one, or 16 bytes for 32-bit results", |f, _| {
        if !f.writes_by_dpu() || f.transposes || f.unpools { return None; }
        let pixels = u64::from(f.cube.0) * u64::from(f.cube.1);
        let (least, step) = if f.wide_output { (16 * pixels, 16) } else { (8 * pixels.next_multiple_of(4), 32) };
        let stride = u64::from(f.stride_bytes);
        if pixels == 1 && stride == 8 && !f.wide_output { return Some(Ok(())); }
        ensure(stride >= least && stride.is_multiple_of(step), || format!("{stride}, at least {least} and a multiple of {step}"))
    };
    "parameter-stream", "§9.9, §2.6", "0x5024 is the words of the per-channel stream minus one", |f, _| {
        if !f.streams() { return None; }
        let channels = u64::from(f.cube.2);
        let words = match f.stream.0 {
            0x0E => channels,
            2 => channels.div_ceil(2),
            _ => return None,
        };
        equal("0x5024", u64::from(f.stream.1), words - 1)
    };
    "row-bands", "§9.10", "the next band begins where the previous one's outputs end", |f, before| {
        let before = before?;
        if !f.follows_band(before) || before.first_layer { return None; }
        let rows = i64::from(before.core_size.1) * i64::from(before.stride_y) - i64::from(before.pad_top);
        let wanted = i64::from(before.feature) + rows * i64::from(before.line_stride) * 8;
        ensure(i64::from(f.feature) == wanted, || format!("0x1070 = {} instead of {wanted}", f.feature))
    };
}
