//! 32-bit lanes side by side, in the machine's vectors: four on wasm32, x86-64 and 64-bit ARM, eight or sixteen on x86-64
//! processors that have them. Plain arrays elsewhere.

/// `N` lanes.
///
/// A type may stand for instructions that not every machine has. `Width` finds out which there are, and everything
/// that is done with lanes is inlined into the function that is compiled for them; no closure, which would not be.
pub trait Lanes<const N: usize>: Copy {
    fn splat(value: u32) -> Self;
    fn load(values: &[u32; N]) -> Self;
    fn store(self) -> [u32; N];
    fn add(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    /// Rotates by `RIGHT` bits; `LEFT` is 32 less that.
    fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self;
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::Lanes;
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub struct Four(v128);

    impl Lanes<4> for Four {
        #[inline(always)]
        fn splat(value: u32) -> Self {
            Self(u32x4_splat(value))
        }

        #[inline(always)]
        fn load(values: &[u32; 4]) -> Self {
            Self(u32x4(values[0], values[1], values[2], values[3]))
        }

        #[inline(always)]
        fn store(self) -> [u32; 4] {
            [
                u32x4_extract_lane::<0>(self.0),
                u32x4_extract_lane::<1>(self.0),
                u32x4_extract_lane::<2>(self.0),
                u32x4_extract_lane::<3>(self.0),
            ]
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(u32x4_add(self.0, other.0))
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline(always)]
        #[rustfmt::skip]
        fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self {
            Self(match RIGHT {
                16 => i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(self.0, self.0),
                8 => i8x16_shuffle::<1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12>(self.0, self.0),
                _ => v128_or(u32x4_shr(self.0, RIGHT as u32), u32x4_shl(self.0, LEFT as u32)),
            })
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod imp {
    use super::Lanes;
    use core::arch::x86_64::*;

    macro_rules! lanes {
        ($(#[$about:meta])* $name:ident, $count:literal, $vector:ty, $splat:ident, $load:ident, $add:ident, $xor:ident,
         |$rotated:ident| $rotate:expr) => {
            $(#[$about])*
            #[derive(Clone, Copy)]
            pub struct $name($vector);

            impl Lanes<$count> for $name {
                #[inline(always)]
                fn splat(value: u32) -> Self {
                    // SAFETY: whoever uses the type has found its instructions; here and below.
                    Self(unsafe { $splat(value as i32) })
                }

                #[inline(always)]
                fn load(values: &[u32; $count]) -> Self {
                    // SAFETY: the array is as long as the vector, and need not be aligned.
                    Self(unsafe { $load(values.as_ptr().cast()) })
                }

                #[inline(always)]
                fn store(self) -> [u32; $count] {
                    // SAFETY: both are so many 32-bit numbers and nothing else.
                    unsafe { core::mem::transmute(self.0) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                fn xor(self, other: Self) -> Self {
                    Self(unsafe { $xor(self.0, other.0) })
                }

                #[inline(always)]
                fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self {
                    let $rotated = self.0;
                    Self(unsafe { $rotate })
                }
            }
        };
    }

    lanes!(
        /// SSE2, which every x86-64 processor has.
        Four, 4, __m128i, _mm_set1_epi32, _mm_loadu_si128, _mm_add_epi32, _mm_xor_si128,
        |v| _mm_or_si128(_mm_srli_epi32::<RIGHT>(v), _mm_slli_epi32::<LEFT>(v))
    );
    lanes!(
        /// AVX2.
        Eight, 8, __m256i, _mm256_set1_epi32, _mm256_loadu_si256, _mm256_add_epi32, _mm256_xor_si256,
        |v| _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(v), _mm256_slli_epi32::<LEFT>(v))
    );
    lanes!(
        /// AVX-512.
        Sixteen, 16, __m512i, _mm512_set1_epi32, _mm512_loadu_si512, _mm512_add_epi32, _mm512_xor_si512,
        |v| _mm512_ror_epi32::<RIGHT>(v)
    );
}

#[cfg(target_arch = "aarch64")]
mod imp {
    use super::Lanes;
    use core::arch::aarch64::*;

    /// NEON, which every 64-bit ARM processor has.
    #[derive(Clone, Copy)]
    pub struct Four(uint32x4_t);

    // SAFETY, of all of them: the instructions are there, and an array is as long as the vector.
    impl Lanes<4> for Four {
        #[inline(always)]
        fn splat(value: u32) -> Self {
            Self(unsafe { vdupq_n_u32(value) })
        }

        #[inline(always)]
        fn load(values: &[u32; 4]) -> Self {
            Self(unsafe { vld1q_u32(values.as_ptr()) })
        }

        #[inline(always)]
        fn store(self) -> [u32; 4] {
            unsafe { core::mem::transmute(self.0) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(unsafe { vaddq_u32(self.0, other.0) })
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            Self(unsafe { veorq_u32(self.0, other.0) })
        }

        #[inline(always)]
        fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self {
            Self(unsafe { vorrq_u32(vshrq_n_u32::<RIGHT>(self.0), vshlq_n_u32::<LEFT>(self.0)) })
        }
    }
}

#[cfg(not(any(target_arch = "wasm32", target_arch = "x86_64", target_arch = "aarch64")))]
mod imp {
    use super::Lanes;

    #[derive(Clone, Copy)]
    pub struct Four([u32; 4]);

    impl Lanes<4> for Four {
        #[inline(always)]
        fn splat(value: u32) -> Self {
            Self([value; 4])
        }

        #[inline(always)]
        fn load(values: &[u32; 4]) -> Self {
            Self(*values)
        }

        #[inline(always)]
        fn store(self) -> [u32; 4] {
            self.0
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(std::array::from_fn(|lane| {
                self.0[lane].wrapping_add(other.0[lane])
            }))
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane] ^ other.0[lane]))
        }

        #[inline(always)]
        fn rotate<const RIGHT: i32, const LEFT: i32>(self) -> Self {
            Self(self.0.map(|value| value.rotate_right(RIGHT as u32)))
        }
    }
}

pub use imp::*;

/// The lanes that this machine has at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Four,
    #[cfg(target_arch = "x86_64")]
    Eight,
    #[cfg(target_arch = "x86_64")]
    Sixteen,
}

impl Width {
    pub fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::is_x86_feature_detected as has;
            if has!("avx512f") {
                return Self::Sixteen;
            }
            if has!("avx2") {
                return Self::Eight;
            }
        }
        Self::Four
    }

    /// All that this machine has.
    pub fn all() -> Vec<Self> {
        match Self::widest() {
            Self::Four => vec![Self::Four],
            #[cfg(target_arch = "x86_64")]
            Self::Eight => vec![Self::Four, Self::Eight],
            #[cfg(target_arch = "x86_64")]
            Self::Sixteen => vec![Self::Four, Self::Eight, Self::Sixteen],
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Four => "128-bit vectors",
            #[cfg(target_arch = "x86_64")]
            Self::Eight => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Sixteen => "AVX-512",
        }
    }
}
