//! Polynomials over the evaluation domains of the protocol: natural order, ω_n = 7^((r−1)/n).

use crate::scalar::Fr;
use crate::Error;
use ark_ff::{Field, One, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

/// The domain of exactly `n` points; `n` must be a power of two.
pub fn domain(n: usize) -> Result<Radix2EvaluationDomain<Fr>, Error> {
    if !n.is_power_of_two() {
        return Err(Error::BadLength {
            what: "a power of two",
            length: n,
        });
    }
    Radix2EvaluationDomain::new(n).ok_or(Error::BadLength {
        what: "an evaluation domain",
        length: n,
    })
}

/// The domain of `n` points, `n` rounded up to a power of two, as openings name it.
pub fn domain_at_least(n: usize) -> Result<Radix2EvaluationDomain<Fr>, Error> {
    domain(n.max(1).next_power_of_two())
}

/// Point `index` of a domain.
pub fn point(domain: &Radix2EvaluationDomain<Fr>, index: usize) -> Fr {
    domain.element(index % domain.size())
}

/// Coefficients, ascending, of the polynomial with these values over the domain of their number.
pub fn interpolate(values: &[Fr]) -> Result<Vec<Fr>, Error> {
    Ok(domain(values.len())?.ifft(values))
}

/// Value of a polynomial at a point.
pub fn evaluate(coefficients: &[Fr], at: &Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::zero(), |sum, coefficient| sum * at + coefficient)
}

/// Quotient of (p(X) − p(x)) by (X − x) by synthetic division; one coefficient less than `p`, at least one.
pub fn quotient(coefficients: &[Fr], at: &Fr) -> Vec<Fr> {
    if coefficients.len() < 2 {
        return vec![Fr::zero()];
    }
    let mut quotient = vec![Fr::zero(); coefficients.len() - 1];
    let mut carry = Fr::zero();
    for index in (1..coefficients.len()).rev() {
        carry = carry * at + coefficients[index];
        quotient[index - 1] = carry;
    }
    quotient
}

/// Monic polynomial that vanishes exactly at the given points.
pub fn vanishing(roots: &[Fr]) -> Vec<Fr> {
    const DIRECT: usize = 32;
    let mut level: Vec<Vec<Fr>> = roots.chunks(DIRECT).map(vanishing_directly).collect();
    if level.is_empty() {
        return vec![Fr::one()];
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => multiply_monic(left, right),
                [single] => single.clone(),
                _ => unreachable!("chunks of two"),
            })
            .collect();
    }
    level.swap_remove(0)
}

fn vanishing_directly(roots: &[Fr]) -> Vec<Fr> {
    let mut product = vec![Fr::one()];
    for root in roots {
        product.push(Fr::zero());
        for index in (1..product.len()).rev() {
            let below = product[index - 1];
            product[index] = below - product[index] * root;
        }
        product[0] *= -*root;
    }
    product
}

/// Product of two monic polynomials. The leading one wraps around in a domain of the degree's own size and
/// is taken off again, which halves the transforms.
fn multiply_monic(left: &[Fr], right: &[Fr]) -> Vec<Fr> {
    let degree = left.len() + right.len() - 2;
    let size = degree.next_power_of_two();
    let domain: Radix2EvaluationDomain<Fr> =
        Radix2EvaluationDomain::new(size).expect("sizes stay below the field's two-adicity");
    let fold = |polynomial: &[Fr]| {
        let mut folded = vec![Fr::zero(); size];
        for (index, coefficient) in polynomial.iter().enumerate() {
            folded[index % size] += coefficient;
        }
        domain.fft_in_place(&mut folded);
        folded
    };
    let mut product = fold(left);
    for (a, b) in product.iter_mut().zip(fold(right)) {
        *a *= b;
    }
    domain.ifft_in_place(&mut product);
    if size == degree {
        product[0] -= Fr::one();
        product.push(Fr::one());
    } else {
        product.truncate(degree + 1);
    }
    product
}

/// Multiplies coefficient i by shift^i, so that a transform evaluates on the coset of `shift`.
pub fn shift(coefficients: &mut [Fr], shift: &Fr) {
    let mut power = Fr::one();
    for coefficient in coefficients {
        *coefficient *= power;
        power *= shift;
    }
}

/// Generator of the domain of twice the size: the shift from a domain to its odd neighbours.
pub fn odd_shift(n: usize) -> Result<Fr, Error> {
    Ok(domain(2 * n)?.group_gen())
}

/// Inverse of a scalar that is known not to be zero.
pub fn inverse(scalar: &Fr) -> Fr {
    scalar.inverse().expect("not zero")
}
