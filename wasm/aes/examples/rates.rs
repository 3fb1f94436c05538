//! Iterations a second on this machine, as JSON: of a plain loop of AES instructions, the yardstick, and of this
//! crate's walk and verification on one thread. Figures are medians of runs that take turns, of CPU time on Linux
//! and of wall time elsewhere.
//!
//!   cargo run --release -p allotment-aes --example rates

use allotment_aes::{implementation, pot_prove, pot_verify, Claim};
use std::hint::black_box;
use std::time::Instant;

const ITERATIONS: u32 = 16_000_000;
const SLOTS: u32 = 4;
const RUNS: usize = 7;

/// One lane as anybody would write it: eleven round keys, one block, one encryption after the other.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "aes,sse2")]
fn plain(iterations: u32) {
    use core::arch::x86_64::*;
    let keys: [__m128i; 11] = std::array::from_fn(|round| _mm_set1_epi32(black_box(round as i32)));
    let mut block = _mm_set1_epi32(black_box(7));
    for _ in 0..iterations {
        block = _mm_xor_si128(block, keys[0]);
        for key in &keys[1..10] {
            block = _mm_aesenc_si128(block, *key);
        }
        block = _mm_aesenclast_si128(block, keys[10]);
    }
    black_box(block);
}

#[cfg(target_arch = "x86_64")]
fn plain_rate() -> Option<f64> {
    if !std::is_x86_feature_detected!("aes") {
        return None;
    }
    // SAFETY: the instructions were found.
    Some(rate(ITERATIONS, || unsafe { plain(ITERATIONS) }))
}

#[cfg(not(target_arch = "x86_64"))]
fn plain_rate() -> Option<f64> {
    None
}

/// Seconds of CPU time of this thread, where the system tells.
fn cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn rate(iterations: u32, work: impl FnOnce()) -> f64 {
    let (start, before) = (Instant::now(), cpu());
    work();
    let seconds = match (before, cpu()) {
        (Some(before), Some(after)) => after - before,
        _ => start.elapsed().as_secs_f64(),
    };
    f64::from(iterations) / seconds
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let seed = [7; 16];
    let checkpoints = pot_prove(&seed, ITERATIONS).expect("allowed");
    let claim = Claim {
        seed,
        iterations: ITERATIONS,
        checkpoints,
    };
    let (mut lane, mut prove, mut verify) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        lane.extend(plain_rate());
        prove.push(rate(ITERATIONS, || {
            black_box(pot_prove(&seed, ITERATIONS).expect("allowed"));
        }));
        verify.push(rate(SLOTS * ITERATIONS, || {
            for _ in 0..SLOTS {
                assert_eq!(pot_verify(black_box(&claim)), Ok(None));
            }
        }));
    }
    let lane = if lane.is_empty() {
        "null".to_string()
    } else {
        median(lane).to_string()
    };
    println!(
        "{{\"implementation\": \"{}\", \"lane\": {lane}, \"prove\": {}, \"verify\": {}}}",
        implementation(),
        median(prove),
        median(verify)
    );
}
