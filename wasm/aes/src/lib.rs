//! Proof of time: AES-128 applied to its own output, key and start from a seed of 16 bytes.

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(any(target_arch = "wasm32", test))]
mod bitslice;
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

/// What this machine verifies with.
pub fn implementation() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if let Some(width) = x86::Width::widest() {
        return width.name();
    }
    #[cfg(target_arch = "aarch64")]
    if arm::available() {
        return "ARMv8 AES";
    }
    "portable AES"
}

fn walk(key: &Block, start: &Block, count: u32) -> Block {
    #[cfg(target_arch = "x86_64")]
    if x86::Width::Xmm.available() {
        return x86::walk(key, start, count);
    }
    #[cfg(target_arch = "aarch64")]
    if arm::available() {
        return arm::walk(key, start, count);
    }
    portable::walk(key, start, count)
}

/// Walks a slot of `iterations` encryptions and returns its eight checkpoints.
pub fn pot_prove(seed: &Block, iterations: u32) -> Result<[u8; CHECKPOINTS_BYTES], BadIterations> {
    Ok(pot_prove_unless(seed, iterations, || false)?.expect("not stopped"))
}

/// The same, given up (None) when `stopped` says so, which is asked before each checkpoint.
pub fn pot_prove_unless(
    seed: &Block,
    iterations: u32,
    mut stopped: impl FnMut() -> bool,
) -> Result<Option<[u8; CHECKPOINTS_BYTES]>, BadIterations> {
    let count = per_checkpoint(iterations)?;
    let key = key_of(seed);
    let mut block = *seed;
    let mut checkpoints = [0; CHECKPOINTS_BYTES];
    for checkpoint in checkpoints.chunks_exact_mut(BLOCK_BYTES) {
        if stopped() {
            return Ok(None);
        }
        block = walk(&key, &block, count);
        checkpoint.copy_from_slice(&block);
    }
    Ok(Some(checkpoints))
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
    if let Some(width) = x86::Width::widest() {
        return x86::hold(width, lanes);
    }
    #[cfg(target_arch = "aarch64")]
    if arm::available() {
        return arm::hold(lanes);
    }
    #[cfg(target_arch = "wasm32")]
    return bitslice::hold(lanes);
    #[cfg(not(target_arch = "wasm32"))]
    portable::hold(lanes)
}

/// The first checkpoint (0..7) of a claim that is wrong, or None when all hold.
pub fn pot_verify(claim: &Claim) -> Result<Option<usize>, BadIterations> {
    pot_verify_only(claim, [true; CHECKPOINTS])
}

/// The same for some of the checkpoints; what the others claim as starts is taken for granted.
pub fn pot_verify_only(claim: &Claim, only: [bool; CHECKPOINTS]) -> Result<Option<usize>, BadIterations> {
    let lanes = lanes_of(claim)?;
    let holds = lanes_hold(&lanes);
    Ok((0..CHECKPOINTS).find(|&index| only[index] && !holds[index]))
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
        let key = key_of(&[3; 16]);
        for count in [1, 2, 200] {
            assert_eq!(walk(&key, &[3; 16], count), portable::walk(&key, &[3; 16], count));
        }
    }

    #[test]
    fn every_way_to_verify_gives_the_same_verdicts() {
        let mut claim = claim(1600);
        claim.checkpoints[40] ^= 4;
        let lanes = lanes_of(&claim).expect("allowed");
        let expected = [true, true, false, false, true, true, true, true];
        assert_eq!(portable::hold(&lanes), expected);
        assert_eq!(bitslice::hold(&lanes), expected);
        assert_eq!(lanes_hold(&lanes), expected);
        #[cfg(target_arch = "x86_64")]
        for width in x86::Width::ALL.into_iter().filter(|width| width.available()) {
            assert_eq!(x86::hold(width, &lanes), expected, "{}", width.name());
        }
    }

    #[test]
    fn a_flipped_bit_is_named() {
        for index in 0..CHECKPOINTS {
            let mut wrong = claim(160);
            wrong.checkpoints[index * BLOCK_BYTES + 5] ^= 1;
            assert_eq!(pot_verify(&wrong), Ok(Some(index)));
            let only = std::array::from_fn(|other| other == index);
            assert_eq!(pot_verify_only(&wrong, only), Ok(Some(index)));
            let others = std::array::from_fn(|other| other != index && other != index + 1);
            assert_eq!(pot_verify_only(&wrong, others), Ok(None));
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
