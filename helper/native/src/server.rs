//! The WebSocket server: loopback only, pages of allowed origins only, pairing before any work.

use crate::api::{Call, Failure, Info, Request, MAX_MESSAGE};
use crate::frames;
use crate::options::Options;
use crate::plotter::{Encodings, Plotter};
use crate::prover::Prover;
use crate::work;
use serde_json::{json, Value};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{accept_hdr_with_config, Error, Message, WebSocket};

const MAX_CONNECTIONS: usize = 16;
const WRONG_CODES_ALLOWED: usize = 3;
/// How long a connection may take for the handshake, and again until it pairs.
const PAIRING_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a connection is looked at while its work is done.
const ATTENTION: Duration = Duration::from_millis(100);
/// How long, and for how many bytes, a connection that the helper ends is read on, so that its reason arrives.
const PARTING_TIMEOUT: Duration = Duration::from_secs(1);
const PARTING_BYTES: usize = 16 * MAX_MESSAGE;
/// How often finished encodings are looked for while a connection waits for some.
const PLOTTING_ATTENTION: Duration = Duration::from_millis(5);
/// How long the other side may take to take an answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A reason to end a connection, told in its close frame.
struct End(CloseCode, String);

/// What all connections share.
struct Helper {
    options: Options,
    code: String,
    prover: Prover,
    plotter: Arc<Plotter>,
    connections: AtomicUsize,
}

/// Serves until the listener fails. Prints where it listens and the pairing code.
pub fn run(options: Options, code: String) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
    println!(
        "Helper on ws://127.0.0.1:{} (time: {}; plotting: {}, {} at once)",
        listener.local_addr()?.port(),
        allotment_aes::implementation(),
        allotment_space::Width::widest().name(),
        options.encodings
    );
    println!("Pairing code: {code}");
    let helper = Arc::new(Helper {
        plotter: Plotter::new(options.encodings),
        options,
        code,
        prover: Prover::start(),
        connections: AtomicUsize::new(0),
    });
    for stream in listener.incoming() {
        // One connection that failed before it was accepted says nothing about the next.
        let Ok(stream) = stream else { continue };
        let helper = Arc::clone(&helper);
        thread::spawn(move || helper.attend(stream));
    }
    Ok(())
}

impl Helper {
    fn attend(&self, stream: TcpStream) {
        let others = self.connections.fetch_add(1, Ordering::SeqCst);
        if let Some((mut socket, origin)) = upgrade(stream) {
            let end = if others >= MAX_CONNECTIONS {
                End(CloseCode::Again, format!("{others} connections are open"))
            } else if !self.options.allows(origin.as_deref()) {
                let origin = origin.unwrap_or_default();
                // A page without an origin may be anybody's: it cannot be allowed.
                if origin == "null" {
                    eprintln!("A page without an origin, such as a file, was refused.");
                } else {
                    eprintln!("A page of {origin} was refused; --origin {origin} would allow it.");
                }
                End(
                    CloseCode::Policy,
                    format!("pages of {origin} may not use this helper"),
                )
            } else {
                self.converse(&mut socket)
                    .err()
                    .unwrap_or(End(CloseCode::Normal, String::new()))
            };
            part(socket, end);
        }
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }

    /// Answers until the other side closes; the error is the helper's own reason to end.
    fn converse(&self, socket: &mut WebSocket<TcpStream>) -> Result<(), End> {
        let policy = |reason: &str| End(CloseCode::Policy, reason.to_string());
        let mut paired = false;
        let mut wrong_codes = 0;
        let mut encodings = Encodings::new(&self.plotter);
        loop {
            while let Some(answer) = encodings.ready() {
                if socket.send(Message::binary(answer)).is_err() {
                    return Ok(());
                }
            }
            if paired {
                let limit = encodings.pending().then_some(PLOTTING_ATTENTION);
                if socket.get_ref().set_read_timeout(limit).is_err() {
                    return Ok(());
                }
            }
            let answer = match socket.read() {
                Ok(Message::Text(text)) => {
                    let answer =
                        self.answer(&text, socket.get_ref(), &mut paired, &mut wrong_codes);
                    Some(Message::text(answer.to_string()))
                }
                Ok(Message::Binary(bytes)) => plot(&bytes, paired, &mut encodings),
                Ok(_) => continue,
                Err(Error::Capacity(error)) => return Err(End(CloseCode::Size, error.to_string())),
                Err(Error::Utf8(error)) => return Err(End(CloseCode::Invalid, error.to_string())),
                Err(Error::Io(error)) if timed_out(&error) && paired => continue,
                Err(Error::Io(error)) if timed_out(&error) => {
                    return Err(policy("no pairing code was sent in time"));
                }
                Err(_) => return Ok(()),
            };
            if answer.is_some_and(|answer| socket.send(answer).is_err()) {
                return Ok(());
            }
            if wrong_codes >= WRONG_CODES_ALLOWED {
                return Err(policy("too many wrong pairing codes"));
            }
        }
    }

    fn answer(
        &self,
        text: &str,
        stream: &TcpStream,
        paired: &mut bool,
        wrong_codes: &mut usize,
    ) -> Value {
        let malformed = |error: serde_json::Error| Failure::new("malformed", error.to_string());
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return failed(&Value::Null, &malformed(error)),
        };
        let id = value["id"].as_u64().map_or(Value::Null, Value::from);
        let request: Request = match serde_json::from_value(value) {
            Ok(request) => request,
            Err(error) => return failed(&id, &malformed(error)),
        };
        match self.carry_out(request.call, stream, paired, wrong_codes) {
            Ok(result) => json!({ "id": request.id, "result": result }),
            Err(failure) => failed(&id, &failure),
        }
    }

    fn info(&self) -> Info {
        work::info(self.options.cores, self.plotter.threads())
    }

    fn carry_out(
        &self,
        call: Call,
        stream: &TcpStream,
        paired: &mut bool,
        wrong_codes: &mut usize,
    ) -> Result<Value, Failure> {
        let cores = self.options.cores;
        match call {
            Call::Pair { code } if same(code.as_bytes(), self.code.as_bytes()) => {
                *paired = true;
                Ok(json!(self.info()))
            }
            Call::Pair { .. } => {
                *wrong_codes += 1;
                Err(Failure::new(
                    "wrong-code",
                    "the pairing code is not the one this helper printed",
                ))
            }
            _ if !*paired => Err(Failure::new("not-paired", "pair first")),
            Call::Info {} => Ok(json!(self.info())),
            Call::Verify { slots } => {
                while_connected(stream, |stopped| work::verify(&slots, cores, stopped))
                    .map(|verdicts| json!(verdicts))
            }
            Call::Prove { seed, iterations } => while_connected(stream, |stopped| {
                self.prover.prove(&seed, iterations, stopped)
            })
            .map(|checkpoints| json!({ "checkpoints": checkpoints })),
        }
    }
}

/// Takes a binary message; what is refused of it is answered at once.
fn plot(bytes: &[u8], paired: bool, encodings: &mut Encodings) -> Option<Message> {
    let refusal = |code, reason: &str| {
        let failure = Failure::new(code, reason);
        Some(Message::text(failed(&Value::Null, &failure).to_string()))
    };
    if !paired {
        return refusal("not-paired", "pair first");
    }
    match frames::read(bytes) {
        Some(asked) => encodings.take(asked).map(Message::binary),
        None => refusal(
            "malformed",
            "a binary message is no encoding to make or give up",
        ),
    }
}

fn failed(id: &Value, failure: &Failure) -> Value {
    json!({ "id": id, "error": failure })
}

fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The WebSocket of a connection and the origin of the page that opened it. An origin that is not allowed is
/// refused after the upgrade, because a browser tells a page no reason before it.
#[allow(clippy::result_large_err)] // the callback's type is the library's
fn upgrade(stream: TcpStream) -> Option<(WebSocket<TcpStream>, Option<String>)> {
    stream.set_read_timeout(Some(PAIRING_TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(SEND_TIMEOUT)).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut origin = None;
    let note = |request: &Upgrade, response: Response| -> Result<Response, ErrorResponse> {
        let header = request.headers().get("origin");
        origin = header.map(|value| value.to_str().unwrap_or("null").to_string());
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let socket = accept_hdr_with_config(stream, note, Some(config)).ok()?;
    Some((socket, origin))
}

/// Closes a connection and reads on for a while: unread bytes would reset it before the reason arrives.
fn part(mut socket: WebSocket<TcpStream>, End(code, mut reason): End) {
    // A close frame holds 123 bytes of reason.
    reason.truncate(
        (0..=123)
            .rev()
            .find(|&end| reason.is_char_boundary(end))
            .unwrap_or(0),
    );
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    if socket.close(Some(frame)).is_err() {
        return;
    }
    let stream = socket.get_mut();
    if stream.set_read_timeout(Some(PARTING_TIMEOUT)).is_err() {
        return;
    }
    let until = Instant::now() + PARTING_TIMEOUT;
    let mut read = 0;
    let mut buffer = [0; 4096];
    while read < PARTING_BYTES && Instant::now() < until {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => read += count,
        }
    }
}

/// Does work on a thread of its own and tells it to stop when the connection that asked for it ends.
fn while_connected<T: Send>(
    stream: &TcpStream,
    work: impl FnOnce(&Arc<AtomicBool>) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let stopped = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let (done, result) = channel();
        let stopped = &stopped;
        scope.spawn(move || {
            let _ = done.send(work(stopped));
        });
        loop {
            match result.recv_timeout(ATTENTION) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) if is_open(stream) => {}
                Err(RecvTimeoutError::Timeout) => stopped.store(true, Ordering::Relaxed),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new("internal", "the work ended unexpectedly"));
                }
            }
        }
    })
}

/// False once the other side has closed, or has sent a close frame and nothing before it.
fn is_open(stream: &TcpStream) -> bool {
    const CLOSE: u8 = 0x8;
    let mut first = [0];
    if stream.set_nonblocking(true).is_err() {
        return false;
    }
    let peeked = stream.peek(&mut first);
    let restored = stream.set_nonblocking(false).is_ok();
    restored
        && match peeked {
            Ok(count) => count > 0 && first[0] & 0xf != CLOSE,
            Err(error) => timed_out(&error),
        }
}

/// Comparison whose time does not depend on where two codes differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .fold(0, |different, (x, y)| different | (x ^ y))
            == 0
}
