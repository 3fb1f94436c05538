//! The helper as pages meet it: the program itself, over a real loopback socket.

use allotment_kzg::{erasure, scalar};
use allotment_space::record::{self, BITFIELD_BYTES, CHUNK_BYTES, RECORD_CHUNKS};
use allotment_space::Table;
use flate2::read::GzDecoder;
use serde_json::{json, Value};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_allotment-helper"))
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
        assert_eq!(info["result"]["name"], "allotment-helper", "{info}");
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

    /// Asks for an encoding.
    fn encode(&mut self, id: u32, seed: &[u8], record: &[u8]) {
        let message = [&[1], &id.to_le_bytes()[..], seed, record].concat();
        self.socket.send(Message::binary(message)).expect("open");
    }

    /// The next binary message: what it is, its id, and what it holds.
    fn encoded(&mut self) -> (u8, u32, Vec<u8>) {
        let message = self.socket.read().expect("an answer").into_data();
        let id = u32::from_le_bytes(message[1..5].try_into().expect("four bytes"));
        (message[0], id, message[5..].to_vec())
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

fn vector(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/");
    fs::read(folder.to_string() + name).expect("the vectors")
}

fn vectors(name: &str) -> Value {
    serde_json::from_slice(&vector(name)).expect("JSON")
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
    let vectors = vectors("pot.json");
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
    let prove =
        json!({ "id": 9, "method": "prove", "params": { "seed": SEED, "iterations": LONGEST } });
    let walks = [0; 3].map(|_| {
        let mut other = helper.paired();
        let asked = other.socket.send(Message::text(prove.to_string()));
        asked.expect("open");
        other
    });
    drop((page, walks));
    // The one proving lane is free again before those walks could have ended, on any machine.
    let started = Instant::now();
    helper.paired().prove(SEED, 160);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// A record of a recorded sector: evaluation seed, bitfield, chunks as they are stored.
struct Recorded {
    seed: Vec<u8>,
    bitfield: Vec<u8>,
    chunks: Vec<u8>,
}

fn recorded_sector() -> Vec<Recorded> {
    let sector = &vectors("sectors.json")["sectors"][0];
    let mut bytes = Vec::new();
    GzDecoder::new(&vector(text(&sector["sector_file"]))[..])
        .read_to_end(&mut bytes)
        .expect("a packed sector");
    let records = sector["records"].as_array().expect("a list");
    let bitfields: Vec<&[u8]> = bytes.chunks(BITFIELD_BYTES).take(records.len()).collect();
    let occupied: Vec<Vec<u16>> = bitfields
        .iter()
        .map(|bits| record::occupied(bits))
        .collect();
    let mut chunks = vec![Vec::new(); records.len()];
    let mut at = BITFIELD_BYTES * records.len() + 32;
    for bucket in 0..=u16::MAX {
        for (own, chunks) in occupied.iter().zip(&mut chunks) {
            if own.binary_search(&bucket).is_ok() {
                chunks.extend_from_slice(&bytes[at..at + CHUNK_BYTES]);
                at += CHUNK_BYTES;
            }
        }
    }
    let parts = records.iter().zip(bitfields).zip(chunks);
    parts
        .map(|((record, bitfield), chunks)| Recorded {
            seed: unhex(text(&record["evaluation_seed"])),
            bitfield: bitfield.to_vec(),
            chunks,
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// The record behind its stored chunks.
fn decoded(
    Recorded {
        seed,
        bitfield,
        chunks,
    }: &Recorded,
) -> Vec<u8> {
    let mut table = Table::new();
    table.build(seed[..].try_into().expect("32 bytes"));
    let shards = record::unmask(&table, bitfield, chunks).expect("a record of this seed");
    let scalars = scalar::many_from_bytes(&shards.chunks).expect("scalars");
    let known = scalars.into_iter().zip(shards.present);
    let shards: Vec<_> = known
        .map(|(scalar, known)| (known == 1).then_some(scalar))
        .collect();
    let all = erasure::recover(&shards).expect("half of them");
    let source: Vec<_> = all.into_iter().step_by(2).collect();
    scalar::many_to_bytes(&source)
}

#[test]
fn encodes_as_recorded() {
    let helper = Helper::start("plotter", &["--cores", "2"]);
    let mut page = helper.paired();
    let sector = recorded_sector();
    for (id, recorded) in sector.iter().enumerate() {
        assert_eq!(recorded.chunks.len(), RECORD_CHUNKS * CHUNK_BYTES);
        page.encode(id as u32, &recorded.seed, &decoded(recorded));
    }
    // Time is kept meanwhile.
    assert_eq!(page.prove(SEED, 160).len(), 256);
    for _ in &sector {
        let (kind, id, encoding) = page.encoded();
        let recorded = &sector[id as usize];
        assert_eq!(kind, 1);
        let (bitfield, chunks) = encoding[4..].split_at(BITFIELD_BYTES);
        assert!(bitfield == recorded.bitfield && chunks == recorded.chunks);
    }
}

#[test]
fn refuses_what_it_cannot_encode() {
    let helper = Helper::start("encodings", &["--cores", "1"]);
    let mut page = helper.connect(ORIGIN);
    let record = vec![0; RECORD_CHUNKS * CHUNK_BYTES];
    page.encode(1, &[0; 32], &record);
    let refusal = page.socket.read().expect("an answer");
    assert!(refusal.to_text().expect("text").contains("not-paired"));
    let mut page = helper.paired();
    page.encode(1, &[0; 32], &vec![0xff; record.len()]);
    let (kind, id, reason) = page.encoded();
    assert_eq!((kind, id), (0, 1));
    assert!(String::from_utf8_lossy(&reason).contains("scalar"));
    // One is encoded and one waits; those that are given up make room, and are not answered.
    for id in 2..=4 {
        page.encode(id, &[0; 32], &record);
    }
    assert_eq!(page.encoded(), (0, 4, b"busy".to_vec()));
    for id in [2u32, 3] {
        let message = [&[2], &id.to_le_bytes()[..]].concat();
        page.socket.send(Message::binary(message)).expect("open");
    }
    page.encode(5, &[0; 32], &record);
    let (kind, id, _) = page.encoded();
    assert_eq!((kind, id), (1, 5));
    let none = Helper::start("none", &["--memory", "0"]);
    let mut page = none.paired();
    page.encode(1, &[0; 32], &record);
    assert_eq!(page.encoded(), (0, 1, b"busy".to_vec()));
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
    let again = Command::new(env!("CARGO_BIN_EXE_allotment-helper"))
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
