//! What every OTLP sender may count on: each protocol on each port, each encoding, and an answer that says nothing but yes.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::attacks::judge::{Told, judge};
use crate::attacks::payload::{self, Packing};
use crate::attacks::row::{EXPORT, LOGS, Via};
use crate::attacks::target::Target;
use crate::support::wire::{self, Call, Http2, Version};

const SERVICE: &str = "checkout";

/// A request with one record of ERROR that no other request of a test has.
fn message(via: Via, nth: u64) -> Vec<u8> {
    if via == Via::Json {
        return payload::json(SERVICE, &payload::json_error(&format!(r#""timeUnixNano":"{nth}""#)));
    }
    payload::request(SERVICE.as_bytes(), &payload::error(&payload::fixed64(1, nth)))
}

/// A platform that gives one port is enough, and no exporter need know which of ours speaks what.
#[tokio::test(flavor = "multi_thread")]
async fn every_port_takes_every_protocol_in_every_encoding() {
    let target = Target::start(&[]).await;
    let mut sent = 0;
    for addr in [&target.grpc, &target.http, &target.api] {
        for (version, via) in [
            (Version::Http2, Via::Grpc),
            (Version::Http1, Via::Protobuf),
            (Version::Http2, Via::Protobuf),
            (Version::Http1, Via::Json),
            (Version::Http2, Via::Json),
        ] {
            for packing in [None].into_iter().chain(Packing::ALL.map(Some)) {
                sent += 1;
                let answer =
                    wire::call(addr, version, &via.call(&message(via, sent), packing)).await.unwrap();
                if let Err(why) = judge(&answer, via, Told::Taken) {
                    panic!("{via:?} over {version:?} at {addr}, {packing:?}: {why}");
                }
            }
        }
    }
    assert_eq!(target.counted().await[SERVICE], sent);
}

/// Senders of streams don't know how long they are, and careful ones ask before they send.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_in_chunks_in_frames_and_after_a_question() {
    let target = Target::start(&[]).await;
    let call = Via::Json.call(&message(Via::Json, 1), None);
    let chunks: Vec<u8> = call
        .body
        .chunks(7)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .collect();
    let mut stream = wire::connect(&target.http).await;
    stream.write_all((call.open_head() + "transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    stream.write_all(&[&chunks[..], b"0\r\n\r\n"].concat()).await.unwrap();
    judge(&wire::read_answer(&mut stream).await.unwrap(), Via::Json, Told::Taken).unwrap();

    // On the same connection.
    let call = Via::Protobuf.call(&message(Via::Protobuf, 2), None);
    let head =
        format!("{}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", call.open_head(), call.body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&call.body).await.unwrap();
    judge(&wire::read_answer(&mut stream).await.unwrap(), Via::Protobuf, Told::Taken).unwrap();

    let mut call = Via::Grpc.call(&message(Via::Grpc, 3), None);
    let rest = call.body.split_off(3);
    let connection = Http2::connect(&target.grpc).await.unwrap();
    let (answer, mut body) = connection.open(&call, false).await.unwrap();
    for (nth, byte) in rest.iter().enumerate() {
        body.send_data(vec![*byte].into(), nth + 1 == rest.len()).unwrap();
    }
    judge(&answer.await.unwrap(), Via::Grpc, Told::Taken).unwrap();
    assert_eq!(target.counted().await[SERVICE], 3);
}

/// A connection outlives a bad call, and many calls share one.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_call_does_not_end_its_connection() {
    let target = Target::start(&[]).await;
    let connection = Http2::connect(&target.grpc).await.unwrap();
    for (nth, body) in
        [vec![], vec![2, 0, 0, 0, 0], vec![0, 0, 0, 0, 9, 1], vec![1, 0, 0, 0, 1, 0]].into_iter().enumerate()
    {
        let bad = Call::post(EXPORT, Via::Grpc.content_type(), body);
        judge(&connection.exchange(&bad).await.unwrap(), Via::Grpc, Told::BadFrame).unwrap();
        let good = Via::Grpc.call(&message(Via::Grpc, nth as u64), None);
        judge(&connection.exchange(&good).await.unwrap(), Via::Grpc, Told::Taken).unwrap();
    }
    let mut stream = wire::connect(&target.http).await;
    for (body, told) in
        [("[", Told::Malformed), ("{}", Told::Taken), ("[]", Told::Malformed), ("{}", Told::Taken)]
    {
        let head = Call::post(LOGS, Via::Json.content_type(), "").open_head();
        stream
            .write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
            .await
            .unwrap();
        judge(&wire::read_answer(&mut stream).await.unwrap(), Via::Json, told).unwrap();
    }
}

/// Those that hold a request of ours when the limit of bytes in hand is reached are told to come back, in their own words.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_all_is_in_hand_is_told_to_come_back() {
    let target = Target::start(&[
        ("LOGMEND_MAX_REQUEST_BYTES", "524288"),
        ("LOGMEND_MAX_IN_FLIGHT_BYTES", "1048576"),
        ("LOGMEND_BODY_TIMEOUT", "5"),
    ])
    .await;
    let connection = Http2::connect(&target.http).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        let call = Call::post(LOGS, Via::Json.content_type(), vec![b' '; 262_000])
            .header("content-length", "262144");
        held.push(connection.open(&call, false).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for via in [Via::Grpc, Via::Protobuf, Via::Json] {
        let call = via.call(&vec![b' '; 50_000], None);
        let answer = wire::call(target.addr(via), via.version(), &call).await.unwrap();
        judge(&answer, via, Told::Later).unwrap();
    }
    drop(held);
    target.serves().await.unwrap();
}
