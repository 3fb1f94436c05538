//! Weighted sums of records, chunk by chunk. The products are added up as integers in limbs of 29 bits, several of
//! which fit into 64 bits without a carry, and brought back into the field once, at the end: a multiplication in the
//! field for each chunk of each record would take several times as long, above all in WebAssembly.

use crate::piece::{RECORD_BYTES, RECORD_CHUNKS};
use crate::scalar::{self, Fr, SCALAR_BYTES};
use crate::Error;
use ark_ff::{AdditiveGroup, BigInteger256, PrimeField};

const BITS: usize = 29;
const MASK: u64 = (1 << BITS) - 1;
/// Limbs of a scalar.
const LIMBS: usize = 9;
/// Limbs that together are surely below the field's order.
const WHOLE: usize = 8;

/// A sum whose weights have `WEIGHT` limbs; `COLUMNS` is `WEIGHT` + 8.
pub struct Combination<const WEIGHT: usize, const COLUMNS: usize> {
    columns: Vec<[u64; COLUMNS]>,
    /// Records that may be added before the columns must be carried.
    room: usize,
}

/// Weights of 128 bits.
pub type ShortCombination = Combination<5, 13>;
/// Any weights.
pub type LongCombination = Combination<9, 17>;

impl<const WEIGHT: usize, const COLUMNS: usize> Default for Combination<WEIGHT, COLUMNS> {
    fn default() -> Self {
        Self {
            columns: vec![[0; COLUMNS]; RECORD_CHUNKS],
            room: Self::ROOM,
        }
    }
}

impl<const WEIGHT: usize, const COLUMNS: usize> Combination<WEIGHT, COLUMNS> {
    /// A column gains `WEIGHT` products of 58 bits by each record, on top of less than 2^58 that a carry leaves.
    const ROOM: usize = {
        assert!(COLUMNS == WEIGHT + LIMBS - 1 && WEIGHT <= LIMBS);
        (1 << (64 - 2 * BITS)) / WEIGHT - 1
    };

    /// Adds a record of 32768 scalars times a weight of `WEIGHT` limbs. One that is refused may have been added in part.
    pub fn add(&mut self, record: &[u8], weight: &Fr) -> Result<(), Error> {
        if record.len() != RECORD_BYTES {
            return Err(Error::BadLength {
                what: "a record",
                length: record.len(),
            });
        }
        if self.room == 0 {
            self.carry();
        }
        self.room -= 1;
        let weight = limbs(&weight.into_bigint().0);
        assert!(weight[WEIGHT..].iter().all(|limb| *limb == 0), "a longer weight");
        let (chunks, _) = record.as_chunks::<SCALAR_BYTES>();
        for (index, (columns, chunk)) in self.columns.iter_mut().zip(chunks).enumerate() {
            let value = canonical(chunk).ok_or(Error::ScalarNotCanonical { index })?;
            let value = limbs(&value);
            for i in 0..LIMBS {
                for j in 0..WEIGHT {
                    columns[i + j] += value[i] * weight[j];
                }
            }
        }
        Ok(())
    }

    fn carry(&mut self) {
        for columns in &mut self.columns {
            for index in 1..COLUMNS {
                columns[index] += columns[index - 1] >> BITS;
                columns[index - 1] &= MASK;
            }
        }
        self.room = Self::ROOM;
    }

    /// The sums, in the field.
    pub fn values(&mut self) -> Vec<Fr> {
        self.carry();
        let shift = Fr::from_bigint(joined(&[0, 0, 0, 0, 0, 0, 0, 1 << BITS])).expect("below the order");
        self.columns
            .iter()
            .map(|columns| {
                columns.chunks(WHOLE).rev().fold(Fr::ZERO, |sum, part| {
                    sum * shift + Fr::from_bigint(joined(part)).expect("below the order")
                })
            })
            .collect()
    }
}

/// The words, least first, of 32 big-endian bytes, or None when they are not below the field's order.
#[inline(always)]
fn canonical(chunk: &[u8; SCALAR_BYTES]) -> Option<[u64; 4]> {
    let value = scalar::words(chunk);
    let order = &Fr::MODULUS.0;
    let below = value[3] < order[3] || value.iter().rev().lt(order.iter().rev());
    below.then_some(value)
}

#[inline(always)]
fn limbs(words: &[u64; 4]) -> [u64; LIMBS] {
    let mut limbs = [0; LIMBS];
    for (index, limb) in limbs.iter_mut().enumerate() {
        let (word, shift) = (BITS * index / 64, BITS * index % 64);
        *limb = words[word] >> shift;
        if shift + BITS > 64 && word < 3 {
            *limb |= words[word + 1] << (64 - shift);
        }
        *limb &= MASK;
    }
    limbs
}

/// The integer of up to eight limbs, of which the last may be longer as far as 256 bits hold it.
fn joined(limbs: &[u64]) -> BigInteger256 {
    let mut words = [0; 4];
    for (index, limb) in limbs.iter().enumerate() {
        let (word, shift) = (BITS * index / 64, BITS * index % 64);
        words[word] |= limb << shift;
        if shift > 0 && word < 3 {
            words[word + 1] |= limb >> (64 - shift);
        }
    }
    BigInteger256::new(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::Field;

    fn record(seed: u64) -> Vec<Fr> {
        let mut value = Fr::from(seed);
        (0..RECORD_CHUNKS)
            .map(|index| {
                value = value.square() + Fr::from(index as u64);
                match index % 5 {
                    0 => -Fr::ONE,
                    _ => value,
                }
            })
            .collect()
    }

    fn agrees<const WEIGHT: usize, const COLUMNS: usize>(count: u64, weight: impl Fn(u64) -> Fr) {
        let mut sum = Combination::<WEIGHT, COLUMNS>::default();
        let mut expected = vec![Fr::ZERO; RECORD_CHUNKS];
        for number in 0..count {
            let values = record(number);
            sum.add(&scalar::many_to_bytes(&values), &weight(number))
                .expect("canonical");
            for (sum, value) in expected.iter_mut().zip(values) {
                *sum += weight(number) * value;
            }
        }
        assert_eq!(sum.values(), expected);
    }

    #[test]
    fn sums_are_those_of_the_field() {
        for count in [0, 1, 30] {
            agrees::<5, 13>(count, |number| Fr::from(u128::MAX - u128::from(number)));
            agrees::<9, 17>(count, |number| -Fr::from(number));
        }
    }

    #[test]
    fn scalars_have_to_be_below_the_order() {
        let order = Fr::MODULUS.0;
        let bytes = |words: [u64; 4]| -> [u8; SCALAR_BYTES] {
            let mut bytes = [0; SCALAR_BYTES];
            for (part, word) in bytes.chunks_exact_mut(8).zip(words.iter().rev()) {
                part.copy_from_slice(&word.to_be_bytes());
            }
            bytes
        };
        let below = [order[0] - 1, order[1], order[2], order[3]];
        assert_eq!(canonical(&bytes(below)), Some(below));
        for refused in [order, [0, 0, order[2] + 1, order[3]], [u64::MAX; 4]] {
            assert_eq!(canonical(&bytes(refused)), None);
            let mut record = vec![0; RECORD_BYTES];
            record[SCALAR_BYTES..2 * SCALAR_BYTES].copy_from_slice(&bytes(refused));
            let refusal = ShortCombination::default().add(&record, &Fr::ONE);
            assert_eq!(refusal, Err(Error::ScalarNotCanonical { index: 1 }));
        }
    }
}
