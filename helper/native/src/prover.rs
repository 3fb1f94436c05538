//! The one lane that proves: a thread of its own, on a core of its own where the system allows that, which walks
//! one slot after the other.

use crate::api::{hex, iterations, seed, Failure};
use allotment_aes::pot_prove_unless;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::thread;

struct Slot {
    seed: [u8; 16],
    iterations: u32,
    stopped: Arc<AtomicBool>,
    /// Gets the checkpoints as hex; nothing when stopped.
    answer: Sender<String>,
}

/// Handle of the proving thread, which ends with the last handle.
#[derive(Clone)]
pub struct Prover(Sender<Slot>);

impl Prover {
    pub fn start() -> Self {
        let (queue, slots) = channel::<Slot>();
        thread::spawn(move || {
            pin();
            for slot in slots {
                let stopped = || slot.stopped.load(Ordering::Relaxed);
                if let Ok(Some(checkpoints)) =
                    pot_prove_unless(&slot.seed, slot.iterations, stopped)
                {
                    let _ = slot.answer.send(hex(&checkpoints));
                }
            }
        });
        Self(queue)
    }

    /// Walks one slot after those asked for before; the result is its 128 bytes of checkpoints as hex.
    pub fn prove(
        &self,
        from: &str,
        count: u32,
        stopped: &Arc<AtomicBool>,
    ) -> Result<String, Failure> {
        let (answer, checkpoints) = channel();
        let slot = Slot {
            seed: seed(from)?,
            iterations: iterations(count)?,
            stopped: Arc::clone(stopped),
            answer,
        };
        let ended = |_| Failure::new("internal", "the walk was given up");
        self.0.send(slot).map_err(|_| ended(()))?;
        checkpoints.recv().map_err(|_| ended(()))
    }
}

/// Keeps this thread on the last core, away from the first, where systems handle interrupts. A system that does
/// not pin threads (macOS) leaves it where it is.
fn pin() {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let [_, .., last] = cores[..] {
        core_affinity::set_for_current(last);
    }
}
