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
    SURFACE_STRIDE = "§8 erratum 11", "the surface stride must be a multiple of 4 pixels and hold the band, else the DMA faults";
    CBUF_WRAP = "§8 erratum 14, §4.2", "entries times rows exceed the data banks, so the buffer wraps";
    WIDTH_WRAP = "§8 erratum 15", "11-bit sizes wrap silently";
    BANK_SUM = "§9.1, §4.2", "data banks and weight banks are at least one each and eight together";
    ENTRIES = "§9.2, §8 erratum 14", "entries per row are ceil(W * ceil(C/8) / 4) of the real channels";
    GRAINS = "§9.3", "at least one row must be resident before the array starts";
    DMA_CON0 = "§9.4, §2.3", "0x00171C07 in every decoded task; other bursts break fetches";
    WEIGHT_BYTES = "§9.5", "weight bytes are bytes per kernel times kernels";
    KERNEL_BYTES = "§2.4", "bytes per kernel are KH * KW * channels";
    KERNEL_GROUP = "§10.5, §4.2", "one group of 16 kernels must fit the weight banks";
    CHANNELS = "§2.4", "int8 channels are a multiple of 8 and DATAIN_CHANNEL_REAL is channels - 1";
    SAME_BAND = "§2.4", "the loaded band and the convolved band are the same";
    OUTPUT_SIZE = "§2.4, §4.4", "a 1x1 stride-1 convolution keeps width, height and pixel count in every block";
    OUTPUT_CHANNELS = "§2.7, §12.8", "aligned output channels are the kernels rounded up to 16, minus one, in CORE and DPU";
    LINE_STRIDE = "§4.1", "the line stride holds at least one row of the band";
    SURFACE_ADD = "§9.8, §2.7", "SURFACE_ADD is four times DST_SURF_STRIDE for int32 results";
    OUTPUT_STRIDE = "§2.7, §12.9", "DST_SURF_STRIDE holds 16 bytes for each output pixel of the task";
    OVERLAP = "§8 erratum 12", "the output overlaps an operand of the same task, which is a race";
    DATA_REUSE = "§12.10", "the data banks do not hold the features this task would load";
    WEIGHT_REUSE = "§12.10, §9.7", "the weight banks do not hold the complete weights this task would load";
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
    POINTER_MODE = "§2.1", "S_POINTER is written as 0x0E";
}
