//! The WebSocket server: loopback only, origin checked before the upgrade, pairing before any work.

use crate::api::{Call, Failure, Request, MAX_MESSAGE};
use crate::options::Options;
use crate::work;
use serde_json::{json, Value};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{accept_hdr_with_config, Message, WebSocket};

const MAX_CONNECTIONS: usize = 8;
const WRONG_CODES_ALLOWED: usize = 3;
/// How long a connection may stay silent in the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until the listener fails. Prints where it listens and the pairing code.
pub fn run(options: Options) -> io::Result<()> {
    let code = pairing_code(&options)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
    println!(
        "Timekeeper on ws://127.0.0.1:{} ({})",
        listener.local_addr()?.port(),
        allotment_aes::implementation()
    );
    println!("Pairing code: {code}");
    serve(&listener, Arc::new(options), Arc::from(code))
}

/// Accepts connections for ever, a thread each.
pub fn serve(listener: &TcpListener, options: Arc<Options>, code: Arc<str>) -> io::Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = stream?;
        if open.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (options, code, open) = (Arc::clone(&options), Arc::clone(&code), Arc::clone(&open));
        thread::spawn(move || {
            if let Some(socket) = upgrade(stream, &options) {
                converse(socket, &options, &code);
            }
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
    Ok(())
}

#[allow(clippy::result_large_err)] // the callback's type is the library's
fn upgrade(stream: TcpStream, options: &Options) -> Option<WebSocket<TcpStream>> {
    stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT)).ok()?;
    stream.set_nodelay(true).ok()?;
    let check = |request: &Upgrade, response: Response| -> Result<Response, ErrorResponse> {
        let origin = request
            .headers()
            .get("origin")
            .map(|value| value.to_str().unwrap_or("null"));
        if options.allows(origin) {
            return Ok(response);
        }
        let mut refused =
            ErrorResponse::new(Some("This page may not use the timekeeper.".to_string()));
        *refused.status_mut() = StatusCode::FORBIDDEN;
        Err(refused)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let socket = accept_hdr_with_config(stream, check, Some(config)).ok()?;
    socket.get_ref().set_read_timeout(None).ok()?;
    Some(socket)
}

fn converse(mut socket: WebSocket<TcpStream>, options: &Options, code: &str) {
    let mut paired = false;
    let mut wrong_codes = 0;
    while let Ok(message) = socket.read() {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => break,
            _ => continue,
        };
        let answer = match serde_json::from_str::<Request>(&text) {
            Ok(request) => reply(request, options, code, &mut paired, &mut wrong_codes),
            Err(error) => failure(Value::Null, &Failure::new("malformed", error.to_string())),
        };
        if socket.send(Message::text(answer.to_string())).is_err()
            || wrong_codes >= WRONG_CODES_ALLOWED
        {
            break;
        }
    }
    let _ = socket.close(None);
}

fn reply(
    request: Request,
    options: &Options,
    code: &str,
    paired: &mut bool,
    wrong_codes: &mut usize,
) -> Value {
    let result = match request.call {
        Call::Pair { code: told } if same(told.as_bytes(), code.as_bytes()) => {
            *paired = true;
            Ok(json!(work::info(options.cores)))
        }
        Call::Pair { .. } => {
            *wrong_codes += 1;
            Err(Failure::new(
                "wrong-code",
                "the pairing code is not the one this helper printed",
            ))
        }
        _ if !*paired => Err(Failure::new("not-paired", "pair first")),
        Call::Info {} => Ok(json!(work::info(options.cores))),
        Call::Verify { slots } => {
            work::verify(&slots, options.cores).map(|verdicts| json!(verdicts))
        }
        Call::Prove { seed, iterations } => {
            work::prove(&seed, iterations).map(|checkpoints| json!({ "checkpoints": checkpoints }))
        }
    };
    match result {
        Ok(result) => json!({ "id": request.id, "result": result }),
        Err(error) => failure(json!(request.id), &error),
    }
}

fn failure(id: Value, error: &Failure) -> Value {
    json!({ "id": id, "error": error })
}

/// Comparison whose time does not depend on where two codes differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .fold(0, |different, (x, y)| different | (x ^ y))
            == 0
}

fn pairing_code(options: &Options) -> io::Result<String> {
    if let Ok(code) = fs::read_to_string(&options.code_file) {
        let code = code.trim();
        if code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(code.to_string());
        }
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let code = crate::api::hex(&random);
    write_private(&options.code_file, &code)?;
    Ok(code)
}

#[cfg(unix)]
fn write_private(path: &std::path::Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(not(unix))]
fn write_private(path: &std::path::Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::client::IntoClientRequest;

    const CODE: &str = "0123456789abcdef0123456789abcdef";

    fn start() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let options = Options {
            port,
            origins: Vec::new(),
            cores: 1,
            code_file: "unused".into(),
        };
        thread::spawn(move || serve(&listener, Arc::new(options), Arc::from(CODE)));
        port
    }

    fn connect(port: u16, origin: &str) -> Result<WebSocket<TcpStream>, String> {
        let mut request = format!("ws://127.0.0.1:{port}/")
            .into_client_request()
            .expect("a request");
        request
            .headers_mut()
            .insert("origin", origin.parse().expect("a header"));
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("listening");
        tungstenite::client(request, stream)
            .map(|(socket, _)| socket)
            .map_err(|error| error.to_string())
    }

    fn ask(socket: &mut WebSocket<TcpStream>, text: &str) -> Value {
        socket.send(Message::text(text)).expect("open");
        serde_json::from_str(socket.read().expect("an answer").to_text().expect("text"))
            .expect("JSON")
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let port = start();
        assert!(connect(port, "https://evil.example").is_err());
        assert!(connect(port, "http://127.0.0.1:4173").is_ok());
    }

    #[test]
    fn nothing_is_done_before_pairing() {
        let mut socket = connect(start(), "http://localhost:1").expect("allowed");
        let seed = "00112233445566778899aabbccddeeff";
        let prove =
            json!({"id": 1, "method": "prove", "params": {"seed": seed, "iterations": 160}})
                .to_string();
        assert_eq!(ask(&mut socket, &prove)["error"]["code"], "not-paired");
        let pair = json!({"id": 2, "method": "pair", "params": {"code": CODE}}).to_string();
        assert_eq!(
            ask(&mut socket, &pair)["result"]["name"],
            "allotment-timekeeper"
        );
        let checkpoints = ask(&mut socket, &prove)["result"]["checkpoints"].clone();
        assert_eq!(checkpoints.as_str().map(str::len), Some(256));
        let verify = json!({"id": 3, "method": "verify", "params": {"slots": [
            {"seed": seed, "iterations": 160, "checkpoints": checkpoints}
        ]}});
        assert_eq!(
            ask(&mut socket, &verify.to_string())["result"],
            json!([{"firstWrong": null}])
        );
        assert_eq!(ask(&mut socket, "{")["error"]["code"], "malformed");
    }

    #[test]
    fn wrong_codes_end_the_connection() {
        let mut socket = connect(start(), "http://localhost:1").expect("allowed");
        let pair = json!({"id": 1, "method": "pair", "params": {"code": "00"}}).to_string();
        for _ in 0..WRONG_CODES_ALLOWED {
            assert_eq!(ask(&mut socket, &pair)["error"]["code"], "wrong-code");
        }
        assert!(matches!(socket.read(), Ok(Message::Close(_)) | Err(_)));
    }
}
