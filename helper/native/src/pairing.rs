//! The pairing code: made once, kept in a file that only the person can read.

use std::fs;
use std::io;
use std::path::Path;

/// The code in the file, or a new one written there. 32 hex digits.
pub fn code(file: &Path) -> io::Result<String> {
    if let Ok(code) = fs::read_to_string(file) {
        let code = code.trim();
        if code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(code.to_string());
        }
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let code = crate::api::hex(&random);
    write_private(file, &code)?;
    Ok(code)
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// On Windows, files of the home folder are the person's own.
#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}
