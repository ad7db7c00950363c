//! A proxy on loopback that notes what is asked of the local cloud.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running proxy; its threads end with the test process.
pub(crate) struct Proxy {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy in front of `http://host:port`.
    pub(crate) fn before(url: &str) -> Proxy {
        let upstream = url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, upstream) = (Arc::clone(&record), upstream.clone());
                thread::spawn(move || serve(&stream, &upstream, &record));
            }
        });
        Proxy { url, calls }
    }

    /// What was asked since the last time, each call by its operation.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

/// Passes requests of one connection on, each over a connection of its own.
fn serve(stream: &TcpStream, upstream: &str, record: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        let mut length = 0;
        let mut target = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let (name, value) = line.trim_end().split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "x-amz-target" => target = value.trim().rsplit('.').next().map(str::to_owned),
                "connection" => continue,
                _ => {}
            }
            if line.trim_end().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let text = String::from_utf8_lossy(&body);
        let action = text.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
        let method = head.split(' ').next().unwrap_or_default().to_owned();
        let is_head = method == "HEAD";
        record.lock().unwrap().push(target.or(action).unwrap_or(method));

        let mut up = TcpStream::connect(upstream).ok()?;
        up.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).ok()?;
        up.write_all(&body).ok()?;
        let mut answer = Vec::new();
        up.read_to_end(&mut answer).ok()?;
        writer.write_all(&answer).ok()?;
        // An answer without a length ends with its connection.
        let sized = answer.to_ascii_lowercase().windows(15).any(|it| it == b"content-length:");
        if !(sized || is_head) {
            return None;
        }
    }
}
