//! Just enough HTTP/1.1 to speak to programs on loopback without the time that a client library takes to start.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The patience of a connection that is told of no other.
const READ_TIME_MAX: Duration = Duration::from_secs(120);
/// A connection that was not used for so long is left: the other side may be about to close it (a node does after 30 s,
/// and so does a connector), and what is asked in that moment is lost.
const KEPT_MAX: Duration = Duration::from_secs(5);
/// The longest line of a head, and the most lines.
const LINE_BYTES_MAX: u64 = 64 * 1024;
const HEAD_LINES_MAX: usize = 200;

/// One kept connection. What has gone stale is opened again.
#[derive(Debug)]
pub(crate) struct Connection {
    address: String,
    /// What the other side is called in requests.
    host: String,
    /// How long an answer may take to begin or to go on.
    patience: Duration,
    stream: Option<Kept>,
}

/// A connection between two requests.
#[derive(Debug)]
struct Kept {
    stream: BufReader<TcpStream>,
    since: Instant,
}

impl Kept {
    /// The stream, where the other side still listens.
    fn still_open(self) -> Option<BufReader<TcpStream>> {
        let socket = self.stream.get_ref();
        socket.set_nonblocking(true).ok()?;
        // Nothing is to be read between two requests: neither an answer nor the end.
        let looked = socket.peek(&mut [0]);
        socket.set_nonblocking(false).ok()?;
        let quiet = looked.is_err_and(|cause| cause.kind() == std::io::ErrorKind::WouldBlock);
        (quiet && self.stream.buffer().is_empty() && self.since.elapsed() < KEPT_MAX).then_some(self.stream)
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; nothing at all is `null`.
    pub(crate) fn json(&self) -> Result<serde_json::Value, String> {
        if self.body.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|cause| format!("not JSON: {cause}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    /// `address` is `host:port`. Nothing is connected before the first request.
    pub(crate) fn to(address: &str) -> Self {
        Self::named(address, address)
    }

    /// The same, but the other side is called `host`: what stands in front of somebody passes the name on.
    pub(crate) fn named(address: &str, host: &str) -> Self {
        Self { address: address.to_owned(), host: host.to_owned(), patience: READ_TIME_MAX, stream: None }
    }

    pub(crate) fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.send("GET", path, headers, b"")
    }

    /// Sends a request and reads the whole answer, of whatever status.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let message = [head.as_bytes(), body].concat();
        let kept = self.stream.take().and_then(Kept::still_open);
        let was_kept = kept.is_some();
        let first = kept.map_or_else(|| self.open(), Ok).and_then(|stream| self.exchange(stream, &message));
        let outcome = match first {
            // The other side closed what we kept. Whether it did what it was asked nobody knows, so it is asked
            // again only what may be done twice.
            Err(_) if was_kept && method != "POST" => {
                self.open().and_then(|stream| self.exchange(stream, &message))
            }
            other => other,
        };
        outcome.map_err(|cause| format!("{method} http://{}{path}: {cause}", self.address))
    }

    fn open(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        Ok(BufReader::new(stream))
    }

    fn exchange(&mut self, mut stream: BufReader<TcpStream>, message: &[u8]) -> std::io::Result<Answer> {
        stream.get_mut().write_all(message)?;
        let (answer, stays) = read_answer(&mut stream)?;
        self.stream = stays.then(|| Kept { stream, since: Instant::now() });
        Ok(answer)
    }
}

/// The answer, and whether the connection may be used again.
fn read_answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<(Answer, bool)> {
    let head = read_head(stream)?;
    let status = head.first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let kept = head.field("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    let media_type = head.field("content-type").unwrap_or_default().to_owned();
    let body = head.read_body(stream)?;
    Ok((Answer { status, media_type, body }, kept))
}

/// The first line and the fields of a message, as they came.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a field whose lower-case name is `name`.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body that this head announces.
    pub(crate) fn read_body(&self, stream: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
        let chunked = self.field("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        if !chunked {
            let length = self.field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            return read_bytes(stream, length);
        }
        let mut all = Vec::new();
        loop {
            let line = read_line(stream)?;
            let size = line.split(';').next().and_then(|size| u64::from_str_radix(size, 16).ok());
            let size = size.ok_or_else(|| broken("a chunk without a size"))?;
            all.extend(read_bytes(stream, size)?);
            read_line(stream)?;
            if size == 0 {
                return Ok(all);
            }
        }
    }
}

/// The head of a request or an answer. An end before its first byte is an error of kind `UnexpectedEof`.
pub(crate) fn read_head(stream: &mut impl BufRead) -> std::io::Result<Head> {
    let first = read_line(stream)?;
    let mut fields = Vec::new();
    for _ in 0..HEAD_LINES_MAX {
        let line = read_line(stream)?;
        match line.split_once(':') {
            None => return Ok(Head { first, fields }),
            Some((name, value)) => fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned())),
        }
    }
    Err(broken("a head without an end"))
}

fn read_line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn read_bytes(stream: &mut impl BufRead, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned())
}

/// `http://host:port/path` as `host:port` and `/path`.
pub(crate) fn split_url(url: &str) -> Result<(&str, &str), String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url} is not plain HTTP"))?;
    let start = rest.find('/').unwrap_or(rest.len());
    let (address, path) = rest.split_at(start);
    Ok((address, if path.is_empty() { "/" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers so many requests on each connection, and closes it then. Says how many it has answered on each.
    fn closes_after(requests: usize) -> (String, std::sync::mpsc::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut out = stream.try_clone().expect("a copy");
                let mut input = BufReader::new(stream);
                let mut answered = 0;
                while answered < requests && read_head(&mut input).is_ok() {
                    answered += 1;
                    out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").expect("it is heard");
                }
                drop((input, out));
                if sender.send(answered).is_err() {
                    return;
                }
            }
        });
        (address, receiver)
    }

    #[test]
    fn what_the_other_side_has_closed_is_opened_again() {
        let (address, closed) = closes_after(1);
        let mut connection = Connection::to(&address);
        for method in ["GET", "POST", "POST"] {
            let answer = connection.send(method, "/", &[], b"").expect("an answer");
            assert_eq!((answer.status, answer.text()), (200, "hi".to_owned()));
            assert_eq!(closed.recv(), Ok(1));
        }
    }

    #[test]
    fn what_may_have_been_done_is_not_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut connection = Connection::to(&listener.local_addr().expect("an address").to_string());
        let heard = std::thread::spawn(move || {
            let (mut first, _) = listener.accept().expect("a connection");
            let mut input = BufReader::new(first.try_clone().expect("a copy"));
            read_head(&mut input).expect("a request");
            first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("it is heard");
            // It hears the second request and ends without an answer.
            read_head(&mut input).expect("another request");
            drop((first, input));
            listener.set_nonblocking(true).expect("a socket");
            std::thread::sleep(Duration::from_millis(200));
            listener.accept().is_ok()
        });
        connection.send("POST", "/", &[], b"").expect("an answer");
        assert!(connection.send("POST", "/", &[], b"").is_err());
        assert!(!heard.join().expect("it ended"), "it was asked twice");
    }
}
