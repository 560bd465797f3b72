//! Worked examples of the hardware sheet's appendix B, decoded from vendor streams: golden values for whoever writes, reads or
//! runs command words. Never edited to make a test pass.
//!
//! Only B.1 is complete. Of the others the sheet lists some registers; what a whole task needs beside them follows from the
//! shapes by the sheet's formulas and stands apart, so that nobody takes it for observed. Addresses are the caller's.

use crate::task::Mix;

/// One task of appendix B.
#[derive(Debug)]
pub struct WorkedExample {
    /// Name in the sheet.
    pub name: &'static str,
    /// Its blocks.
    pub mix: Mix,
    /// What the sheet lists, as register and value.
    pub listed: &'static [(u32, u32)],
    /// What follows from the listed shapes for the rest of the task.
    pub implied: &'static [(u32, u32)],
}

impl WorkedExample {
    /// Value of a register of the whole task: 0 where neither list names it, `0x0E` of a pointer.
    pub fn value(&self, offset: u32) -> u32 {
        let mut values = self.listed.iter().chain(self.implied);
        match values.find(|(at, _)| *at == offset) {
            Some(&(_, value)) => value,
            None if offset & 0xFFF == 4 => crate::task::S_POINTER_PING_PONG,
            None => 0,
        }
    }
}

/// One list of two.
const fn joined<const N: usize>(own: &[(u32, u32)], common: &[(u32, u32)]) -> [(u32, u32); N] {
    assert!(own.len() + common.len() == N, "as many as both have");
    let mut all = [(0, 0); N];
    let mut at = 0;
    while at < N {
        all[at] = if at < own.len() {
            own[at]
        } else {
            common[at - own.len()]
        };
        at += 1;
    }
    all
}

/// Every example, in the order of the sheet.
pub const ALL: [&WorkedExample; 7] = [&B1, &B2, &B2_SECOND_BAND, &B3, &B4, &B5, &B6];

/// B.1: first band of an int8 3x3 stride-2 convolution with ReLU and a per-channel stream, 96 x (37 of 96) x 64 to
/// 48 x 18 x 64. Complete.
pub const B1: WorkedExample = WorkedExample {
    name: "B.1",
    mix: Mix::ConvolutionRdma,
    listed: &[
        (0x100C, 0),
        (0x1010, 0x50),
        (0x1014, 0x12),
        (0x1018, 0),
        (0x1020, 0x0060_0025),
        (0x1024, 0x003F_0040),
        (0x1028, 0x30),
        (0x102C, 0x360),
        (0x1030, 0x9000),
        (0x1034, 0x240),
        (0x1038, 0x0303_0040),
        (0x1040, 0x17),
        (0x1044, 0x0060_00C0),
        (0x104C, 0x0A),
        (0x1050, 0x0001_0000),
        (0x1054, 0x0001_0000),
        (0x1058, 0x0001_0000),
        (0x105C, 0x0001_0000),
        (0x1068, 0xFF80_0000),
        (0x1078, 0x0017_1C07),
        (0x107C, 0x60),
        (0x1080, 0x2400),
        (0x1084, 0x0060_0025),
        (0x1088, 0x40),
        (0x200C, 1),
        (0x300C, 0),
        (0x3010, 0x0011_002F),
        (0x3014, 0x3F),
        (0x302C, 0),
        (0x400C, 0x108),
        (0x4010, 0xE0),
        (0x4024, 0x4800),
        (0x4030, 0x2F),
        (0x4034, 0x11),
        (0x403C, 0x003F_003F),
        (0x4040, 0x148),
        (0x4048, 0xE01),
        (0x4050, 0x125),
        (0x4060, 0x12),
        (0x4070, 0x383),
        (0x4078, 1),
        (0x4080, 0xFFFF_FF80),
        (0x4084, 0x5BEC),
        (0x4088, 0x16),
        (0x40C0, 0x9000),
        (0x500C, 0x2F),
        (0x5010, 0x11),
        (0x5014, 0x3F),
        (0x501C, 0xE),
        (0x5024, 0x3F),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0x4000),
        (0x5068, 0x0101_0101),
    ],
    implied: &[],
};

/// What the sheet lists for both bands of B.2.
const B2_LISTED: [(u32, u32); 12] = [
    (0x100C, 0xA000),
    (0x1024, 0x0002_0008),
    (0x1034, 72),
    (0x1030, 0x1200),
    (0x1044, 0x00C0_0030),
    (0x104C, 0xE_38E1),
    (0x1050, 0x4000_FF80),
    (0x1054, 0x4000_FF80),
    (0x1058, 0x4000_FF80),
    (0x105C, 0x0001_0000),
    (0x107C, 0x48),
    (0x1080, 0x9000),
];

/// What follows for both: post-processing as in B.1, for 96 columns.
const B2_IMPLIED: [(u32, u32); 32] = [
    (0x1010, 0x50),
    (0x1014, 0x12),
    (0x1028, 96),
    (0x1038, 0x0303_0040),
    (0x1068, 0xFF80_0000),
    (0x1078, 0x0017_1C07),
    (0x1088, 8),
    (0x200C, 1),
    (0x3014, 0x3F),
    (0x400C, 0x108),
    (0x4010, 0xE0),
    (0x4024, 96 * 96 * 8),
    (0x4030, 0x5F),
    (0x403C, 0x003F_003F),
    (0x4040, 0x148),
    (0x4048, 0xE01),
    (0x4050, 0x125),
    (0x4060, 0x12),
    (0x4070, 0x383),
    (0x4078, 1),
    (0x4080, 0xFFFF_FF80),
    (0x4084, 0x5BEC),
    (0x4088, 0x16),
    (0x40C0, 2 * 96 * 96 * 8),
    (0x500C, 0x5F),
    (0x5014, 0x3F),
    (0x501C, 0xE),
    (0x5024, 0x3F),
    (0x5028, 1),
    (0x5034, 1),
    (0x5044, 0x4000),
    (0x5068, 0x0101_0101),
];

/// B.2, task 0: first band of an int8 first layer, 192 x (149 of 192) x 3 to 96 x 74 x 64, 3x3 stride 2.
pub const B2: WorkedExample = WorkedExample {
    name: "B.2 task 0",
    mix: Mix::ConvolutionRdma,
    listed: &joined::<15>(
        &[(0x1018, 0x3_EDC0), (0x1020, 0x00C0_0095), (0x3010, 0x0049_005F)],
        &B2_LISTED,
    ),
    implied: &joined::<37>(
        // One bank of weights beside seven of 48 · 149 entries.
        &[
            (0x102C, 96 * 74),
            (0x1040, 0x17),
            (0x1084, 0x00C0_0095),
            (0x4034, 0x49),
            (0x5010, 0x49),
        ],
        &B2_IMPLIED,
    ),
};

/// Bytes from the feature address of B.2's first band to that of its second: 148 rows of 192 pixels of 3.
pub const B2_FEATURE_STEP: u32 = 0x1_4D00;

/// B.2, task 1: the remaining 44 input and 22 output rows.
pub const B2_SECOND_BAND: WorkedExample = WorkedExample {
    name: "B.2 task 1",
    mix: Mix::ConvolutionRdma,
    listed: &joined::<15>(
        &[(0x1018, 0x1_2900), (0x1020, 0x00C0_002C), (0x1040, 0x2017)],
        &B2_LISTED,
    ),
    implied: &joined::<37>(
        &[
            (0x102C, 96 * 22),
            (0x1084, 0x00C0_002C),
            (0x3010, 0x0015_005F),
            (0x4034, 0x15),
            (0x5010, 0x15),
        ],
        &B2_IMPLIED,
    ),
};

/// B.3: fp16 1x1 first layer, 10 x 10 x 3 to 3 channels.
pub const B3: WorkedExample = WorkedExample {
    name: "B.3",
    mix: Mix::Convolution,
    listed: &[
        (0x100C, 0xA220),
        (0x1018, 0x384),
        (0x1024, 0x0002_0004),
        (0x1030, 24),
        (0x1034, 8),
        (0x1040, 0x71),
        (0x1044, 0x000C_0003),
        (0x104C, 0x0A),
        (0x107C, 8),
        (0x1080, 100),
        (0x200C, 0x2001),
        (0x300C, 0x2000),
        (0x3014, 7),
        (0x400C, 0x108),
        (0x4010, 0x4800_0002),
        (0x4024, 800),
        (0x403C, 0x0002_0007),
        (0x4040, 0x53),
        (0x4060, 0x53),
        (0x4050, 0x126),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x4088, 0),
        (0x40C0, 1600),
    ],
    implied: &[
        (0x1010, (1 + 1 + 16 / 10) << 4),
        (0x1014, 9),
        (0x1020, 0x000A_000A),
        (0x1028, 10),
        (0x102C, 100),
        (0x1038, 0x0101_0003),
        (0x1050, 0x0001_0000),
        (0x1054, 0x0001_0000),
        (0x1058, 0x0001_0000),
        (0x105C, 0x0001_0000),
        (0x1078, 0x0017_1C07),
        (0x1084, 0x000A_000A),
        (0x1088, 4),
        (0x3010, 0x0009_0009),
        (0x4030, 9),
        (0x4034, 9),
        (0x4078, 1),
    ],
};

/// B.4: residual add as a DPU-only task, 48 x 48 x 16.
pub const B4: WorkedExample = WorkedExample {
    name: "B.4",
    mix: Mix::Dpu,
    listed: &[
        (0x400C, 0x109),
        (0x4010, 0),
        (0x4024, 0x4800),
        (0x40C0, 0x4800),
        (0x4030, 0x2F),
        (0x4034, 0x2F),
        (0x403C, 0x000F_000F),
        (0x4040, 0x48),
        (0x4044, 0x80),
        (0x4048, 0x4000_0000),
        (0x4050, 0x2),
        (0x4060, 0x53),
        (0x4070, 0x9000_00D0),
        (0x4080, 0xFFFF_FF80),
        (0x4084, 0x7BCF),
        (0x4088, 0x1D),
        (0x501C, 1),
        (0x5034, 0x4000_0000),
        (0x5044, 0x4001),
        (0x504C, 0),
    ],
    // The second operand's scale is the network's; this one is 0x3E80 >> 3.
    implied: &[
        (0x4074, 0x80),
        (0x4078, 0x0003_3E80),
        (0x500C, 0x2F),
        (0x5010, 0x2F),
        (0x5014, 0xF),
        (0x5028, 1),
        (0x5040, 0x4800),
        (0x5068, 0x0101_0101),
    ],
};

/// B.5: fp16 to fp32 with zero point −20.0 and factor 4.14, one row of 8176 pixels of four channels in non-aligned mode.
pub const B5: WorkedExample = WorkedExample {
    name: "B.5",
    mix: Mix::Dpu,
    listed: &[
        (0x4010, 0xA800_0002),
        (0x4030, 8175),
        (0x4040, 0x48),
        (0x4044, 0xC1A0_0000),
        (0x4048, 0x4424_0000),
        (0x4050, 0x2),
        (0x4084, 1),
        (0x4088, 0),
    ],
    // The sheet says that the non-aligned bits are set, not which length they name: that of the row.
    implied: &[
        (0x400C, 0x109 | 1 << 25 | 8176 << 9),
        (0x4024, 8176 * 16),
        (0x403C, 0x0003_0003),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4078, 1),
        (0x40C0, 8176 * 16),
        (0x500C, 8175),
        (0x5014, 3),
        (0x501C, 1),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0x0001_4041),
        (0x5068, 0x0101_0101),
    ],
};

/// B.6: 3x3 stride-1 maximum over 20 x 20 x 128 with one pixel of padding (§2.9).
pub const B6: WorkedExample = WorkedExample {
    name: "B.6",
    mix: Mix::Pooling,
    listed: &[
        (0x6024, 0x11),
        (0x6034, 0x202),
        (0x6040, 0x1111),
        (0x6044, 0x7_FF80),
        (0x6048, 0x7_FF80),
        (0x604C, 0x7_FF80),
        (0x6050, 0x7_FF80),
        (0x607C, 0xC80),
        (0x6084, 0xC80),
        (0x60DC, 3),
        (0x7024, 0xA0),
        (0x7028, 0xC80),
    ],
    implied: &[
        (0x600C, 19),
        (0x6010, 19),
        (0x6014, 127),
        (0x6018, 19),
        (0x601C, 19),
        (0x6020, 127),
        (0x700C, 19),
        (0x7010, 19),
        (0x7014, 127),
        (0x7018, 1),
    ],
};
