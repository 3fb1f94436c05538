//! Binary messages between a page and the plotter. Numbers are little-endian; ids are the page's own.
//!
//! To the helper: `1, id u32, evaluation seed 32 bytes, record 1 MiB` asks for an encoding; `2, id u32` gives one up.
//! From it: `1, id u32, milliseconds u32, bitfield 8 KiB, chunks 1 MiB` is an encoding, `0, id u32, text` a refusal:
//! `busy` when too many are waiting, or what is wrong with the record. Answers come in any order; what was given up
//! may be answered still.

use allotment_space::record::{EncodedRecord, BITFIELD_BYTES, CHUNK_BYTES, RECORD_CHUNKS};

pub const RECORD_BYTES: usize = RECORD_CHUNKS * CHUNK_BYTES;
const SEED_BYTES: usize = 32;
const HEAD_BYTES: usize = 5;

const REFUSED: u8 = 0;
const ENCODE: u8 = 1;
const GIVE_UP: u8 = 2;

/// What a page asks of the plotter.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Encode {
        id: u32,
        seed: [u8; SEED_BYTES],
        record: Vec<u8>,
    },
    GiveUp {
        id: u32,
    },
}

/// Reads a binary message; nothing where it is none of the above.
pub fn read(message: &[u8]) -> Option<Asked> {
    let (head, rest) = message.split_at_checked(HEAD_BYTES)?;
    let id = u32::from_le_bytes(head[1..].try_into().ok()?);
    match (head[0], rest.len()) {
        (ENCODE, length) if length == SEED_BYTES + RECORD_BYTES => Some(Asked::Encode {
            id,
            seed: rest[..SEED_BYTES].try_into().ok()?,
            record: rest[SEED_BYTES..].to_vec(),
        }),
        (GIVE_UP, 0) => Some(Asked::GiveUp { id }),
        _ => None,
    }
}

pub fn encoded(id: u32, milliseconds: u32, record: &EncodedRecord) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEAD_BYTES + 4 + BITFIELD_BYTES + RECORD_BYTES);
    message.push(ENCODE);
    message.extend(id.to_le_bytes());
    message.extend(milliseconds.to_le_bytes());
    message.extend(&record.bitfield);
    message.extend(&record.chunks);
    message
}

pub fn refused(id: u32, reason: &str) -> Vec<u8> {
    let mut message = vec![REFUSED];
    message.extend(id.to_le_bytes());
    message.extend(reason.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_messages_are_read() {
        let mut message = vec![0x55; HEAD_BYTES + SEED_BYTES + RECORD_BYTES];
        message[0] = ENCODE;
        let asked = Asked::Encode {
            id: 0x5555_5555,
            seed: [0x55; SEED_BYTES],
            record: vec![0x55; RECORD_BYTES],
        };
        assert_eq!(read(&message), Some(asked));
        assert_eq!(read(&message[..message.len() - 1]), None);
        assert_eq!(read(&[2, 1, 0, 0, 0]), Some(Asked::GiveUp { id: 1 }));
        for wrong in [
            &[][..],
            &[2, 1, 0, 0],
            &[2, 1, 0, 0, 0, 0],
            &[3, 1, 0, 0, 0],
        ] {
            assert_eq!(read(wrong), None);
        }
    }
}
