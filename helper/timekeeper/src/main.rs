//! Native helper of Allotment: proves and verifies proof of time for pages of this machine, over a WebSocket
//! on the loopback interface. A page must come from an allowed origin and know the pairing code.

mod api;
mod options;
mod server;
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match options::Options::parse(std::env::args().skip(1)) {
        Ok(options::Parsed::Run(options)) => options,
        Ok(options::Parsed::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{message}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match server::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timekeeper stopped: {error}");
            ExitCode::FAILURE
        }
    }
}
