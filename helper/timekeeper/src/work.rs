//! The helper's work: walking and verifying slots on the cores it was given.

use crate::api::{bytes, hex, Failure, Info, Slot, Verdict, MAX_ITERATIONS, MAX_SLOTS};
use allotment_aes::{implementation, pot_prove, pot_verify_many, Claim};
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

const MEASURED_ITERATIONS: u32 = 8_000_000;

fn iterations(count: u32) -> Result<u32, Failure> {
    if count == 0 || !count.is_multiple_of(16) || count > MAX_ITERATIONS {
        return Err(Failure::new(
            "iterations",
            format!(
                "{count} iterations: a positive multiple of 16 up to {MAX_ITERATIONS} is needed"
            ),
        ));
    }
    Ok(count)
}

/// Walks one slot; the result is its 128 bytes of checkpoints as hex.
pub fn prove(seed: &str, count: u32) -> Result<String, Failure> {
    let seed = bytes::<16>("seed", seed)?;
    let checkpoints = pot_prove(&seed, iterations(count)?)
        .map_err(|error| Failure::new("iterations", error.to_string()))?;
    Ok(hex(&checkpoints))
}

/// Verifies slots, spread over `cores` threads.
pub fn verify(slots: &[Slot], cores: usize) -> Result<Vec<Verdict>, Failure> {
    if slots.len() > MAX_SLOTS {
        return Err(Failure::new(
            "too-many",
            format!("{} slots; at most {MAX_SLOTS} at once", slots.len()),
        ));
    }
    let claims = slots
        .iter()
        .map(|slot| {
            Ok(Claim {
                seed: bytes::<16>("seed", &slot.seed)?,
                iterations: iterations(slot.iterations)?,
                checkpoints: bytes::<128>("checkpoints", &slot.checkpoints)?,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let share = claims.len().div_ceil(cores).max(1);
    let wrong = thread::scope(|scope| {
        let parts: Vec<_> = claims
            .chunks(share)
            .map(|part| scope.spawn(move || pot_verify_many(part)))
            .collect();
        parts
            .into_iter()
            .map(|part| part.join())
            .collect::<Vec<_>>()
    });
    let mut verdicts = Vec::with_capacity(claims.len());
    for part in wrong {
        let part = part
            .map_err(|_| Failure::new("internal", "a verification thread ended unexpectedly"))?
            .map_err(|error| Failure::new("iterations", error.to_string()))?;
        verdicts.extend(part.into_iter().map(|first_wrong| Verdict { first_wrong }));
    }
    Ok(verdicts)
}

/// What this helper is; its speed is measured once, at the first question.
pub fn info(cores: usize) -> Info {
    static RATES: OnceLock<(f64, f64)> = OnceLock::new();
    let (prove_rate, verify_rate) = *RATES.get_or_init(measure);
    Info {
        name: "allotment-timekeeper",
        version: env!("CARGO_PKG_VERSION"),
        cores,
        implementation: implementation().to_string(),
        prove_rate,
        verify_rate,
    }
}

fn measure() -> (f64, f64) {
    let seed = [7; 16];
    let start = Instant::now();
    let Ok(checkpoints) = pot_prove(&seed, MEASURED_ITERATIONS) else {
        return (0.0, 0.0);
    };
    let prove_rate = f64::from(MEASURED_ITERATIONS) / start.elapsed().as_secs_f64();
    let claims = vec![
        Claim {
            seed,
            iterations: MEASURED_ITERATIONS,
            checkpoints
        };
        8
    ];
    let start = Instant::now();
    if pot_verify_many(&claims).is_err() {
        return (prove_rate, 0.0);
    }
    let verified = f64::from(MEASURED_ITERATIONS) * claims.len() as f64;
    (prove_rate, verified / start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(iterations: u32) -> Slot {
        let seed = "00112233445566778899aabbccddeeff".to_string();
        let checkpoints = prove(&seed, iterations).expect("a valid walk");
        Slot {
            seed,
            iterations,
            checkpoints,
        }
    }

    #[test]
    fn what_was_walked_verifies_and_a_flipped_bit_is_named() {
        let good = slot(1600);
        let mut bad = slot(1600);
        let digit = if &bad.checkpoints[96..97] == "0" {
            "1"
        } else {
            "0"
        };
        bad.checkpoints.replace_range(96..97, digit);
        let verdicts = verify(&[good, bad], 2).expect("decodable slots");
        assert_eq!(verdicts[0].first_wrong, None);
        assert_eq!(verdicts[1].first_wrong, Some(3));
    }

    #[test]
    fn impossible_iterations_are_refused() {
        let seed = "00112233445566778899aabbccddeeff";
        for count in [0, 8, 17, u32::MAX] {
            assert_eq!(prove(seed, count).expect_err("refused").code, "iterations");
        }
        assert_eq!(prove("0011", 16).expect_err("refused").code, "malformed");
    }
}
