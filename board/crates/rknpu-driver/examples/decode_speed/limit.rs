//! What the multiplying instruction of an instruction set can do at all: on registers, nothing loaded, nothing stored.

use npu_kernels::isa::Isa;

/// The instructions that an int8 product cannot do without.
pub struct Limit {
    /// As a manual names them.
    pub name: &'static str,
    /// Multiplications and additions of a round.
    pub operations: usize,
    /// Runs so many rounds; for who has the instruction set.
    rounds: fn(usize),
}

/// Sums side by side: enough to hide the time each takes behind the others.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 12;

impl Limit {
    /// The limit of `isa`; none where no instruction was written down here.
    pub fn of(isa: Isa) -> Option<Self> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni if isa.available() => Some(Self {
                name: "vpdpbusd",
                operations: CHAINS * 2 * 64,
                // SAFETY: the processor has the instruction set.
                rounds: |rounds| unsafe { x86::vpdpbusd(rounds) },
            }),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 if isa.available() => Some(Self {
                name: "vpmaddwd and vpaddd",
                operations: CHAINS * 2 * 16,
                // SAFETY: the processor has the instruction set.
                rounds: |rounds| unsafe { x86::vpmaddwd(rounds) },
            }),
            _ => None,
        }
    }

    /// Runs `rounds` rounds on each of `threads` threads.
    pub fn run(&self, rounds: usize, threads: usize) {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (self.rounds)(rounds));
            }
        });
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;
    use std::hint::black_box;

    use super::CHAINS;

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub fn vpdpbusd(rounds: usize) {
        let factors = [_mm512_set1_epi8(black_box(3)), _mm512_set1_epi8(black_box(-5))];
        let mut sums = [_mm512_setzero_si512(); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, factors[0], factors[1]);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx2")]
    pub fn vpmaddwd(rounds: usize) {
        let factor = _mm256_set1_epi16(black_box(-5));
        let mut sums = [_mm256_set1_epi16(black_box(3)); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                // Of the sum itself, or the product would be computed once.
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(*sum, factor));
            }
        }
        black_box(sums);
    }
}
