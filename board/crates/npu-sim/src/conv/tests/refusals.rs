//! Every rule of CNA, CMAC and CORE refuses the value that breaks it, by register and field.

use alloc::format;

use super::program::Program;

fn refused(program: Program, changes: &[(u32, u32)]) -> alloc::string::String {
    match program.decode(changes) {
        Ok(_) => alloc::string::String::new(),
        Err(why) => format!("{why}"),
    }
}

fn three_by_three() -> Program {
    Program {
        kernel: (3, 3),
        output: (8, 8),
        ..Program::new(10, 10, 64, 32)
    }
}

#[test]
fn modes_outside_the_model_are_refused_by_name() {
    let cases: [(&[(u32, u32)], &str); 17] = [
        (
            &[(0x100C, 0x110)],
            "CNA.CONV_CON1 (0x100C) PROC_PRECISION = 0x1: not modelled; int8 (0) or fp16 (2); no int16",
        ),
        (
            &[(0x100C, 0x330)],
            "PROC_PRECISION = 0x3: not modelled; int8 (0) or fp16 (2); no int16, no bf16",
        ),
        (
            &[(0x100C, 0x020)],
            "IN_PRECISION = 0x2: not modelled; the precision of the arithmetic",
        ),
        (
            &[(0x100C, 0x001)],
            "CONV_MODE = 0x1: not modelled; dense (0) or depthwise (3) convolution",
        ),
        (
            &[(0x100C, 0xC000)],
            "ARGB_IN = 0xC: not modelled; surfaces (0) or 1 to 4 interleaved",
        ),
        (
            &[(0x100C, 1 << 16)],
            "DECONV = 0x1: not modelled; no transposed convolution",
        ),
        (
            &[(0x1014, 1 << 8 | 9)],
            "DECONV_X_STRIDE = 0x1: not modelled; no transposed convolution",
        ),
        (&[(0x1014, 1 << 28 | 9)], "NN_MODE = 0x1: not modelled"),
        (&[(0x100C, 1 << 29)], "GROUP_LINE_OFF = 0x1: not modelled"),
        (&[(0x100C, 1 << 30)], "NONALIGN_DMA = 0x1: not modelled"),
        (
            &[(0x1060, 1)],
            "CNA.FC_CON0 (0x1060) FC_SKIP_EN = 0x1: not modelled; no zero skipping",
        ),
        (
            &[(0x1100, 1)],
            "CNA.DCOMP_CTRL (0x1100) DECOMP_CONTROL = 0x1: not modelled; no weight decompression",
        ),
        (
            &[(0x1114, 64)],
            "CNA.DCOMP_ADDR1 (0x1114)  = 0x40: not modelled; only 0",
        ),
        (&[(0x1210, 1)], "CNA.REG_1210 (0x1210)  = 0x1: not modelled; only 0"),
        (
            &[(0x104C, 0x0B)],
            "CVT_EN = 0x1: not modelled; input converter off (0) outside first layers",
        ),
        (
            &[(0x1018, 900)],
            "FIRST_LAYER_BYTES = 900: the byte count is 0; in a first layer also",
        ),
        (&[(0x302C, 1)], "CORE.REG_302C (0x302C)  = 0x1: not modelled; only 0"),
    ];
    for (changes, expected) in cases {
        let why = refused(three_by_three(), changes);
        assert!(why.contains(expected), "got: {why}\nwanted: {expected}");
    }
    assert_eq!(refused(three_by_three(), &[]), "");
}

#[test]
fn values_that_break_a_rule_are_refused_with_its_number() {
    let cases: [(&[(u32, u32)], &str); 16] = [
        (
            &[(0x1038, 0x0300_0020)],
            "WEIGHT_HEIGHT = 0: kernels are 1 x 1 to 31 x 31 (§4.5)",
        ),
        (&[(0x1014, 0x08)], "CONV_X_STRIDE = 0: strides are 1 to 7 (§4.5)"),
        (
            &[(0x1068, 0x0080_0000)],
            "PAD_VALUE = 128: int8 is padded with an int8 value",
        ),
        (
            &[(0x1024, 63 << 16 | 60)],
            "DATAIN_CHANNEL = 60: channels are a multiple of 8 (int8) or 4 (fp16)",
        ),
        (
            &[(0x1038, 0x0303_0000)],
            "WEIGHT_KERNELS = 0: there is at least one kernel",
        ),
        (
            &[(0x1034, 64)],
            "WEIGHT_BYTES_PER_KERNEL = 64: bytes per kernel are KH * KW * channels * element size",
        ),
        (
            &[(0x1028, 9), (0x102C, 72)],
            "CORE.DATAOUT_SIZE_0 (0x3010) DATAOUT_WIDTH = 7: output width, rows and pixel count agree",
        ),
        (
            &[(0x1028, 26), (0x3010, 7 << 16 | 25), (0x102C, 8 * 26)],
            "DATAOUT_WIDTH = 26: the output implies more than 15 pixels of padding",
        ),
        (
            &[(0x3010, 25 << 16 | 7), (0x102C, 8 * 26)],
            "DATAOUT_HEIGHT = 25: the output implies more than 15 pixels of padding",
        ),
        (
            &[(0x3014, 39)],
            "DATAOUT_CHANNEL = 39: aligned output channels are the kernels rounded up to 16",
        ),
        (
            &[(0x200C, 0x2001)],
            "CMAC.MISC_CFG (0x200C) PROC_PRECISION = 2: CMAC and CORE are in the mode and precision of the CNA",
        ),
        (
            &[(0x200C, 3)],
            "CMAC.MISC_CFG (0x200C) DW_EN = 1: CMAC and CORE are in the mode",
        ),
        (
            &[(0x300C, 2)],
            "CORE.MISC_CFG (0x300C) DW_EN = 1: CMAC and CORE are in the mode",
        ),
        (
            &[(0x1084, (10 + 2048) << 16 | 10)],
            "DMA_WIDTH = 2058: 11-bit sizes wrap silently (§8 erratum 15)",
        ),
        (
            &[(0x1020, 10 << 16)],
            "DATAIN_HEIGHT = 0: 11-bit sizes wrap silently (§8 erratum 15)",
        ),
        (
            &[(0x1080, 102)],
            "SURF_STRIDE = 102: the surface stride must be a multiple of 4 pixels",
        ),
    ];
    for (changes, expected) in cases {
        let why = refused(three_by_three(), changes);
        assert!(why.contains(expected), "got: {why}\nwanted: {expected}");
    }
}

#[test]
fn sizes_beyond_their_fields_name_the_erratum_they_are() {
    let cases: [((u32, u32), &str); 3] = [
        (
            (0x1020, 2048),
            "CNA.DATA_SIZE0 (0x1020) reserved bits = 2048: 11-bit sizes wrap silently (§8 erratum 15)",
        ),
        (
            (0x1028, 2500),
            "CNA.DATA_SIZE2 (0x1028) reserved bits = 2048: 11-bit sizes wrap silently (§8 erratum 15)",
        ),
        (
            (0x1010, 1601 << 4),
            "CNA.CONV_CON2 (0x1010) reserved bits = 16384: grains have 10 bits",
        ),
    ];
    for (change, expected) in cases {
        let why = refused(three_by_three(), &[change]);
        assert!(why.contains(expected), "got: {why}\nwanted: {expected}");
    }
}

#[test]
fn the_two_known_ways_to_count_entries_are_accepted_and_no_third() {
    // 24 channels: three atoms, 8 entries by the vendor, 10 where three count as four.
    let three = Program::new(10, 4, 24, 16);
    for (entries, accepted) in [(8, true), (10, true), (9, false), (7, false)] {
        assert_eq!(
            refused(three, &[(0x1044, 10 << 16 | entries)]).is_empty(),
            accepted,
            "{entries}"
        );
    }
    let image = Program {
        interleaved: true,
        real: 3,
        line_stride: 4,
        ..Program::new(10, 4, 8, 16)
    };
    for (entries, accepted) in [(3, true), (4, true), (2, false), (5, false)] {
        assert_eq!(
            refused(image, &[(0x1044, 12 << 16 | entries)]).is_empty(),
            accepted,
            "{entries}"
        );
    }
    // Erratum 14: entries of 8 real channels where 16 are declared.
    let real = Program {
        real: 8,
        ..Program::new(56, 56, 16, 16)
    };
    let why = refused(real, &[(0x1044, 56 << 16 | 14)]);
    assert!(
        why.contains("DATA_ENTRIES = 14: entries per row") && why.contains("§8 erratum 14"),
        "{why}"
    );
}

#[test]
fn what_the_open_compiler_writes_besides_is_accepted() {
    let depthwise = Program {
        depthwise: true,
        kernel: (3, 3),
        output: (8, 8),
        ..Program::new(10, 10, 32, 1)
    };
    assert_eq!(refused(depthwise, &[(0x1018, 10 * 10 * 32)]), "");
    assert_eq!(refused(three_by_three(), &[(0x1180, 0xFFFF)]), "");
    assert!(refused(three_by_three(), &[(0x1180, 1)]).contains("PER_CHANNEL_CVT_EN = 1: the register of RK3588"));
    // A fully-connected layer: one pixel of 1024 channels, loaded as a row of 128 atoms.
    let pixel = Program {
        surface_stride: 1,
        ..Program::new(1, 1, 1024, 1001)
    };
    assert_eq!(refused(pixel, &[(0x1084, 128 << 16 | 1), (0x1088, 8)]), "");
    let why = refused(pixel, &[(0x1084, 127 << 16 | 1), (0x1088, 8)]);
    assert!(
        why.contains("DMA_WIDTH = 127: the loaded band and the convolved band are the same"),
        "{why}"
    );
}

#[test]
fn a_map_of_one_pixel_has_surfaces_of_one_pixel_and_every_other_whole_entries() {
    let pixel = Program {
        surface_stride: 1,
        ..Program::new(1, 1, 64, 16)
    };
    assert_eq!(refused(pixel, &[]), "");
    let pixels = Program {
        surface_stride: 49,
        ..Program::new(7, 7, 64, 16)
    };
    assert!(refused(pixels, &[]).contains("SURF_STRIDE = 49: the surface stride must be a multiple of 4 pixels"));
    assert!(refused(pixels, &[]).contains("(§8 erratum 11)"));
}

#[test]
fn a_depthwise_task_announces_whole_groups_and_one_kernel_erratum_27() {
    let sixteen = Program {
        depthwise: true,
        kernel: (2, 2),
        output: (9, 9),
        ..Program::new(10, 10, 16, 1)
    };
    assert_eq!(refused(sixteen, &[]), "");
    let why = refused(sixteen, &[(0x3014, 15)]);
    assert!(
        why.contains("DATAOUT_CHANNEL = 15: a depthwise task announces output channels rounded up to 32"),
        "{why}"
    );
    assert!(why.contains("§8 erratum 27"), "{why}");
    let why = refused(sixteen, &[(0x1038, 0x0202_0010), (0x1030, 16 * 64)]);
    assert!(
        why.contains("WEIGHT_KERNELS = 16: a depthwise task announces one kernel"),
        "{why}"
    );
}

#[test]
fn sums_that_could_leave_int32_are_refused() {
    // 31 x 31 x 144 = 138 384 products, of which most would meet padding.
    let large = Program {
        kernel: (31, 31),
        pad: (15, 15),
        output: (4, 4),
        ..Program::new(19, 19, 144, 16)
    };
    assert!(refused(large, &[]).contains("more than 131071 products can leave int32"));
}

#[test]
fn a_first_layer_announces_one_atom_and_its_byte_count() {
    let image = || Program {
        interleaved: true,
        real: 3,
        line_stride: 4,
        ..Program::new(10, 4, 8, 16)
    };
    assert_eq!(refused(image(), &[(0x1018, 10 * 4 * 9)]), "");
    let why = refused(image(), &[(0x1018, 10 * 4 * 3)]);
    assert!(
        why.contains("FIRST_LAYER_BYTES = 120: the byte count is 0; in a first layer also width * rows * 9"),
        "{why}"
    );
    let why = refused(image(), &[(0x1024, 2 << 16 | 16)]);
    assert!(
        why.contains("DATAIN_CHANNEL = 16: a first layer of 1 to 4 interleaved channels"),
        "{why}"
    );
    let why = refused(image(), &[(0x107C, 3)]);
    assert!(
        why.contains("LINE_STRIDE = 3: the line stride holds at least one row"),
        "{why}"
    );
}

#[cfg(feature = "float")]
#[test]
fn fp16_pads_with_any_value_and_has_no_converter() {
    let half = Program {
        half: true,
        kernel: (3, 3),
        pad: (1, 1),
        ..Program::new(10, 10, 16, 8)
    };
    assert_eq!(refused(half, &[]), "");
    assert_eq!(refused(half, &[(0x1068, 0x3C00_0011)]), "");
    let image = Program {
        interleaved: true,
        real: 3,
        declared: 4,
        line_stride: 8,
        ..half
    };
    assert_eq!(refused(image, &[]), "");
    assert!(refused(image, &[(0x104C, 1)]).contains("CVT_EN = 0x1: not modelled; no converter (0) for fp16"));
}

#[cfg(not(feature = "float"))]
#[test]
fn a_build_without_floating_point_refuses_fp16_by_name() {
    let half = Program {
        half: true,
        ..Program::new(10, 10, 16, 8)
    };
    assert!(
        refused(half, &[]).contains("PROC_PRECISION = 0x2: not modelled; int8 (0); this build has no floating point")
    );
}
