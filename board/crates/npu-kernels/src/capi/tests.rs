//! The C ABI refuses what does not fit, and answers with the code that says why.

use super::*;

const M: usize = 3;
const K: usize = 5;
const N: usize = 2;

fn matmul(a_len: usize, c_len: usize, alias: bool) -> i32 {
    let mut a = [1.0f32; M * K];
    let b = [1.0f32; N * K];
    let mut c = [0.0f32; M * N];
    let target = if alias { a.as_mut_ptr() } else { c.as_mut_ptr() };
    // SAFETY: all arrays are at least as long as said; wrong lengths are refused before any access.
    unsafe {
        npuk_matmul_f32(
            a.as_ptr(),
            a_len,
            b.as_ptr(),
            N * K,
            target,
            c_len,
            M,
            K,
            N,
            core::ptr::null(),
        )
    }
}

#[test]
fn a_product_with_right_lengths_succeeds_and_with_wrong_ones_is_refused() {
    assert_eq!(matmul(M * K, M * N, false), Code::Ok as i32);
    assert_eq!(matmul(M * K - 1, M * N, false), Code::Length as i32);
    assert_eq!(matmul(M * K, M * N - 1, false), Code::Length as i32);
}

#[test]
fn an_output_on_top_of_an_input_is_refused() {
    assert_eq!(matmul(M * K, M * N, true), Code::Overlap as i32);
}

#[test]
fn null_and_overflowing_shapes_are_refused() {
    let x = [0.0f32; 4];
    let mut out = [0.0f32; 4];
    // SAFETY: null is refused before any access.
    let code = unsafe {
        npuk_add(
            core::ptr::null(),
            4,
            x.as_ptr(),
            4,
            out.as_mut_ptr(),
            4,
            core::ptr::null(),
        )
    };
    assert_eq!(code, Code::Pointer as i32);
    // SAFETY: the shape overflows and is refused before any access.
    let code = unsafe { npuk_softmax_rows(out.as_mut_ptr(), 4, usize::MAX, 8, core::ptr::null()) };
    assert_eq!(code, Code::Length as i32);
}

#[test]
fn adding_in_place_equals_adding_apart() {
    let mut a: Vec<f32> = (0..10_000).map(|i| i as f32 * 0.3).collect();
    let b: Vec<f32> = (0..10_000).map(|i| 1.0 / (1 + i) as f32).collect();
    let want: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let n = a.len();
    // SAFETY: the lengths are those of the vectors; `out` equal to `a` is allowed.
    let code = unsafe { npuk_add(a.as_ptr(), n, b.as_ptr(), n, a.as_mut_ptr(), n, core::ptr::null()) };
    assert_eq!((code, a), (Code::Ok as i32, want));
}

#[test]
fn a_raised_flag_cancels_and_an_unknown_instruction_set_is_refused() {
    let flag = 1u32;
    let ctl = NpukRun {
        threads: 2,
        cancel: &flag,
    };
    let mut x = [0.0f32; 64];
    // SAFETY: the lengths are right and the flag lives.
    let code = unsafe { npuk_softmax_rows(x.as_mut_ptr(), 64, 8, 8, &ctl) };
    assert_eq!(code, Code::Cancelled as i32);
    // SAFETY: NUL-terminated.
    let code = unsafe { npuk_force_isa(c"sse9".as_ptr()) };
    assert_eq!(code, Code::Argument as i32);
}

#[test]
fn a_panic_becomes_a_code() {
    assert_eq!(guard(|| panic!("a bug")), Code::Internal as i32);
}
