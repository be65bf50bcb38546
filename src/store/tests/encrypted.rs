//! A PostgreSQL that is reached over TLS.

use super::*;

/// A certificate for this host by an authority, its key, and the authority, all in PEM.
fn certificate(host: &str) -> [String; 3] {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    [params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem(), authority]
}

/// As libpq: `require` encrypts and asks nothing of the certificate, `verify-ca` and `verify-full` do.
#[tokio::test]
async fn sslmode_is_what_it_is_for_others() {
    let [own, key, authority] = certificate("127.0.0.1");
    let [other_host, other_key, other_authority] = certificate("db.example");
    let folder = tempfile::tempdir().unwrap();
    let trusted = |name: &str, authority: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, authority).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (trusted("right.pem", &authority), trusted("wrong.pem", &other_authority));
    let start = |certificate: String, key: String| {
        tokio::task::spawn_blocking(move || {
            let postgres = engines::Postgres::over_tls(&certificate, &key);
            let database = postgres.create_database();
            (database.url(), postgres, database)
        })
    };
    let (here, _server, database) = start(own, key).await.unwrap();
    let (elsewhere, _other_server, _other) = start(other_host, other_key).await.unwrap();
    for (server, parameters, opens) in [
        (&here, "sslmode=disable".to_owned(), false),
        (&here, "sslmode=prefer".to_owned(), true),
        (&here, "sslmode=require".to_owned(), true),
        (&here, format!("sslmode=verify-full&sslrootcert={right}"), true),
        (&here, format!("sslmode=verify-full&sslrootcert={wrong}"), false),
        (&elsewhere, format!("sslmode=verify-ca&sslrootcert={wrong}"), true),
        (&elsewhere, format!("sslmode=verify-full&sslrootcert={wrong}"), false),
    ] {
        let settings = format!("{server}?{parameters}").parse().unwrap();
        let begun = std::time::Instant::now();
        let opened = Store::open(&settings, || UnixNanos(100)).await;
        println!("{parameters}: {:?} {:?}", begun.elapsed(), opened.as_ref().err());
        assert_eq!(opened.is_ok(), opens, "{server} {parameters}");
        assert!(begun.elapsed() < Duration::from_secs(20), "what does not fit does not pass: {parameters}");
    }
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'logmend'";
    let running = Running::open(format!("{here}?sslmode=require").parse().unwrap()).await;
    running.store.commit(batch(1, vec![delta(1, 1, 500)])).await.unwrap();
    assert_eq!(database.psql(encrypted), "t");
}
