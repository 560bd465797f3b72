//! What a task does, in a few words: mix, kernel, shapes, precision, banks. Reads registers, judges nothing.

use npu_regs::task::Mix;
use npu_regs::{Block, Field, Register, cna, core, dpu, dpu_rdma, ppu, ppu_rdma};
use npu_sim::{CheckedTask, Checker};

/// Registers as the blocks of a task see them.
pub struct Registers<'a>(pub &'a Checker);

impl Registers<'_> {
    /// A whole register.
    pub fn raw<R: Register>(&self) -> u32 {
        self.0.executed(R::INFO)
    }

    /// A field.
    pub fn get<R: Register>(&self, field: Field<R>) -> u32 {
        field.get(self.raw::<R>())
    }
}

/// The mix in words; a mask that no known task has is shown as it is.
pub fn mix(mask: u32) -> String {
    match Mix::of_mask(mask) {
        Some(Mix::Convolution) => "CNA+CMAC+CORE+DPU".into(),
        Some(Mix::ConvolutionRdma) => "CNA+CMAC+CORE+DPU+RDMA".into(),
        Some(Mix::Dpu) => "DPU+RDMA".into(),
        Some(Mix::Pooling) => "PPU+RDMA".into(),
        None => {
            let listed = Block::EXECUTING
                .into_iter()
                .filter(|block| block.enable_bit().is_some_and(|bit| mask >> bit & 1 == 1));
            let names = listed.map(Block::name).collect::<Vec<_>>().join("+");
            format!("{names} (0x{mask:X})")
        }
    }
}

/// Operation, and sizes: input → output as width x height x channels.
pub fn operation(registers: &Registers<'_>, checked: &CheckedTask, loads_table: bool) -> (String, String) {
    match Mix::of_mask(checked.mask) {
        Some(Mix::Convolution | Mix::ConvolutionRdma) => convolution(registers),
        Some(Mix::Dpu) if loads_table => ("activation table".into(), String::new()),
        Some(Mix::Dpu) => {
            let what = match () {
                () if registers.get(dpu::FEATURE_MODE_CFG::TP_EN) == 1 => "transpose",
                () if unpools(registers) => "upsample",
                () => "dpu",
            };
            (format!("{what} {}", formats(registers)), cube(registers))
        }
        Some(Mix::Pooling) => pooling(registers),
        None => <(String, String)>::default(),
    }
}

/// Products of the array: output pixels times bytes of all kernels, two bytes a product of 16-bit formats.
pub fn products(registers: &Registers<'_>, mask: u32) -> u64 {
    if mask & 1 == 0 {
        return 0;
    }
    let pixels = u64::from(registers.get(cna::DATA_SIZE3::DATAOUT_ATOMICS));
    let bytes = u64::from(registers.get(cna::WEIGHT_SIZE0::WEIGHT_BYTES));
    pixels * bytes
        / if registers.get(cna::CONV_CON1::PROC_PRECISION) == 0 {
            1
        } else {
            2
        }
}

fn convolution(registers: &Registers<'_>) -> (String, String) {
    use cna::{CONV_CON1, CONV_CON3, DATA_SIZE0, DATA_SIZE1, WEIGHT_SIZE2};
    let mode = match (registers.get(CONV_CON1::CONV_MODE), registers.get(CONV_CON1::ARGB_IN)) {
        (3, _) => "depthwise",
        (0, 0) => "conv",
        (0, _) => "first-layer conv",
        _ => "conv?",
    };
    let (kw, kh) = (
        registers.get(WEIGHT_SIZE2::WEIGHT_WIDTH),
        registers.get(WEIGHT_SIZE2::WEIGHT_HEIGHT),
    );
    let (sx, sy) = (
        registers.get(CONV_CON3::CONV_X_STRIDE),
        registers.get(CONV_CON3::CONV_Y_STRIDE),
    );
    let stride = if sx == sy {
        format!("s{sx}")
    } else {
        format!("s{sx}x{sy}")
    };
    let real = registers.get(DATA_SIZE1::DATAIN_CHANNEL_REAL) + 1;
    let cubes = format!(
        "{}x{}x{real} -> {}",
        registers.get(DATA_SIZE0::DATAIN_WIDTH),
        registers.get(DATA_SIZE0::DATAIN_HEIGHT),
        output(registers),
    );
    (format!("{mode} {} {kw}x{kh} {stride}", formats(registers)), cubes)
}

/// Width and height of what CORE sends, channels that are real.
fn output(registers: &Registers<'_>) -> String {
    format!(
        "{}x{}x{}",
        registers.get(core::DATAOUT_SIZE_0::DATAOUT_WIDTH) + 1,
        registers.get(core::DATAOUT_SIZE_0::DATAOUT_HEIGHT) + 1,
        registers.get(dpu::DATA_CUBE_CHANNEL::ORIG_CHANNEL) + 1,
    )
}

fn unpools(registers: &Registers<'_>) -> bool {
    registers.get(dpu_rdma::SRC_DMA_CFG::UNPOOLING_EN) == 1
}

fn cube(registers: &Registers<'_>) -> String {
    format!(
        "{}x{}x{}",
        registers.get(dpu::DATA_CUBE_WIDTH::WIDTH) + 1,
        registers.get(dpu::DATA_CUBE_HEIGHT::HEIGHT) + 1,
        registers.get(dpu::DATA_CUBE_CHANNEL::ORIG_CHANNEL) + 1,
    )
}

fn formats(registers: &Registers<'_>) -> String {
    let (input, output) = (
        registers.get(dpu::DATA_FORMAT::IN_PRECISION),
        registers.get(dpu::DATA_FORMAT::OUT_PRECISION),
    );
    format!("{}->{}", precision(input), precision(output))
}

/// Codes of DATA_FORMAT (§2.7).
const fn precision(code: u32) -> &'static str {
    match code {
        0 => "int8",
        1 => "int16",
        2 => "fp16",
        3 => "bf16",
        4 => "int32",
        5 => "fp32",
        6 => "int4",
        _ => "tf32",
    }
}

fn pooling(registers: &Registers<'_>) -> (String, String) {
    use ppu::{
        DATA_CUBE_IN_CHANNEL, DATA_CUBE_IN_HEIGHT, DATA_CUBE_IN_WIDTH, DATA_CUBE_OUT_CHANNEL, DATA_CUBE_OUT_HEIGHT,
        DATA_CUBE_OUT_WIDTH, OPERATION_MODE_CFG, POOLING_KERNEL_CFG,
    };
    let method = match registers.get(OPERATION_MODE_CFG::POOLING_METHOD) {
        0 => "average",
        1 => "max",
        2 => "min",
        _ => "pool?",
    };
    let input = precision(registers.get(ppu_rdma::DATA_FORMAT::IN_PRECISION));
    let window = format!(
        "{}x{} s{}x{}",
        registers.get(POOLING_KERNEL_CFG::KERNEL_WIDTH) + 1,
        registers.get(POOLING_KERNEL_CFG::KERNEL_HEIGHT) + 1,
        registers.get(POOLING_KERNEL_CFG::KERNEL_STRIDE_WIDTH) + 1,
        registers.get(POOLING_KERNEL_CFG::KERNEL_STRIDE_HEIGHT) + 1,
    );
    let cubes = format!(
        "{}x{}x{} -> {}x{}x{}",
        registers.get(DATA_CUBE_IN_WIDTH::CUBE_IN_WIDTH) + 1,
        registers.get(DATA_CUBE_IN_HEIGHT::CUBE_IN_HEIGHT) + 1,
        registers.get(DATA_CUBE_IN_CHANNEL::CUBE_IN_CHANNEL) + 1,
        registers.get(DATA_CUBE_OUT_WIDTH::CUBE_OUT_WIDTH) + 1,
        registers.get(DATA_CUBE_OUT_HEIGHT::CUBE_OUT_HEIGHT) + 1,
        registers.get(DATA_CUBE_OUT_CHANNEL::CUBE_OUT_CHANNEL) + 1,
    );
    (format!("{method} pool {input} {window}"), cubes)
}

/// Data and weight banks with the reuse bits, for tasks that have a buffer; empty for others.
pub fn banks(registers: &Registers<'_>, mask: u32) -> String {
    use cna::CBUF_CON0;
    if mask & 1 == 0 {
        return String::new();
    }
    let reuse = |field, letter: &'static str| if registers.get(field) == 1 { letter } else { "" };
    format!(
        "{}+{}{}{}",
        registers.get(CBUF_CON0::DATA_BANK),
        registers.get(CBUF_CON0::WEIGHT_BANK),
        reuse(CBUF_CON0::DATA_REUSE, " D"),
        reuse(CBUF_CON0::WEIGHT_REUSE, " W"),
    )
}
