//! Which vector code runs. Knows the instruction sets this crate has kernels for; refuses to know what the kernels do.
//!
//! `active` is what the kernels use: the detected set, or the one a test forced. Forcing changes speed, never a byte.

use core::sync::atomic::{AtomicU8, Ordering};

/// An instruction set with its own kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Isa {
    /// Plain loops; runs everywhere.
    Scalar = 1,
    /// x86-64 AVX2 with FMA: `vpmaddwd` on sign-extended bytes, 6×16 f32 tile.
    Avx2 = 2,
    /// x86-64 AVX-512 F/BW/VL/DQ with VNNI: `vpdpbusd`, 12×32 f32 tile.
    Avx512Vnni = 3,
    /// AArch64 Advanced SIMD: `smull`/`sadalp`, 6×16 f32 tile.
    Neon = 4,
    /// AArch64 with the dot-product extension: `sdot`.
    NeonDot = 5,
}

impl Isa {
    /// Every instruction set, in the order of the enum.
    pub const ALL: [Isa; 5] = [Isa::Scalar, Isa::Avx2, Isa::Avx512Vnni, Isa::Neon, Isa::NeonDot];

    /// The name used in logs and by `forceIsa`: `scalar`, `avx2`, `avx512vnni`, `neon`, `neondot`.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512Vnni => "avx512vnni",
            Isa::Neon => "neon",
            Isa::NeonDot => "neondot",
        }
    }

    /// The instruction set of that name.
    pub fn from_name(name: &str) -> Option<Isa> {
        Isa::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Whether this processor and this build can run it.
    pub fn available(self) -> bool {
        match self {
            Isa::Scalar => true,
            #[cfg(all(feature = "simd", target_arch = "x86_64"))]
            Isa::Avx2 => std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
            #[cfg(all(feature = "simd", target_arch = "x86_64"))]
            Isa::Avx512Vnni => {
                Isa::Avx2.available()
                    && std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(all(feature = "simd", target_arch = "aarch64"))]
            Isa::Neon => true,
            #[cfg(all(feature = "simd", target_arch = "aarch64"))]
            Isa::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }
}

/// The best instruction set of this processor among those the build has kernels for.
pub fn detect() -> Isa {
    for isa in [Isa::Avx512Vnni, Isa::Avx2, Isa::NeonDot, Isa::Neon] {
        if isa.available() {
            return isa;
        }
    }
    Isa::Scalar
}

/// 0: nothing yet; otherwise the discriminant of the active set.
static ACTIVE: AtomicU8 = AtomicU8::new(0);

/// The instruction set the kernels use now.
pub fn active() -> Isa {
    let stored = ACTIVE.load(Ordering::Relaxed);
    match Isa::ALL.into_iter().find(|isa| *isa as u8 == stored) {
        Some(isa) => isa,
        None => {
            let isa = detect();
            ACTIVE.store(isa as u8, Ordering::Relaxed);
            isa
        }
    }
}

/// Makes all kernels use `isa` (`None`: the detected one again), for tests and comparisons; process-wide.
///
/// Returns false, and changes nothing, when this processor or build cannot run it.
pub fn force(isa: impl Into<Option<Isa>>) -> bool {
    let isa = isa.into().unwrap_or_else(detect);
    let available = isa.available();
    if available {
        ACTIVE.store(isa as u8, Ordering::Relaxed);
    }
    available
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The instruction sets to compare `what` on. The test's output names them, and those this processor or build lacks:
    /// the suite `avx512` counts these lines.
    pub(crate) fn each_available(what: &str) -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(move |isa| {
            if isa.available() {
                println!("{what} on {}", isa.name());
            } else {
                println!("skipped: {what}: this processor or build has no {}", isa.name());
            }
            isa.available()
        })
    }

    #[test]
    fn every_name_leads_back_to_its_instruction_set() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("sse9"), None);
    }

    #[test]
    fn the_detected_set_is_available_and_absent_sets_cannot_be_forced() {
        assert!(detect().available());
        let absent = if cfg!(target_arch = "x86_64") {
            Isa::Neon
        } else {
            Isa::Avx2
        };
        assert!(!force(absent));
        assert!(active().available());
    }
}
