//! HTTP/1.1 and HTTP/2 as an attacker writes them: byte by byte and frame by frame, where a client library would not.
//!
//! Sources: RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2), RFC 7541 (HPACK).

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long any answer may take, on a machine that compiles meanwhile.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// A connection, whatever it goes over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http1,
    Http2,
}

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn post(path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let call = Self { body: body.into(), ..Self::new(Method::POST, path) };
        if content_type.is_empty() { call } else { call.header("content-type", content_type) }
    }

    /// The same call with one header more.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The head of an HTTP/1.1 request without its end, so that more headers may follow.
    pub fn open_head(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let first = format!("{} {} HTTP/1.1\r\nhost: logmend\r\n", self.method, self.path);
        std::iter::once(first).chain(headers).collect()
    }
}

/// An answer. Trailers stand among the headers where they came as such (gRPC's "Trailers-Only").
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
}

impl Answer {
    /// A header or trailer as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).or_else(|| self.trailers.get(name));
        value.map_or("", |value| value.to_str().unwrap())
    }
}

pub async fn connect(addr: &str) -> TcpStream {
    TcpStream::connect(addr).await.unwrap()
}

async fn in_time<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(ANSWER_TIME_MAX, what).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Makes a call over plain text on a connection of its own.
pub async fn call(addr: &str, version: Version, call: &Call) -> io::Result<Answer> {
    exchange(TcpStream::connect(addr).await?, version, call).await
}

/// Makes a call on a connection.
pub async fn exchange(mut stream: impl Stream, version: Version, call: &Call) -> io::Result<Answer> {
    match version {
        Version::Http1 => {
            let head = format!("{}content-length: {}\r\n\r\n", call.open_head(), call.body.len());
            in_time(async {
                stream.write_all(head.as_bytes()).await?;
                // Whoever refuses a call may close before it has come in whole: what was said stands.
                let _ = stream.write_all(&call.body).await;
                let _ = stream.flush().await;
                read_answer(&mut stream).await
            })
            .await
        }
        Version::Http2 => Http2::begin(stream).await?.exchange(call).await,
    }
}

/// An HTTP/2 connection that makes whole calls.
#[derive(Clone)]
pub struct Http2(h2::client::SendRequest<Bytes>);

impl Http2 {
    pub async fn connect(addr: &str) -> io::Result<Self> {
        Self::begin(TcpStream::connect(addr).await?).await
    }

    pub async fn begin(stream: impl Stream) -> io::Result<Self> {
        let (sender, connection) =
            in_time(async { h2::client::handshake(stream).await.map_err(broken) }).await?;
        #[expect(clippy::disallowed_methods, reason = "a test's own task; it ends with its connection")]
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Makes one call; any number of them may be made at the same time.
    pub async fn exchange(&self, call: &Call) -> io::Result<Answer> {
        let (answer, _stream) = self.open(call, true).await?;
        in_time(answer).await
    }

    /// Sends a call's head and what there is of its body. Without `ends` the stream stays open until it is dropped.
    pub async fn open(
        &self,
        call: &Call,
        ends: bool,
    ) -> io::Result<(impl Future<Output = io::Result<Answer>> + use<>, h2::SendStream<Bytes>)> {
        let mut sender = self.0.clone().ready().await.map_err(broken)?;
        let uri = format!("http://logmend{}", call.path);
        let mut request = Request::builder().method(call.method.clone()).uri(uri).body(()).unwrap();
        for (name, value) in &call.headers {
            request.headers_mut().append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let (response, mut stream) = sender.send_request(request, false).map_err(broken)?;
        // A server that answered by the head alone has closed the stream by now: what it said stands.
        let _ = stream.send_data(Bytes::from(call.body.clone()), ends);
        Ok((read_http2(response), stream))
    }
}

async fn read_http2(response: h2::client::ResponseFuture) -> io::Result<Answer> {
    let (head, mut body) = response.await.map_err(broken)?.into_parts();
    let mut answer = Answer { status: head.status.as_u16(), headers: head.headers, ..Answer::default() };
    while let Some(data) = body.data().await {
        // A receiver that has answered may refuse the rest of the request: what it said stands.
        let Ok(data) = data else { break };
        let _ = body.flow_control().release_capacity(data.len());
        answer.body.extend_from_slice(&data);
    }
    answer.trailers = body.trailers().await.ok().flatten().unwrap_or_default();
    Ok(answer)
}

fn broken(error: h2::Error) -> io::Error {
    io::Error::other(error)
}

/// Reads one HTTP/1.1 answer: the final one, where `100 Continue` comes first.
pub async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    loop {
        let answer = in_time(read_one(stream)).await?;
        if answer.status != 100 {
            return Ok(answer);
        }
    }
}

async fn read_one(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let mut answer = Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, ..Answer::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        answer.headers.append(
            HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?,
            HeaderValue::from_str(value).map_err(io::Error::other)?,
        );
    }
    if answer.header("transfer-encoding") == "chunked" {
        answer.body = read_chunks(stream).await?;
    } else {
        answer.body = vec![0; answer.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut answer.body).await?;
    }
    Ok(answer)
}

async fn read_chunks(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await?);
        }
        let length =
            std::str::from_utf8(&line).ok().and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
        let mut chunk = vec![0; length.ok_or(io::ErrorKind::InvalidData)? + 2];
        stream.read_exact(&mut chunk).await?;
        chunk.truncate(chunk.len() - 2);
        if chunk.is_empty() {
            return Ok(body);
        }
        body.extend(chunk);
    }
}

/// Whether the other end closes a connection in time; what it sends until then is passed over.
pub async fn is_closed_within(stream: &mut (impl AsyncRead + Unpin), time: Duration) -> bool {
    let mut passed = [0; 4_096];
    let end = async { while stream.read(&mut passed).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(time, end).await.is_ok()
}

/// HTTP/2 frames, written by hand.
pub mod frame {
    /// What a client says first, with settings of its own behind it.
    pub fn preface(settings: &[(u16, u32)]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &payload)].concat()
    }

    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const CONTINUATION: u8 = 9;

    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;

    pub const INITIAL_WINDOW_SIZE: u16 = 4;

    pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// The head of a call, each field literal and in no table.
    pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "logmend")];
        [fields(&pseudo), fields(headers)].concat()
    }

    pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
        fields.iter().flat_map(|(name, value)| field(name, value)).collect()
    }

    fn field(name: &str, value: &str) -> Vec<u8> {
        let text = |text: &str| [vec![u8::try_from(text.len()).unwrap()], text.as_bytes().to_vec()].concat();
        assert!(name.len().max(value.len()) < 127, "one byte of length");
        [vec![0], text(name), text(value)].concat()
    }
}
