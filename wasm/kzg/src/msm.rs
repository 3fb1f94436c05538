//! Multi-scalar multiplication. Every scalar is cut in two by the curve's endomorphism, its halves into signed
//! digits; the points of a digit are added up in pairs, affinely, with one inversion for all pairs of a round.

use crate::fq::Fq;
use crate::scalar::Fr;
use ark_bls12_381::{g1, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::PrimeField;

/// A point to be multiplied: x, y, and the x of its image under the endomorphism. At infinity all are zero,
/// and only there: the curve has no point of order two.
#[derive(Clone, Copy)]
pub struct Base {
    x: Fq,
    y: Fq,
    endo_x: Fq,
}

impl Base {
    fn new(x: Fq, y: Fq) -> Self {
        Self {
            x,
            y,
            endo_x: x.mul(&beta()),
        }
    }

    pub fn from_affine(point: &G1Affine) -> Self {
        point.xy().map_or(
            Self {
                x: Fq::ZERO,
                y: Fq::ZERO,
                endo_x: Fq::ZERO,
            },
            |(x, y)| Self::new(Fq::from_ark(&x), Fq::from_ark(&y)),
        )
    }

    /// From 96 bytes, x and y big-endian; None unless they are on the curve's equation and not at infinity.
    pub fn from_uncompressed(bytes: &[u8; 96]) -> Option<Self> {
        let (x, y) = bytes.split_at(48);
        let x = Fq::from_bytes(x.try_into().ok()?)?;
        let y = Fq::from_bytes(y.try_into().ok()?)?;
        let four = Fq::ONE.double().double();
        y.square()
            .sub(&x.square().mul(&x).add(&four))
            .is_zero()
            .then(|| Self::new(x, y))
    }
}

/// The point of the curve with this x (48 bytes, big-endian) and the larger or smaller of its two y; None when
/// there is none.
pub fn decompress(x: &[u8; 48], larger: bool) -> Option<G1Affine> {
    let x = Fq::from_bytes(x)?;
    let y = curve_square(&x).sqrt()?.to_ark();
    let y = if (y > -y) == larger { y } else { -y };
    Some(G1Affine::new_unchecked(x.to_ark(), y))
}

/// x³ + 4.
fn curve_square(x: &Fq) -> Fq {
    x.square().mul(x).add(&Fq::ONE.double().double())
}

fn beta() -> Fq {
    Fq::from_ark(&g1::BETA)
}

pub fn bases(points: &[G1Affine]) -> Vec<Base> {
    points.iter().map(Base::from_affine).collect()
}

/// Σ scalarᵢ · pointᵢ. The shorter of the two slices decides how many terms there are.
pub fn msm(points: &[Base], scalars: &[Fr]) -> G1Affine {
    let count = points.len().min(scalars.len());
    let (points, scalars) = (&points[..count], &scalars[..count]);
    let bits = window_bits(count);
    let windows = windows_of(bits);
    let digits = signed_digits(scalars, bits);
    let mut scratch = Scratch::default();
    let mut total = Sum::INFINITY;
    for window in (0..windows).rev() {
        for _ in 0..bits {
            total = total.double();
        }
        let digits = &digits[2 * window * count..2 * (window + 1) * count];
        total = total.add(&window_sum(points, digits, bits, &mut scratch));
    }
    total.to_affine()
}

/// Bits of half a scalar, with one for the last carry.
const HALF_BITS: usize = 129;

fn windows_of(bits: usize) -> usize {
    HALF_BITS.div_ceil(bits)
}

/// The width of digits that costs fewest multiplications.
fn window_bits(count: usize) -> usize {
    const ADDITION: usize = 6;
    const BUCKET: usize = 24;
    (2..=13)
        .min_by_key(|bits| windows_of(*bits) * (2 * count * ADDITION + (BUCKET << (bits - 1))))
        .unwrap_or(2)
}

/// x² of the curve's parameter x: the endomorphism multiplies by its negative.
const SQUARED_PARAMETER: u128 = 0xd201_0000_0001_0000 * 0xd201_0000_0001_0000;

/// Quotient and remainder by `SQUARED_PARAMETER`, both of 128 bits.
fn halves(scalar: &Fr) -> (u128, u128) {
    let limbs = scalar.into_bigint().0;
    let wide = |low: usize| u128::from(limbs[low]) | (u128::from(limbs[low + 1]) << 64);
    let (mut low, mut rest) = (wide(0), wide(2));
    // Long division, bit by bit; the divisor's top bit is set, so a bit lost by shifting always means that it goes.
    let mut quotient = 0;
    for _ in 0..128 {
        let lost = rest >> 127 == 1;
        rest = (rest << 1) | (low >> 127);
        low <<= 1;
        quotient <<= 1;
        if lost || rest >= SQUARED_PARAMETER {
            rest = rest.wrapping_sub(SQUARED_PARAMETER);
            quotient |= 1;
        }
    }
    (quotient, rest)
}

/// Digits in −2^(bits−1)..=2^(bits−1), window after window; in each, those of the remainders by x², which go with
/// the points, then those of the quotients, which go with the points' negated images.
fn signed_digits(scalars: &[Fr], bits: usize) -> Vec<i16> {
    let count = scalars.len();
    let mut digits = vec![0; 2 * count * windows_of(bits)];
    let (half, full) = (1i32 << (bits - 1), 1i32 << bits);
    for (index, scalar) in scalars.iter().enumerate() {
        let (quotient, remainder) = halves(scalar);
        for (at, mut rest) in [(index, remainder), (count + index, quotient)] {
            let mut carry = 0;
            for digit in digits[at..].iter_mut().step_by(2 * count) {
                let value = (rest & (full as u128 - 1)) as i32 + carry;
                rest >>= bits;
                carry = i32::from(value > half);
                *digit = (value - carry * full) as i16;
            }
        }
    }
    digits
}

#[derive(Default)]
struct Scratch {
    /// Points by bucket, one bucket after the other.
    sorted: Vec<(Fq, Fq)>,
    starts: Vec<usize>,
    lengths: Vec<usize>,
    denominators: Vec<Fq>,
    products: Vec<Fq>,
    /// Sums of pairs of equal x, which have no slope, by bucket.
    doubled: Vec<(usize, Sum)>,
}

fn window_sum(points: &[Base], digits: &[i16], bits: usize, scratch: &mut Scratch) -> Sum {
    let buckets = 1usize << (bits - 1);
    sort_into_buckets(points, digits, buckets, scratch);
    scratch.doubled.clear();
    while reduce_pairs(buckets, scratch) {}
    let mut running = Sum::INFINITY;
    let mut total = Sum::INFINITY;
    for bucket in (0..buckets).rev() {
        if scratch.lengths[bucket] == 1 {
            running = running.add_affine(&scratch.sorted[scratch.starts[bucket]]);
        }
        for (_, sum) in scratch.doubled.iter().filter(|(at, _)| *at == bucket) {
            running = running.add(sum);
        }
        total = total.add(&running);
    }
    total
}

fn sort_into_buckets(points: &[Base], digits: &[i16], buckets: usize, scratch: &mut Scratch) {
    let terms = || points.iter().chain(points).zip(digits).enumerate();
    let taken = |point: &Base, digit: i16| digit != 0 && !point.y.is_zero();
    scratch.lengths.clear();
    scratch.lengths.resize(buckets, 0);
    for (_, (point, digit)) in terms() {
        if taken(point, *digit) {
            scratch.lengths[usize::from(digit.unsigned_abs()) - 1] += 1;
        }
    }
    scratch.starts.clear();
    let mut at = 0;
    for length in &scratch.lengths {
        scratch.starts.push(at);
        at += length;
    }
    scratch.sorted.clear();
    scratch.sorted.resize(at, (Fq::ZERO, Fq::ZERO));
    let mut next = scratch.starts.clone();
    for (index, (point, digit)) in terms() {
        if taken(point, *digit) {
            let slot = &mut next[usize::from(digit.unsigned_abs()) - 1];
            let image = index >= points.len();
            let x = if image { point.endo_x } else { point.x };
            scratch.sorted[*slot] = (
                x,
                if image == (*digit < 0) {
                    point.y
                } else {
                    point.y.neg()
                },
            );
            *slot += 1;
        }
    }
}

/// One round of adding neighbours in every bucket; false when every bucket holds one point at most.
fn reduce_pairs(buckets: usize, scratch: &mut Scratch) -> bool {
    let Scratch {
        sorted,
        starts,
        lengths,
        denominators,
        products,
        doubled,
    } = scratch;
    denominators.clear();
    for bucket in 0..buckets {
        let start = starts[bucket];
        for pair in sorted[start..start + lengths[bucket]].chunks_exact(2) {
            denominators.push(pair[1].0.sub(&pair[0].0));
        }
    }
    if denominators.is_empty() {
        return false;
    }
    invert_all(denominators, products);
    let mut inverses = denominators.iter();
    for bucket in 0..buckets {
        let (start, length) = (starts[bucket], lengths[bucket]);
        let mut kept = 0;
        for pair in 0..length / 2 {
            let inverse = inverses.next().expect("one for each pair");
            let (first, second) = (sorted[start + 2 * pair], sorted[start + 2 * pair + 1]);
            if inverse.is_zero() {
                doubled.push((bucket, Sum::from_affine(&first).add_affine(&second)));
                continue;
            }
            let slope = second.1.sub(&first.1).mul(inverse);
            let x = slope.square().sub_both(&first.0, &second.0);
            let y = slope.mul(&first.0.sub(&x)).sub(&first.1);
            sorted[start + kept] = (x, y);
            kept += 1;
        }
        if length % 2 == 1 {
            sorted[start + kept] = sorted[start + length - 1];
            kept += 1;
        }
        lengths[bucket] = kept;
    }
    true
}

/// Inverts every non-zero element with one inversion; zeros stay zero.
fn invert_all(elements: &mut [Fq], products: &mut Vec<Fq>) {
    products.clear();
    let mut product = Fq::ONE;
    for element in elements.iter() {
        products.push(product);
        if !element.is_zero() {
            product = product.mul(element);
        }
    }
    let mut inverse = product.inverse().expect("a product of non-zero elements");
    for (element, before) in elements.iter_mut().zip(products.iter()).rev() {
        if !element.is_zero() {
            let inverted = inverse.mul(before);
            inverse = inverse.mul(element);
            *element = inverted;
        }
    }
}

/// A point as X/Z², Y/Z³ with Z² and Z³; at infinity both are zero.
#[derive(Clone, Copy)]
struct Sum {
    x: Fq,
    y: Fq,
    zz: Fq,
    zzz: Fq,
}

impl Sum {
    const INFINITY: Self = Self {
        x: Fq::ONE,
        y: Fq::ONE,
        zz: Fq::ZERO,
        zzz: Fq::ZERO,
    };

    fn from_affine(point: &(Fq, Fq)) -> Self {
        Self {
            x: point.0,
            y: point.1,
            zz: Fq::ONE,
            zzz: Fq::ONE,
        }
    }

    fn to_affine(self) -> G1Affine {
        let Some(inverse) = self.zzz.inverse() else {
            return G1Affine::zero();
        };
        let z = inverse.mul(&self.zz);
        G1Affine::new_unchecked(self.x.mul(&z.square()).to_ark(), self.y.mul(&inverse).to_ark())
    }

    fn double(&self) -> Self {
        if self.zz.is_zero() {
            return *self;
        }
        let u = self.y.double();
        let v = u.square();
        let w = u.mul(&v);
        let s = self.x.mul(&v);
        let xx = self.x.square();
        let m = xx.double().add(&xx);
        let x = m.square().sub_both(&s, &s);
        let y = m.mul(&s.sub(&x)).sub(&w.mul(&self.y));
        Self {
            x,
            y,
            zz: v.mul(&self.zz),
            zzz: w.mul(&self.zzz),
        }
    }

    fn add_affine(&self, other: &(Fq, Fq)) -> Self {
        if self.zz.is_zero() {
            return Self::from_affine(other);
        }
        let u = other.0.mul(&self.zz);
        let s = other.1.mul(&self.zzz);
        self.add_scaled(&self.x, &self.y, &u, &s, &self.zz, &self.zzz)
    }

    fn add(&self, other: &Self) -> Self {
        if self.zz.is_zero() {
            return *other;
        }
        if other.zz.is_zero() {
            return *self;
        }
        let (u1, u2) = (self.x.mul(&other.zz), other.x.mul(&self.zz));
        let (s1, s2) = (self.y.mul(&other.zzz), other.y.mul(&self.zzz));
        self.add_scaled(
            &u1,
            &s1,
            &u2,
            &s2,
            &self.zz.mul(&other.zz),
            &self.zzz.mul(&other.zzz),
        )
    }

    /// Sum of (u1, s1) and (u2, s2), both over `zz` and `zzz`; the first is this point.
    fn add_scaled(&self, u1: &Fq, s1: &Fq, u2: &Fq, s2: &Fq, zz: &Fq, zzz: &Fq) -> Self {
        let p = u2.sub(u1);
        let r = s2.sub(s1);
        if p.is_zero() {
            return if r.is_zero() {
                self.double()
            } else {
                Self::INFINITY
            };
        }
        let pp = p.square();
        let ppp = p.mul(&pp);
        let q = u1.mul(&pp);
        let x = r.square().sub_both(&ppp, &q.double());
        let y = r.mul(&q.sub(&x)).sub(&s1.mul(&ppp));
        Self {
            x,
            y,
            zz: zz.mul(&pp),
            zzz: zzz.mul(&ppp),
        }
    }
}

/// Sum of points.
pub fn sum(points: &[G1Affine]) -> G1Affine {
    points
        .iter()
        .filter_map(AffineRepr::xy)
        .fold(Sum::INFINITY, |total, (x, y)| {
            total.add_affine(&(Fq::from_ark(&x), Fq::from_ark(&y)))
        })
        .to_affine()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::G1Projective;
    use ark_ec::CurveGroup;
    use ark_ff::{AdditiveGroup, Field};

    fn points(count: usize) -> Vec<G1Affine> {
        let mut point = G1Projective::from(G1Affine::generator());
        (0..count)
            .map(|_| {
                point.double_in_place();
                point.into_affine()
            })
            .collect()
    }

    #[test]
    fn agrees_with_one_multiplication_after_the_other() {
        for count in [0, 1, 2, 5, 40, 300] {
            let points = points(count);
            let scalars: Vec<Fr> = (0..count)
                .map(|i| {
                    if i == 3 {
                        -Fr::ONE
                    } else {
                        Fr::from(7u64).pow([(3 * i + 90) as u64])
                    }
                })
                .collect();
            let expected: G1Projective = points
                .iter()
                .zip(&scalars)
                .map(|(point, scalar)| *point * scalar)
                .sum();
            assert_eq!(msm(&bases(&points), &scalars), expected, "{count} points");
        }
    }

    #[test]
    fn equal_opposite_and_infinite_points_are_summed_rightly() {
        let point = points(1)[0];
        let minus = -point;
        let all = [point, point, minus, G1Affine::zero(), point];
        let twice = (point + point).into_affine();
        assert_eq!(msm(&bases(&all), &[Fr::ONE; 5]), twice);
        assert_eq!(msm(&bases(&all), &[-Fr::ONE; 5]), -twice);
        assert_eq!(msm(&bases(&[point, minus]), &[Fr::ONE; 2]), G1Affine::zero());
        assert_eq!(sum(&all), twice);
        assert_eq!(sum(&[point, minus]), G1Affine::zero());
        assert_eq!(sum(&[]), G1Affine::zero());
    }

    #[test]
    fn scalars_are_the_sum_of_their_halves() {
        let squared = Fr::from(SQUARED_PARAMETER);
        for scalar in [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            squared,
            -squared,
            Fr::from(3u64).pow([1000]),
        ] {
            let (quotient, remainder) = halves(&scalar);
            assert!(remainder < SQUARED_PARAMETER);
            assert_eq!(Fr::from(quotient) * squared + Fr::from(remainder), scalar);
        }
    }

    #[test]
    fn uncompressed_points_are_checked() {
        let mut bytes = [0; 96];
        let generator = G1Affine::generator();
        bytes[..48].copy_from_slice(&Fq::from_ark(&generator.x).to_bytes());
        bytes[48..].copy_from_slice(&Fq::from_ark(&generator.y).to_bytes());
        let base = Base::from_uncompressed(&bytes).expect("the generator");
        assert_eq!(msm(&[base], &[Fr::ONE]), generator);
        bytes[95] ^= 1;
        assert!(Base::from_uncompressed(&bytes).is_none());
        assert!(Base::from_uncompressed(&[0; 96]).is_none());
    }
}
