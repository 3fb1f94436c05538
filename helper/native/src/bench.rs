//! `allotment-helper bench FOLDER`: what plotting and farming take on one thread, measured; medians of CPU time on Linux
//! and of wall time elsewhere, one JSON object a line. FOLDER is that of the app's sources, which hold the reference
//! string and some recorded pieces.

use crate::plotter::encode;
use allotment_kzg::kzg::ReferenceString;
use allotment_kzg::piece::PieceBatch;
use allotment_kzg::{erasure, poly, scalar};
use allotment_space::record::{self, CHUNK_BYTES};
use allotment_space::Table;
use serde_json::{json, Value};
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const RUNS: usize = 5;
/// Pieces verified together.
const BATCH: usize = 128;
const AUDITED_SECTORS: u32 = 10_000;
/// Chunks of an s-bucket of a sector of 1000 pieces.
const AUDITED_CHUNKS: usize = 500;

/// Seconds of CPU time of this thread, where the system tells.
fn cpu() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let (started, before) = (Instant::now(), cpu());
    work();
    match (before, cpu()) {
        (Some(before), Some(after)) => after - before,
        _ => started.elapsed().as_secs_f64(),
    }
}

/// Measures work, which is given the number of the run, and prints the median per `parts` of it.
fn measure(name: &str, unit: &str, parts: f64, mut work: impl FnMut(u8)) {
    work(0);
    let mut values: Vec<f64> = (1..=RUNS as u8).map(|run| seconds(|| work(run))).collect();
    values.sort_by(f64::total_cmp);
    let scale = if unit == "ms" { 1e3 } else { 1.0 };
    let value = values[RUNS / 2] * scale / parts;
    println!(
        "{}",
        json!({ "name": name, "value": value, "unit": unit, "runs": RUNS })
    );
}

struct Piece {
    bytes: Vec<u8>,
    segment_commitment: [u8; 48],
    position: usize,
}

fn recorded(vectors: &Path) -> Result<Vec<Piece>, Box<dyn Error>> {
    let archiving: Value = serde_json::from_slice(&fs::read(vectors.join("archiving.json"))?)?;
    let missing = || "archiving.json is not as expected";
    let pieces = archiving["full_pieces"].as_array().ok_or_else(missing)?;
    pieces
        .iter()
        .map(|piece| {
            let index = piece["piece_index"].as_u64().ok_or_else(missing)? as usize;
            let file = piece["file"].as_str().ok_or_else(missing)?;
            let commitment = archiving["segments"][index / 256]["segment_commitment"].as_str();
            Ok(Piece {
                bytes: fs::read(vectors.join(file))?,
                segment_commitment: crate::api::bytes(
                    "commitment",
                    commitment.ok_or_else(missing)?,
                )
                .map_err(|failure| failure.message)?,
                position: index % 256,
            })
        })
        .collect()
}

/// Prints all figures. Fails where the folder is not that of the sources.
pub fn run(sources: &Path) -> Result<(), Box<dyn Error>> {
    let pieces = recorded(&sources.join("tests/vectors"))?;
    let srs = fs::read(sources.join("public/srs-g1.bin"))?;
    let srs = ReferenceString::from_uncompressed(&srs).map_err(|error| error.to_string())?;
    let source = pieces[0].bytes[..1 << 20].to_vec();
    let mut table = Table::new();

    measure("space.table", "s of CPU", 1.0, |run| {
        table.build(&[run; 32])
    });
    measure("farm.encode", "s of CPU", 1.0, |run| {
        black_box(encode(&mut table, &[run; 32], &source).expect("a recorded piece"));
    });
    measure("piece.verify.batch", "ms", BATCH as f64, |run| {
        let mut batch = PieceBatch::new(&[run; 32], BATCH);
        for piece in pieces.iter().cycle().take(BATCH) {
            let added = batch.add(&piece.bytes, &piece.segment_commitment, piece.position);
            added.expect("room in the batch");
        }
        assert_eq!(batch.holds(&srs), Ok(true), "recorded pieces are valid");
    });
    let chunks = &source[..AUDITED_CHUNKS * CHUNK_BYTES];
    measure("farm.audit", "ms", 1.0, |run| {
        for sector in 0..AUDITED_SECTORS {
            let mut challenge = [run; 32];
            challenge[..4].copy_from_slice(&sector.to_le_bytes());
            black_box(record::audit(chunks, &challenge, &[run; 32], 1));
        }
    });
    let encoded = encode(&mut table, &[9; 32], &source)?;
    measure("farm.prove", "s of CPU", 1.0, |_| {
        prove(&mut table, &srs, &encoded).expect("an encoded record");
    });
    Ok(())
}

/// From a record's stored chunks to the witness of one of them, with the table made anew.
fn prove(
    table: &mut Table,
    srs: &ReferenceString,
    encoded: &record::EncodedRecord,
) -> Result<(), Box<dyn Error>> {
    table.build(&[9; 32]);
    let shards = record::unmask(table, &encoded.bitfield, &encoded.chunks)?;
    let position = shards.present.iter().position(|present| *present == 1);
    let scalars = scalar::many_from_bytes(&shards.chunks).map_err(|error| error.to_string())?;
    let shards: Vec<_> = scalars
        .into_iter()
        .zip(shards.present)
        .map(|(scalar, present)| (present == 1).then_some(scalar))
        .collect();
    let coefficients = erasure::recover_poly(&shards).map_err(|error| error.to_string())?;
    let domain = poly::domain(shards.len()).map_err(|error| error.to_string())?;
    let at = poly::point(&domain, position.ok_or("an empty record")?);
    let witness = srs.commit(&poly::quotient(&coefficients, &at));
    let _ = black_box(witness.map_err(|error| error.to_string())?);
    Ok(())
}
