//! Published whole-network times that the timing model may be fitted to, and no others (sheet §10.6, §7.1, §7.2).
//! Where two values exist the first is here (sheet §12.28).

use crate::networks::Known;

/// Software that a time was measured through. Each has one host constant: what the time holds beside the NPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// The open compiler and driver of S-iav, on an ODROID-M1.
    Open,
    /// The vendor's runtime through its C API, on an ODROID-M1 (S-odr).
    Odroid,
    /// The vendor's model table (S-zoo), pre- and post-processing excluded.
    Zoo,
}

impl Stack {
    /// All stacks.
    pub const ALL: [Self; 3] = [Self::Open, Self::Odroid, Self::Zoo];

    /// Its key in the hardware sheet.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Open => "S-iav",
            Self::Odroid => "S-odr",
            Self::Zoo => "S-zoo",
        }
    }
}

/// One published time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What ran.
    pub network: Known,
    /// Through what.
    pub stack: Stack,
    /// NPU clock in MHz; the zoo says only "maximum".
    pub npu_mhz: u64,
    /// Time of one inference in microseconds.
    pub measured_us: u64,
}

const fn row(network: Known, stack: Stack, npu_mhz: u64, measured_us: u64) -> Row {
    Row {
        network,
        stack,
        npu_mhz,
        measured_us,
    }
}

/// The rows.
pub const ROWS: [Row; 11] = [
    row(Known::MobileNetV1, Stack::Open, 600, 6_200),
    row(Known::MobileNetV1, Stack::Open, 800, 5_600),
    row(Known::MobileNetV2, Stack::Open, 600, 6_900),
    row(Known::MobileNetV2, Stack::Open, 800, 6_400),
    row(Known::ResNet18, Stack::Open, 600, 12_200),
    row(Known::ResNet18, Stack::Open, 800, 10_800),
    row(Known::Yolov5s, Stack::Odroid, 600, 49_100),
    row(Known::Yolov5s, Stack::Odroid, 1000, 42_400),
    // 180.7, 37.9 and 25.5 frames a second.
    row(Known::MobileNetV2, Stack::Zoo, 1000, 5_534),
    row(Known::ResNet50, Stack::Zoo, 1000, 26_385),
    row(Known::Yolov5sRelu, Stack::Zoo, 1000, 39_216),
];

/// Not a calibration row: the part of ResNet-18's 10.8 ms at 800 MHz that S-iav says the NPU took, "about 5.6 ms" (sheet
/// §7.2). It contradicts one host constant per stack, so it bounds the fitted values instead of entering them.
pub const NPU_ONLY: Row = row(Known::ResNet18, Stack::Open, 800, 5_600);
