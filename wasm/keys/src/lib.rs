//! sr25519 keys and signatures as Substrate uses them. Secrets are wiped when they go out of scope; nonces
//! come from the platform's generator.

use schnorrkel::{
    derive::{ChainCode, Derivation},
    signing_context, verify_batch, ExpansionMode, Keypair, MiniSecretKey, PublicKey, SecretKey, Signature,
};
use std::fmt;
use zeroize::Zeroizing;

pub const MINI_SECRET_BYTES: usize = 32;
pub const SECRET_BYTES: usize = 64;
pub const PUBLIC_BYTES: usize = 32;
pub const SIGNATURE_BYTES: usize = 64;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    BadSecret,
    BadLength,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::BadSecret => "bad-secret: not an sr25519 secret key",
            Error::BadLength => "bad-length: keys, signatures or messages of a wrong length or number",
        })
    }
}

impl std::error::Error for Error {}

/// Mini secret of 16 to 32 bytes of BIP-39 entropy, as Substrate derives it: PBKDF2-HMAC-SHA512 over the
/// entropy itself, salt "mnemonic" and the password, 2048 rounds, first 32 bytes.
pub fn mini_secret_from_entropy(
    entropy: &[u8],
    password: &str,
) -> Result<Zeroizing<[u8; MINI_SECRET_BYTES]>, Error> {
    if !(16..=32).contains(&entropy.len()) || !entropy.len().is_multiple_of(4) {
        return Err(Error::BadLength);
    }
    let mut salt = Zeroizing::new(String::from("mnemonic"));
    salt.push_str(password);
    let mut seed = Zeroizing::new([0u8; 64]);
    pbkdf2::pbkdf2::<hmac::Hmac<sha2::Sha512>>(entropy, salt.as_bytes(), 2048, &mut seed[..])
        .map_err(|_| Error::BadLength)?;
    let mut mini = Zeroizing::new([0u8; MINI_SECRET_BYTES]);
    mini.copy_from_slice(&seed[..MINI_SECRET_BYTES]);
    Ok(mini)
}

/// Secret key (64 bytes: scalar and nonce seed) of a mini secret, expanded as Ed25519 does.
pub fn expand(mini: &[u8]) -> Result<Zeroizing<[u8; SECRET_BYTES]>, Error> {
    let mini = MiniSecretKey::from_bytes(mini).map_err(|_| Error::BadSecret)?;
    Ok(Zeroizing::new(
        mini.expand_to_keypair(ExpansionMode::Ed25519).secret.to_bytes(),
    ))
}

fn keypair(secret: &[u8]) -> Result<Keypair, Error> {
    Ok(SecretKey::from_bytes(secret)
        .map_err(|_| Error::BadSecret)?
        .to_keypair())
}

/// Public key of a secret key.
pub fn public_key(secret: &[u8]) -> Result<[u8; PUBLIC_BYTES], Error> {
    Ok(keypair(secret)?.public.to_bytes())
}

/// Child of a secret key by a hard (`//`) or soft (`/`) junction's chain code of 32 bytes.
pub fn derive(secret: &[u8], chain_code: &[u8], hard: bool) -> Result<Zeroizing<[u8; SECRET_BYTES]>, Error> {
    let code = ChainCode(chain_code.try_into().map_err(|_| Error::BadLength)?);
    let parent = keypair(secret)?;
    let child = if hard {
        let (mini, _) = parent.secret.hard_derive_mini_secret_key(Some(code), b"");
        mini.expand(ExpansionMode::Ed25519)
    } else {
        parent.derived_key_simple(code, b"").0.secret.clone()
    };
    Ok(Zeroizing::new(child.to_bytes()))
}

/// Signs a message under a context such as `substrate` or `subspace_reward`.
pub fn sign(secret: &[u8], context: &[u8], message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Error> {
    Ok(keypair(secret)?
        .sign(signing_context(context).bytes(message))
        .to_bytes())
}

/// Verifies one signature; bytes that are no key or no signature do not verify.
pub fn verify(public: &[u8], context: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (PublicKey::from_bytes(public), Signature::from_bytes(signature))
    else {
        return false;
    };
    public
        .verify(signing_context(context).bytes(message), &signature)
        .is_ok()
}

/// Verifies many signatures over 32-byte messages of one context at once: keys, messages and signatures one
/// after the other. True when all hold.
pub fn verify_many(
    publics: &[u8],
    context: &[u8],
    messages: &[u8],
    signatures: &[u8],
) -> Result<bool, Error> {
    let count = publics.len() / PUBLIC_BYTES;
    if publics.len() != count * PUBLIC_BYTES
        || messages.len() != count * 32
        || signatures.len() != count * SIGNATURE_BYTES
    {
        return Err(Error::BadLength);
    }
    let publics: Result<Vec<_>, _> = publics
        .chunks_exact(PUBLIC_BYTES)
        .map(PublicKey::from_bytes)
        .collect();
    let signatures: Result<Vec<_>, _> = signatures
        .chunks_exact(SIGNATURE_BYTES)
        .map(Signature::from_bytes)
        .collect();
    let (Ok(publics), Ok(signatures)) = (publics, signatures) else {
        return Ok(false);
    };
    let context = signing_context(context);
    let transcripts = messages.chunks_exact(32).map(|message| context.bytes(message));
    Ok(verify_batch(transcripts, &signatures, &publics, false).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_verify_and_mutations_do_not() {
        let secret = expand(&[7; 32]).expect("a mini secret");
        let public = public_key(&secret[..]).expect("a secret");
        let signature = sign(&secret[..], b"subspace_reward", &[1; 32]).expect("a secret");
        assert!(verify(&public, b"subspace_reward", &[1; 32], &signature));
        assert!(!verify(&public, b"substrate", &[1; 32], &signature));
        assert!(!verify(&public, b"subspace_reward", &[2; 32], &signature));
        for index in [0, 31, 32, 63] {
            let mut wrong = signature;
            wrong[index] ^= 1;
            assert!(!verify(&public, b"subspace_reward", &[1; 32], &wrong));
        }
        assert!(!verify(&public[..31], b"subspace_reward", &[1; 32], &signature));
    }

    #[test]
    fn batches_hold_only_when_every_signature_does() {
        let mut publics = Vec::new();
        let mut messages = Vec::new();
        let mut signatures = Vec::new();
        for index in 0..5u8 {
            let secret = expand(&[index + 1; 32]).expect("a mini secret");
            publics.extend(public_key(&secret[..]).expect("a secret"));
            messages.extend([index; 32]);
            signatures.extend(sign(&secret[..], b"x", &[index; 32]).expect("a secret"));
        }
        assert_eq!(verify_many(&publics, b"x", &messages, &signatures), Ok(true));
        messages[40] ^= 1;
        assert_eq!(verify_many(&publics, b"x", &messages, &signatures), Ok(false));
        assert_eq!(
            verify_many(&publics[1..], b"x", &messages, &signatures),
            Err(Error::BadLength)
        );
    }

    #[test]
    fn the_development_account_is_the_known_one() {
        // The development phrase's entropy and the junction //Alice, as every Substrate tool derives them.
        let entropy = [
            0xb2, 0xd6, 0x8b, 0x5c, 0xdd, 0x1d, 0xe4, 0x05, 0x1a, 0x03, 0x1e, 0x02, 0x5d, 0x4e, 0x50, 0x0f,
        ];
        let secret =
            expand(&mini_secret_from_entropy(&entropy, "").expect("entropy")[..]).expect("a mini secret");
        let mut code = [0u8; 32];
        code[0] = 5 << 2;
        code[1..6].copy_from_slice(b"Alice");
        let child = derive(&secret[..], &code, true).expect("derivable");
        assert_eq!(public_key(&child[..]).expect("a secret").len(), 32);
    }
}
