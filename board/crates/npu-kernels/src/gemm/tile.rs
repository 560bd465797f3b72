//! The innermost product: `sums[rows][columns] = Σ_k a[k][row] · b[k][column]`, one fma chain per sum, k ascending.
//! The only f32 code written per instruction set, because it alone needs all registers of the machine.

use crate::isa::Isa;

/// Most sums of any tile.
pub(super) const MAX_TILE: usize = 12 * 32;

/// A tile kernel and its size.
pub(super) struct Kernel {
    /// Rows of A per tile.
    pub(super) rows: usize,
    /// Columns (rows of B) per tile.
    pub(super) columns: usize,
    /// `(depth, a, b, sums)`: reads `depth * rows` and `depth * columns` floats, writes `rows * columns`.
    pub(super) run: unsafe fn(usize, *const f32, *const f32, *mut f32),
}

/// The tile kernel of `isa`.
///
/// # Panics
/// When this processor cannot run it.
pub(super) fn kernel(isa: Isa) -> Kernel {
    assert!(isa.available(), "this processor has no {}", isa.name());
    match isa {
        #[cfg(all(feature = "simd", target_arch = "x86_64"))]
        Isa::Avx2 => Kernel {
            rows: 6,
            columns: 16,
            run: x86::avx2_6x16,
        },
        #[cfg(all(feature = "simd", target_arch = "x86_64"))]
        Isa::Avx512Vnni => Kernel {
            rows: 12,
            columns: 32,
            run: x86::avx512_12x32,
        },
        #[cfg(all(feature = "simd", target_arch = "aarch64"))]
        Isa::Neon | Isa::NeonDot => Kernel {
            rows: 6,
            columns: 16,
            run: arm::neon_6x16,
        },
        _ => Kernel {
            rows: 4,
            columns: 16,
            run: scalar_4x16,
        },
    }
}

/// # Safety
/// The pointers hold what [`Kernel::run`] says.
unsafe fn scalar_4x16(depth: usize, a: *const f32, b: *const f32, sums: *mut f32) {
    let mut tile = [[0.0f32; 16]; 4];
    for k in 0..depth {
        for (row, tile) in tile.iter_mut().enumerate() {
            for (column, sum) in tile.iter_mut().enumerate() {
                // SAFETY: inside the packed blocks.
                let (a, b) = unsafe { (*a.add(k * 4 + row), *b.add(k * 16 + column)) };
                *sum = a.mul_add(b, *sum);
            }
        }
    }
    for (i, sum) in tile.as_flattened().iter().enumerate() {
        // SAFETY: 64 sums.
        unsafe { *sums.add(i) = *sum };
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod x86 {
    use core::arch::x86_64::*;

    /// # Safety
    /// As [`super::Kernel::run`]; the processor has AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2_6x16(depth: usize, a: *const f32, b: *const f32, sums: *mut f32) {
        let mut tile = [[_mm256_setzero_ps(); 2]; 6];
        for k in 0..depth {
            // SAFETY: inside the packed blocks; the sums hold 96 floats.
            unsafe {
                let b0 = _mm256_loadu_ps(b.add(k * 16));
                let b1 = _mm256_loadu_ps(b.add(k * 16 + 8));
                for (row, tile) in tile.iter_mut().enumerate() {
                    let a = _mm256_broadcast_ss(&*a.add(k * 6 + row));
                    tile[0] = _mm256_fmadd_ps(a, b0, tile[0]);
                    tile[1] = _mm256_fmadd_ps(a, b1, tile[1]);
                }
            }
        }
        for (i, vector) in tile.as_flattened().iter().enumerate() {
            // SAFETY: 96 sums.
            unsafe { _mm256_storeu_ps(sums.add(i * 8), *vector) };
        }
    }

    /// # Safety
    /// As [`super::Kernel::run`]; the processor has AVX-512F.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512_12x32(depth: usize, a: *const f32, b: *const f32, sums: *mut f32) {
        let mut tile = [[_mm512_setzero_ps(); 2]; 12];
        for k in 0..depth {
            // SAFETY: inside the packed blocks.
            unsafe {
                let b0 = _mm512_loadu_ps(b.add(k * 32));
                let b1 = _mm512_loadu_ps(b.add(k * 32 + 16));
                for (row, tile) in tile.iter_mut().enumerate() {
                    let a = _mm512_set1_ps(*a.add(k * 12 + row));
                    tile[0] = _mm512_fmadd_ps(a, b0, tile[0]);
                    tile[1] = _mm512_fmadd_ps(a, b1, tile[1]);
                }
            }
        }
        for (i, vector) in tile.as_flattened().iter().enumerate() {
            // SAFETY: 384 sums.
            unsafe { _mm512_storeu_ps(sums.add(i * 16), *vector) };
        }
    }
}

#[cfg(all(feature = "simd", target_arch = "aarch64"))]
mod arm {
    use core::arch::aarch64::*;

    /// # Safety
    /// As [`super::Kernel::run`].
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn neon_6x16(depth: usize, a: *const f32, b: *const f32, sums: *mut f32) {
        let mut tile = [[vdupq_n_f32(0.0); 4]; 6];
        for k in 0..depth {
            // SAFETY: inside the packed blocks.
            unsafe {
                let b = [0, 4, 8, 12].map(|at| vld1q_f32(b.add(k * 16 + at)));
                for (row, tile) in tile.iter_mut().enumerate() {
                    let a = vdupq_n_f32(*a.add(k * 6 + row));
                    for (sum, b) in tile.iter_mut().zip(b) {
                        *sum = vfmaq_f32(*sum, a, b);
                    }
                }
            }
        }
        for (i, vector) in tile.as_flattened().iter().enumerate() {
            // SAFETY: 96 sums.
            unsafe { vst1q_f32(sums.add(i * 4), *vector) };
        }
    }
}
