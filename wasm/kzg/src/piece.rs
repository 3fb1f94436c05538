//! Pieces and segments: validity, commitments of a segment, reconstruction.

use crate::combination::ShortCombination;
use crate::kzg::{self, Opening, OpeningBatch, ReferenceString, POINT_BYTES};
use crate::msm;
use crate::poly;
use crate::scalar::{self, Fr, SCALAR_BYTES};
use crate::Error;
use ark_bls12_381::G1Affine;
use ark_ff::Zero;

pub const RECORD_CHUNKS: usize = 32_768;
pub const RECORD_BYTES: usize = RECORD_CHUNKS * SCALAR_BYTES;
pub const PIECE_BYTES: usize = RECORD_BYTES + 2 * POINT_BYTES;
pub const PIECES_IN_SEGMENT: usize = 256;
pub const SOURCE_PIECES: usize = 128;

/// Verdict on a piece; the first rule that fails is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceVerdict {
    Valid = 0,
    RecordNotCanonical = 1,
    CommitmentMismatch = 2,
    WitnessInvalid = 3,
}

type PointBytes = [u8; POINT_BYTES];

fn split(piece: &[u8]) -> Result<(&[u8], &PointBytes, &PointBytes), Error> {
    if piece.len() != PIECE_BYTES {
        return Err(Error::BadLength {
            what: "a piece",
            length: piece.len(),
        });
    }
    let (record, points) = piece.split_at(RECORD_BYTES);
    let (commitment, witness) = points.split_at(POINT_BYTES);
    Ok((
        record,
        commitment.try_into().expect("48 bytes"),
        witness.try_into().expect("48 bytes"),
    ))
}

/// Commitment to a record of 32768 canonical scalars.
pub fn record_commitment(srs: &ReferenceString, record: &[u8]) -> Result<G1Affine, Error> {
    if record.len() != RECORD_BYTES {
        return Err(Error::BadLength {
            what: "a record",
            length: record.len(),
        });
    }
    srs.commit(&poly::interpolate(&scalar::many_from_bytes(record)?)?)
}

fn record_opening(
    commitment: &[u8; POINT_BYTES],
    witness: &[u8; POINT_BYTES],
    segment_commitment: &[u8; POINT_BYTES],
    position: usize,
) -> Option<Opening> {
    Some(Opening {
        commitment: kzg::point_from_bytes(segment_commitment)?,
        domain: PIECES_IN_SEGMENT,
        index: position,
        value: scalar::hash_to_scalar(commitment),
        witness: kzg::point_from_bytes(witness)?,
    })
}

/// Whether the segment holds this record commitment at `position` (`is_record_commitment_hash_valid`).
pub fn record_commitment_is_valid(
    commitment: &[u8; POINT_BYTES],
    witness: &[u8; POINT_BYTES],
    segment_commitment: &[u8; POINT_BYTES],
    position: usize,
) -> Result<bool, Error> {
    record_opening(commitment, witness, segment_commitment, position)
        .map_or(Ok(false), |opening| kzg::verify(&opening))
}

/// The full check of one piece (`is_piece_valid`).
pub fn piece_is_valid(
    srs: &ReferenceString,
    piece: &[u8],
    segment_commitment: &[u8; POINT_BYTES],
    position: usize,
) -> Result<PieceVerdict, Error> {
    let (record, commitment, witness) = split(piece)?;
    let values = match scalar::many_from_bytes(record) {
        Ok(values) => values,
        Err(_) => return Ok(PieceVerdict::RecordNotCanonical),
    };
    let computed = srs.commit(&poly::interpolate(&values)?)?;
    if kzg::point_to_bytes(&computed) != *commitment {
        return Ok(PieceVerdict::CommitmentMismatch);
    }
    Ok(
        if record_commitment_is_valid(commitment, witness, segment_commitment, position)? {
            PieceVerdict::Valid
        } else {
            PieceVerdict::WitnessInvalid
        },
    )
}

/// Checks many pieces with one commitment and one pairing product, keeping one record's memory.
pub struct PieceBatch {
    records: ShortCombination,
    commitments: Vec<G1Affine>,
    coefficients: Vec<Fr>,
    openings: OpeningBatch,
    random: Vec<Fr>,
    malformed: bool,
}

impl PieceBatch {
    /// `seed` is random and unknown to whoever supplies the pieces; `count` pieces will be added at most.
    pub fn new(seed: &[u8; 32], count: usize) -> Self {
        Self {
            records: ShortCombination::default(),
            commitments: Vec::new(),
            coefficients: Vec::new(),
            openings: OpeningBatch::default(),
            random: kzg::random_coefficients(seed, 2 * count),
            malformed: false,
        }
    }

    /// Adds a piece; one that does not decode makes the whole batch fail.
    pub fn add(
        &mut self,
        piece: &[u8],
        segment_commitment: &[u8; POINT_BYTES],
        position: usize,
    ) -> Result<(), Error> {
        let (record, commitment, witness) = split(piece)?;
        let (Some(for_record), Some(for_opening)) = (self.random.pop(), self.random.pop()) else {
            return Err(Error::BadLength {
                what: "the batch",
                length: self.commitments.len() + 1,
            });
        };
        let opening = record_opening(commitment, witness, segment_commitment, position);
        let (Some(opening), Some(point), Ok(())) = (
            opening,
            kzg::point_from_bytes(commitment),
            self.records.add(record, &for_record),
        ) else {
            self.malformed = true;
            return Ok(());
        };
        self.commitments.push(point);
        self.coefficients.push(for_record);
        self.openings.add(&opening, for_opening)
    }

    /// Whether every piece added is valid. A commitment that differs from the true one by a point outside the
    /// prime-order subgroup is caught too: its bytes are hashed into the opening.
    pub fn holds(&mut self, srs: &ReferenceString) -> Result<bool, Error> {
        if self.malformed {
            return Ok(false);
        }
        let combined = srs.partial(&poly::interpolate(&self.records.values())?, 0)?;
        let claimed = msm::msm(&msm::bases(&self.commitments), &self.coefficients);
        Ok(combined == claimed && self.openings.holds())
    }
}

/// What archiving makes of 128 record commitments.
pub struct SegmentCommitments {
    /// All 256, source and parity interleaved.
    pub record_commitments: Vec<G1Affine>,
    pub segment_commitment: G1Affine,
    pub record_witnesses: Vec<G1Affine>,
}

/// The segment polynomial's coefficients over the 256 hashed commitments.
pub fn segment_polynomial(record_commitments: &[G1Affine]) -> Result<Vec<Fr>, Error> {
    let values: Vec<Fr> = record_commitments
        .iter()
        .map(|point| scalar::hash_to_scalar(&kzg::point_to_bytes(point)))
        .collect();
    poly::interpolate(&values)
}

/// Commitments and witnesses of a segment from the commitments of its 128 source records.
pub fn segment_from_commitments(
    srs: &ReferenceString,
    source: &[G1Affine],
) -> Result<SegmentCommitments, Error> {
    let record_commitments = kzg::extend_commitments(source)?;
    let polynomial = segment_polynomial(&record_commitments)?;
    let segment_commitment = srs.commit(&polynomial)?;
    let record_witnesses = (0..record_commitments.len())
        .map(|index| srs.create_witness(&polynomial, record_commitments.len(), index))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(SegmentCommitments {
        record_commitments,
        segment_commitment,
        record_witnesses,
    })
}

/// All 256 record commitments of a segment from those at 128 distinct positions.
pub fn recover_commitments(positions: &[usize], commitments: &[G1Affine]) -> Result<Vec<G1Affine>, Error> {
    if positions.len() != SOURCE_PIECES || commitments.len() != SOURCE_PIECES {
        return Err(Error::TooManyMissing {
            present: commitments.len(),
            needed: SOURCE_PIECES,
        });
    }
    let bases = msm::bases(commitments);
    let source = (0..PIECES_IN_SEGMENT)
        .step_by(2)
        .map(|wanted| match positions.iter().position(|own| *own == wanted) {
            Some(index) => Ok(commitments[index]),
            None => Ok(msm::msm(&bases, &lagrange_weights(positions, wanted)?)),
        })
        .collect::<Result<Vec<_>, Error>>()?;
    kzg::extend_commitments(&source)
}

/// Weights by which values at these positions of the 256-domain combine to the value at another.
pub fn lagrange_weights(positions: &[usize], wanted: usize) -> Result<Vec<Fr>, Error> {
    let domain = poly::domain(PIECES_IN_SEGMENT)?;
    let points: Vec<Fr> = positions
        .iter()
        .map(|position| poly::point(&domain, *position))
        .collect();
    let at = poly::point(&domain, wanted);
    if let Some(index) = positions.iter().position(|position| *position == wanted) {
        let mut weights = vec![Fr::zero(); positions.len()];
        weights[index] = Fr::from(1u64);
        return Ok(weights);
    }
    points
        .iter()
        .enumerate()
        .map(|(j, own)| {
            let mut numerator = Fr::from(1u64);
            let mut denominator = Fr::from(1u64);
            for (k, other) in points.iter().enumerate() {
                if k != j {
                    numerator *= at - other;
                    denominator *= *own - other;
                }
            }
            if denominator.is_zero() {
                return Err(Error::BadLength {
                    what: "distinct positions",
                    length: positions.len(),
                });
            }
            Ok(numerator * poly::inverse(&denominator))
        })
        .collect()
}
