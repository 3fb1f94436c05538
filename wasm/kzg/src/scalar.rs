//! Scalars of BLS12-381 as the protocol writes them: 32 bytes, big-endian, canonical.

use crate::Error;
pub use ark_bls12_381::Fr;
use ark_ff::{BigInteger256, PrimeField};

pub const SCALAR_BYTES: usize = 32;

/// The scalar of 32 big-endian bytes, or None when they are not below the field's order.
pub fn from_bytes(bytes: &[u8; SCALAR_BYTES]) -> Option<Fr> {
    Fr::from_bigint(BigInteger256::new(words(bytes)))
}

/// The words, least first, of 32 big-endian bytes.
#[inline(always)]
pub(crate) fn words(bytes: &[u8; SCALAR_BYTES]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    [words[3], words[2], words[1], words[0]].map(u64::from_be_bytes)
}

/// 32 big-endian bytes of a scalar.
pub fn to_bytes(scalar: &Fr) -> [u8; SCALAR_BYTES] {
    let mut bytes = [0; SCALAR_BYTES];
    for (part, limb) in bytes.rchunks_exact_mut(8).zip(scalar.into_bigint().0) {
        part.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

/// All scalars of a byte string of n·32 bytes; the first one out of range is named.
pub fn many_from_bytes(bytes: &[u8]) -> Result<Vec<Fr>, Error> {
    if !bytes.len().is_multiple_of(SCALAR_BYTES) {
        return Err(Error::BadLength {
            what: "whole scalars",
            length: bytes.len(),
        });
    }
    bytes
        .chunks_exact(SCALAR_BYTES)
        .enumerate()
        .map(|(index, chunk)| {
            chunk
                .try_into()
                .ok()
                .and_then(from_bytes)
                .ok_or(Error::ScalarNotCanonical { index })
        })
        .collect()
}

/// n·32 bytes of n scalars.
pub fn many_to_bytes(scalars: &[Fr]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(scalars.len() * SCALAR_BYTES);
    for scalar in scalars {
        bytes.extend_from_slice(&to_bytes(scalar));
    }
    bytes
}

/// Scalars as they lie in memory: quick to read and write, but only for the same build of this crate.
pub fn many_to_raw(scalars: &[Fr]) -> Vec<u8> {
    scalars
        .iter()
        .flat_map(|scalar| scalar.0 .0)
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// The scalars of `many_to_raw`.
pub fn many_from_raw(bytes: &[u8]) -> Result<Vec<Fr>, Error> {
    if !bytes.len().is_multiple_of(SCALAR_BYTES) {
        return Err(Error::BadLength {
            what: "whole scalars",
            length: bytes.len(),
        });
    }
    let limb = |part: &[u8]| part.try_into().map_or(0, u64::from_le_bytes);
    let scalar = |bytes: &[u8]| {
        let mut limbs = [0; 4];
        for (value, part) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            *value = limb(part);
        }
        Fr::new_unchecked(BigInteger256::new(limbs))
    };
    Ok(bytes.chunks_exact(SCALAR_BYTES).map(scalar).collect())
}

/// Scalar that a byte string hashes to: BLAKE3 with the two top bits cleared.
pub fn hash_to_scalar(bytes: &[u8]) -> Fr {
    let mut hash = *blake3::hash(bytes).as_bytes();
    hash[0] &= 0x3f;
    from_bytes(&hash).expect("254 bits are below the order")
}
