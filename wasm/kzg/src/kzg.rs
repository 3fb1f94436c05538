//! The commitment scheme: commitments, openings, their verification one by one and many at a time.

use crate::msm::{self, Base};
use crate::poly;
use crate::scalar::Fr;
use crate::Error;
use ark_bls12_381::{Bls12_381, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One};
use ark_poly::EvaluationDomain;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use std::sync::OnceLock;

type G2Prepared = <Bls12_381 as Pairing>::G2Prepared;

pub const POINT_BYTES: usize = 48;
/// Most coefficients that a committed polynomial may have.
pub const MAX_COEFFICIENTS: usize = 32_768;

/// Powers of τ in G1 as far as they were loaded, ready to be multiplied.
pub struct ReferenceString {
    powers: Vec<Base>,
}

/// A claim that a committed polynomial takes `value` at point `index` of the domain of `domain` points.
#[derive(Clone)]
pub struct Opening {
    pub commitment: G1Affine,
    pub domain: usize,
    pub index: usize,
    pub value: Fr,
    pub witness: G1Affine,
}

/// Decodes 48 bytes: the point must be on the curve; its subgroup is not checked, as the network does not;
/// x = 0 is refused, as the network does.
pub fn point_from_bytes(bytes: &[u8; POINT_BYTES]) -> Option<G1Affine> {
    let infinity = bytes[0] & 0x40 != 0;
    if bytes[0] & 0x80 == 0 {
        return None;
    }
    if infinity {
        return (bytes[0] == 0xc0 && bytes[1..].iter().all(|byte| *byte == 0)).then(G1Affine::zero);
    }
    if bytes[0] & 0x1f == 0 && bytes[1..].iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut x = *bytes;
    x[0] &= 0x1f;
    msm::decompress(&x, bytes[0] & 0x20 != 0)
}

/// 48 bytes of a point.
pub fn point_to_bytes(point: &G1Affine) -> [u8; POINT_BYTES] {
    let mut bytes = [0; POINT_BYTES];
    point
        .serialize_compressed(&mut bytes[..])
        .expect("48 bytes hold a compressed point");
    bytes
}

/// All points of a byte string of n·48 bytes.
pub fn points_from_bytes(bytes: &[u8]) -> Result<Vec<G1Affine>, Error> {
    if !bytes.len().is_multiple_of(POINT_BYTES) {
        return Err(Error::BadLength {
            what: "whole points",
            length: bytes.len(),
        });
    }
    bytes
        .chunks_exact(POINT_BYTES)
        .enumerate()
        .map(|(index, chunk)| {
            chunk
                .try_into()
                .ok()
                .and_then(point_from_bytes)
                .ok_or(Error::PointUndecodable { index })
        })
        .collect()
}

/// n·48 bytes of n points.
pub fn points_to_bytes(points: &[G1Affine]) -> Vec<u8> {
    points.iter().flat_map(point_to_bytes).collect()
}

const TAU_G2: [u8; 96] = *include_bytes!("tau_g2.bin");

fn tau_g2() -> G2Affine {
    G2Affine::deserialize_compressed_unchecked(&TAU_G2[..]).expect("the ceremony's second power")
}

impl ReferenceString {
    /// Loads powers of τ from 96-byte uncompressed points (x then y, big-endian); 1 to 32768 of them, each on
    /// the curve's equation. The first must be the generator.
    pub fn from_uncompressed(bytes: &[u8]) -> Result<Self, Error> {
        let length = bytes.len();
        if length == 0 || !length.is_multiple_of(96) || length / 96 > MAX_COEFFICIENTS {
            return Err(Error::BadLength {
                what: "a reference string",
                length,
            });
        }
        let (points, _) = bytes.as_chunks();
        if points[0] != uncompressed(&G1Affine::generator()) {
            return Err(Error::PointUndecodable { index: 0 });
        }
        let powers = points
            .iter()
            .enumerate()
            .map(|(index, point)| Base::from_uncompressed(point).ok_or(Error::PointUndecodable { index }))
            .collect::<Result<_, _>>()?;
        Ok(Self { powers })
    }

    pub fn len(&self) -> usize {
        self.powers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.powers.is_empty()
    }

    /// Part of a commitment: Σ of these scalars with the powers from `from` on.
    pub fn partial(&self, scalars: &[Fr], from: usize) -> Result<G1Affine, Error> {
        let needed = from + scalars.len();
        let powers = self.powers.get(from..needed).ok_or(Error::ReferenceString {
            loaded: self.powers.len(),
            needed,
        })?;
        Ok(msm::msm(powers, scalars))
    }

    /// Commitment to a polynomial given by its coefficients, ascending, 32768 at most.
    pub fn commit(&self, coefficients: &[Fr]) -> Result<G1Affine, Error> {
        if coefficients.len() > MAX_COEFFICIENTS {
            return Err(Error::BadLength {
                what: "a committed polynomial",
                length: coefficients.len(),
            });
        }
        self.partial(coefficients, 0)
    }

    /// Witness that opens the polynomial at point `index` of the domain.
    pub fn create_witness(
        &self,
        coefficients: &[Fr],
        domain: usize,
        index: usize,
    ) -> Result<G1Affine, Error> {
        let at = poly::point(&poly::domain_at_least(domain)?, index);
        self.commit(&poly::quotient(coefficients, &at))
    }
}

/// 96 bytes of a point: x then y, big-endian.
pub fn uncompressed(point: &G1Affine) -> [u8; 96] {
    let mut bytes = [0; 96];
    point
        .serialize_uncompressed(&mut bytes[..])
        .expect("96 bytes hold an uncompressed point");
    bytes
}

/// [1]₂ and [τ]₂ with the lines of their Miller loops.
fn prepared() -> &'static [G2Prepared; 2] {
    static PREPARED: OnceLock<[G2Prepared; 2]> = OnceLock::new();
    PREPARED.get_or_init(|| [G2Affine::generator().into(), tau_g2().into()])
}

/// Whether e(left, [1]₂) · e(right, [τ]₂) is one.
fn pairing_holds(left: G1Affine, right: G1Affine) -> bool {
    Bls12_381::multi_pairing([left, right], prepared().clone())
        .0
        .is_one()
}

/// Verifies one opening: e(C − y·[1]₁ + x·W, [1]₂) = e(W, [τ]₂).
pub fn verify(opening: &Opening) -> Result<bool, Error> {
    let mut batch = OpeningBatch::default();
    batch.add(opening, Fr::one())?;
    Ok(batch.holds())
}

/// 128-bit coefficients of a random linear combination, expanded from the caller's random seed. The first is
/// not fixed, so that no item can be chosen against it.
pub fn random_coefficients(seed: &[u8; 32], count: usize) -> Vec<Fr> {
    let mut reader = blake3::Hasher::new_keyed(seed).finalize_xof();
    (0..count)
        .map(|_| {
            let mut bytes = [0; 16];
            reader.fill(&mut bytes);
            Fr::from(u128::from_le_bytes(bytes) | 1)
        })
        .collect()
}

/// Verifies many openings with one pairing product. Whoever supplies openings must not know the seed
/// beforehand; a false one then passes with probability below 2^-126. Points outside the prime-order subgroup
/// count as their projection into it, as they do in `verify`.
pub fn verify_batch(openings: &[&Opening], seed: &[u8; 32]) -> Result<bool, Error> {
    let mut batch = OpeningBatch::default();
    for (opening, coefficient) in openings.iter().zip(random_coefficients(seed, openings.len())) {
        batch.add(opening, coefficient)?;
    }
    Ok(batch.holds())
}

/// Collects openings, each with its random coefficient, to be checked together.
#[derive(Default)]
pub struct OpeningBatch {
    points: Vec<G1Affine>,
    scalars: Vec<Fr>,
    witnesses: Vec<G1Affine>,
    coefficients: Vec<Fr>,
    value: Fr,
}

impl OpeningBatch {
    pub fn add(&mut self, opening: &Opening, coefficient: Fr) -> Result<(), Error> {
        let x = poly::point(&poly::domain_at_least(opening.domain)?, opening.index);
        self.points.push(opening.commitment);
        self.scalars.push(coefficient);
        self.points.push(opening.witness);
        self.scalars.push(coefficient * x);
        self.witnesses.push(opening.witness);
        self.coefficients.push(-coefficient);
        self.value += coefficient * opening.value;
        Ok(())
    }

    pub fn holds(&self) -> bool {
        let mut points = msm::bases(&self.points);
        points.push(Base::from_affine(&G1Affine::generator()));
        let scalars = [&self.scalars[..], &[-self.value]].concat();
        let right = msm::msm(&msm::bases(&self.witnesses), &self.coefficients);
        pairing_holds(msm::msm(&points, &scalars), right)
    }
}

/// Erasure coding of commitments: n become 2n, interleaved, the odd ones those of the parity records.
pub fn extend_commitments(commitments: &[G1Affine]) -> Result<Vec<G1Affine>, Error> {
    let n = commitments.len();
    let domain = poly::domain(n)?;
    let mut points: Vec<G1Projective> = commitments.iter().map(|point| point.into_group()).collect();
    group_fft(&mut points, domain.group_gen_inv());
    let shift = poly::odd_shift(n)?;
    let mut factor = domain.size_inv();
    for point in &mut points {
        *point *= factor;
        factor *= shift;
    }
    group_fft(&mut points, domain.group_gen());
    let parity = G1Projective::normalize_batch(&points);
    Ok(commitments
        .iter()
        .zip(parity)
        .flat_map(|(source, parity)| [*source, parity])
        .collect())
}

/// In-place transform over the group, natural order in and out, with `root` of order `points.len()`.
fn group_fft(points: &mut [G1Projective], root: Fr) {
    let n = points.len();
    let bits = n.trailing_zeros();
    for index in 0..n {
        let mirrored = if bits == 0 {
            0
        } else {
            index.reverse_bits() >> (usize::BITS - bits)
        };
        if mirrored > index {
            points.swap(index, mirrored);
        }
    }
    let mut half = 1;
    while half < n {
        let step = root.pow([(n / (2 * half)) as u64]);
        for block in points.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            let mut factor = Fr::one();
            for (a, b) in low.iter_mut().zip(high) {
                let product = if factor.is_one() { *b } else { *b * factor };
                *b = *a - product;
                *a += product;
                factor *= step;
            }
        }
        half *= 2;
    }
}
