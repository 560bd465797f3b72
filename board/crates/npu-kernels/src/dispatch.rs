//! One body, one copy per instruction set. Knows only how to instantiate an `#[inline(always)]` function with other
//! target features; the bytes it computes cannot differ, since the compiler never reorders float operations.

/// `dispatch!(/// doc; pub fn name(args) -> T = body);` defines `name(isa, args)` that runs `body(args)` compiled for `isa`.
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:path) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::isa::Isa, $($arg: $ty),*) $(-> $ret)? {
            match isa {
                #[cfg(all(feature = "simd", target_arch = "x86_64"))]
                $crate::isa::Isa::Avx2 => {
                    #[target_feature(enable = "avx2,fma")]
                    fn avx2($($arg: $ty),*) $(-> $ret)? { $body($($arg),*) }
                    assert!($crate::isa::Isa::Avx2.available());
                    // SAFETY: the line above checked that the processor has AVX2 and FMA.
                    unsafe { avx2($($arg),*) }
                }
                #[cfg(all(feature = "simd", target_arch = "x86_64"))]
                $crate::isa::Isa::Avx512Vnni => {
                    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")]
                    fn avx512($($arg: $ty),*) $(-> $ret)? { $body($($arg),*) }
                    assert!($crate::isa::Isa::Avx512Vnni.available());
                    // SAFETY: the line above checked that the processor has these AVX-512 subsets.
                    unsafe { avx512($($arg),*) }
                }
                _ => $body($($arg),*),
            }
        }
    };
}
pub(crate) use dispatch;
