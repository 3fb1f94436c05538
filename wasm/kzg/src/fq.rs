//! The curve's base field for sums of many points: 13 limbs of 30 bits in Montgomery form. Thirteen products of
//! limbs add up in 64 bits without a carry, which makes this twice as fast in WebAssembly as wider limbs, whose
//! products it has no instruction for.
//!
//! Values are kept a little loosely: below p + 2^363, so that p itself may stand for zero.

use ark_bls12_381::Fq as ArkFq;
use ark_ff::{BigInteger384, Field, PrimeField};

const LIMBS: usize = 13;
const BITS: usize = 30;
const MASK: u64 = (1 << BITS) - 1;

#[derive(Clone, Copy, Debug)]
pub struct Fq([u32; LIMBS]);

const fn split(wide: &[u64; 6]) -> [u32; LIMBS] {
    let mut limbs = [0; LIMBS];
    let mut index = 0;
    while index < LIMBS {
        let (word, shift) = (BITS * index / 64, BITS * index % 64);
        let mut value = wide[word] >> shift;
        if shift + BITS > 64 && word + 1 < 6 {
            value |= wide[word + 1] << (64 - shift);
        }
        limbs[index] = (value & MASK) as u32;
        index += 1;
    }
    limbs
}

const fn join(limbs: &[u32; LIMBS]) -> [u64; 6] {
    let mut wide = [0; 6];
    let mut index = 0;
    while index < LIMBS {
        let (word, shift) = (BITS * index / 64, BITS * index % 64);
        wide[word] |= (limbs[index] as u64) << shift;
        if shift + BITS > 64 && word + 1 < 6 {
            wide[word + 1] |= (limbs[index] as u64) >> (64 - shift);
        }
        index += 1;
    }
    wide
}

const P: [u32; LIMBS] = split(&ArkFq::MODULUS.0);

/// −p^-1 modulo 2^30.
const INVERSE: u32 = {
    let mut inverse = 1u32;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(P[0].wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg() & MASK as u32
};

/// Column `K` of the product below the limb that the result begins with, with `carry` from the column before;
/// makes limb `K` of the multiple of p that clears it. Returns the carry into the next.
#[inline(always)]
fn reduced_column<const K: usize>(column: u64, m: &mut [u32; LIMBS]) -> u64 {
    let high = column >> BITS;
    let mut sum = column & MASK;
    for i in 0..K {
        sum += u64::from(m[i]) * u64::from(P[K - i]);
    }
    m[K] = (sum as u32).wrapping_mul(INVERSE) & MASK as u32;
    ((sum + u64::from(m[K]) * u64::from(P[0])) >> BITS) + high
}

/// Column 13 + `K`: returns the carry into the next, after storing the result's limb `K`.
#[inline(always)]
fn result_column<const K: usize>(column: u64, m: &[u32; LIMBS], result: &mut [u32; LIMBS]) -> u64 {
    let high = column >> BITS;
    let mut sum = column & MASK;
    for i in K + 1..LIMBS {
        sum += u64::from(m[i]) * u64::from(P[LIMBS + K - i]);
    }
    result[K] = (sum & MASK) as u32;
    (sum >> BITS) + high
}

#[inline(always)]
fn product_column<const K: usize>(a: &[u32; LIMBS], b: &[u32; LIMBS]) -> u64 {
    let mut sum = 0;
    for i in K.saturating_sub(LIMBS - 1)..LIMBS.min(K + 1) {
        sum += u64::from(a[i]) * u64::from(b[K - i]);
    }
    sum
}

#[inline(always)]
fn square_column<const K: usize>(a: &[u32; LIMBS]) -> u64 {
    let mut sum = 0;
    for i in K.saturating_sub(LIMBS - 1)..K.div_ceil(2) {
        sum += u64::from(a[i]) * u64::from(a[K - i]);
    }
    sum *= 2;
    if K.is_multiple_of(2) {
        sum += u64::from(a[K / 2]) * u64::from(a[K / 2]);
    }
    sum
}

/// Montgomery reduction of a product given by its columns, all unrolled.
macro_rules! reduce {
    ($column:ident($($operand:expr),*)) => {{
        let mut m = [0u32; LIMBS];
        let mut result = [0u32; LIMBS];
        let mut carry = 0;
        reduce!(@low $column($($operand),*) m carry 0 1 2 3 4 5 6 7 8 9 10 11 12);
        reduce!(@high $column($($operand),*) m result carry 0 1 2 3 4 5 6 7 8 9 10 11);
        result[LIMBS - 1] = carry as u32;
        result
    }};
    (@low $column:ident $operands:tt $m:ident $carry:ident $($k:literal)*) => {
        $($carry = reduced_column::<$k>($carry + reduce!(@call $column $k $operands), &mut $m);)*
    };
    (@high $column:ident $operands:tt $m:ident $result:ident $carry:ident $($k:literal)*) => {
        $($carry = result_column::<$k>(
            $carry + reduce!(@call $column { LIMBS + $k } $operands), &$m, &mut $result);)*
    };
    (@call $column:ident $k:tt ($($operand:expr),*)) => { $column::<$k>($($operand),*) };
}

impl Fq {
    pub const ZERO: Self = Self([0; LIMBS]);
    /// 2^390 modulo p.
    pub const ONE: Self = Self(split(&power_of_two(BITS * LIMBS)));
    /// 2^780 modulo p.
    const SQUARED_RADIX: Self = Self(split(&power_of_two(2 * BITS * LIMBS)));

    /// From an integer below p.
    fn from_integer(wide: &[u64; 6]) -> Self {
        Self(split(wide)).mul(&Self::SQUARED_RADIX)
    }

    /// The integer below p.
    fn to_integer(self) -> [u64; 6] {
        let mut one = [0; LIMBS];
        one[0] = 1;
        join(&self.mul(&Self(one)).canonical())
    }

    pub fn from_ark(value: &ArkFq) -> Self {
        Self::from_integer(&value.into_bigint().0)
    }

    pub fn to_ark(self) -> ArkFq {
        ArkFq::from_bigint(BigInteger384::new(self.to_integer())).expect("below p")
    }

    /// From 48 bytes, big-endian; None when they are not below p.
    pub fn from_bytes(bytes: &[u8; 48]) -> Option<Self> {
        let mut wide = [0; 6];
        for (word, part) in wide.iter_mut().zip(bytes.rchunks_exact(8)) {
            *word = u64::from_be_bytes(part.try_into().ok()?);
        }
        (BigInteger384::new(wide) < ArkFq::MODULUS).then(|| Self::from_integer(&wide))
    }

    /// 48 bytes, big-endian.
    #[cfg(test)]
    pub fn to_bytes(self) -> [u8; 48] {
        let mut bytes = [0; 48];
        for (part, word) in bytes.rchunks_exact_mut(8).zip(self.to_integer()) {
            part.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    #[inline(never)]
    pub fn mul(&self, other: &Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(reduce!(product_column(&a, &b)))
    }

    #[inline(never)]
    pub fn square(&self) -> Self {
        let a = self.0;
        Self(reduce!(square_column(&a)))
    }

    pub fn add(&self, other: &Self) -> Self {
        Self::settle(|i| i64::from(self.0[i]) + i64::from(other.0[i]))
    }

    pub fn sub(&self, other: &Self) -> Self {
        Self::settle(|i| i64::from(self.0[i]) - i64::from(other.0[i]) + 2 * i64::from(P[i]))
    }

    /// self − a − b.
    pub fn sub_both(&self, a: &Self, b: &Self) -> Self {
        Self::settle(|i| i64::from(self.0[i]) - i64::from(a.0[i]) - i64::from(b.0[i]) + 4 * i64::from(P[i]))
    }

    pub fn neg(&self) -> Self {
        Self::settle(|i| 2 * i64::from(P[i]) - i64::from(self.0[i]))
    }

    pub fn double(&self) -> Self {
        self.add(self)
    }

    /// Brings limbs of a sum between 0 and some 100 p back to a value a little above p at most.
    #[inline(always)]
    fn settle(limb: impl Fn(usize) -> i64) -> Self {
        const TOP: i64 = P[LIMBS - 1] as i64 + 1;
        // How many times p goes into it, judged by the top limbs; one is taken off for what lower limbs borrow.
        let quotient = (limb(LIMBS - 1) + (limb(LIMBS - 2) >> BITS) - 1) / TOP;
        let mut limbs = [0; LIMBS];
        let mut carry = 0;
        for (i, slot) in limbs.iter_mut().enumerate() {
            carry += limb(i) - quotient * i64::from(P[i]);
            *slot = (carry as u64 & MASK) as u32;
            carry >>= BITS;
        }
        Self(limbs)
    }

    /// The same value below p.
    fn canonical(self) -> [u32; LIMBS] {
        let mut limbs = [0; LIMBS];
        let mut carry = 0i64;
        for (slot, (own, p)) in limbs.iter_mut().zip(self.0.iter().zip(&P)) {
            carry += i64::from(*own) - i64::from(*p);
            *slot = (carry as u64 & MASK) as u32;
            carry >>= BITS;
        }
        if carry < 0 {
            self.0
        } else {
            limbs
        }
    }

    pub fn is_zero(&self) -> bool {
        (self.0[0] == 0 || self.0[0] == P[0]) && (self.0 == [0; LIMBS] || self.0 == P)
    }

    /// A square root, or None when there is none.
    pub fn sqrt(&self) -> Option<Self> {
        let root = self.power(&ROOT_EXPONENT);
        root.square().sub(self).is_zero().then_some(root)
    }

    /// Power by an exponent of 96 digits of four bits, the highest first.
    fn power(&self, exponent: &[u8; 96]) -> Self {
        let mut powers = [Self::ONE; 16];
        for i in 1..16 {
            powers[i] = powers[i - 1].mul(self);
        }
        exponent.iter().fold(Self::ONE, |power, digit| {
            power
                .square()
                .square()
                .square()
                .square()
                .mul(&powers[usize::from(*digit)])
        })
    }

    /// Inverse, or None of zero.
    pub fn inverse(&self) -> Option<Self> {
        self.to_ark().inverse().map(|inverse| Self::from_ark(&inverse))
    }
}

/// (p + 1) / 4 in digits of four bits, the highest first: the power that is a square root, as p is 3 modulo 4.
const ROOT_EXPONENT: [u8; 96] = {
    let p = ArkFq::MODULUS.0;
    let mut digits = [0; 96];
    let mut index = 0;
    while index < 96 {
        // p ends in 1011 in binary, so that p / 4 + 1 is what is wanted and carries no further than its low digit.
        let bit = 4 * (95 - index) + 2;
        let mut value = p[bit / 64] >> (bit % 64);
        if bit % 64 > 60 && bit / 64 + 1 < 6 {
            value |= p[bit / 64 + 1] << (64 - bit % 64);
        }
        digits[index] = (value & 15) as u8 + (index == 95) as u8;
        index += 1;
    }
    digits
};

/// 2^exponent modulo p.
const fn power_of_two(exponent: usize) -> [u64; 6] {
    let p = ArkFq::MODULUS.0;
    let mut value = [1, 0, 0, 0, 0, 0];
    let mut step = 0;
    while step < exponent {
        let mut doubled = [0u64; 6];
        let mut difference = [0u64; 6];
        let (mut carry, mut borrow) = (0, false);
        let mut i = 0;
        while i < 6 {
            doubled[i] = (value[i] << 1) | carry;
            carry = value[i] >> 63;
            let (once, first) = doubled[i].overflowing_sub(p[i]);
            let (twice, second) = once.overflowing_sub(borrow as u64);
            difference[i] = twice;
            borrow = first || second;
            i += 1;
        }
        value = if borrow { doubled } else { difference };
        step += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{AdditiveGroup, One, Zero};

    /// Values that exercise carries: small ones, large ones, and powers of a generator.
    fn samples() -> Vec<ArkFq> {
        let mut values = vec![
            ArkFq::zero(),
            ArkFq::one(),
            -ArkFq::one(),
            ArkFq::from(MASK),
            -ArkFq::from(MASK),
        ];
        let mut power = ArkFq::from(2u64);
        for _ in 0..40 {
            power = power.square() + ArkFq::from(5u64);
            values.push(power);
        }
        values
    }

    #[test]
    fn arithmetic_is_that_of_the_other_representation() {
        let values = samples();
        for a in &values {
            let own = Fq::from_ark(a);
            assert_eq!(own.to_ark(), *a);
            assert_eq!(own.square().to_ark(), a.square());
            assert_eq!(own.neg().to_ark(), -*a);
            assert_eq!(own.inverse().map(Fq::to_ark), a.inverse());
            assert!(own.sub(&own).is_zero());
            assert_eq!(own.sqrt().is_some(), a.sqrt().is_some());
            assert!(own
                .square()
                .sqrt()
                .is_some_and(|root| root.to_ark().square() == a.square()));
            assert_eq!(Fq::from_bytes(&own.to_bytes()).map(Fq::to_ark), Some(*a));
            for b in &values {
                let other = Fq::from_ark(b);
                assert_eq!(own.mul(&other).to_ark(), *a * b);
                assert_eq!(own.add(&other).to_ark(), *a + b);
                assert_eq!(own.sub(&other).to_ark(), *a - b);
                assert_eq!(
                    own.sub_both(&other, &other.double()).to_ark(),
                    *a - b - b.double()
                );
                assert_eq!(own.sub(&other).is_zero(), a == b);
            }
        }
        assert_eq!(Fq::ONE.to_ark(), ArkFq::one());
    }

    #[test]
    fn bytes_not_below_p_are_refused() {
        let mut bytes = (-Fq::ONE.to_ark()).into_bigint().0.map(u64::to_be_bytes);
        bytes.reverse();
        let mut bytes: [u8; 48] = bytes.concat().try_into().expect("48 bytes");
        assert!(Fq::from_bytes(&bytes).is_some());
        bytes[47] += 1;
        assert!(Fq::from_bytes(&bytes).is_none());
    }
}
