//! The bytes of this crate's f32 results, recorded once. If a digest differs, do not edit it: a processor, compiler or
//! change has broken the promise that the same inputs give the same bytes everywhere, and stored results with it.
#![cfg(feature = "float")]

use npu_kernels::isa::{self, Isa};
use npu_kernels::{convert, gemm, gptq, loss, nn, quantize};

/// FNV-1a over the bytes of the results.
fn digest(x: &[f32]) -> u64 {
    x.iter()
        .flat_map(|v| v.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// Values in [−1, 1) from a small generator.
fn floats(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

const M: usize = 5;
const K: usize = 300;

fn results() -> Vec<(&'static str, u64)> {
    let (x, w) = (floats(1, M * K), floats(2, K * K));
    let mut found = Vec::new();
    let mut record = |name, values: &[f32]| found.push((name, digest(values)));
    let mut product = vec![0.0; M * K];
    gemm::matmul_f32(&x, &w, M, K, K, &mut product, 2);
    record("matmul_f32", &product);
    let mut h = vec![0.0; K * K];
    gemm::gram(&w, K, K, &mut h, 2);
    record("gram", &h);
    gptq::cholesky_inverse_upper(&mut h, K, 0.01).unwrap();
    record("gptq factor", &h);
    let how = gptq::Rounding {
        rows: M,
        width: K,
        bits: 4,
        block_size: 128,
        group_size: 100,
        permutation: None,
    };
    let (mut scales, mut q, mut column_loss) = (vec![0.0; M * 3], vec![0i8; M * K], vec![0.0; K]);
    gptq::quantize_block(&mut x.clone(), &h, &how, &mut scales, &mut q, &mut column_loss);
    record(
        "gptq rounding",
        &q.iter()
            .map(|v| f32::from(*v))
            .chain(column_loss)
            .chain(scales)
            .collect::<Vec<_>>(),
    );
    let mut out = vec![0.0; M * K];
    nn::rms_norm(&product, &w[..K], 1e-5, M, K, &mut out);
    record("rms_norm", &out);
    nn::silu_mul(&product, &x, &mut out);
    record("silu_mul", &out);
    let mut soft = product.clone();
    nn::softmax_rows(&mut soft, M, K);
    record("softmax_rows", &soft);
    let mut turned = x.clone();
    nn::rope(&mut turned, M, 3, 100, 2000, 10_000.0);
    record("rope", &turned);
    nn::attention(&turned, &w[..12 * 100], &w[1200..2400], M, 3, 1, 100, 7, &mut out);
    record("attention", &out);
    let (mut q, mut scales) = (vec![0i8; M * K], vec![0.0; M]);
    quantize::rows_int8(&product, M, K, &mut q, &mut scales);
    record(
        "rows_int8",
        &q.iter().map(|v| f32::from(*v)).chain(scales).collect::<Vec<_>>(),
    );
    let mut rows = vec![0.0; 2 * M];
    loss::nll_rows(&product, &[0, 1, 2, 3, 299], M, K, &mut rows[..M]);
    loss::kl_rows(&product, &x, M, K, &mut rows[M..]);
    record("losses", &rows);
    let mut half = vec![0u16; M * K];
    convert::f32_to_f16(&product, &mut half);
    convert::f16_to_f32(&half, &mut out);
    record("f16", &out);
    found
}

#[test]
fn the_bytes_are_those_recorded_on_every_instruction_set() {
    for isa in Isa::ALL {
        if !isa::force(isa) {
            println!("skipped: recorded bytes: this processor or build has no {}", isa.name());
            continue;
        }
        println!("recorded bytes on {}", isa.name());
        assert_eq!(results(), GOLDEN);
    }
}

const GOLDEN: [(&str, u64); 12] = [
    ("matmul_f32", 0x4809_ee4d_3abf_ef84),
    ("gram", 0x1be0_4add_97e4_ed64),
    ("gptq factor", 0x9e7e_1958_cf73_3e40),
    ("gptq rounding", 0x444d_069a_c74e_3644),
    ("rms_norm", 0x2d4b_7807_a14e_db28),
    ("silu_mul", 0x5ef3_a05f_fe5c_f6d1),
    ("softmax_rows", 0x3594_ffdf_4245_0565),
    ("rope", 0x40be_5a24_0b38_f58b),
    ("attention", 0xe1b1_45b8_eaae_711f),
    ("rows_int8", 0xd007_7e74_55da_84b9),
    ("losses", 0xaa5c_70f8_807c_3154),
    ("f16", 0x2ed9_b1b1_5e24_73db),
];
