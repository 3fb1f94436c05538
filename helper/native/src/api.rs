//! Messages between a page and the helper: encodings of records travel as `frames` says, in binary ones, and all else
//! as JSON, one object a text frame. Requests `{id, method, params}` of one
//! connection are answered in their order, by `{id, result}` or `{id, error: {code, message}}`; `id` is null where
//! the request had none that can be read. Codes: `malformed`, `not-paired`, `wrong-code`, `iterations`, `too-many`,
//! `internal`. A connection that is refused or ended by the helper gets a close frame with the reason in words:
//! 1008 for a page of an origin that is not allowed, wrong codes and pairing too late, 1009 for a message that is
//! too long, 1013 when there are too many connections. Closing a connection gives up the work asked for on it.

use serde::{Deserialize, Serialize};

/// Slots that one `verify` may carry.
pub const MAX_SLOTS: usize = 1024;
/// Bytes of one message: a record and what comes with it fit.
pub const MAX_MESSAGE: usize = 1024 * 1024 + 64 * 1024;
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
    /// Walks one slot: `{checkpoints}`.
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

/// Answer to `pair` and `info`.
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
    pub plotting: Plotting,
}

/// How records are encoded.
#[derive(Debug, Serialize)]
pub struct Plotting {
    /// So many at once; twice as many may be asked for. None: this helper does not plot.
    pub encodings: usize,
    /// Vectors of the processor that tables are made with.
    pub vectors: &'static str,
}

/// Answer to `verify`, one a slot: the first checkpoint that is wrong (0..7), or null when all hold.
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
    if hex.len() != 2 * N || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    let mut out = [0; N];
    for (byte, digits) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| malformed())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| malformed())?;
    }
    Ok(out)
}

/// A seed of 16 bytes.
pub fn seed(hex: &str) -> Result<[u8; 16], Failure> {
    bytes("seed", hex)
}

/// A number of iterations that the network allows and that ends in reasonable time.
pub fn iterations(count: u32) -> Result<u32, Failure> {
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

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
