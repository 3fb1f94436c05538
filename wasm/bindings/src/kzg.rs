//! WebAssembly doors to `allotment-kzg`. Scalars are 32 bytes big-endian, points 48 bytes compressed.

use allotment_kzg::combination::LongCombination;
use allotment_kzg::kzg::{self, Opening, ReferenceString, POINT_BYTES};
use allotment_kzg::{erasure, msm, piece, poly, scalar, Error};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    static SRS: RefCell<Option<ReferenceString>> = const { RefCell::new(None) };
}

fn thrown(error: Error) -> JsError {
    JsError::new(&error.to_string())
}

fn with_srs<T>(run: impl FnOnce(&ReferenceString) -> Result<T, Error>) -> Result<T, JsError> {
    SRS.with(|srs| match &*srs.borrow() {
        Some(srs) => run(srs),
        None => Err(Error::ReferenceString { loaded: 0, needed: 1 }),
    })
    .map_err(thrown)
}

fn fixed<'a, const N: usize>(what: &'static str, bytes: &'a [u8]) -> Result<&'a [u8; N], JsError> {
    bytes.try_into().map_err(|_| {
        thrown(Error::BadLength {
            what,
            length: bytes.len(),
        })
    })
}

fn scalar_of(bytes: &[u8]) -> Result<scalar::Fr, JsError> {
    scalar::from_bytes(fixed("a scalar", bytes)?)
        .ok_or_else(|| thrown(Error::ScalarNotCanonical { index: 0 }))
}

fn point_of(bytes: &[u8]) -> Result<ark_bls12_381::G1Affine, JsError> {
    kzg::point_from_bytes(fixed("a point", bytes)?)
        .ok_or_else(|| thrown(Error::PointUndecodable { index: 0 }))
}

/// Loads powers of τ in G1 from 96-byte uncompressed points.
#[wasm_bindgen]
pub fn init_srs(uncompressed: &[u8]) -> Result<(), JsError> {
    let loaded = ReferenceString::from_uncompressed(uncompressed).map_err(thrown)?;
    SRS.with(|srs| *srs.borrow_mut() = Some(loaded));
    Ok(())
}

/// Whether 48 bytes are a point that the network accepts.
#[wasm_bindgen]
pub fn g1_is_decodable(bytes: &[u8]) -> bool {
    bytes
        .try_into()
        .is_ok_and(|bytes| kzg::point_from_bytes(bytes).is_some())
}

#[wasm_bindgen]
pub fn poly_interpolate(values: &[u8]) -> Result<Vec<u8>, JsError> {
    let values = scalar::many_from_bytes(values).map_err(thrown)?;
    Ok(scalar::many_to_bytes(
        &poly::interpolate(&values).map_err(thrown)?,
    ))
}

#[wasm_bindgen]
pub fn poly_evaluate_at(coefficients: &[u8], domain: usize, index: usize) -> Result<Vec<u8>, JsError> {
    let coefficients = scalar::many_from_bytes(coefficients).map_err(thrown)?;
    let at = poly::point(&poly::domain_at_least(domain).map_err(thrown)?, index);
    Ok(scalar::to_bytes(&poly::evaluate(&coefficients, &at)).to_vec())
}

#[wasm_bindgen]
pub fn kzg_commit(coefficients: &[u8]) -> Result<Vec<u8>, JsError> {
    let coefficients = scalar::many_from_bytes(coefficients).map_err(thrown)?;
    with_srs(|srs| Ok(kzg::point_to_bytes(&srs.commit(&coefficients)?).to_vec()))
}

#[wasm_bindgen]
pub fn kzg_create_witness(coefficients: &[u8], domain: usize, index: usize) -> Result<Vec<u8>, JsError> {
    let coefficients = scalar::many_from_bytes(coefficients).map_err(thrown)?;
    with_srs(|srs| Ok(kzg::point_to_bytes(&srs.create_witness(&coefficients, domain, index)?).to_vec()))
}

/// Part of a commitment: these scalars with the powers from `from` on; parts are added with `g1_sum`.
#[wasm_bindgen]
pub fn msm_partial(scalars: &[u8], from: usize) -> Result<Vec<u8>, JsError> {
    let scalars = scalar::many_from_bytes(scalars).map_err(thrown)?;
    with_srs(|srs| Ok(kzg::point_to_bytes(&srs.partial(&scalars, from)?).to_vec()))
}

#[wasm_bindgen]
pub fn g1_sum(points: &[u8]) -> Result<Vec<u8>, JsError> {
    let points = kzg::points_from_bytes(points).map_err(thrown)?;
    Ok(kzg::point_to_bytes(&msm::sum(&points)).to_vec())
}

fn opening(
    commitment: &[u8],
    domain: usize,
    index: usize,
    value: &[u8],
    witness: &[u8],
) -> Result<Opening, JsError> {
    Ok(Opening {
        commitment: point_of(commitment)?,
        domain,
        index,
        value: scalar_of(value)?,
        witness: point_of(witness)?,
    })
}

/// Openings to be verified together, decoded once.
#[wasm_bindgen]
pub struct Openings(Vec<Option<Opening>>);

#[wasm_bindgen]
impl Openings {
    /// n openings: commitments and witnesses n·48 bytes, values n·32, one domain and index each.
    #[wasm_bindgen(constructor)]
    pub fn new(
        commitments: &[u8],
        domains: &[u32],
        indices: &[u32],
        values: &[u8],
        witnesses: &[u8],
    ) -> Result<Self, JsError> {
        let count = domains.len();
        let points = POINT_BYTES * count;
        if indices.len() != count
            || values.len() != 32 * count
            || commitments.len() != points
            || witnesses.len() != points
        {
            return Err(thrown(Error::BadLength {
                what: "the openings",
                length: count,
            }));
        }
        let item = |bytes: &[u8], size: usize, i: usize| bytes[size * i..size * (i + 1)].to_vec();
        Ok(Self(
            (0..count)
                .map(|i| {
                    opening(
                        &item(commitments, POINT_BYTES, i),
                        domains[i] as usize,
                        indices[i] as usize,
                        &item(values, 32, i),
                        &item(witnesses, POINT_BYTES, i),
                    )
                    .ok()
                })
                .collect(),
        ))
    }

    /// Whether the points and the scalar of opening `index` decode; one that does not can not hold.
    pub fn decodes(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(Option::is_some)
    }

    /// Whether all these openings hold. `seed`: 32 random bytes that the supplier of the openings could not know.
    pub fn hold(&self, indices: &[u32], seed: &[u8]) -> Result<bool, JsError> {
        let chosen: Option<Vec<&Opening>> = indices
            .iter()
            .map(|index| self.0.get(*index as usize)?.as_ref())
            .collect();
        let seed = fixed("a seed", seed)?;
        chosen.map_or(Ok(false), |chosen| {
            kzg::verify_batch(&chosen, seed).map_err(thrown)
        })
    }
}

#[wasm_bindgen]
pub fn erasure_extend(source: &[u8]) -> Result<Vec<u8>, JsError> {
    let source = scalar::many_from_bytes(source).map_err(thrown)?;
    Ok(scalar::many_to_bytes(&erasure::extend(&source).map_err(thrown)?))
}

fn shards_of(shards: &[u8], present: &[u8]) -> Result<Vec<Option<scalar::Fr>>, JsError> {
    if shards.len() != 32 * present.len() {
        return Err(thrown(Error::BadLength {
            what: "the shards",
            length: shards.len(),
        }));
    }
    present
        .iter()
        .enumerate()
        .map(|(index, present)| match present {
            0 => Ok(None),
            _ => shards[32 * index..32 * index + 32]
                .try_into()
                .ok()
                .and_then(scalar::from_bytes)
                .map(Some)
                .ok_or_else(|| thrown(Error::ScalarNotCanonical { index })),
        })
        .collect()
}

/// All shards from those present: `present` has one byte a shard, zero where it is missing.
#[wasm_bindgen]
pub fn erasure_recover(shards: &[u8], present: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(scalar::many_to_bytes(
        &erasure::recover(&shards_of(shards, present)?).map_err(thrown)?,
    ))
}

/// Coefficients behind the shards, trailing zeros trimmed.
#[wasm_bindgen]
pub fn erasure_recover_poly(shards: &[u8], present: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(scalar::many_to_bytes(
        &erasure::recover_poly(&shards_of(shards, present)?).map_err(thrown)?,
    ))
}

/// Locator of the missing shards: what of a recovery does not depend on the others' values. Only for
/// the doors below, of the same build.
#[wasm_bindgen]
pub fn erasure_locate(present: &[u8]) -> Result<Vec<u8>, JsError> {
    let present: Vec<bool> = present.iter().map(|present| *present != 0).collect();
    Ok(erasure::locate(&present).map_err(thrown)?.to_bytes())
}

fn located(shards: &[u8], present: &[u8], locator: &[u8]) -> Result<Vec<scalar::Fr>, JsError> {
    let locator = erasure::Locator::from_bytes(locator).map_err(thrown)?;
    erasure::recover_located(&shards_of(shards, present)?, &locator).map_err(thrown)
}

/// Source values (even positions) behind shards, with the locator made ahead.
#[wasm_bindgen]
pub fn erasure_recover_source(shards: &[u8], present: &[u8], locator: &[u8]) -> Result<Vec<u8>, JsError> {
    let coefficients = located(shards, present, locator)?;
    let source = erasure::source_values(&coefficients).map_err(thrown)?;
    Ok(scalar::many_to_bytes(&source))
}

/// Value of the polynomial behind shards at one of their positions (32 bytes), then the coefficients of the
/// polynomial that the witness of this value commits to. With the locator made ahead.
#[wasm_bindgen]
pub fn erasure_recover_quotient(
    shards: &[u8],
    present: &[u8],
    locator: &[u8],
    position: usize,
) -> Result<Vec<u8>, JsError> {
    let mut coefficients = located(shards, present, locator)?;
    let at = poly::point(&poly::domain(coefficients.len()).map_err(thrown)?, position);
    coefficients.truncate(coefficients.len() / 2);
    let mut bytes = scalar::to_bytes(&poly::evaluate(&coefficients, &at)).to_vec();
    bytes.extend(scalar::many_to_bytes(&poly::quotient(&coefficients, &at)));
    Ok(bytes)
}

#[wasm_bindgen]
pub fn extend_commitments(commitments: &[u8]) -> Result<Vec<u8>, JsError> {
    let points = kzg::points_from_bytes(commitments).map_err(thrown)?;
    Ok(kzg::points_to_bytes(
        &kzg::extend_commitments(&points).map_err(thrown)?,
    ))
}

/// Weights (n·32 bytes) by which records at `positions` of a segment combine to the one at `wanted`.
#[wasm_bindgen]
pub fn lagrange_weights(positions: &[u32], wanted: usize) -> Result<Vec<u8>, JsError> {
    let positions: Vec<usize> = positions.iter().map(|position| *position as usize).collect();
    Ok(scalar::many_to_bytes(
        &piece::lagrange_weights(&positions, wanted).map_err(thrown)?,
    ))
}

/// Adds weighted records one by one, so that a record is recombined in bounded memory.
#[wasm_bindgen]
pub struct RecordSum(LongCombination);

#[wasm_bindgen]
impl RecordSum {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // a JavaScript constructor
    pub fn new() -> Self {
        Self(LongCombination::default())
    }

    pub fn add(&mut self, record: &[u8], weight: &[u8]) -> Result<(), JsError> {
        self.0.add(record, &scalar_of(weight)?).map_err(thrown)
    }

    pub fn record(&mut self) -> Vec<u8> {
        scalar::many_to_bytes(&self.0.values())
    }
}

#[wasm_bindgen]
pub fn record_commitment(record: &[u8]) -> Result<Vec<u8>, JsError> {
    with_srs(|srs| Ok(kzg::point_to_bytes(&piece::record_commitment(srs, record)?).to_vec()))
}

/// From 128 source commitments: 256 commitments, the segment commitment, 256 witnesses, one after the other.
#[wasm_bindgen]
pub fn segment_from_commitments(source: &[u8]) -> Result<Vec<u8>, JsError> {
    let source = kzg::points_from_bytes(source).map_err(thrown)?;
    with_srs(|srs| {
        let segment = piece::segment_from_commitments(srs, &source)?;
        let mut bytes = kzg::points_to_bytes(&segment.record_commitments);
        bytes.extend(kzg::point_to_bytes(&segment.segment_commitment));
        bytes.extend(kzg::points_to_bytes(&segment.record_witnesses));
        Ok(bytes)
    })
}

/// Witness of the record at `wanted` in a segment of which the commitments at 128 positions are known: the
/// record's commitment, then its witness, 48 bytes each.
#[wasm_bindgen]
pub fn segment_recover_points(
    positions: &[u32],
    commitments: &[u8],
    wanted: usize,
) -> Result<Vec<u8>, JsError> {
    let positions: Vec<usize> = positions.iter().map(|position| *position as usize).collect();
    let known = kzg::points_from_bytes(commitments).map_err(thrown)?;
    with_srs(|srs| {
        let all = piece::recover_commitments(&positions, &known)?;
        let polynomial = piece::segment_polynomial(&all)?;
        let witness = srs.create_witness(&polynomial, all.len(), wanted)?;
        Ok(kzg::points_to_bytes(&[all[wanted % all.len()], witness]))
    })
}

/// Verdict on a piece: 0 valid, 1 record not canonical, 2 commitment mismatch, 3 witness invalid.
#[wasm_bindgen]
pub fn piece_is_valid(bytes: &[u8], segment_commitment: &[u8], position: usize) -> Result<u8, JsError> {
    let segment_commitment: &[u8; POINT_BYTES] = fixed("a segment commitment", segment_commitment)?;
    with_srs(|srs| Ok(piece::piece_is_valid(srs, bytes, segment_commitment, position)? as u8))
}

#[wasm_bindgen]
pub fn record_commitment_is_valid(
    commitment: &[u8],
    witness: &[u8],
    segment_commitment: &[u8],
    position: usize,
) -> Result<bool, JsError> {
    piece::record_commitment_is_valid(
        fixed("a commitment", commitment)?,
        fixed("a witness", witness)?,
        fixed("a segment commitment", segment_commitment)?,
        position,
    )
    .map_err(thrown)
}

/// Checks many pieces with one commitment and one pairing product.
#[wasm_bindgen]
pub struct PieceBatch(piece::PieceBatch);

#[wasm_bindgen]
impl PieceBatch {
    /// For at most `count` pieces; `seed`: 32 random bytes that the supplier of the pieces could not know.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: &[u8], count: usize) -> Result<PieceBatch, JsError> {
        Ok(Self(piece::PieceBatch::new(fixed("a seed", seed)?, count)))
    }

    pub fn add(&mut self, bytes: &[u8], segment_commitment: &[u8], position: usize) -> Result<(), JsError> {
        self.0
            .add(
                bytes,
                fixed("a segment commitment", segment_commitment)?,
                position,
            )
            .map_err(thrown)
    }

    pub fn holds(&mut self) -> Result<bool, JsError> {
        with_srs(|srs| self.0.holds(srs))
    }
}
