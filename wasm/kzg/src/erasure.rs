//! Erasure coding at rate one half: sources at even positions, parity at odd ones.

use crate::poly;
use crate::scalar::{self, Fr};
use crate::Error;
use ark_ff::{batch_inversion, Zero};
use ark_poly::EvaluationDomain;

/// Parity values of n source values (n a power of two): the source polynomial at the odd points of the domain
/// of 2n.
pub fn extend(source: &[Fr]) -> Result<Vec<Fr>, Error> {
    let domain = poly::domain(source.len())?;
    let mut values = domain.ifft(source);
    poly::shift(&mut values, &poly::odd_shift(source.len())?);
    domain.fft_in_place(&mut values);
    Ok(values)
}

/// What recovery needs to know of which shards are missing, whatever the others hold: made ahead of them.
pub struct Locator {
    /// Values of the polynomial that vanishes at the missing positions, over the domain.
    values: Vec<Fr>,
    /// Inverses of its values over the coset of `COSET`, where it has no zero.
    inverses: Vec<Fr>,
}

const COSET: u64 = 7;

/// Locates the missing ones among 2n shards of which at least n must be present.
pub fn locate(present: &[bool]) -> Result<Locator, Error> {
    let size = present.len();
    let domain = poly::domain(size)?;
    let missing: Vec<Fr> = present
        .iter()
        .enumerate()
        .filter(|(_, present)| !**present)
        .map(|(i, _)| domain.element(i))
        .collect();
    if missing.len() * 2 > size {
        return Err(Error::TooManyMissing {
            present: size - missing.len(),
            needed: size / 2,
        });
    }
    let mut vanishing = poly::vanishing(&missing);
    vanishing.resize(size, Fr::zero());
    let values = domain.fft(&vanishing);
    poly::shift(&mut vanishing, &Fr::from(COSET));
    domain.fft_in_place(&mut vanishing);
    batch_inversion(&mut vanishing);
    Ok(Locator {
        values,
        inverses: vanishing,
    })
}

impl Locator {
    /// The bytes of `to_bytes`, of the same build of this crate.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let raw = scalar::many_from_raw(bytes)?;
        if raw.len() % 2 != 0 {
            return Err(Error::BadLength {
                what: "a locator",
                length: bytes.len(),
            });
        }
        let (values, inverses) = raw.split_at(raw.len() / 2);
        Ok(Self {
            values: values.to_vec(),
            inverses: inverses.to_vec(),
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = scalar::many_to_raw(&self.values);
        bytes.extend(scalar::many_to_raw(&self.inverses));
        bytes
    }
}

/// Coefficients of the polynomial behind 2n shards of which at least n are present. The result has 2n
/// coefficients, the upper n of which are zero when the shards are consistent.
pub fn recover_coefficients(shards: &[Option<Fr>]) -> Result<Vec<Fr>, Error> {
    if shards.iter().all(Option::is_some) {
        let values: Vec<Fr> = shards.iter().flatten().copied().collect();
        return Ok(poly::domain(shards.len())?.ifft(&values));
    }
    let present: Vec<bool> = shards.iter().map(Option::is_some).collect();
    recover_located(shards, &locate(&present)?)
}

/// `recover_coefficients` with the locator of the shards' missing positions at hand.
pub fn recover_located(shards: &[Option<Fr>], locator: &Locator) -> Result<Vec<Fr>, Error> {
    let domain = poly::domain(shards.len())?;
    if locator.values.len() != shards.len() || locator.inverses.len() != shards.len() {
        return Err(Error::BadLength {
            what: "a locator",
            length: locator.values.len(),
        });
    }
    let mut product: Vec<Fr> = shards
        .iter()
        .zip(&locator.values)
        .map(|(shard, value)| shard.map_or(Fr::zero(), |shard| *value * shard))
        .collect();
    domain.ifft_in_place(&mut product);
    let offset = Fr::from(COSET);
    poly::shift(&mut product, &offset);
    domain.fft_in_place(&mut product);
    for (value, inverse) in product.iter_mut().zip(&locator.inverses) {
        *value *= inverse;
    }
    domain.ifft_in_place(&mut product);
    poly::shift(&mut product, &poly::inverse(&offset));
    Ok(product)
}

/// The n source values (even positions) of a polynomial of 2n coefficients whose upper half is zero.
pub fn source_values(coefficients: &[Fr]) -> Result<Vec<Fr>, Error> {
    let domain = poly::domain(coefficients.len() / 2)?;
    Ok(domain.fft(&coefficients[..coefficients.len() / 2]))
}

/// All 2n shards; what was present is returned as it was.
pub fn recover(shards: &[Option<Fr>]) -> Result<Vec<Fr>, Error> {
    let coefficients = recover_coefficients(shards)?;
    let values = poly::domain(shards.len())?.fft(&coefficients);
    Ok(shards
        .iter()
        .zip(values)
        .map(|(shard, value)| shard.unwrap_or(value))
        .collect())
}

/// The recovered polynomial without trailing zero coefficients; at least one coefficient is left.
pub fn recover_poly(shards: &[Option<Fr>]) -> Result<Vec<Fr>, Error> {
    Ok(trimmed(recover_coefficients(shards)?))
}

/// Without trailing zero coefficients; at least one coefficient is left.
pub fn trimmed(mut coefficients: Vec<Fr>) -> Vec<Fr> {
    while coefficients.len() > 1 && coefficients.last().is_some_and(Zero::is_zero) {
        coefficients.pop();
    }
    coefficients
}
