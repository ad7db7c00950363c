//! As much HTTP as the server's two own paths need, over loopback and with time-outs.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;

/// More than any answer has.
const LONGEST: u64 = 1 << 20;

/// What the server says of itself.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Health {
    pub(super) pid: u32,
    pub(super) token: String,
}

/// Asks for the server's health.
pub(super) fn health(port: u16) -> io::Result<Health> {
    let body = ask("GET", port, "/_smstack/health", Duration::from_secs(2))?;
    serde_json::from_slice(&body).map_err(io::Error::from)
}

/// Sends a request without a body; the answer's body if it says 200.
pub(super) fn ask(method: &str, port: u16, path: &str, patience: Duration) -> io::Result<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    body(&answer)
}

/// The body of a whole answer that says 200.
pub(super) fn body(answer: &[u8]) -> io::Result<Vec<u8>> {
    let no = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(|| no("no HTTP answer"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(no(status));
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    let body = &answer[end + 4..];
    match length {
        Some(length) if length != body.len() => Err(no("the answer was cut off")),
        _ => Ok(body.to_vec()),
    }
}
