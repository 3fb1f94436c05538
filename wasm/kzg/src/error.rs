//! Refusals of this crate, each with a stable code.

use std::fmt;

/// Input that the rules of the commitment scheme or of the erasure code refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// 32 bytes that are not below the scalar field's order.
    ScalarNotCanonical { index: usize },
    /// 48 bytes that are not a point of the curve.
    PointUndecodable { index: usize },
    /// A length or an argument that the operation does not take.
    BadLength { what: &'static str, length: usize },
    /// Fewer shards than the code needs.
    TooManyMissing { present: usize, needed: usize },
    /// An operation over the reference string before it was loaded, or beyond its length.
    ReferenceString { loaded: usize, needed: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::ScalarNotCanonical { index } => {
                write!(f, "scalar-not-canonical: scalar {index} is not below the field's order")
            }
            Error::PointUndecodable { index } => {
                write!(f, "point-undecodable: point {index} is not a compressed point of the curve")
            }
            Error::BadLength { what, length } => write!(f, "bad-length: {length} does not fit {what}"),
            Error::TooManyMissing { present, needed } => write!(
                f,
                "too-many-missing: Impossible to recover, too many shards are missing ({present} present, {needed} needed)"
            ),
            Error::ReferenceString { loaded, needed } => {
                write!(f, "reference-string: {needed} powers are needed, {loaded} are loaded")
            }
        }
    }
}

impl std::error::Error for Error {}
