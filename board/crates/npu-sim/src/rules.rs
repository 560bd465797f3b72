//! The rules of the hardware sheet that programs are held to, each in one place so that a board can overturn it.

use crate::fault::Rule;

macro_rules! rules {
    ($( $name:ident = $source:literal, $text:literal; )*) => {
        $( #[doc = $text] pub(crate) const $name: Rule = Rule { source: $source, text: $text }; )*
    };
}

rules! {
    POWER_OFF = "§8 erratum 2", "registers were touched while the power domain is off; silicon aborts the CPU";
    DMA_BASE_SHIFTED = "§8 erratum 4", "the task base is not a 16-byte aligned address; a shifted value hangs the bus";
    STREAM_TOO_LONG = "§8 erratum 6", "a stream longer than 1024 words hangs the fetch unit";
    EXECUTER_PARITY = "§8 erratum 7, §12.2", "the executer's group is not the pointer's: an earlier start ran an odd number of tasks; reset the core or run even counts";
    SINGLE_ENABLE = "§8 erratum 8, §12.23", "a block was started by its own OPERATION_ENABLE, which scrambles the output; start with the 0x0081 word";
    SURFACE_STRIDE = "§8 erratum 11", "the surface stride must be a multiple of 4 pixels (1 for a map of one pixel) and hold the band, else the DMA faults";
    CBUF_WRAP = "§8 erratum 14, §4.2", "entries times rows exceed the data banks, so the buffer wraps";
    WIDTH_WRAP = "§8 erratum 15", "11-bit sizes wrap silently";
    BANK_SUM = "§9.1, §4.2", "data banks and weight banks are at least one each and eight together";
    ENTRIES = "§9.2, §4.2, §8 erratum 14", "entries per row are ceil(W * atoms / 4) of the declared channels, an atom being 8 bytes; a remainder of three atoms may count as four, a first layer as even";
    GRAINS_WRAP = "§8 erratum 16", "grains have 10 bits, so rows + 1 fits up to 1022 rows only";
    GRAINS = "§9.3", "at least one row must be resident before the array starts";
    DMA_CON0 = "§9.4, §2.3", "0x00171C07 in every decoded task; other bursts break fetches";
    WEIGHT_BYTES = "§9.5", "weight bytes are bytes per kernel times kernels";
    KERNEL_BYTES = "§2.4, §4.3", "bytes per kernel are KH * KW * channels * element size";
    KERNEL_COUNT = "§2.4", "there is at least one kernel";
    DEPTHWISE_KERNELS = "§4.3", "a depthwise task announces one kernel over all its channels";
    KERNEL_SIZE = "§4.5", "kernels are 1 x 1 to 31 x 31";
    STRIDE = "§4.5", "strides are 1 to 7";
    PAD_VALUE = "§2.4", "int8 is padded with an int8 value, the input zero point minus 128";
    IMPLIED_PADDING = "§4.5", "the output implies more than 15 pixels of padding right or below";
    SUM_RANGE = "§2.5", "more than 131071 products can leave int32, and whether the chip saturates or wraps is unmeasured";
    SAME_MODE = "§2.3, §2.5", "CMAC and CORE are in the mode and precision of the CNA";
    CHANNELS = "§2.4", "channels are a multiple of 8 (int8) or 4 (fp16), and DATAIN_CHANNEL_REAL is below them";
    FIRST_LAYER = "§4.1", "a first layer of 1 to 4 interleaved channels announces them and one atom: 8 channels (int8) or 4 (fp16)";
    FIRST_LAYER_BYTES = "§2.3, §11", "the byte count is 0; in a first layer also width * rows * 9, there and in depthwise tasks width * rows * channels";
    CHANNEL_CONVERTERS = "§2.3, §11", "the register of RK3588 for converters per channel holds 0 or 0xFFFF";
    SAME_BAND = "§2.4", "the loaded band and the convolved band are the same; one pixel may be loaded as a row of atoms";
    OUTPUT_SIZE = "§2.4, §4.4, 0044", "output width, rows and pixel count agree in CNA, CORE and DPU; only a column of pixels may be counted in rows";
    OUTPUT_CHANNELS = "§2.7, §12.8", "aligned output channels are the kernels rounded up to 16 (int8) or 8 (fp16), minus one, in CORE and DPU";
    DEPTHWISE_CHANNELS = "§12.8, §8 erratum 27", "a depthwise task announces output channels rounded up to 32 (int8) or 16 (fp16), minus one";
    LINE_STRIDE = "§4.1", "the line stride holds at least one row of the band";
    REAL_CHANNELS = "§2.7", "there are no more real output channels than aligned ones";
    SURFACES_PER_GROUP = "§2.7", "SIZE_E is the surfaces of a kernel group minus one: its channels by 8 bytes (16 for 32-bit results) of elements";
    SURFACE_ADD = "§9.8, §2.7", "SURFACE_ADD is DST_SURF_STRIDE times the surfaces of a kernel group";
    OUTPUT_STRIDE = "§2.7, §12.9", "DST_SURF_STRIDE holds every output pixel of the task, 8 bytes each, 16 for 32-bit results";
    OUTPUT_ALIGNMENT = "§8 erratum 11", "surfaces of 8-byte pixels are a multiple of 4 pixels apart (or 1, of a single pixel), else the DMA faults";
    SURFACE_LENGTH = "§2.3", "an unaligned cube has a surface length";
    FORMATS = "§2.7", "the formats of DPU and reader are those of what arrives: int8 processed as int8, fp16 and fp32 as fp16";
    FLYING = "§12.1", "a DPU-only task takes its input from DPU_RDMA (1); with 0 it waits for a convolution that never comes";
    NOT_FLYING = "§12.1", "a convolution comes from CORE (0); with 1 the DPU waits for its reader";
    CONV_MODE = "§2.3", "DPU and DPU_RDMA are in the mode of the convolution: 0 dense, 3 depthwise";
    NO_SUMS = "§2.6, §12.14", "compensation needs feature sums: an int8 convolution with QD_EN; set OD_BYPASS or a factor of 0";
    TABLE_RANGE = "§12.17", "a table ends after it starts, and an index has at most 31 fraction bits";
    ADD_ON_TABLE = "§8 erratum 28", "an activation table takes the element-wise stage, so it cannot join an operand too";
    ADD_ON_DEPTHWISE = "§8 erratum 28", "a depthwise convolution reads its element-wise operand with the wrong surface walk";
    RDMA_BURST = "§8 erratum 5", "a DPU_RDMA burst of 7 hangs the bus; 8 and 15 work";
    STREAM_MISSING = "§2.6", "a stage takes operands from the parameter stream, and no stream brings them: the unit waits";
    STREAM_LENGTH = "§9.9", "the parameter stream has 8 bytes per aligned channel, 4 for bias only; what is missing arrives as zero";
    SECOND_LENGTH = "§2.8", "the second stream's length is 0, or its 8-byte words minus one like that of the first";
    OPERAND_MISSING = "§2.6", "the element-wise stage takes an operand, and no reader brings it: the unit waits";
    OPERAND_UNUSED = "§2.6", "an element-wise operand is read that no stage takes: the reader waits";
    OPERAND_MODE = "§8 erratum 29", "operand mode 2 hung on a chip of the same generation";
    OPERAND_FORM = "§2.3", "the element-wise stage and its reader name the same operands: mode (1 = per pixel, 0 = per channel) and size (0 leaves it to the stage)";
    OPERAND_SIZE = "§8 erratum 18", "the element-wise operand is at most 16 bits wide, so int32 partial sums cannot be accumulated";
    OPERAND_STRIDE = "§8 erratum 11, §2.8", "operand surfaces hold the task's pixels and are a multiple of 4 pixels apart (or 1, of a single pixel)";
    SURFACE_NOTCH = "§2.8", "the surface notch is what the task leaves out of each surface: stride minus its own pixels";
    READER_SIZE = "§2.8", "DPU_RDMA and DPU have the same width, rows and channels";
    UPSAMPLE = "§2.7, §2.8", "2x upsampling: an int8 pixel of 8 channels becomes two in two rows; the stages are bypassed";
    TRANSPOSE = "§2.7, 0044", "a transposition moves one row of at most 8 pixels (0x400C = 0x40000109, 0x4010 = 0x24000001, 0x5044 = 0xC021): whole surfaces of four 16-bit channels in, a pixel's channels every DST_SURF_STRIDE out; the stages are bypassed";
    POOL_WINDOW = "§2.9, §12.18", "windows must cover the padded input exactly, or the unit starves: (in + pads - kernel) mod stride = 0";
    POOL_LIMITS = "§8 erratum 20, §4.5", "pooling windows are at most 7 x 7 and strides at most 8";
    POOL_STRIDE = "§8 erratum 26", "a pooling stride larger than the window hangs";
    POOL_SIZE = "§2.9", "input and output have the same channels, and PPU and PPU_RDMA the same input cube";
    POOL_FORMAT = "§2.7, §2.9", "PPU and PPU_RDMA work on one format: int8 (0) or fp16 (2)";
    POOL_LINE = "§2.9", "a line of the pooling input holds its columns";
    POOL_SURFACE = "§8 erratum 11, §2.9", "pooling surfaces hold their pixels and are a multiple of 4 pixels apart (or 1, of a single pixel)";
    OVERLAP = "§8 erratum 12", "the output overlaps an operand of the same task, which is a race";
    DATA_REUSE = "§12.10", "the data banks do not hold features of the geometry this task would load";
    WEIGHT_REUSE = "§12.10, §9.7", "the weight banks do not hold the complete weights this task would load";
    REUSE_STALE = "§12.10", "the memory that the reused banks were loaded from was written since";
    START_IN_SLAVE = "§2.2", "the start needs a stream address in BASE_ADDRESS; it is in slave mode";
    START_WHILE_BUSY = "§3.3", "a start was written while tasks still run";
    NO_TASKS = "§2.2", "TASK_NUMBER is 0";
    CHAIN_END = "§12.22", "the tail names no next stream before the task count is reached";
    WORDS_AFTER_ENABLE = "§12.22", "the start word must be the last word of a stream";
    NO_ENABLE = "§12.22", "the stream has no start word";
    TAIL_ONLY = "§12.26", "command words may write BASE_ADDRESS and REGISTER_AMOUNTS of the PC, nothing else";
    ENABLE_MASK = "§2.1", "known start masks are 0x0F, 0x1F, 0x18 and 0x60";
    SLAVE_WRITE = "§12.23", "block registers written by the CPU take effect in slave mode only";
    UNKNOWN_REGISTER = "§2.3", "no register is known there";
}

/// The rule behind bits set above a size field: on silicon they are lost.
pub(crate) fn field_overflow(offset: u32) -> Option<Rule> {
    match offset {
        // DATA_SIZE0 and DATA_SIZE2 of the CNA.
        0x1020 | 0x1028 => Some(WIDTH_WRAP),
        // CONV_CON2.
        0x1010 => Some(GRAINS_WRAP),
        _ => None,
    }
}
