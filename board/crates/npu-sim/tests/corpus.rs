//! The corpus of the fuzz targets (`board/crates/fuzz/corpus`) is what the second generator writes. With `NPULAB_BLESS=1`
//! the files are written anew.

mod support;

use std::path::PathBuf;

use npu_reference::{Geometry, Map, Pool, Post, Window};
use support::case::{Wish, convolution};
use support::conv::{Addresses, Kind, Layer, Output};
use support::element::{Join, table_load};
use support::machine::Machine;
use support::pooling::Pooling;
use support::post;
use support::program::Program;
use support::random::Random;
use support::rows::{Format, rows};
use support::stages;
use support::style::Style;
use support::transpose::transposition;

/// Memory of the fuzzer's boards: 1 MiB; streams in front, data behind.
const STREAMS: u32 = 0x0010_0000;
const DATA: u32 = 0x0012_0000;
const OUTPUT: u32 = 0x001F_0000;
const VENDOR: Style = Style::Vendor { zeros_in_front: true };

/// A start as the `streams` target reads it: load and stream address, amount, tasks, interrupt mask, words.
fn start(programs: &[Program], style: Style, interrupts: u32) -> Vec<u8> {
    let machine = Machine::new(STREAMS);
    let (address, amount) = machine.chain(programs, style);
    let length = machine.reserve(0, 64) - STREAMS;
    let header = [STREAMS.to_le_bytes(), address.to_le_bytes()].concat();
    let counts = [(amount as u16).to_le_bytes(), (programs.len() as u16).to_le_bytes()].concat();
    [
        header,
        counts,
        interrupts.to_le_bytes().to_vec(),
        machine.read(STREAMS, length as usize),
    ]
    .concat()
}

/// A matrix product as a 1x1 convolution (§4.4).
fn product() -> Vec<Program> {
    let mut layer = Layer {
        kind: Kind::Dense,
        half: false,
        input: (64, 1, 8),
        announced: 64,
        kernel: (1, 1),
        kernels: 32,
        geometry: Geometry {
            stride: (1, 1),
            step: (1, 1),
            pad: (0, 0),
            output: (1, 8),
        },
        pad_value: 0,
        convert: false,
        output: Output::Int32,
        addresses: Addresses {
            input: DATA,
            weights: DATA + 0x1000,
            output: OUTPUT,
            ..Addresses::default()
        },
        most_rows: 1,
        kernels_per_task: 16,
        post: Vec::new(),
        data_format: 0,
        ow: 0,
        stream_bytes: 0,
    };
    let programmed = post::program(&Post::BYPASS, 32, 0);
    layer.post = programmed.registers;
    layer.ow = programmed.ow;
    layer.programs(VENDOR)
}

fn pooling() -> Program {
    Pooling {
        input: (16, 6, 6),
        half: false,
        window: Window {
            size: (3, 3),
            stride: (1, 1),
            before: (1, 1),
            after: (1, 1),
        },
        pool: Pool::Max,
        pad: -128,
        from: DATA,
        to: OUTPUT,
    }
    .program()
}

/// Rows of decision 0044: a band of columns, then a transposition.
fn vendor_rows() -> Vec<Program> {
    let mut band = pooling();
    band.set_all(&[
        (0x6018, 2),
        (0x600C, 3),
        (0x700C, 3),
        (0x6040, 0x1011),
        (0x6024, 3 << 16 | 0x11),
    ]);
    vec![band, transposition((12, 8), (0, 5), (DATA, OUTPUT + 0x1000))]
}

/// A random layer whose tensors lie where the fuzzer's memory holds its pattern.
fn layer(seed: u64, kind: Kind, style: Style) -> Vec<Program> {
    let wish = Wish::small(kind, style);
    convolution(&mut Random(seed), &Machine::new(DATA), wish, None).programs
}

/// Both tables loaded by tasks, then a join with ReLU of two maps (appendix B.4).
fn tables_and_join() -> Vec<Program> {
    let (mut random, shape) = (Random(2), (8, 4, 4));
    let map = Map::from_fn(8, 4, 4, |channel, row, column| (channel + row + column) as i8);
    let join = Join {
        shape,
        left: DATA,
        right: DATA + 0x1000,
        output: OUTPUT,
        rows: (0, 4),
    };
    vec![
        table_load(0, &[1], OUTPUT + 0x1000),
        table_load(1, &[2], OUTPUT + 0x1000),
        join.program(&stages::join(&mut random, &map, map.clone().into()), VENDOR),
    ]
}

/// fp16 through the DPU with both streams and an operand of 16 bits, then fp16 pooling.
fn halves() -> Vec<Program> {
    let mut row = rows((Format::Half, Format::Float), (8, 2, 4), (DATA, OUTPUT));
    row.set_all(&[
        (0x4040, 0x148 | 0x10),
        (0x4060, 0x148),
        (0x4068, 1),
        (0x4070, 0x1080_03D0),
        (0x4084, 1),
        (0x501C, 2),
        (0x5020, DATA + 0x400),
        (0x5024, 3),
        (0x5028, 0xA),
        (0x502C, DATA + 0x800),
        (0x5034, 0x4000_0008),
        (0x5038, DATA + 0xC00),
        (0x5040, 64),
    ]);
    let mut pooled = pooling();
    pooled
        .set(0x6084, pooled.get(0x6084) | 2)
        .set(0x7030, 2)
        .set(0x6024, 0x10);
    pooled.set(0x6070, OUTPUT + 0x1000);
    vec![row.clone(), pooled, row]
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let dense = layer(3, Kind::Dense, Style::Open);
    let words = |programs: &[Program]| {
        let bodies = Style::Open.bodies(programs);
        bodies[0]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let operation = |kind: u64, offset: u64, value: u64| (value << 32 | offset << 16 | kind).to_le_bytes();
    // A start by hand: slave mode, pointers, a table entry, stream address, count, start, status.
    let pokes = [
        (0, 0x10, 1),
        (0, 0x1004, 0x0E),
        (0, 0x1020, 0x0008_0001),
        (0, 0x4100, 0x2_0000),
        (0, 0x4104, 0x1234),
        (0, 0x8010, 0x8000_0101),
        (0, 0x10, u64::from(DATA)),
        (0, 0x14, 136),
        (0, 0x20, 0x300),
        (0, 0x24, 0x1FFFF),
        (0, 0x30, 0x7001),
        (0, 0x34, 0),
        (0, 0x08, 1),
        (0, 0x08, 0),
        (10, 0x3C, 0),
        (10, 0x28, 0),
        (15, 0, 0),
    ];
    vec![
        ("streams/product.bin", start(&product(), VENDOR, 0x300)),
        ("streams/dense-open.bin", start(&dense, Style::Open, 0x300)),
        (
            "streams/dense-vendor.bin",
            start(&layer(5, Kind::Dense, VENDOR), VENDOR, 0x300),
        ),
        (
            "streams/depthwise.bin",
            start(&layer(7, Kind::Depthwise, Style::Open), Style::Open, 0x300),
        ),
        (
            "streams/first-layer.bin",
            start(&layer(11, Kind::First, VENDOR), VENDOR, 0x300),
        ),
        ("streams/tables-join.bin", start(&tables_and_join(), VENDOR, 0x300)),
        ("streams/vendor-rows.bin", start(&vendor_rows(), VENDOR, 0x300)),
        ("streams/halves.bin", start(&halves(), VENDOR, 0x300)),
        ("streams/pooling.bin", start(&[pooling()], Style::Open, 0xC00)),
        ("files/model.bin", start(&layer(5, Kind::Dense, VENDOR), VENDOR, 0x300)),
        ("words/convolution.bin", words(&dense)),
        ("words/pooling.bin", words(&[pooling()])),
        (
            "words/listing.txt",
            b"CNA.DATA_SIZE0 0x00600025 ; DATAIN_WIDTH=96\nbarrier\nnop 0x00\nenable 0x1F\n.word 0x1\n".to_vec(),
        ),
        (
            "registers/start.bin",
            pokes
                .iter()
                .flat_map(|&(kind, offset, value)| operation(kind, offset, value))
                .collect(),
        ),
    ]
}

#[test]
fn the_corpus_of_the_fuzz_targets_is_what_the_generator_writes() {
    let dir: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../fuzz/corpus"].iter().collect();
    for (name, bytes) in files() {
        let path = dir.join(name);
        if std::env::var_os("NPULAB_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let stored = std::fs::read(&path).unwrap_or_else(|why| panic!("{name}: {why}; NPULAB_BLESS=1 writes it"));
        assert!(
            stored == bytes,
            "{name} is not what the generator writes; NPULAB_BLESS=1 writes it anew"
        );
    }
}

#[test]
fn the_starts_of_the_corpus_run_to_their_end() {
    // A seed that is refused at its first word would fuzz nothing behind it.
    for programs in [halves(), vec![pooling()], product(), tables_and_join()] {
        let machine = Machine::new(STREAMS);
        assert_eq!(machine.run(&programs, VENDOR), support::machine::NO_FAULT);
    }
}
