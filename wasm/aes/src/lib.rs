//! Proof of time: AES-128 applied to its own output, key and start from a seed of 16 bytes.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

pub const BLOCK_BYTES: usize = 16;
pub const CHECKPOINTS: usize = 8;
pub const CHECKPOINTS_BYTES: usize = CHECKPOINTS * BLOCK_BYTES;

pub type Block = [u8; BLOCK_BYTES];

/// A number of iterations that the network does not allow: it must be a positive multiple of 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadIterations(pub u32);

impl fmt::Display for BadIterations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bad-iterations: {} is not a positive multiple of {}",
            self.0,
            2 * CHECKPOINTS
        )
    }
}

impl std::error::Error for BadIterations {}

/// One slot's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub seed: Block,
    pub iterations: u32,
    pub checkpoints: [u8; CHECKPOINTS_BYTES],
}

/// Start and end of a checkpoint's walk under a key.
#[derive(Clone, Copy)]
pub(crate) struct Lane {
    pub key: Block,
    pub start: Block,
    pub end: Block,
    /// Encryptions between them, even.
    pub iterations: u32,
}

fn per_checkpoint(iterations: u32) -> Result<u32, BadIterations> {
    if iterations == 0 || !iterations.is_multiple_of(2 * CHECKPOINTS as u32) {
        return Err(BadIterations(iterations));
    }
    Ok(iterations / CHECKPOINTS as u32)
}

/// AES key of a seed: the first 16 bytes of its BLAKE3.
pub fn key_of(seed: &Block) -> Block {
    blake3::hash(seed).as_bytes()[..BLOCK_BYTES]
        .try_into()
        .expect("16 bytes")
}

/// What this machine walks and verifies with.
pub fn implementation() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if x86::available() {
        return "AES-NI";
    }
    "portable AES"
}

/// Walks a slot of `iterations` encryptions and returns its eight checkpoints.
pub fn pot_prove(seed: &Block, iterations: u32) -> Result<[u8; CHECKPOINTS_BYTES], BadIterations> {
    let count = per_checkpoint(iterations)?;
    let key = key_of(seed);
    #[cfg(target_arch = "x86_64")]
    if x86::available() {
        return Ok(x86::walk(&key, seed, count));
    }
    Ok(portable::walk(&key, seed, count))
}

fn lanes_of(claim: &Claim) -> Result<[Lane; CHECKPOINTS], BadIterations> {
    let iterations = per_checkpoint(claim.iterations)?;
    let key = key_of(&claim.seed);
    let at = |index: usize| -> Block {
        claim.checkpoints[index * BLOCK_BYTES..(index + 1) * BLOCK_BYTES]
            .try_into()
            .expect("16 bytes")
    };
    Ok(std::array::from_fn(|index| Lane {
        key,
        start: if index == 0 { claim.seed } else { at(index - 1) },
        end: at(index),
        iterations,
    }))
}

fn lanes_hold(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    #[cfg(target_arch = "x86_64")]
    if x86::available() {
        return x86::hold(lanes);
    }
    portable::hold(lanes)
}

/// The first checkpoint (0..7) of a claim that is wrong, or None when all hold.
pub fn pot_verify(claim: &Claim) -> Result<Option<usize>, BadIterations> {
    Ok(lanes_hold(&lanes_of(claim)?).iter().position(|holds| !holds))
}

/// The same for many claims, in order. Iterations that are not allowed fail the whole call.
pub fn pot_verify_many(claims: &[Claim]) -> Result<Vec<Option<usize>>, BadIterations> {
    claims.iter().map(pot_verify).collect()
}

/// Whether one checkpoint alone holds.
pub fn pot_verify_checkpoint(claim: &Claim, index: usize) -> Result<bool, BadIterations> {
    let lane = lanes_of(claim)?[index % CHECKPOINTS];
    Ok(lanes_hold(&[lane; CHECKPOINTS])[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(iterations: u32) -> Claim {
        let seed = [9; 16];
        Claim {
            seed,
            iterations,
            checkpoints: pot_prove(&seed, iterations).expect("allowed"),
        }
    }

    #[test]
    fn the_machine_and_the_portable_walk_agree() {
        let seed = [3; 16];
        let walked = pot_prove(&seed, 1600).expect("allowed");
        assert_eq!(walked, portable::walk(&key_of(&seed), &seed, 200));
        let lanes = lanes_of(&Claim {
            seed,
            iterations: 1600,
            checkpoints: walked,
        })
        .expect("allowed");
        assert_eq!(portable::hold(&lanes), [true; CHECKPOINTS]);
    }

    #[test]
    fn a_flipped_bit_is_named() {
        for index in 0..CHECKPOINTS {
            let mut wrong = claim(160);
            wrong.checkpoints[index * BLOCK_BYTES + 5] ^= 1;
            assert_eq!(pot_verify(&wrong), Ok(Some(index)));
            assert_eq!(pot_verify_checkpoint(&wrong, index), Ok(false));
        }
        assert_eq!(pot_verify(&claim(160)), Ok(None));
    }

    #[test]
    fn only_multiples_of_sixteen_are_allowed() {
        for iterations in [0, 1, 8, 17, u32::MAX] {
            assert_eq!(pot_prove(&[0; 16], iterations), Err(BadIterations(iterations)));
        }
        assert!(pot_prove(&[0; 16], 16).is_ok());
    }
}
