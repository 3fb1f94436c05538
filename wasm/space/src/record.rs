//! Records inside sectors: encoding by the proofs of a table, decoding, auditing.

use crate::hash;
use crate::table::Table;
use crate::PROOF_BYTES;
use std::fmt;

pub const S_BUCKETS: usize = 1 << 16;
pub const CHUNK_BYTES: usize = 32;
/// Chunks of a record, and chunks of it that a sector stores.
pub const RECORD_CHUNKS: usize = 1 << 15;
pub const BITFIELD_BYTES: usize = S_BUCKETS / 8;

/// A record as a sector holds it.
pub struct EncodedRecord {
    /// Bit b: s-bucket b holds an encoded chunk.
    pub bitfield: Vec<u8>,
    /// 32768 chunks in s-bucket order.
    pub chunks: Vec<u8>,
}

fn mask(chunk: &[u8], proof: &[u8; PROOF_BYTES]) -> [u8; CHUNK_BYTES] {
    let pad = blake3::hash(proof);
    std::array::from_fn(|index| chunk[index] ^ pad.as_bytes()[index])
}

fn bit(bitfield: &[u8], index: usize) -> bool {
    bitfield[index / 8] >> (index % 8) & 1 == 1
}

fn encoded_chunks(bitfield: &[u8]) -> usize {
    bitfield.iter().map(|byte| byte.count_ones() as usize).sum()
}

/// The s-buckets that a record occupies, given which of its chunks are encoded: those and, when they are fewer
/// than 32768, the lowest others.
pub fn occupied(bitfield: &[u8]) -> Vec<u16> {
    let mut spare = RECORD_CHUNKS.saturating_sub(encoded_chunks(bitfield));
    let mut buckets = Vec::with_capacity(RECORD_CHUNKS);
    for bucket in 0..S_BUCKETS {
        let taken = bit(bitfield, bucket) || {
            let fill = spare > 0;
            spare -= usize::from(fill);
            fill
        };
        if taken && buckets.len() < RECORD_CHUNKS {
            buckets.push(bucket as u16);
        }
    }
    buckets
}

/// Encodes a record from its 32768 source chunks and as many parity chunks: the first 32768 chunks that have a
/// proof are masked by the proof's hash.
pub fn encode(table: &Table, source: &[u8], parity: &[u8]) -> EncodedRecord {
    let mut bitfield = vec![0u8; BITFIELD_BYTES];
    let mut encoded = Vec::with_capacity(RECORD_CHUNKS);
    for bucket in 0..S_BUCKETS {
        if encoded.len() == RECORD_CHUNKS {
            break;
        }
        let Some(proof) = table.find_proof(bucket as u32) else {
            continue;
        };
        let masked = mask(chunk_of(source, parity, bucket), &proof);
        if masked == [0; CHUNK_BYTES] {
            // All zeros stands for “no proof” in the network's encoding.
            continue;
        }
        bitfield[bucket / 8] |= 1 << (bucket % 8);
        encoded.push(masked);
    }
    let mut chunks = Vec::with_capacity(RECORD_CHUNKS * CHUNK_BYTES);
    let mut next = encoded.into_iter();
    for bucket in occupied(&bitfield) {
        let bucket = usize::from(bucket);
        if bit(&bitfield, bucket) {
            chunks.extend_from_slice(&next.next().expect("one chunk a bit"));
        } else {
            chunks.extend_from_slice(chunk_of(source, parity, bucket));
        }
    }
    EncodedRecord { bitfield, chunks }
}

fn chunk_of<'a>(source: &'a [u8], parity: &'a [u8], bucket: usize) -> &'a [u8] {
    let half = if bucket.is_multiple_of(2) { source } else { parity };
    &half[bucket / 2 * CHUNK_BYTES..(bucket / 2 + 1) * CHUNK_BYTES]
}

/// A record's stored chunks unmasked and spread over the 65536 places they belong to.
pub struct Shards {
    /// 65536 · 32 bytes; zero where nothing is known.
    pub chunks: Vec<u8>,
    /// One byte a shard: 1 where it is known.
    pub present: Vec<u8>,
}

/// What cannot be a record of the table's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecodable {
    BadLength { bitfield: usize, stored: usize },
    TooManyEncoded,
    NoProof { s_bucket: usize },
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLength { bitfield, stored } => {
                write!(
                    f,
                    "bad-length: a bitfield of {bitfield} and chunks of {stored} bytes are no record"
                )
            }
            Self::TooManyEncoded => write!(f, "too-many-encoded: more chunks than a record has"),
            Self::NoProof { s_bucket } => {
                write!(
                    f,
                    "no-proof: s-bucket {s_bucket} is said to be encoded and has no proof of space"
                )
            }
        }
    }
}

impl std::error::Error for Undecodable {}

/// Takes the masks off the 32768 stored chunks of a record.
pub fn unmask(table: &Table, bitfield: &[u8], stored: &[u8]) -> Result<Shards, Undecodable> {
    if bitfield.len() != BITFIELD_BYTES || stored.len() != RECORD_CHUNKS * CHUNK_BYTES {
        return Err(Undecodable::BadLength {
            bitfield: bitfield.len(),
            stored: stored.len(),
        });
    }
    if encoded_chunks(bitfield) > RECORD_CHUNKS {
        return Err(Undecodable::TooManyEncoded);
    }
    let mut shards = Shards {
        chunks: vec![0; S_BUCKETS * CHUNK_BYTES],
        present: vec![0; S_BUCKETS],
    };
    for (bucket, chunk) in occupied(bitfield)
        .into_iter()
        .map(usize::from)
        .zip(stored.chunks_exact(CHUNK_BYTES))
    {
        let place = &mut shards.chunks[bucket * CHUNK_BYTES..(bucket + 1) * CHUNK_BYTES];
        if bit(bitfield, bucket) {
            let proof = table
                .find_proof(bucket as u32)
                .ok_or(Undecodable::NoProof { s_bucket: bucket })?;
            place.copy_from_slice(&mask(chunk, &proof));
        } else {
            place.copy_from_slice(chunk);
        }
        shards.present[bucket] = 1;
    }
    Ok(shards)
}

/// A chunk that wins, with its distance from the global challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which of the audited chunks.
    pub chunk: u32,
    pub distance: u64,
}

/// Audits the chunks of an s-bucket as they are stored: those within half the solution range, nearest first,
/// equal ones in the order stored.
pub fn audit(
    chunks: &[u8],
    slot_challenge: &[u8; 32],
    global_challenge: &[u8; 32],
    range: u64,
) -> Vec<Candidate> {
    let key = hash::key_words(slot_challenge);
    let goal = u64::from_le_bytes(global_challenge[..8].try_into().expect("eight bytes"));
    let count = chunks.len() / CHUNK_BYTES;
    let chunk = |index: usize| {
        let index = index.min(count - 1);
        &chunks[index * CHUNK_BYTES..(index + 1) * CHUNK_BYTES]
    };
    let mut candidates = Vec::new();
    for first in (0..count).step_by(4) {
        let heads = hash::keyed_hash_head(&key, std::array::from_fn(|lane| chunk(first + lane)));
        for (lane, head) in heads.into_iter().enumerate().take(count - first) {
            let distance = head.wrapping_sub(goal).min(goal.wrapping_sub(head));
            if distance <= range / 2 {
                candidates.push(Candidate {
                    chunk: (first + lane) as u32,
                    distance,
                });
            }
        }
    }
    candidates.sort_by_key(|candidate| candidate.distance);
    candidates
}
