//! Rows 7 to 9, 12, 13 and 15: senders that claim much, send little, and take their time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::Flood;
use super::judge::{Told, Verdict, ensure, judge};
use super::payload;
use super::row::{EXPORT, LOGS, Via};
use super::target::Target;
use crate::support::wire::frame::{self, frame};
use crate::support::wire::{self, Call, Http2};

/// The service's own bounds in this test, with some time for a machine that compiles meanwhile.
const HEADER: Duration = Duration::from_millis(2_500);
const BODY: Duration = Duration::from_secs(4);
const IDLE: Duration = Duration::from_secs(7);

pub const ROWS: &[Flood] = &[
    Flood { name: "10 GiB are announced", growth_mib: 8, run: |t| Box::pin(announced(t)) },
    Flood { name: "a body in chunks without an end", growth_mib: 48, run: |t| Box::pin(endless(t)) },
    Flood { name: "a body that is too long, sent whole", growth_mib: 8, run: |t| Box::pin(sent_whole(t)) },
    Flood { name: "heads of a byte a moment, or none", growth_mib: 8, run: |t| Box::pin(slow_heads(t)) },
    Flood { name: "bodies of a byte a moment", growth_mib: 8, run: |t| Box::pin(slow_bodies(t)) },
    Flood { name: "200 calls that claim 16 MiB and stall", growth_mib: 16, run: |t| Box::pin(claims(t)) },
    Flood { name: "200 idle connections", growth_mib: 16, run: |t| Box::pin(idle(t)) },
];

/// Refused before a byte of it is read.
async fn announced(target: &Target) -> Verdict {
    for via in [Via::Protobuf, Via::Json] {
        let mut stream = wire::connect(&target.http).await;
        let head = Call::post(LOGS, via.content_type(), "").open_head();
        let begun = Instant::now();
        stream.write_all(format!("{head}content-length: 10737418240\r\n\r\n").as_bytes()).await.unwrap();
        stream.write_all(&[b'x'; 1_024]).await.unwrap();
        let answer = wire::read_answer(&mut stream).await.map_err(|error| error.to_string())?;
        judge(&answer, via, Told::TooLarge)?;
        ensure(begun.elapsed() < Duration::from_secs(1), || format!("it took {:?}", begun.elapsed()))?;
    }
    let call = Call::post(LOGS, Via::Protobuf.content_type(), "x").header("content-length", "10737418240");
    let connection = Http2::connect(&target.http).await.map_err(|error| error.to_string())?;
    let (answer, _stays_open) = connection.open(&call, false).await.map_err(|error| error.to_string())?;
    judge(&answer.await.map_err(|error| error.to_string())?, Via::Protobuf, Told::TooLarge)?;
    // gRPC announces in its frame.
    let call = Call::post(EXPORT, Via::Grpc.content_type(), vec![0, 4, 0, 0, 0]);
    let (answer, _stays_open) = connection.open(&call, false).await.map_err(|error| error.to_string())?;
    judge(&answer.await.map_err(|error| error.to_string())?, Via::Grpc, Told::TooLarge)
}

/// Many senders read no answer before they have sent all: a reset would tell them to send it all again, for ever.
async fn sent_whole(target: &Target) -> Verdict {
    for via in [Via::Protobuf, Via::Json] {
        let mut stream = wire::connect(&target.http).await;
        let head = Call::post(LOGS, via.content_type(), "").open_head();
        stream.write_all(format!("{head}content-length: {}\r\n\r\n", 40 << 20).as_bytes()).await.unwrap();
        let piece = vec![b' '; 1 << 20];
        for _ in 0..40 {
            stream.write_all(&piece).await.map_err(|error| format!("it was not heard out: {error}"))?;
        }
        let answer = wire::read_answer(&mut stream).await.map_err(|error| error.to_string())?;
        judge(&answer, via, Told::TooLarge)?;
    }
    Ok(())
}

/// Cut at the limit: the sender is told, and the connection is closed.
async fn endless(target: &Target) -> Verdict {
    for via in [Via::Protobuf, Via::Json] {
        let mut stream = wire::connect(&target.http).await;
        let head = Call::post(LOGS, via.content_type(), "").open_head();
        stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
        let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x1_0000], b"\r\n".to_vec()].concat();
        let (mut from, mut to) = stream.split();
        let (sent, answer) = tokio::join!(
            async {
                let mut sent = 0;
                while sent < 128 << 20 && to.write_all(&chunk).await.is_ok() {
                    sent += chunk.len();
                }
                sent
            },
            wire::read_answer(&mut from)
        );
        judge(&answer.map_err(|error| format!("no answer: {error}"))?, via, Told::TooLarge)?;
        ensure(sent < 128 << 20, || "it was read on and on".to_owned())?;
    }
    let connection = Http2::connect(&target.http).await.map_err(|error| error.to_string())?;
    let call = Call::post(LOGS, Via::Protobuf.content_type(), vec![b'x'; 17 << 20]);
    let (answer, _stays_open) = connection.open(&call, false).await.map_err(|error| error.to_string())?;
    judge(&answer.await.map_err(|error| error.to_string())?, Via::Protobuf, Told::TooLarge)
}

/// No head ends: not by a silent peer, a slow one, nor behind a good call, in neither version of HTTP.
async fn slow_heads(target: &Target) -> Verdict {
    let good = Call::post(LOGS, "application/json", "{}").open_head() + "content-length: 2\r\n\r\n{}";
    let open = frame(frame::HEADERS, 0, 1, &frame::head("POST", LOGS, &[]));
    let cases: [(&str, Vec<u8>, &[u8], Duration); 7] = [
        ("nothing", Vec::new(), b"", HEADER),
        ("a head", b"POST /v1/logs HTTP/1.1\r\n".to_vec(), b"x-filler: a\r\n", HEADER),
        ("a head behind a call", [good.as_bytes(), b"POST"].concat(), b" /v1/logs", HEADER),
        ("nothing behind a call", good.clone().into_bytes(), b"", IDLE),
        ("nothing behind the preface", frame::preface(&[]), b"", IDLE),
        ("half a preface", frame::preface(&[])[..10].to_vec(), b"", HEADER),
        ("a head in frames", [frame::preface(&[]), open].concat(), b"", IDLE),
    ];
    let mut peers = JoinSet::new();
    for addr in [&target.grpc, &target.http, &target.api] {
        for (name, first, more, time) in &cases {
            let (addr, first, more, time, name) = (addr.clone(), first.clone(), *more, *time, *name);
            let name = format!("{name} at {addr}");
            peers.spawn(async move { ensure(trickles_out(&addr, &first, more, time).await, || name) });
        }
    }
    peers
        .join_all()
        .await
        .into_iter()
        .collect::<Verdict>()
        .map_err(|name| format!("not closed in time: {name}"))
}

/// Sends `first`, then the bytes of `more` over and over, one each 100 ms; whether the connection is closed in time.
async fn trickles_out(addr: &str, first: &[u8], more: &[u8], time: Duration) -> bool {
    let mut stream = wire::connect(addr).await;
    stream.write_all(first).await.unwrap();
    let (mut from, mut to) = stream.split();
    tokio::select! {
        closed = wire::is_closed_within(&mut from, time) => closed,
        () = trickle(&mut to, more) => false,
    }
}

/// Sends these bytes over and over, one each 100 ms. It has no end of its own: the other end's close is looked for elsewhere.
async fn trickle(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if to.write_all(&[*byte]).await.is_err() {
            break;
        }
    }
    std::future::pending::<()>().await;
}

/// Told that time is up, each in its own words.
async fn slow_bodies(target: &Target) -> Verdict {
    let mut peers = JoinSet::new();
    for via in [Via::Protobuf, Via::Json] {
        let addr = target.http.clone();
        peers.spawn(async move {
            let mut stream = wire::connect(&addr).await;
            let head = Call::post(LOGS, via.content_type(), "").open_head();
            stream.write_all(format!("{head}content-length: 1000\r\n\r\n{{").as_bytes()).await.unwrap();
            let (mut from, mut to) = stream.split();
            let answer = tokio::select! {
                answer = wire::read_answer(&mut from) => answer,
                () = trickle(&mut to, b" ") => unreachable!(),
            };
            judge(&answer.map_err(|error| error.to_string())?, via, Told::TimedOut)
        });
    }
    for via in [Via::Grpc, Via::Protobuf, Via::Json] {
        let addr = target.addr(via).to_owned();
        peers.spawn(async move {
            let connection = Http2::connect(&addr).await.map_err(|error| error.to_string())?;
            let mut call = via.call(&payload::request(b"slow", &payload::error(b"")), None);
            call.body.pop();
            let (answer, _stays_open) =
                connection.open(&call, false).await.map_err(|error| error.to_string())?;
            judge(&answer.await.map_err(|error| error.to_string())?, via, Told::TimedOut)
        });
    }
    let begun = Instant::now();
    peers.join_all().await.into_iter().collect::<Verdict>()?;
    ensure(begun.elapsed() < BODY, || format!("it took {:?}", begun.elapsed()))
}

/// Memory is not set aside for what is only claimed.
async fn claims(target: &Target) -> Verdict {
    let mut answers = JoinSet::new();
    let mut open = Vec::new();
    for _ in 0..2 {
        let connection = Http2::connect(&target.grpc).await.map_err(|error| error.to_string())?;
        for _ in 0..100 {
            let call = Call::post(EXPORT, Via::Grpc.content_type(), vec![0, 1, 0, 0, 0]);
            let (answer, stream) = connection.open(&call, false).await.map_err(|error| error.to_string())?;
            answers.spawn(answer);
            open.push(stream);
        }
    }
    // Others are served meanwhile.
    target.good(Via::Grpc).await?;
    for answer in answers.join_all().await {
        judge(&answer.map_err(|error| error.to_string())?, Via::Grpc, Told::TimedOut)?;
    }
    Ok(())
}

/// More than are taken at once: the rest wait, and whoever has something to say is served in the end.
async fn idle(target: &Target) -> Verdict {
    let mut streams = Vec::new();
    for addr in [&target.grpc, &target.http, &target.api] {
        for _ in 0..200 {
            streams.push(wire::connect(addr).await);
        }
    }
    let call = Via::Protobuf.call(&payload::request(b"patient", &payload::error(b"")), None);
    let served = async {
        let answer = wire::call(&target.http, Via::Protobuf.version(), &call).await;
        judge(&answer.map_err(|error| error.to_string())?, Via::Protobuf, Told::Taken)
    };
    let in_time = Duration::from_secs(10);
    tokio::time::timeout(in_time, served).await.map_err(|_| "nobody is served any more".to_owned())??;
    // They were closed; a byte more would only be met with a reset.
    for stream in &mut streams {
        let mut byte = [0];
        let read = tokio::time::timeout(in_time, stream.read(&mut byte)).await;
        ensure(matches!(read, Ok(Ok(0) | Err(_))), || "an idle connection stays".to_owned())?;
    }
    Ok(())
}
