//! Features and weights that a later task finds in the buffer (§12.10), and weights that stream through it (§11).

use super::program::{Bench, FEATURES, Program, Random, WEIGHTS};
use crate::fault::FaultKind;

const DATA: u32 = 1 << 12;
const WEIGHT: u32 = 1 << 13;

fn filled(seed: u64) -> Bench {
    let bench = Bench::new();
    let mut random = Random(seed);
    let bytes: alloc::vec::Vec<u8> = (0..1 << 20).map(|_| random.next() as u8).collect();
    bench.write(FEATURES, &bytes);
    bench.write(WEIGHTS, &bytes);
    bench
}

fn refused(bench: &mut Bench, program: &Program) -> alloc::string::String {
    match bench.run(&program.decode(&[]).expect("accepted")) {
        Err(FaultKind::Program { rule, .. }) => alloc::format!("{rule}"),
        Err(other) => panic!("{other}"),
        Ok(_) => alloc::string::String::new(),
    }
}

#[test]
fn a_second_slice_of_kernels_finds_the_features_wherever_it_says_they_are() {
    let mut bench = filled(1);
    let first = Program::new(8, 8, 64, 32);
    let slice = Program {
        weights: WEIGHTS + 32 * 64,
        ..first
    };
    let (expected, _) = bench.run(&slice.decode(&[]).unwrap()).unwrap();
    bench.run(&first.decode(&[]).unwrap()).unwrap();
    let again = Program {
        reuse: DATA,
        features: FEATURES + 4096,
        ..slice
    };
    let (got, read) = bench.run(&again.decode(&[]).unwrap()).unwrap();
    assert_eq!(got.ints, expected.ints);
    assert_eq!((read.data_read_bytes, read.weight_read_bytes), (0, 32 * 64));
    assert_eq!(
        refused(
            &mut bench,
            &Program {
                width: 4,
                output: (8, 4),
                line_stride: 8,
                ..again
            }
        ),
        "the data banks do not hold features of the geometry this task would load (§12.10)"
    );
}

#[test]
fn a_second_band_finds_the_weights_by_their_descriptor() {
    let mut bench = filled(2);
    let first = Program::new(8, 4, 64, 32);
    let band = Program {
        features: FEATURES + 2048,
        ..first
    };
    let (expected, _) = bench.run(&band.decode(&[]).unwrap()).unwrap();
    bench.run(&first.decode(&[]).unwrap()).unwrap();
    let again = Program {
        reuse: WEIGHT,
        weights: WEIGHTS + 64,
        ..band
    };
    let (got, read) = bench.run(&again.decode(&[]).unwrap()).unwrap();
    assert_eq!(got.ints, expected.ints);
    assert_eq!((read.data_read_bytes, read.weight_read_bytes), (8 * 4 * 64, 0));
}

#[test]
fn what_was_written_since_or_never_loaded_is_not_used_again() {
    let mut bench = filled(3);
    let task = Program::new(8, 4, 64, 32);
    let weights = Program { reuse: WEIGHT, ..task };
    let features = Program { reuse: DATA, ..task };
    let missing = "the weight banks do not hold the complete weights this task would load (§12.10, §9.7)";
    assert_eq!(refused(&mut bench, &weights), missing);
    bench.run(&task.decode(&[]).unwrap()).unwrap();
    bench.cbuf.written(FEATURES + 2047, 1);
    let stale = "the memory that the reused banks were loaded from was written since (§12.10)";
    assert_eq!(refused(&mut bench, &features), stale);
    assert_eq!(refused(&mut bench, &weights), "");
    bench.cbuf.written(WEIGHTS + 2047, 1);
    assert_eq!(refused(&mut bench, &weights), stale);
    bench.cbuf.forget();
    assert_eq!(refused(&mut bench, &weights), missing);
}

#[test]
fn weights_larger_than_their_banks_stream_through_and_are_gone() {
    let mut bench = filled(4);
    // 3 x 3 x 512: one group of 16 kernels is 73 728 bytes, the weights of 48 kernels 221 184; one bank holds weights.
    let task = Program {
        kernel: (3, 3),
        output: (18, 18),
        ..Program::new(20, 20, 512, 48)
    };
    let one_bank = task.decode(&[]).unwrap();
    assert_eq!(one_bank.buffer.banks.weight, 1);
    let (got, read) = bench.run(&one_bank).unwrap();
    assert!(got.ints.iter().all(Option::is_some));
    assert_eq!(read.weight_read_bytes, 48 * 9 * 512);
    let again = Program { reuse: WEIGHT, ..task };
    let missing = "the weight banks do not hold the complete weights this task would load (§12.10, §9.7)";
    assert_eq!(refused(&mut bench, &again), missing);
}
