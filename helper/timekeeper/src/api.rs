//! Messages between a page and the helper: JSON, one object a frame, answered by `id`.

use serde::{Deserialize, Serialize};

/// Slots that one `verify` may carry.
pub const MAX_SLOTS: usize = 1024;
/// Bytes of one message.
pub const MAX_MESSAGE: usize = 1024 * 1024;
/// Iterations of one slot: ten times what the main network uses.
pub const MAX_ITERATIONS: u32 = 2_100_000_000;

#[derive(Debug, Deserialize)]
pub struct Request {
    pub id: u64,
    #[serde(flatten)]
    pub call: Call,
}

#[derive(Debug, Deserialize)]
#[serde(
    tag = "method",
    content = "params",
    rename_all = "camelCase",
    deny_unknown_fields
)]
pub enum Call {
    /// First call of a connection; nothing else is answered before it.
    Pair { code: String },
    /// What the helper is and how fast.
    Info {},
    /// Verifies slots, each by its own seed and iterations.
    Verify { slots: Vec<Slot> },
    /// Walks one slot.
    Prove { seed: String, iterations: u32 },
}

/// One slot's claim; byte strings are lower-case hex: seed 16 bytes, checkpoints 128.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slot {
    pub seed: String,
    pub iterations: u32,
    pub checkpoints: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    pub name: &'static str,
    pub version: &'static str,
    pub cores: usize,
    pub implementation: String,
    /// Iterations a second of one lane.
    pub prove_rate: f64,
    /// Iterations a second that one core verifies.
    pub verify_rate: f64,
}

/// Per slot: the first checkpoint that is wrong (0..7), or null when all hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub first_wrong: Option<usize>,
}

#[derive(Debug, Serialize)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Bytes of a hex string of exactly `N` bytes.
pub fn bytes<const N: usize>(name: &str, hex: &str) -> Result<[u8; N], Failure> {
    let malformed = || Failure::new("malformed", format!("{name} is not {N} bytes of hex"));
    if hex.len() != 2 * N || !hex.is_ascii() {
        return Err(malformed());
    }
    let mut out = [0; N];
    for (byte, digits) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| malformed())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| malformed())?;
    }
    Ok(out)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
