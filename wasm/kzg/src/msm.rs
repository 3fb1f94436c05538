//! Multi-scalar multiplication: signed windows, bucket sums by pairwise affine additions that share one
//! inversion a round.

use crate::scalar::Fr;
use ark_bls12_381::{Fq, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField, Zero};

/// Σ scalarᵢ · pointᵢ. The shorter of the two slices decides how many terms there are.
pub fn msm(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let count = points.len().min(scalars.len());
    let (points, scalars) = (&points[..count], &scalars[..count]);
    let bits = window_bits(count);
    let windows = 256usize.div_ceil(bits);
    let digits = signed_digits(scalars, bits, windows);
    let mut scratch = Scratch::default();
    let mut total = G1Projective::zero();
    for window in (0..windows).rev() {
        for _ in 0..bits {
            total.double_in_place();
        }
        total += window_sum(
            points,
            &digits[window * count..(window + 1) * count],
            bits,
            &mut scratch,
        );
    }
    total
}

fn window_bits(count: usize) -> usize {
    match count {
        0..=3 => 2,
        4..=31 => 4,
        32..=255 => 6,
        256..=2047 => 8,
        2048..=16383 => 10,
        _ => 12,
    }
}

/// Digits in −2^(bits−1)..=2^(bits−1), window after window.
fn signed_digits(scalars: &[Fr], bits: usize, windows: usize) -> Vec<i32> {
    let count = scalars.len();
    let mut digits = vec![0i32; count * windows];
    let (half, full) = (1i32 << (bits - 1), 1i32 << bits);
    for (index, scalar) in scalars.iter().enumerate() {
        let limbs = scalar.into_bigint().0;
        let mut carry = 0;
        for window in 0..windows {
            let mut digit = bits_at(&limbs, window * bits, bits) + carry;
            carry = i32::from(digit > half);
            if carry == 1 {
                digit -= full;
            }
            digits[window * count + index] = digit;
        }
    }
    digits
}

fn bits_at(limbs: &[u64; 4], offset: usize, bits: usize) -> i32 {
    let (limb, shift) = (offset / 64, offset % 64);
    if limb >= 4 {
        return 0;
    }
    let mut value = limbs[limb] >> shift;
    if shift + bits > 64 && limb + 1 < 4 {
        value |= limbs[limb + 1] << (64 - shift);
    }
    (value & ((1 << bits) - 1)) as i32
}

#[derive(Default)]
struct Scratch {
    /// Points by bucket, one bucket after the other.
    sorted: Vec<(Fq, Fq)>,
    starts: Vec<usize>,
    lengths: Vec<usize>,
    denominators: Vec<Fq>,
    products: Vec<Fq>,
}

fn window_sum(points: &[G1Affine], digits: &[i32], bits: usize, scratch: &mut Scratch) -> G1Projective {
    let buckets = 1usize << (bits - 1);
    let mut extra = Vec::new();
    sort_into_buckets(points, digits, buckets, scratch);
    while reduce_pairs(buckets, scratch, &mut extra) {}
    let mut sums: Vec<Option<(Fq, Fq)>> = (0..buckets)
        .map(|bucket| (scratch.lengths[bucket] == 1).then(|| scratch.sorted[scratch.starts[bucket]]))
        .collect();
    let mut running = G1Projective::zero();
    let mut total = G1Projective::zero();
    for bucket in (0..buckets).rev() {
        if let Some((x, y)) = sums[bucket].take() {
            running += G1Affine::new_unchecked(x, y);
        }
        for (_, point) in extra.iter().filter(|(at, _)| *at == bucket) {
            running += point;
        }
        total += running;
    }
    total
}

fn sort_into_buckets(points: &[G1Affine], digits: &[i32], buckets: usize, scratch: &mut Scratch) {
    scratch.lengths.clear();
    scratch.lengths.resize(buckets, 0);
    for (point, digit) in points.iter().zip(digits) {
        if *digit != 0 && !point.is_zero() {
            scratch.lengths[digit.unsigned_abs() as usize - 1] += 1;
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
    for (point, digit) in points.iter().zip(digits) {
        if *digit != 0 && !point.is_zero() {
            let bucket = digit.unsigned_abs() as usize - 1;
            scratch.sorted[next[bucket]] = (point.x, if *digit < 0 { -point.y } else { point.y });
            next[bucket] += 1;
        }
    }
}

/// One round of adding neighbours in every bucket; false when every bucket holds one point at most.
fn reduce_pairs(buckets: usize, scratch: &mut Scratch, extra: &mut Vec<(usize, G1Projective)>) -> bool {
    let Scratch {
        sorted,
        starts,
        lengths,
        denominators,
        products,
    } = scratch;
    denominators.clear();
    for bucket in 0..buckets {
        for pair in 0..lengths[bucket] / 2 {
            let at = starts[bucket] + 2 * pair;
            denominators.push(sorted[at + 1].0 - sorted[at].0);
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
            let ((x1, y1), (x2, y2)) = (sorted[start + 2 * pair], sorted[start + 2 * pair + 1]);
            if inverse.is_zero() {
                // Equal x: the affine sum has no slope. Leave the rare pair to projective addition.
                let sum = G1Affine::new_unchecked(x1, y1) + G1Affine::new_unchecked(x2, y2);
                extra.push((bucket, sum));
                continue;
            }
            let slope = (y2 - y1) * inverse;
            let x3 = slope.square() - x1 - x2;
            let y3 = slope * (x1 - x3) - y1;
            sorted[start + kept] = (x3, y3);
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
            product *= element;
        }
    }
    let mut inverse = product.inverse().expect("a product of non-zero elements");
    for (element, before) in elements.iter_mut().zip(products.iter()).rev() {
        if !element.is_zero() {
            let inverted = inverse * before;
            inverse *= *element;
            *element = inverted;
        }
    }
}

/// Sum of points in affine form.
pub fn sum(points: &[G1Affine]) -> G1Affine {
    points
        .iter()
        .fold(G1Projective::zero(), |total, point| total + point)
        .into_affine()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::g1::Config;
    use ark_ec::short_weierstrass::SWCurveConfig;

    fn points(count: usize) -> Vec<G1Affine> {
        let mut point = G1Projective::from(Config::GENERATOR);
        (0..count)
            .map(|_| {
                point.double_in_place();
                point.into_affine()
            })
            .collect()
    }

    #[test]
    fn agrees_with_one_multiplication_after_the_other() {
        for count in [1, 2, 5, 40, 300] {
            let points = points(count);
            let scalars: Vec<Fr> = (0..count)
                .map(|i| Fr::from(7u64).pow([(3 * i + 90) as u64]))
                .collect();
            let expected: G1Projective = points
                .iter()
                .zip(&scalars)
                .map(|(point, scalar)| *point * scalar)
                .sum();
            assert_eq!(msm(&points, &scalars), expected, "{count} points");
        }
    }

    #[test]
    fn equal_opposite_and_infinite_points_are_summed_rightly() {
        let point = points(1)[0];
        let minus = -point;
        let all = [point, point, minus, G1Affine::zero(), point];
        let one = Fr::from(1u64);
        assert_eq!(msm(&all, &[one; 5]), point + point);
        assert_eq!(msm(&all, &[-one; 5]), -(point + point));
        assert_eq!(msm(&[], &[]), G1Projective::zero());
    }
}
