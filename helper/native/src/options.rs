//! Command line of the helper.

use crate::plotter::ENCODING_MEBIBYTES;
use std::path::PathBuf;

const DEFAULT_MEBIBYTES: usize = 4096;

pub const HELP: &str = "\
allotment-helper: keeps time and encodes sectors at the processor's speed, for a page on this machine

  --port N            port on 127.0.0.1 (default 9955), 0 for a free one
  --origin URL        web origin that may connect; may be repeated
                      (default: http://127.0.0.1 and http://localhost, any port)
  --cores N           cores used (default: all); plotting gives way to other programs
  --memory MIB        memory for plotting, 160 for each record encoded at once (default: 4096); 0: no plotting
  --code-file PATH    where the pairing code is kept (default: .allotment-pairing in the home folder)
  --until-stdin-ends  stop when the program that started this one ends or closes its end
  --help

allotment-helper bench FOLDER   measures plotting and farming on one thread; FOLDER is that of the app's sources
";

/// What the helper runs with.
#[derive(Debug, Clone)]
pub struct Options {
    pub port: u16,
    /// Exact origins; empty means loopback pages of any port.
    pub origins: Vec<String>,
    pub cores: usize,
    /// Records encoded at once.
    pub encodings: usize,
    pub code_file: PathBuf,
    pub until_stdin_ends: bool,
}

pub enum Parsed {
    Run(Options),
    Bench(PathBuf),
    Help,
}

impl Options {
    /// Reads the arguments after the program's name; the error is a sentence for the person, without its full stop.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Parsed, String> {
        let mut options = Options {
            port: 9955,
            origins: Vec::new(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            code_file: home().join(".allotment-pairing"),
            encodings: 0,
            until_stdin_ends: false,
        };
        let mut mebibytes = DEFAULT_MEBIBYTES;
        while let Some(argument) = arguments.next() {
            let name = argument.as_str();
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name {
                "bench" => return Ok(Parsed::Bench(PathBuf::from(value()?))),
                "--help" | "-h" => return Ok(Parsed::Help),
                "--port" => options.port = number(name, &value()?, u16::MAX)?,
                "--cores" => options.cores = number(name, &value()?, usize::MAX)?.max(1),
                "--memory" => mebibytes = number(name, &value()?, usize::MAX)?,
                "--origin" => options.origins.push(origin(&value()?)?),
                "--code-file" => options.code_file = PathBuf::from(value()?),
                "--until-stdin-ends" => options.until_stdin_ends = true,
                other if other.starts_with('-') => {
                    return Err(format!("there is no option {other}"))
                }
                other => return Err(format!("there is no use for “{other}”")),
            }
        }
        options.encodings = options.cores.min(mebibytes / ENCODING_MEBIBYTES);
        Ok(Parsed::Run(options))
    }

    /// Whether a page of this origin may use the helper. Programs without an origin may: they are not pages.
    pub fn allows(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        if !self.origins.is_empty() {
            return self.origins.iter().any(|allowed| allowed == origin);
        }
        ["http://127.0.0.1", "http://localhost"].iter().any(|host| {
            origin.strip_prefix(host).is_some_and(|port| {
                port.is_empty() || (port.starts_with(':') && port[1..].parse::<u16>().is_ok())
            })
        })
    }
}

/// An origin as browsers send it: scheme and host, with a port where it is not the usual one.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    match text.split_once("://") {
        Some((scheme, host))
            if !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@']) =>
        {
            Ok(text.to_lowercase())
        }
        _ => Err(format!(
            "--origin takes a page’s origin such as https://example.org, not “{text}”"
        )),
    }
}

/// `most`: the largest number of its kind.
fn number<N: std::str::FromStr + std::fmt::Display>(
    name: &str,
    text: &str,
    most: N,
) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("{name} takes a number up to {most}, not “{text}”"))
}

fn home() -> PathBuf {
    ["HOME", "USERPROFILE"]
        .iter()
        .find_map(std::env::var_os)
        .map_or_else(|| PathBuf::from("."), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Options {
        match Options::parse(arguments.iter().map(ToString::to_string)) {
            Ok(Parsed::Run(options)) => options,
            _ => panic!("not options to run with"),
        }
    }

    #[test]
    fn loopback_pages_are_allowed_by_default() {
        let options = options(&[]);
        assert!(options.allows(Some("http://127.0.0.1:4173")));
        assert!(options.allows(Some("http://localhost")));
        assert!(options.allows(None));
        for origin in [
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost:x",
            "null",
        ] {
            assert!(!options.allows(Some(origin)), "{origin}");
        }
    }

    #[test]
    fn named_origins_replace_the_default() {
        let options = options(&["--origin", "https://app.example/"]);
        assert!(options.allows(Some("https://app.example")));
        assert!(!options.allows(Some("http://127.0.0.1:4173")));
    }

    #[test]
    fn memory_bounds_the_encodings() {
        for (memory, encodings) in [("0", 0), ("159", 0), ("320", 2), ("99999", 3)] {
            let options = options(&["--cores", "3", "--memory", memory]);
            assert_eq!(options.encodings, encodings);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (arguments, sentence) in [
            (&["--prot"][..], "there is no option --prot"),
            (&["bnech"], "there is no use for “bnech”"),
            (&["--port"], "--port needs a value"),
            (
                &["--origin", "https://example.org/app"],
                "--origin takes a page’s origin such as https://example.org, not “https://example.org/app”",
            ),
            (
                &["--origin", "example.org"],
                "--origin takes a page’s origin such as https://example.org, not “example.org”",
            ),
            (
                &["--port", "99999"],
                "--port takes a number up to 65535, not “99999”",
            ),
        ] {
            let refused = Options::parse(arguments.iter().map(ToString::to_string));
            assert_eq!(refused.err().as_deref(), Some(sentence));
        }
    }
}
