//! Words, their text and the shape of a task, against the hardware sheet.

use npu_regs::worked_examples::B1;
use npu_regs::{Block, Command, assemble, cna, disassemble, dpu, dpu_rdma, register_at, task};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB)
    }
}

fn reachable() -> impl Iterator<Item = &'static npu_regs::RegisterInfo> {
    let blocks = Block::ALL.into_iter().filter(|block| block.target().is_some());
    blocks.flat_map(|block| block.registers().iter().copied())
}

#[test]
fn text_and_word_are_inverse_for_every_register() {
    let mut random = Random(1);
    for register in reachable() {
        for value in [0, u32::MAX, random.next() as u32] {
            let word = Command::Write { register, value }.encode();
            assert_eq!(assemble(&disassemble(word)), Ok(word), "{}", disassemble(word));
            assert_eq!(Command::decode(word), Ok(Command::Write { register, value }));
        }
    }
}

#[test]
fn text_and_word_are_inverse_for_any_64_bits() {
    let mut random = Random(2);
    let targets = [
        0u64, 0x41, 0x81, 0x0101, 0x0201, 0x0401, 0x0801, 0x1001, 0x2001, 0x4001, 0x8001, 0x1234,
    ];
    for round in 0..20_000 {
        let raw = random.next();
        // Half of them with a real target, so that every branch of the decoder is met.
        let word = if round % 2 == 0 {
            raw
        } else {
            raw & 0xFFFF_FFFF_FFFF | targets[raw as usize % 12] << 48
        };
        let word = if round % 4 == 3 {
            word & !0xFFFF | word & 0x73FC
        } else {
            word
        };
        assert_eq!(assemble(&disassemble(word)), Ok(word), "{}", disassemble(word));
        if let Ok(command) = Command::decode(word) {
            assert_eq!(command.encode(), word);
        }
    }
}

#[test]
fn lines_that_are_no_program_are_refused_with_the_reason() {
    let refused = [
        ("", "empty line"),
        ("CNA.NOWHERE 0x0", "CNA.NOWHERE: no such register"),
        ("DDMA.DT_RD 0x0", "DDMA.DT_RD: command words cannot reach this block"),
        ("CNA.DATA_SIZE0", "CNA.DATA_SIZE0: value missing"),
        ("CNA.DATA_SIZE0 12", "12: values are hexadecimal with 0x"),
        ("CNA.DATA_SIZE0 0x100000000", "0x100000000: more than 32 bits"),
        ("barrier 0x0", "0x0: nothing may follow the value"),
        ("nop 0x1000000000000", "0x1000000000000: more than 48 bits"),
    ];
    for (line, reason) in refused {
        assert_eq!(assemble(line), Err(reason.to_string()));
    }
}

#[test]
fn a_full_task_has_the_word_counts_of_the_vendors_programs() {
    let words = |block: Block| task::body(block).count() + 1;
    // §12.26; CNA's CBUF_CON0 is written twice.
    assert_eq!(words(Block::Cna) + 1, 57);
    assert_eq!(
        [Block::Cmac, Block::Core, Block::Dpu, Block::DpuRdma].map(words),
        [2, 5, 49, 20]
    );
    assert_eq!(57 + 2 + 5 + 49 + task::TAIL_WORDS, task::CONVOLUTION_WORDS);
    assert_eq!(task::CONVOLUTION_WORDS + 20, task::CONVOLUTION_RDMA_WORDS);
    assert_eq!(words(Block::Ppu) + words(Block::PpuRdma), 29); // §2.9
    for (mix, expected) in task::Mix::ALL.into_iter().zip([117, 137, 73, 33]) {
        assert_eq!(mix.writes().count() + task::TAIL_WORDS, expected, "{mix:?}");
        assert_eq!(mix.words(), expected);
        assert_eq!(task::Mix::of_mask(mix.mask()), Some(mix));
    }
    assert_eq!(task::Mix::of_mask(0x1D), None); // that is RK3588's convolution
}

#[test]
fn a_full_task_writes_pointers_first_and_the_banks_between_core_and_dpu() {
    let first = |mix: task::Mix| mix.writes().take(7).map(|register| register.offset).collect::<Vec<_>>();
    assert_eq!(
        first(task::Mix::ConvolutionRdma),
        [0x1004, 0x2004, 0x3004, 0x1040, 0x4004, 0x5004, 0x100C]
    );
    assert_eq!(
        first(task::Mix::Pooling),
        [0x6004, 0x7004, 0x600C, 0x6010, 0x6014, 0x6018, 0x601C]
    );
    assert_eq!(first(task::Mix::Dpu)[..3], [0x4004, 0x5004, 0x400C]);
}

/// The vendor's 3x3 stride-1 maximum over 20x20x128 of §2.9 (appendix B.6): the listed registers.
#[test]
fn worked_example_b6_has_the_fields_that_the_sheet_reads_from_it() {
    let text = |offset: u32, value: u32| {
        let register = register_at(offset).unwrap();
        disassemble(Command::Write { register, value }.encode())
    };
    assert_eq!(
        text(0x6024, 0x11),
        "PPU.OPERATION_MODE_CFG 0x00000011 ; FLYING_MODE=1 POOLING_METHOD=1"
    );
    assert_eq!(
        text(0x6034, 0x202),
        "PPU.POOLING_KERNEL_CFG 0x00000202 ; KERNEL_HEIGHT=2 KERNEL_WIDTH=2"
    );
    assert_eq!(
        text(0x6040, 0x1111),
        "PPU.POOLING_PADDING_CFG 0x00001111 ; PAD_BOTTOM=1 PAD_RIGHT=1 PAD_TOP=1 PAD_LEFT=1"
    );
    for offset in [0x6044, 0x6048, 0x604C, 0x6050] {
        let register = register_at(offset).unwrap();
        assert_eq!(0x7FF80 & !register.known_bits, 0, "{register}");
    }
    assert_eq!(
        text(0x607C, 400 * 8),
        "PPU.DST_SURF_STRIDE 0x00000C80 ; DST_SURF_STRIDE=200"
    );
    assert_eq!(text(0x6084, 0xC80), "PPU.DATA_FORMAT 0x00000C80 ; INDEX_ADD=200");
    assert_eq!(
        text(0x7024, 0xA0),
        "PPU_RDMA.SRC_LINE_STRIDE 0x000000A0 ; SRC_LINE_STRIDE=20"
    );
    assert_eq!(
        text(0x7028, 0xC80),
        "PPU_RDMA.SRC_SURF_STRIDE 0x00000C80 ; SRC_SURF_STRIDE=400"
    );
}

#[test]
fn registers_lie_in_their_block_in_rising_order_with_fields_that_do_not_overlap() {
    for block in Block::ALL {
        let registers = block.registers();
        assert!(
            registers.windows(2).all(|pair| pair[0].offset < pair[1].offset),
            "{}",
            block.name()
        );
        for register in registers {
            assert_eq!(Block::at(register.offset), Some(block));
            assert_eq!(register_at(register.offset), Some(*register));
            let mut bits = 0u32;
            for field in register.fields {
                let mask = field.of(u32::MAX) << field.lsb;
                assert_eq!(bits & mask, 0, "{register} {}", field.name);
                bits |= mask;
                assert!(!field.doc.is_empty() && !register.source.is_empty());
            }
        }
    }
}

fn b1(offset: u32) -> u32 {
    let mut values = B1.listed.iter();
    values.find(|(at, _)| *at == offset).map_or(0, |(_, value)| *value)
}

#[test]
fn worked_example_b1_is_137_words_that_read_back_field_by_field() {
    let mut words = Vec::new();
    let mut write = |offset: u32, value: u32| {
        let register = register_at(offset).unwrap();
        assert_eq!(
            value & !register.known_bits,
            0,
            "{register} has no field for 0x{value:X}"
        );
        words.push(Command::Write { register, value }.encode());
    };
    [0x1004, 0x2004, 0x3004]
        .into_iter()
        .for_each(|pointer| write(pointer, 0x0E));
    write(0x1040, b1(0x1040));
    [0x4004, 0x5004].into_iter().for_each(|pointer| write(pointer, 0x0E));
    for block in [Block::Cna, Block::Cmac, Block::Core, Block::Dpu, Block::DpuRdma] {
        task::body(block).for_each(|register| write(register.offset, b1(register.offset)));
    }
    write(0x10, 0x480);
    write(0x14, 0x88);
    words.push(Command::Barrier.encode());
    words.push(
        Command::Enable {
            mask: task::MASK_CONVOLUTION_RDMA,
        }
        .encode(),
    );
    assert_eq!(words.len(), 137);
    assert_eq!(words.len() - 1, 0x88);
    let text: Vec<String> = words.iter().map(|&word| disassemble(word)).collect();
    assert_eq!(text[3], "CNA.CBUF_CON0 0x00000017 ; WEIGHT_BANK=1 DATA_BANK=7");
    assert_eq!(text[136], "enable 0x0000001F ; CNA CMAC CORE DPU DPU_RDMA");
    assert_eq!(text[135], "barrier");
    let back: Vec<u64> = text.iter().map(|line| assemble(line).unwrap()).collect();
    assert_eq!(back, words);
}

#[test]
fn the_fields_of_worked_example_b1_satisfy_the_sheets_invariants() {
    let (kernel_height, stride, output_width) = (3, 2, cna::DATA_SIZE2::DATAOUT_WIDTH.get(b1(0x1028)));
    let grains = cna::CONV_CON2::FEATURE_GRAINS.get(b1(0x1010));
    assert_eq!(grains, kernel_height + stride * (1 + 16 / output_width)); // §9.3
    assert_eq!(
        b1(0x1030),
        b1(0x1034) * cna::WEIGHT_SIZE2::WEIGHT_KERNELS.get(b1(0x1038))
    ); // §9.5
    let (data, weight) = (
        cna::CBUF_CON0::DATA_BANK.get(b1(0x1040)),
        cna::CBUF_CON0::WEIGHT_BANK.get(b1(0x1040)),
    );
    assert_eq!(data + weight, 8); // §9.1
    assert_eq!(
        cna::CBUF_CON1::DATA_ENTRIES.get(b1(0x1044)),
        (96 * (64 / 8u32)).div_ceil(4)
    ); // §9.2
    assert!(37 * 192 <= 1024 * data);
    assert_eq!(b1(0x40C0), 2 * b1(0x4024)); // §9.8, int8 results
    assert_eq!(dpu::BS_OW_CFG::SIZE_E_0.get(b1(0x4050)), 1);
    assert_eq!(dpu_rdma::BRDMA_LENGTH::WORDS.get(b1(0x5024)), 63); // §9.9
    assert_eq!(b1(0x1078), task::DMA_CON0_VALUE); // §9.4
}

#[test]
fn a_value_too_large_for_its_field_is_an_error_that_names_the_field() {
    let bits = npu_regs::Bits::new().with(cna::DATA_SIZE0::DATAIN_WIDTH, 2500);
    let overflow = bits.with(cna::DATA_SIZE0::DATAIN_HEIGHT, 1).finish().unwrap_err();
    // Erratum 15: silicon would wrap to 452.
    assert_eq!(
        overflow.to_string(),
        "CNA.DATA_SIZE0.DATAIN_WIDTH: 2500 does not fit, at most 2047"
    );
}
