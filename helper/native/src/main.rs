//! Native helper of Allotment: keeps and verifies time and encodes sectors for pages of this machine, over a WebSocket
//! on the loopback interface. A page must come from an allowed origin and know the pairing code.

mod api;
mod bench;
mod frames;
mod options;
mod pairing;
mod plotter;
mod prover;
mod server;
mod work;

use options::{Options, Parsed, HELP};
use std::io::{self, Read};
use std::process::{exit, ExitCode};
use std::thread;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Parsed::Run(options)) => options,
        Ok(Parsed::Bench(sources)) => {
            return match bench::run(&sources) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("Nothing can be measured: {error}");
                    ExitCode::FAILURE
                }
            };
        }
        Ok(Parsed::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{message}; see “allotment-helper --help”.");
            return ExitCode::from(2);
        }
    };
    if options.until_stdin_ends {
        thread::spawn(|| {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            exit(0);
        });
    }
    let (port, file) = (options.port, options.code_file.display().to_string());
    let ended = pairing::code(&options.code_file)
        .map_err(|error| format!("the pairing code cannot be kept in {file}: {error}"))
        .and_then(|code| {
            server::run(options, code).map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => format!("port {port} is taken; choose one with --port"),
                _ => error.to_string(),
            })
        });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("The helper stopped: {reason}");
            ExitCode::FAILURE
        }
    }
}
