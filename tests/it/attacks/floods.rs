//! Row 14, and the never-read answers of row 13: floods of frames, written by hand, while others are served.

use std::time::{Duration, Instant};

use http::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use super::Flood;
use super::judge::{Verdict, ensure};
use super::row::{LOGS, Via};
use super::target::Target;
use crate::support::wire::frame::{self, frame};
use crate::support::wire::{self, Call};

/// How long a flood may go on before its connection is closed: the service's own bounds, and time for a busy machine.
const CLOSED_WITHIN: Duration = Duration::from_secs(8);

/// How long a good request may take while a flood goes on.
const GOOD_MEANWHILE: Duration = Duration::from_secs(1);

pub const ROWS: &[Flood] = &[
    Flood {
        name: "ten thousand calls, each reset at once",
        growth_mib: 8,
        run: |t| Box::pin(rapid_reset(t)),
    },
    Flood { name: "a head without an end", growth_mib: 8, run: |t| Box::pin(continuation(t)) },
    Flood { name: "empty pieces of a body", growth_mib: 8, run: |t| Box::pin(empty_data(t)) },
    Flood { name: "pings", growth_mib: 8, run: |t| Box::pin(pings(t)) },
    Flood { name: "answers to pings that nobody sent", growth_mib: 8, run: |t| Box::pin(pongs(t)) },
    Flood { name: "settings", growth_mib: 8, run: |t| Box::pin(settings(t)) },
    Flood { name: "heads of a megabyte", growth_mib: 8, run: |t| Box::pin(long_heads(t)) },
    Flood { name: "answers that have no window", growth_mib: 8, run: |t| Box::pin(no_window(t)) },
    Flood { name: "calls in a row whose answers nobody reads", growth_mib: 8, run: |t| Box::pin(unread(t)) },
];

/// Floods a connection with `pieces`, reading nothing or all, and checks that it is closed and that others are served meanwhile.
async fn flood(
    target: &Target,
    first: Vec<u8>,
    pieces: impl Iterator<Item = Vec<u8>>,
    reads: bool,
) -> Verdict {
    let begun = Instant::now();
    let mut stream = wire::connect(&target.http).await;
    stream.write_all(&first).await.unwrap();
    let (mut from, mut to) = stream.split();
    let closed = async {
        if reads {
            wire::is_closed_within(&mut from, CLOSED_WITHIN).await
        } else {
            std::future::pending().await
        }
    };
    let flooded = async {
        for piece in pieces {
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        // Whoever reads is told by the other end; whoever does not, by a write that fails.
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if !reads && to.write_all(&frame(frame::PING, 0, 0, &[0; 8])).await.is_err() {
                return;
            }
        }
    };
    let ended = async {
        tokio::select! {
            closed = closed => closed,
            ended = tokio::time::timeout(CLOSED_WITHIN, flooded) => ended.is_ok(),
        }
    };
    let (ended, served) = tokio::join!(ended, served_meanwhile(target));
    served?;
    ensure(ended, || format!("the connection is still open after {:?}", begun.elapsed()))
}

/// Others are served while a flood goes on.
async fn served_meanwhile(target: &Target) -> Verdict {
    for via in [Via::Grpc, Via::Protobuf, Via::Grpc, Via::Protobuf] {
        let begun = Instant::now();
        target.good(via).await.map_err(|why| format!("meanwhile: {why}"))?;
        let took = begun.elapsed();
        ensure(took <= GOOD_MEANWHILE, || format!("a good request took {took:?} meanwhile"))?;
    }
    Ok(())
}

fn call_head() -> Vec<u8> {
    frame::head("POST", LOGS, &[("content-type", "application/json")])
}

/// The numbers of a client's streams.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|nth| 2 * nth + 1)
}

async fn rapid_reset(target: &Target) -> Verdict {
    let head = call_head();
    let pieces = streams(10_000).map(|stream| {
        let cancel = 8_u32.to_be_bytes();
        [
            frame(frame::HEADERS, frame::END_HEADERS, stream, &head),
            frame(frame::RST_STREAM, 0, stream, &cancel),
        ]
        .concat()
    });
    flood(target, frame::preface(&[]), pieces, true).await
}

async fn continuation(target: &Target) -> Verdict {
    let first = [frame::preface(&[]), frame(frame::HEADERS, 0, 1, &call_head())].concat();
    let filler = frame::fields(&[("x-filler", &"f".repeat(100))]).repeat(100);
    let pieces = (0..10_000).map(|_| frame(frame::CONTINUATION, 0, 1, &filler));
    flood(target, first, pieces, true).await
}

async fn empty_data(target: &Target) -> Verdict {
    let first = [frame::preface(&[]), frame(frame::HEADERS, frame::END_HEADERS, 1, &call_head())].concat();
    let pieces = (0..1_000).map(|_| frame(frame::DATA, 0, 1, b"").repeat(1_000));
    flood(target, first, pieces, true).await
}

async fn pings(target: &Target) -> Verdict {
    let pieces = || (0..200).map(|_| frame(frame::PING, 0, 0, &[7; 8]).repeat(1_000));
    Box::pin(both(target, pieces)).await
}

async fn pongs(target: &Target) -> Verdict {
    let pieces = (0..20).map(|_| frame(frame::PING, frame::ACK, 0, &[7; 8]).repeat(1_000));
    flood(target, frame::preface(&[]), pieces, true).await
}

async fn settings(target: &Target) -> Verdict {
    let setting = [0, 4, 0, 1, 0, 0].repeat(50);
    let pieces = || (0..200).map(|_| frame(frame::SETTINGS, 0, 0, &setting).repeat(100));
    Box::pin(both(target, pieces)).await
}

/// From a peer that reads what it is told, and from one that does not.
async fn both<P: Iterator<Item = Vec<u8>>>(target: &Target, pieces: impl Fn() -> P) -> Verdict {
    let first = frame::preface(&[]);
    let (reading, deaf) =
        tokio::join!(flood(target, first.clone(), pieces(), true), flood(target, first, pieces(), false));
    reading.and(deaf)
}

/// In both versions: a token of a megabyte is read by nobody.
async fn long_heads(target: &Target) -> Verdict {
    let call = Call::post(LOGS, "application/json", "{}").header("authorization", "b".repeat(1 << 20));
    let answer = wire::call(&target.http, Via::Json.version(), &call).await;
    // Too long a head is refused before it is known whose it is; a reset is an answer too.
    ensure(answer.as_ref().map_or(true, |answer| answer.status == 431), || format!("{answer:?}"))?;
    let answer = wire::call(&target.http, Via::Grpc.version(), &call).await;
    ensure(answer.as_ref().map_or(true, |answer| answer.status == 431), || format!("{answer:?}"))
}

/// The peer takes no byte of any answer, and calls again and again.
async fn no_window(target: &Target) -> Verdict {
    let mut stream = wire::connect(&target.http).await;
    stream.write_all(&frame::preface(&[(frame::INITIAL_WINDOW_SIZE, 0)])).await.unwrap();
    let head = call_head();
    let (mut from, mut to) = stream.split();
    let calls = async {
        for stream in streams(1_000) {
            let call = [
                frame(frame::HEADERS, frame::END_HEADERS, stream, &head),
                frame(frame::DATA, frame::END_STREAM, stream, b"{}"),
            ];
            if to.write_all(&call.concat()).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let closed = async {
        tokio::select! {
            closed = wire::is_closed_within(&mut from, CLOSED_WITHIN) => closed,
            () = calls => false,
        }
    };
    let (closed, served) = tokio::join!(closed, served_meanwhile(target));
    served?;
    ensure(closed, || "the connection stays open".to_owned())
}

async fn unread(target: &Target) -> Verdict {
    let post = Call::post(LOGS, "application/json", "{}").open_head() + "content-length: 2\r\n\r\n{}";
    let get = Call::new(Method::GET, "/metrics").open_head() + "\r\n";
    let (http, api, served) =
        tokio::join!(asks_on(&target.http, &post), asks_on(&target.api, &get), served_meanwhile(target));
    http.and(api).and(served)
}

/// Calls and calls, until a write fails. Before it does, answers fill the buffers of both systems.
async fn asks_on(addr: &str, call: &str) -> Verdict {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(addr.parse().unwrap()).await.unwrap();
    let calls = call.repeat(1_000);
    let ended = async { while stream.write_all(calls.as_bytes()).await.is_ok() {} };
    let ended = tokio::time::timeout(2 * CLOSED_WITHIN, ended).await;
    ensure(ended.is_ok(), || format!("{addr} goes on and on"))
}
