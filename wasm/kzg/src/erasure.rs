//! Erasure coding at rate one half: sources at even positions, parity at odd ones.

use crate::poly;
use crate::scalar::Fr;
use crate::Error;
use ark_ff::{batch_inversion, Field, One, Zero};
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

/// Weights by which 128 sources (n) combine to the parity value at `odd` (0..n).
pub fn parity_weights(n: usize, odd: usize) -> Result<Vec<Fr>, Error> {
    let domain = poly::domain(n)?;
    let x = poly::domain(2 * n)?.element(2 * odd + 1);
    // Barycentric form: (x^n − 1)/n · ω^j / (x − ω^j).
    let scale = (x.pow([n as u64]) - Fr::one()) * domain.size_inv();
    let mut inverses: Vec<Fr> = (0..n).map(|j| x - domain.element(j)).collect();
    batch_inversion(&mut inverses);
    Ok(inverses.into_iter().enumerate().map(|(j, inverse)| scale * domain.element(j) * inverse).collect())
}

/// Coefficients of the polynomial behind 2n shards of which at least n are present. The result has 2n
/// coefficients, the upper n of which are zero when the shards are consistent.
pub fn recover_coefficients(shards: &[Option<Fr>]) -> Result<Vec<Fr>, Error> {
    let size = shards.len();
    let domain = poly::domain(size)?;
    let present = shards.iter().flatten().count();
    if present * 2 < size {
        return Err(Error::TooManyMissing { present, needed: size / 2 });
    }
    let missing: Vec<Fr> =
        shards.iter().enumerate().filter(|(_, shard)| shard.is_none()).map(|(i, _)| domain.element(i)).collect();
    if missing.is_empty() {
        let values: Vec<Fr> = shards.iter().flatten().copied().collect();
        return Ok(domain.ifft(&values));
    }
    let mut vanishing = poly::vanishing(&missing);
    vanishing.resize(size.max(vanishing.len()), Fr::zero());
    if vanishing.len() > size {
        return Err(Error::TooManyMissing { present, needed: size / 2 });
    }
    let mut product = domain.fft(&vanishing);
    for (value, shard) in product.iter_mut().zip(shards) {
        *value = shard.map_or(Fr::zero(), |shard| *value * shard);
    }
    domain.ifft_in_place(&mut product);
    // Divide on a coset, where the vanishing polynomial has no zero.
    let offset = Fr::from(7u64);
    poly::shift(&mut product, &offset);
    poly::shift(&mut vanishing, &offset);
    domain.fft_in_place(&mut product);
    domain.fft_in_place(&mut vanishing);
    batch_inversion(&mut vanishing);
    for (value, inverse) in product.iter_mut().zip(&vanishing) {
        *value *= inverse;
    }
    domain.ifft_in_place(&mut product);
    poly::shift(&mut product, &poly::inverse(&offset));
    Ok(product)
}

/// All 2n shards; what was present is returned as it was.
pub fn recover(shards: &[Option<Fr>]) -> Result<Vec<Fr>, Error> {
    let coefficients = recover_coefficients(shards)?;
    let values = poly::domain(shards.len())?.fft(&coefficients);
    Ok(shards.iter().zip(values).map(|(shard, value)| shard.unwrap_or(value)).collect())
}

/// The recovered polynomial without trailing zero coefficients; at least one coefficient is left.
pub fn recover_poly(shards: &[Option<Fr>]) -> Result<Vec<Fr>, Error> {
    let mut coefficients = recover_coefficients(shards)?;
    while coefficients.len() > 1 && coefficients.last().is_some_and(Zero::is_zero) {
        coefficients.pop();
    }
    Ok(coefficients)
}
