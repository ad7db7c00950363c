//! A scripted AWS on loopback: what the SDK sends is read off the wire, and what it gets is written there.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request.
#[derive(Debug, Clone)]
pub(in crate::deploy::tests) struct Call {
    /// `DescribeStacks`, `PutObject`, …
    pub(in crate::deploy::tests) action: String,
    /// How many times the action was called before.
    pub(in crate::deploy::tests) nth: usize,
    /// Query parameters; of awsJson requests the strings at the top.
    pub(in crate::deploy::tests) params: BTreeMap<String, String>,
    /// Path of the URL.
    pub(in crate::deploy::tests) path: String,
    /// Headers, lower-case.
    pub(in crate::deploy::tests) headers: BTreeMap<String, String>,
    /// Size of the body.
    pub(in crate::deploy::tests) bytes: usize,
}

impl Call {
    pub(in crate::deploy::tests) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// What the stub answers.
#[derive(Debug, Clone)]
pub(in crate::deploy::tests) struct Reply {
    pub(in crate::deploy::tests) status: u16,
    pub(in crate::deploy::tests) headers: Vec<(&'static str, String)>,
    pub(in crate::deploy::tests) body: String,
    /// Close the connection instead of answering.
    pub(in crate::deploy::tests) cut: bool,
}

impl Reply {
    pub(in crate::deploy::tests) fn new(status: u16, content_type: &str, body: impl Into<String>) -> Reply {
        let headers = vec![("content-type", content_type.to_owned())];
        Reply { status, headers, body: body.into(), cut: false }
    }

    /// The answer of a CloudFormation or STS operation.
    pub(in crate::deploy::tests) fn xml(action: &str, result: &str) -> Reply {
        let body = format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
        Reply::new(200, "text/xml", body)
    }

    pub(in crate::deploy::tests) fn error(status: u16, code: &str, message: &str) -> Reply {
        let error =
            format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
        Reply::new(status, "text/xml", format!("<ErrorResponse>{error}</ErrorResponse>"))
    }

    pub(in crate::deploy::tests) fn cut() -> Reply {
        Reply { cut: true, ..Reply::new(0, "", "") }
    }
}

/// A running stub; its threads end with the test process.
pub(in crate::deploy::tests) struct Stub {
    pub(in crate::deploy::tests) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

type Script = dyn Fn(&Call) -> Reply + Send + Sync;

impl Stub {
    pub(in crate::deploy::tests) fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let record = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, record) = (Arc::clone(&script), Arc::clone(&record));
                thread::spawn(move || serve(&stream, script.as_ref(), &record));
            }
        });
        Stub { url, calls }
    }

    pub(in crate::deploy::tests) fn calls(&self, action: &str) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|call| call.action == action).cloned().collect()
    }
}

fn serve(stream: &TcpStream, script: &Script, record: &Mutex<Vec<Call>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut call = read(&mut reader)?;
        {
            let mut calls = record.lock().unwrap();
            call.nth = calls.iter().filter(|earlier| earlier.action == call.action).count();
            calls.push(call.clone());
        }
        let reply = script(&call);
        if reply.cut {
            return None;
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
        let sized = reply.headers.iter().any(|(name, _)| *name == "content-length");
        for (name, value) in &reply.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !sized {
            let _ = write!(head, "content-length: {}\r\n", reply.body.len());
        }
        head += "\r\n";
        writer.write_all((head + &reply.body).as_bytes()).ok()?;
    }
}

fn read(reader: &mut impl BufRead) -> Option<Call> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let (action, params) = if let Some(target) = headers.get("x-amz-target") {
        let action = target.rsplit('.').next().unwrap_or_default().to_owned();
        let json: HashMap<String, serde_json::Value> = serde_json::from_slice(&body).ok()?;
        (action, json.into_iter().filter_map(|(k, v)| Some((k, v.as_str()?.to_owned()))).collect())
    } else if headers.get("content-type").is_some_and(|kind| kind.contains("form-urlencoded")) {
        let params: BTreeMap<String, String> = form(&String::from_utf8_lossy(&body));
        (params.get("Action").cloned().unwrap_or_default(), params)
    } else {
        let action = match method.as_str() {
            "HEAD" => "HeadObject",
            "PUT" => "PutObject",
            other => other,
        };
        (action.to_owned(), BTreeMap::new())
    };
    Some(Call { action, nth: 0, params, path, headers, bytes: length })
}

fn form(body: &str) -> BTreeMap<String, String> {
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (decode(k), decode(v))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
