//! Verification of slots on the cores that the helper was given, and how fast it is.

use crate::api::{bytes, iterations, seed, Failure, Info, Plotting, Slot, Verdict, MAX_SLOTS};
use allotment_aes::{implementation, pot_prove, pot_verify, Claim};
use allotment_space::Width;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

const MEASURED_ITERATIONS: u32 = 8_000_000;
const MEASURED_SLOTS: u32 = 8;

fn claim(slot: &Slot) -> Result<Claim, Failure> {
    Ok(Claim {
        seed: seed(&slot.seed)?,
        iterations: iterations(slot.iterations)?,
        checkpoints: bytes::<128>("checkpoints", &slot.checkpoints)?,
    })
}

/// Verifies slots, each on whichever of `cores` threads is free; given up when `stopped`.
pub fn verify(slots: &[Slot], cores: usize, stopped: &AtomicBool) -> Result<Vec<Verdict>, Failure> {
    if slots.len() > MAX_SLOTS {
        return Err(Failure::new(
            "too-many",
            format!("{} slots; at most {MAX_SLOTS} at once", slots.len()),
        ));
    }
    let claims = slots.iter().map(claim).collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    let verdicts: Vec<OnceLock<Verdict>> = claims.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(claim) = claims.get(index) else {
                return;
            };
            if let Ok(first_wrong) = pot_verify(claim) {
                let _ = verdicts[index].set(Verdict { first_wrong });
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..cores.min(claims.len()) {
            scope.spawn(work);
        }
        work();
    });
    verdicts
        .into_iter()
        .map(|verdict| verdict.into_inner())
        .collect::<Option<_>>()
        .ok_or_else(|| Failure::new("internal", "the verification was given up"))
}

/// What this helper is; its speed is measured once, at the first question.
pub fn info(cores: usize, encodings: usize) -> Info {
    static RATES: OnceLock<(f64, f64)> = OnceLock::new();
    let (prove_rate, verify_rate) = *RATES.get_or_init(measure);
    Info {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        cores,
        implementation: implementation().to_string(),
        prove_rate,
        verify_rate,
        plotting: Plotting {
            encodings,
            vectors: Width::widest().name(),
        },
    }
}

fn measure() -> (f64, f64) {
    let seed = [7; 16];
    let iterations = MEASURED_ITERATIONS;
    let start = Instant::now();
    let checkpoints = pot_prove(&seed, iterations).expect("a multiple of 16");
    let prove_rate = f64::from(iterations) / start.elapsed().as_secs_f64();
    let claim = Claim {
        seed,
        iterations,
        checkpoints,
    };
    let start = Instant::now();
    for _ in 0..MEASURED_SLOTS {
        pot_verify(&claim).expect("a multiple of 16");
    }
    let verified = f64::from(iterations) * f64::from(MEASURED_SLOTS);
    (prove_rate, verified / start.elapsed().as_secs_f64())
}
