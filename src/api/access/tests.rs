//! Who is let in, by every way of calling.

use axum::body::Body;

use super::*;
use crate::model::Token;
use crate::store;

fn request(method: Method, peer: &str, headers: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request.into_parts().0
}

async fn door_of(token: Option<&str>, tokens: &[(&str, TokenScope, &str)]) -> (Access, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = store::Settings::sqlite(folder.path().join("test.db"));
    let (store, _writer) = Store::open(&settings, || UnixNanos(1)).await.unwrap();
    let known = tokens.iter().map(|(name, scope, token)| KnownToken {
        name: (*name).to_owned(),
        scope: *scope,
        hash: TokenHash::of(token),
    });
    let settings = Settings {
        token: Token::new(token.map(|token| token.to_owned().into())),
        tokens: Tokens::new(known.collect()),
        ..Settings::default()
    };
    (Access::new(&settings, store, || UnixNanos::from_secs(9)), folder)
}

/// A page whose name was pointed at this machine after it was loaded reads nothing here.
#[tokio::test]
async fn without_a_token_this_machine_is_read_under_its_own_name_alone() {
    let (open, _folder) = door_of(None, &[]).await;
    let reads = async |peer, headers: &[_]| open.check(&request(Method::GET, peer, headers)).await.is_ok();
    let here = "127.0.0.1:1";
    for host in
        ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "logmend:8080", "logs.localhost"]
    {
        assert!(reads(here, &[("host", host)]).await, "{host}");
    }
    assert!(reads(here, &[]).await, "no browser is without one");
    for host in ["elsewhere.example:8080", "elsewhere.example", "192.0.2.7:8080"] {
        assert!(!reads(here, &[("host", host)]).await, "{host}");
    }
    assert!(
        reads("192.0.2.7:1", &[("host", "logs.example:8080")]).await,
        "who is let in from off the machine"
    );
    assert!(reads(here, &[("host", "logs.example"), ("x-forwarded-for", "192.0.2.7")]).await, "a proxy");
    let (locked, _folder) = door_of(Some("s3cret"), &[]).await;
    let sent = request(Method::GET, here, &[("host", "logs.example"), ("x-api-key", "s3cret")]);
    assert!(locked.check(&sent).await.is_ok());
}

/// What a caller says of itself is of no matter: only where its connection comes from.
#[tokio::test]
async fn without_a_token_only_this_machine_changes_anything() {
    let (open, _folder) = door_of(None, &[]).await;
    let admits =
        async |method, peer, headers: &[_]| open.check(&request(method, peer, headers)).await.is_ok();
    for peer in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(admits(Method::POST, peer, &[]).await, "{peer}");
    }
    for peer in ["192.0.2.7:1", "10.0.0.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.7]:1"] {
        assert!(admits(Method::GET, peer, &[]).await, "{peer}");
        for headers in [
            &[][..],
            &[("x-forwarded-for", "127.0.0.1")],
            &[("forwarded", "for=127.0.0.1"), ("host", "localhost")],
        ] {
            assert!(!admits(Method::POST, peer, headers).await, "{peer} {headers:?}");
        }
    }
    let here = "127.0.0.1:1";
    let page = |origin, host| [("origin", origin), ("host", host)];
    assert!(admits(Method::POST, here, &page("http://localhost:8080", "localhost:8080")).await);
    assert!(admits(Method::POST, here, &page("http://[::1]:8080", "[::1]:8080")).await);
    assert!(!admits(Method::POST, here, &page("https://elsewhere.example", "localhost:8080")).await);
    assert!(
        !admits(Method::POST, here, &page("http://elsewhere.example", "elsewhere.example")).await,
        "rebound"
    );
    assert!(!admits(Method::POST, here, &[("sec-fetch-site", "cross-site"), ("host", "localhost")]).await);
    assert!(!admits(Method::POST, here, &[("x-forwarded-for", "192.0.2.7")]).await, "through a proxy");
    let mut nobody = request(Method::POST, here, &[]);
    nobody.extensions.clear();
    assert!(open.check(&nobody).await.is_err(), "a caller from nowhere");
}

#[tokio::test]
async fn with_a_token_everybody_needs_one_of_the_scope() {
    let tokens =
        [("ci", TokenScope::Ingest, "i"), ("wall", TokenScope::Read, "r"), ("ops", TokenScope::Admin, "a")];
    let (locked, _folder) = door_of(Some("s3cret"), &tokens).await;
    let check = async |method, token: &str| {
        let request = request(method, "127.0.0.1:1", &[("x-api-key", token)]);
        locked.check(&request).await.map_err(|problem| problem.into_response().status().as_u16())
    };
    let caller = |name: Option<&str>, scope| Ok(Caller { name: name.map(str::to_owned), scope });
    for method in [Method::GET, Method::POST] {
        assert_eq!(check(method.clone(), "s3cret").await, caller(None, TokenScope::Admin));
        assert_eq!(check(method.clone(), "a").await, caller(Some("ops"), TokenScope::Admin));
        assert_eq!(check(method.clone(), "i").await, Err(403));
        assert_eq!(check(method.clone(), "x").await, Err(401));
        let nothing = request(method, "127.0.0.1:1", &[]);
        assert!(locked.check(&nothing).await.is_err());
    }
    assert_eq!(check(Method::GET, "r").await, caller(Some("wall"), TokenScope::Read));
    assert_eq!(check(Method::POST, "r").await, Err(403));
    assert_eq!(check(Method::DELETE, "r").await, Err(403));
    let (open, _folder) = door_of(None, &tokens[..1]).await;
    assert!(!open.is_locked(), "exporters' tokens say nothing of readers");
}

#[tokio::test]
async fn a_session_changes_things_from_our_own_pages_alone() {
    let (locked, _folder) =
        door_of(None, &[("ops", TokenScope::Admin, "a"), ("wall", TokenScope::Read, "r")]).await;
    let session = async |token: &str| {
        let token = locked.tokens().get().find(token).cloned().unwrap();
        let cookie = locked.sessions().begin(&token, false, UnixNanos::from_secs(9)).await.unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let admits = async |method, cookie: &str, headers: &[(&'static str, &str)]| {
        let mut all = vec![("cookie", cookie), ("host", "mend.example")];
        all.extend_from_slice(headers);
        locked.check(&request(method, "192.0.2.7:1", &all)).await.is_ok()
    };
    let ops = session("a").await;
    assert!(admits(Method::GET, &ops, &[]).await);
    for own in [("sec-fetch-site", "same-origin"), ("origin", "https://mend.example")] {
        assert!(admits(Method::POST, &ops, &[own]).await, "{own:?}");
    }
    for other in [
        &[][..],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://mend.example")],
        &[("origin", "https://elsewhere.example")],
        &[("origin", "null")],
    ] {
        assert!(!admits(Method::POST, &ops, other).await, "{other:?}");
    }
    let wall = session("r").await;
    assert!(!admits(Method::POST, &wall, &[("sec-fetch-site", "same-origin")]).await);
    assert!(!admits(Method::GET, "logmend_session=1.2.3", &[]).await);
}
