//! The helper as pages meet it: the program itself, over a real loopback socket.

use serde_json::{json, Value};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

const ORIGIN: &str = "http://127.0.0.1:4173";
const SEED: &str = "00112233445566778899aabbccddeeff";
const LONGEST: u32 = 2_100_000_000;

struct Helper {
    child: Child,
    port: u16,
    code: String,
    code_file: PathBuf,
}

impl Helper {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let code_file =
            std::env::temp_dir().join(format!("allotment-pairing-{name}-{}", std::process::id()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_allotment-timekeeper"))
            .args(["--port", "0", "--until-stdin-ends", "--code-file"])
            .arg(&code_file)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let url = line();
        let port = url
            .split(&[':', ' '][..])
            .find_map(|part| part.parse().ok());
        let code = line()
            .strip_prefix("Pairing code: ")
            .expect("the code")
            .to_string();
        Self {
            child,
            port: port.expect("a port"),
            code,
            code_file,
        }
    }

    fn connect(&self, origin: &str) -> Page {
        let mut request = format!("ws://127.0.0.1:{}/", self.port)
            .into_client_request()
            .expect("a request");
        request
            .headers_mut()
            .insert("origin", origin.parse().expect("a header"));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("listening");
        let (socket, _) = tungstenite::client(request, stream).expect("an upgrade");
        Page { socket, id: 0 }
    }

    fn paired(&self) -> Page {
        let mut page = self.connect(ORIGIN);
        let info = page.call("pair", json!({ "code": self.code }));
        assert_eq!(info["result"]["name"], "allotment-timekeeper", "{info}");
        page
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.code_file);
    }
}

struct Page {
    socket: WebSocket<TcpStream>,
    id: u64,
}

impl Page {
    fn say(&mut self, text: impl Into<String>) -> Value {
        self.socket.send(Message::text(text.into())).expect("open");
        let answer = self.socket.read().expect("an answer");
        serde_json::from_str(answer.to_text().expect("text")).expect("JSON")
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let answer =
            self.say(json!({ "id": self.id, "method": method, "params": params }).to_string());
        assert_eq!(answer["id"], self.id);
        answer
    }

    fn prove(&mut self, seed: &str, iterations: u32) -> String {
        let answer = self.call("prove", json!({ "seed": seed, "iterations": iterations }));
        let checkpoints = answer["result"]["checkpoints"].as_str();
        checkpoints
            .unwrap_or_else(|| panic!("{answer}"))
            .to_string()
    }

    fn verify(&mut self, slots: Value) -> Value {
        self.call("verify", json!({ "slots": slots }))
    }

    /// How the helper ends the connection.
    fn ended(&mut self) -> (CloseCode, String) {
        match self.socket.read() {
            Ok(Message::Close(Some(frame))) => (frame.code, frame.reason.to_string()),
            other => panic!("{other:?} instead of a close frame"),
        }
    }
}

fn slot(seed: &str, iterations: u32, checkpoints: &str) -> Value {
    json!({ "seed": seed, "iterations": iterations, "checkpoints": checkpoints })
}

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/pot.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the vectors")).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn joined(checkpoints: &Value) -> String {
    checkpoints
        .as_array()
        .expect("a list")
        .iter()
        .map(text)
        .collect()
}

fn number(value: &Value) -> u32 {
    value
        .as_u64()
        .expect("a number")
        .try_into()
        .expect("32 bits")
}

#[test]
fn proves_and_verifies_as_recorded() {
    let helper = Helper::start("recorded", &[]);
    let mut page = helper.paired();
    let vectors = vectors();
    let mut slots = Vec::new();
    for proof in vectors["proofs"].as_array().expect("a list") {
        let (seed, iterations) = (text(&proof["seed"]), number(&proof["iterations"]));
        let checkpoints = joined(&proof["checkpoints"]);
        assert_eq!(page.prove(seed, iterations), checkpoints);
        slots.push(slot(seed, iterations, &checkpoints));
    }
    let all_hold = vec![json!({ "firstWrong": null }); slots.len()];
    assert_eq!(page.verify(json!(slots))["result"], json!(all_hold));
    for case in vectors["verify_cases"].as_array().expect("a list") {
        let (seed, iterations) = (text(&case["seed"]), number(&case["iterations"]));
        let answer = page.verify(json!([slot(
            seed,
            iterations,
            &joined(&case["checkpoints"])
        )]));
        let holds = answer["result"][0]["firstWrong"].is_null() && answer["error"].is_null();
        assert_eq!(json!(holds), case["valid"], "{}", case["what"]);
    }
    for case in vectors["iterations_validity"].as_array().expect("a list") {
        let iterations = number(&case["iterations"]);
        if iterations > 10_000_000 {
            continue;
        }
        let answer = page.call("prove", json!({ "seed": SEED, "iterations": iterations }));
        assert_eq!(json!(answer["error"].is_null()), case["ok"], "{iterations}");
    }
}

#[test]
fn names_the_first_wrong_checkpoint() {
    let helper = Helper::start("wrong", &["--cores", "2"]);
    let mut page = helper.paired();
    let checkpoints = page.prove(SEED, 1600);
    let mut slots = vec![slot(SEED, 1600, &checkpoints)];
    let mut expected = vec![json!({ "firstWrong": null })];
    for index in 0..8 {
        let mut flipped = checkpoints.clone();
        let at = 32 * index + 17;
        let digit = u8::from_str_radix(&flipped[at..=at], 16).expect("a digit");
        flipped.replace_range(at..=at, &format!("{:x}", digit ^ 1));
        slots.push(slot(SEED, 1600, &flipped));
        expected.push(json!({ "firstWrong": index }));
    }
    let swapped = [
        &checkpoints[..32],
        &checkpoints[64..96],
        &checkpoints[32..64],
        &checkpoints[96..],
    ];
    slots.push(slot(SEED, 1600, &swapped.concat()));
    expected.push(json!({ "firstWrong": 1 }));
    slots.push(slot(&SEED.replace("00", "01"), 1600, &checkpoints));
    expected.push(json!({ "firstWrong": 0 }));
    slots.push(slot(SEED, 1616, &checkpoints));
    expected.push(json!({ "firstWrong": 0 }));
    assert_eq!(page.verify(json!(slots))["result"], json!(expected));
    assert_eq!(page.verify(json!([]))["result"], json!([]));
}

#[test]
fn refuses_what_is_not_a_claim() {
    let helper = Helper::start("claims", &[]);
    let mut page = helper.paired();
    let checkpoints = page.prove(SEED, 160);
    for iterations in [0, 8, 17, LONGEST + 16] {
        let refused = page.call("prove", json!({ "seed": SEED, "iterations": iterations }));
        assert_eq!(refused["error"]["code"], "iterations", "{refused}");
        let refused = page.verify(json!([slot(SEED, iterations, &checkpoints)]));
        assert_eq!(refused["error"]["code"], "iterations", "{refused}");
    }
    let other = format!("{}+1", &checkpoints[..254]);
    let short = &checkpoints[..224];
    for slots in [
        json!([slot("0011", 160, &checkpoints)]),
        json!([slot(SEED, 160, short)]),
        json!([slot(SEED, 160, &other)]),
        json!([{ "seed": SEED, "iterations": 160 }]),
        json!([{ "seed": SEED, "iterations": -16, "checkpoints": checkpoints }]),
        json!({}),
    ] {
        assert_eq!(page.verify(slots)["error"]["code"], "malformed");
    }
    let many = vec![slot(SEED, 160, &checkpoints); 1025];
    assert_eq!(page.verify(json!(many))["error"]["code"], "too-many");
    let known = page.call("info", json!({}));
    assert!(known["result"]["proveRate"].as_f64() > Some(0.0), "{known}");
    assert_eq!(
        page.call("shutdown", json!({}))["error"]["code"],
        "malformed"
    );
    assert_eq!(
        page.call("info", json!({ "more": 1 }))["error"]["code"],
        "malformed"
    );
    for text in ["{", "[]", "\"pair\"", "{\"method\":\"info\",\"params\":{}}"] {
        let refused = page.say(text);
        assert_eq!(
            (&refused["error"]["code"], &refused["id"]),
            (&json!("malformed"), &Value::Null)
        );
    }
    page.socket
        .send(Message::binary(vec![1, 2, 3]))
        .expect("open");
    assert!(page
        .socket
        .read()
        .expect("an answer")
        .to_text()
        .expect("text")
        .contains("malformed"));
    assert_eq!(page.prove(SEED, 160), checkpoints);
}

#[test]
fn does_nothing_before_pairing() {
    let helper = Helper::start("pairing", &[]);
    let mut page = helper.connect(ORIGIN);
    for (method, params) in [
        ("info", json!({})),
        ("prove", json!({ "seed": SEED, "iterations": 160 })),
        ("verify", json!({ "slots": [] })),
    ] {
        assert_eq!(page.call(method, params)["error"]["code"], "not-paired");
    }
    for code in ["", "00", &helper.code[..31]] {
        assert_eq!(
            page.call("pair", json!({ "code": code }))["error"]["code"],
            "wrong-code"
        );
    }
    assert_eq!(
        page.ended(),
        (CloseCode::Policy, "too many wrong pairing codes".into())
    );
    // Another connection is not paired by the first.
    drop(helper.paired());
    let mut page = helper.connect(ORIGIN);
    assert_eq!(page.call("info", json!({}))["error"]["code"], "not-paired");
}

#[test]
fn refuses_pages_of_other_origins_with_the_reason() {
    let helper = Helper::start("origin", &[]);
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
    ] {
        let (code, reason) = helper.connect(origin).ended();
        assert_eq!(code, CloseCode::Policy);
        assert_eq!(reason, format!("pages of {origin} may not use this helper"));
    }
    let named = Helper::start("named", &["--origin", "https://app.example"]);
    assert_eq!(named.connect(ORIGIN).ended().0, CloseCode::Policy);
    let mut page = named.connect("https://app.example");
    assert_eq!(page.call("info", json!({}))["error"]["code"], "not-paired");
}

#[test]
fn ends_connections_that_send_too_much() {
    let helper = Helper::start("much", &[]);
    let mut page = helper.paired();
    let _ = page.socket.send(Message::text("x".repeat(2 * 1024 * 1024)));
    assert_eq!(page.ended().0, CloseCode::Size);
    let helper = Helper::start("many", &[]);
    let _open: Vec<Page> = (0..16).map(|_| helper.paired()).collect();
    assert_eq!(helper.connect(ORIGIN).ended().0, CloseCode::Again);
}

#[test]
fn gives_up_work_that_nobody_waits_for() {
    let helper = Helper::start("gone", &["--cores", "1"]);
    let mut page = helper.paired();
    let checkpoints = "00".repeat(128);
    let slots = vec![slot(SEED, 160_000_000, &checkpoints); 1000];
    let verify = json!({ "id": 9, "method": "verify", "params": { "slots": slots } });
    page.socket
        .send(Message::text(verify.to_string()))
        .expect("open");
    let mut other = helper.paired();
    let prove =
        json!({ "id": 9, "method": "prove", "params": { "seed": SEED, "iterations": LONGEST } });
    other
        .socket
        .send(Message::text(prove.to_string()))
        .expect("open");
    drop((page, other));
    // The one proving lane is free again long before that walk would have ended.
    let started = Instant::now();
    helper.paired().prove(SEED, 160);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn survives_other_programs_that_connect() {
    let helper = Helper::start("others", &[]);
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"\x16\x03\x01\x00\xff", b""] {
        let mut stream = TcpStream::connect(("127.0.0.1", helper.port)).expect("listening");
        let _ = stream.write_all(bytes);
    }
    helper.paired().prove(SEED, 160);
}

#[test]
fn keeps_its_code() {
    let first = Helper::start("code", &[]);
    let again = Command::new(env!("CARGO_BIN_EXE_allotment-timekeeper"))
        .args(["--port", &first.port.to_string(), "--code-file"])
        .arg(&first.code_file)
        .output()
        .expect("the program starts");
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("is taken"));
    assert_eq!(
        fs::read_to_string(&first.code_file).expect("a code"),
        first.code
    );
    assert_eq!(first.code.len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&first.code_file)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
