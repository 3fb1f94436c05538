//! Four 32-bit lanes side by side: the machine's vector on wasm32, plain arrays elsewhere, which compilers
//! turn into vectors.

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub struct Lanes(v128);

    impl Lanes {
        #[inline(always)]
        pub fn splat(value: u32) -> Self {
            Self(u32x4_splat(value))
        }

        #[inline(always)]
        pub fn new(values: [u32; 4]) -> Self {
            Self(u32x4(values[0], values[1], values[2], values[3]))
        }

        #[inline(always)]
        pub fn to_array(self) -> [u32; 4] {
            [
                u32x4_extract_lane::<0>(self.0),
                u32x4_extract_lane::<1>(self.0),
                u32x4_extract_lane::<2>(self.0),
                u32x4_extract_lane::<3>(self.0),
            ]
        }

        #[inline(always)]
        pub fn add(self, other: Self) -> Self {
            Self(u32x4_add(self.0, other.0))
        }

        #[inline(always)]
        pub fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline(always)]
        pub fn rotate_right<const N: u32>(self) -> Self {
            match N {
                16 => Self(i8x16_shuffle::<
                    2,
                    3,
                    0,
                    1,
                    6,
                    7,
                    4,
                    5,
                    10,
                    11,
                    8,
                    9,
                    14,
                    15,
                    12,
                    13,
                >(self.0, self.0)),
                8 => Self(i8x16_shuffle::<
                    1,
                    2,
                    3,
                    0,
                    5,
                    6,
                    7,
                    4,
                    9,
                    10,
                    11,
                    8,
                    13,
                    14,
                    15,
                    12,
                >(self.0, self.0)),
                _ => Self(v128_or(u32x4_shr(self.0, N), u32x4_shl(self.0, 32 - N))),
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    #[derive(Clone, Copy)]
    pub struct Lanes([u32; 4]);

    impl Lanes {
        #[inline(always)]
        pub fn splat(value: u32) -> Self {
            Self([value; 4])
        }

        #[inline(always)]
        pub fn new(values: [u32; 4]) -> Self {
            Self(values)
        }

        #[inline(always)]
        pub fn to_array(self) -> [u32; 4] {
            self.0
        }

        #[inline(always)]
        pub fn add(self, other: Self) -> Self {
            Self(std::array::from_fn(|lane| {
                self.0[lane].wrapping_add(other.0[lane])
            }))
        }

        #[inline(always)]
        pub fn xor(self, other: Self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane] ^ other.0[lane]))
        }

        #[inline(always)]
        pub fn rotate_right<const N: u32>(self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane].rotate_right(N)))
        }
    }
}

pub use imp::Lanes;
