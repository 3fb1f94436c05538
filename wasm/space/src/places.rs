//! Which of the places that match an entry of one bucket are taken in the next.

use crate::params::{B, C, M};

/// Columns of a row: those of the residues twice, so that the sum of two of them needs no modulus.
const WIDTH: usize = 2 * C as usize;
/// Rows, the first ones again at the end, for the same reason.
const ROWS: usize = B as usize + M - 1;
/// How far an entry's target for the last m can lie from its own place, and one more.
const SPAN: usize = (M - 1) * WIDTH + C as usize;
/// Where the targets of an entry lie from its own place, by parity of the bucket and m.
const OFFSETS: [[usize; M]; 2] = {
    let mut offsets = [[0; M]; 2];
    let mut parity = 0;
    while parity < 2 {
        let mut m = 0;
        while m < M {
            let shift = (2 * m + parity) * (2 * m + parity) % C as usize;
            offsets[parity][m] = m * WIDTH + shift;
            m += 1;
        }
        parity += 1;
    }
    offsets
};

/// Residues of a bucket, B rows of C, as bytes: 1 where there is an entry. An entry's targets lie at fixed
/// distances from its own place, so that looking them up takes no table of targets.
pub struct Places(Box<[u8]>);

impl Places {
    pub fn new() -> Self {
        Self(vec![0; WIDTH * ROWS].into())
    }

    /// Marks a residue as taken (1) or free (0).
    pub fn mark(&mut self, residue: u32, taken: u8) {
        let (row, column) = ((residue / C) as usize, (residue % C) as usize);
        for row in [row, row + B as usize] {
            if row < ROWS {
                let at = row * WIDTH + column;
                self.0[at] = taken;
                self.0[at + C as usize] = taken;
            }
        }
    }

    /// The m whose targets of the left residue `l` are taken, as bits.
    pub fn hits(&self, l: u32, parity: usize) -> u64 {
        let own = (l / C) as usize * WIDTH + (l % C) as usize;
        let around: &[u8; SPAN] = self.0[own..own + SPAN]
            .try_into()
            .expect("the span of all targets");
        match parity {
            0 => gather::<0>(around),
            _ => gather::<1>(around),
        }
    }
}

#[inline(always)]
fn gather<const PARITY: usize>(around: &[u8; SPAN]) -> u64 {
    let mut hits = 0;
    for (m, offset) in OFFSETS[PARITY].iter().enumerate() {
        hits |= u64::from(around[*offset]) << m;
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{target, BC};

    #[test]
    fn the_hits_of_an_entry_are_the_taken_ones_among_its_targets() {
        let mut places = Places::new();
        let taken: Vec<u32> = (0..BC)
            .filter(|residue| residue % 13 == 5 || *residue >= BC - 2)
            .collect();
        taken.iter().for_each(|residue| places.mark(*residue, 1));
        for parity in 0..2 {
            for l in 0..BC {
                let expected = (0..M as u32).fold(0, |bits, m| {
                    let hit = taken.binary_search(&target(l, parity, m)).is_ok();
                    bits | (u64::from(hit) << m)
                });
                assert_eq!(places.hits(l, parity as usize), expected);
            }
        }
        taken.iter().for_each(|residue| places.mark(*residue, 0));
        assert!(places.0.iter().all(|place| *place == 0));
    }
}
