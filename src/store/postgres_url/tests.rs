use std::fmt::Write;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

/// All that a URL says, in a form that can be compared.
fn said(settings: &PostgresSettings) -> String {
    let mut said = settings.to_string();
    let password = settings.password.as_ref().map(ExposeSecret::expose_secret);
    write!(said, " {password:?} {:?}", settings.ssl_mode).unwrap();
    if let Some(path) = &settings.ssl_root_cert {
        write!(said, " root={}", path.display()).unwrap();
    }
    if let Some(name) = &settings.application_name {
        write!(said, " name={name}").unwrap();
    }
    if let Some(wait) = settings.connect_timeout {
        write!(said, " wait={wait:?}").unwrap();
    }
    if settings.transaction_pooler {
        said += " pooler";
    }
    said
}

fn check(url: &str, expected: &str) {
    let read = url.parse::<PostgresSettings>().map(|settings| said(&settings));
    assert_eq!(read.as_deref(), Ok(expected), "{url}");
}

#[test]
fn what_is_left_out_has_libpqs_default() {
    check("postgres://", "postgres://localhost:5432 None Prefer");
    check("postgresql://db", "postgres://db:5432 None Prefer");
    check("postgres://app@db", "postgres://app@db:5432 None Prefer");
    check("postgres://app:@db:/", "postgres://app@db:5432 None Prefer");
    check("postgres:///logs", "postgres://localhost:5432/logs None Prefer");
    check(" POSTGRES://app:pw@db:1/logs\n", r#"postgres://app@db:1/logs Some("pw") Prefer"#);
}

#[test]
fn hosts_are_names_addresses_and_sockets() {
    check("postgres://app@my_db-1.internal/l", "postgres://app@my_db-1.internal:5432/l None Prefer");
    check("postgres://app:pw@[::1]:5433/l", r#"postgres://app@[::1]:5433/l Some("pw") Prefer"#);
    check("postgres://[2001:db8::7]/l", "postgres://[2001:db8::7]:5432/l None Prefer");
    let socket = "postgres://app@/var/run/postgresql/l None Prefer";
    check("postgres://app@/l?host=/var/run/postgresql", socket);
    check("postgres://app@%2Fvar%2Frun%2Fpostgresql/l", socket);
    check(
        "postgres:///?host=::1&port=7&user=u&dbname=d&password=p@w",
        r#"postgres://u@[::1]:7/d Some("p@w") Prefer"#,
    );
    let settings: PostgresSettings = "postgres://[::1]".parse().unwrap();
    assert_eq!(settings.host, "::1", "without brackets");
}

/// Percent-encoded as it should be, or pasted as it is.
#[test]
fn passwords_are_taken_as_people_paste_them() {
    let reserved = [
        ("p%40ss%3Aw%2Frd%3F%23%25", "p@ss:w/rd?#%"),
        ("p@ss:w/rd?#%", "p@ss:w/rd?#%"),
        ("p@ss", "p@ss"),
        ("p@ss/word", "p@ss/word"),
        ("p@ss?w=1", "p@ss?w=1"),
        ("p@@:@", "p@@:@"),
        ("a@b/c@d:5/e", "a@b/c@d:5/e"),
        ("h1,h2@x", "h1,h2@x"),
        ("100%", "100%"),
        ("100%zz%2", "100%zz%2"),
        ("caf%C3%A9 é", "café é"),
        ("%FF", "%FF"),
        ("a+b", "a+b"),
        ("[x]", "[x]"),
    ];
    for (written, password) in reserved {
        for end in ["", "?sslmode=prefer", "/?application_name="] {
            let name = if end.ends_with('=') { " name=" } else { "" };
            let expected = format!("postgres://app@db:5432 Some({password:?}) Prefer{name}");
            check(&format!("postgres://app:{written}@db{end}"), &expected);
        }
    }
    // An `@` behind the host belongs to the password only where the rest would not be in order without.
    check(
        "postgres://app:pw@db/l?application_name=me@home",
        r#"postgres://app@db:5432/l Some("pw") Prefer name=me@home"#,
    );
    check("postgres://app:p@w/x@db/l?user=a@b", r#"postgres://a@b@db:5432/l Some("p@w/x") Prefer"#);
    check("postgres://db/l?application_name=me@home", "postgres://db:5432/l None Prefer name=me@home");
    // The limits that the documentation tells.
    check("postgres://app:50%25@db", r#"postgres://app@db:5432 Some("50%") Prefer"#);
}

#[test]
fn parameters_are_libpqs() {
    for (spelling, mode) in SslMode::ALL {
        check(&format!("postgres://db?sslmode={spelling}"), &format!("postgres://db:5432 None {mode:?}"));
    }
    check(
        "postgres://db/l?sslmode=verify-full&sslrootcert=/etc/ca%20s.pem&application_name=log%26mend&connect_timeout=10",
        "postgres://db:5432/l None VerifyFull root=/etc/ca s.pem name=log&mend wait=10s",
    );
    check("postgres://db?connect_timeout=0&", "postgres://db:5432 None Prefer");
}

/// Hosts and ports as Supabase's and Neon's documentation tell them.
#[test]
fn transaction_poolers_are_recognised() {
    let cases = [
        ("db.abcdefgh.supabase.co:5432/postgres", false),
        ("db.abcdefgh.supabase.co:6543/postgres", true),
        ("aws-0-eu-central-1.pooler.supabase.com:6543/postgres", true),
        // In session mode, where what works in transaction mode works too.
        ("aws-0-eu-central-1.pooler.supabase.com:5432/postgres", true),
        ("aws-0-eu-central-1.POOLER.supabase.com/postgres?pgbouncer=false", false),
        ("ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech/neondb", true),
        ("poolers.example.com/l", false),
        ("carpooler.example.com/l", false),
        ("db/l?pgbouncer=true", true),
        ("db:6543/l?pgbouncer=false", false),
        ("[::1]:6543/l", true),
    ];
    for (place, pooler) in cases {
        let settings: PostgresSettings = format!("postgres://app.ref:pw@{place}").parse().unwrap();
        assert_eq!(settings.transaction_pooler, pooler, "{place}");
        assert_eq!(settings.user.as_deref(), Some("app.ref"));
    }
}

#[test]
fn what_names_no_postgres_is_told_with_the_mend() {
    let cases = [
        ("mysql://db", "it does not begin with postgres"),
        ("db:5432", "it does not begin with postgres"),
        ("postgres://app:pw@d b/l", "its host is no name"),
        ("postgres://app:pw@::1/l", "no port from 1 to 65535"),
        ("postgres://[::1/l", "no port from 1 to 65535"),
        ("postgres://[::g]/l", "its host is no name"),
        ("postgres://[::1]5432/l", "its host is no name"),
        ("postgres://app:pw@db:0/l", "no port from 1 to 65535"),
        ("postgres://app:pw@db:65536/l", "no port from 1 to 65535"),
        ("postgres://app:pw@db:+1/l", "no port from 1 to 65535"),
        // The host was forgotten.
        ("postgres://app:pw", "no port from 1 to 65535"),
        ("postgres://app:pw@h1:5432,h2:5432/l", "it names several hosts; name one"),
        ("postgres:///l?host=h1,h2", "it names several hosts; name one"),
        ("postgres://app:[YOUR-PASSWORD]@db/l", "its password is still [YOUR-PASSWORD]"),
        ("postgres://app:p%00w@db/l", "its password holds a NUL"),
        ("postgres://db/l%00", "its database holds a NUL"),
        (
            "postgres://db?channel_binding=require",
            "the parameter channel_binding, which logmend does not know",
        ),
        ("postgres://db?SSLMODE=require", "the parameter SSLMODE, which"),
        ("postgres://db?%20=1", "the parameter with a name that is no word, which"),
        (
            "postgres://app:pw@db?sslmode=on&application_name=a@b",
            "its parameter sslmode takes disable, allow, prefer",
        ),
        ("postgres://db?sslmode", "its parameter sslmode takes"),
        ("postgres://db?sslrootcert=", "its parameter sslrootcert takes the path"),
        ("postgres://db?connect_timeout=-1", "its parameter connect_timeout takes a number of seconds"),
        ("postgres://db?pgbouncer=1", "its parameter pgbouncer takes true or false"),
    ];
    for (url, expected) in cases {
        let told = url.parse::<PostgresSettings>().unwrap_err().to_string();
        assert!(told.contains(expected), "{url}: {told}");
    }
    let long = format!("postgres://{}", "@".repeat(LENGTH_MAX));
    assert_eq!(long.parse::<PostgresSettings>().unwrap_err(), PostgresUrlError::TooLong);
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}

/// A URL with every part percent-encoded.
fn rendered(settings: &PostgresSettings) -> String {
    let mut url = "postgres://".to_owned();
    if let Some(user) = &settings.user {
        url += &encoded(user);
    }
    if let Some(password) = &settings.password {
        write!(url, ":{}", encoded(password.expose_secret())).unwrap();
    }
    if settings.user.is_some() || settings.password.is_some() {
        url.push('@');
    }
    match &settings.socket_folder {
        Some(folder) => url += &encoded(folder.to_str().unwrap()),
        None if settings.host.contains(':') => write!(url, "[{}]", settings.host).unwrap(),
        None => url += &settings.host,
    }
    write!(url, ":{}", settings.port).unwrap();
    if let Some(database) = &settings.database {
        write!(url, "/{}", encoded(database)).unwrap();
    }
    let mode = SslMode::ALL.into_iter().find(|(_, mode)| *mode == settings.ssl_mode).unwrap().0;
    write!(url, "?sslmode={mode}&pgbouncer={}", settings.transaction_pooler).unwrap();
    if let Some(path) = &settings.ssl_root_cert {
        write!(url, "&sslrootcert={}", encoded(path.to_str().unwrap())).unwrap();
    }
    if let Some(name) = &settings.application_name {
        write!(url, "&application_name={}", encoded(name)).unwrap();
    }
    if let Some(wait) = settings.connect_timeout {
        write!(url, "&connect_timeout={}", wait.as_secs()).unwrap();
    }
    url
}

prop_compose! {
    fn any_settings()(
        host in prop_oneof!["[a-z][a-z0-9._-]{0,20}", any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).to_string())],
        socket_folder in proptest::option::of("/[^\0]{0,10}".prop_map(PathBuf::from)),
        port in 1..=u16::MAX,
        user in proptest::option::of("[^\0]{1,10}"),
        password in proptest::option::of("[^\0]{1,20}".prop_map(SecretString::from)),
        database in proptest::option::of("[^\0]{1,10}"),
        ssl_mode in proptest::sample::select(SslMode::ALL.to_vec()),
        ssl_root_cert in proptest::option::of("[^\0]{1,10}".prop_map(PathBuf::from)),
        application_name in proptest::option::of("[^\0]{0,10}"),
        seconds in proptest::option::of(1..=u32::MAX),
        transaction_pooler: bool,
    ) -> PostgresSettings {
        PostgresSettings {
            // A socket goes instead of a host.
            host: if socket_folder.is_some() { "localhost".to_owned() } else { host },
            port, socket_folder, user, password, database, ssl_root_cert, application_name, transaction_pooler,
            ssl_mode: ssl_mode.1,
            connect_timeout: seconds.map(|seconds| Duration::from_secs(seconds.into())),
        }
    }
}

proptest! {
    #[test]
    fn what_is_percent_encoded_is_read_as_it_was(settings in any_settings()) {
        let read: PostgresSettings = rendered(&settings).parse().unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{settings:?}"));
        prop_assert_eq!(said(&read), said(&settings));
    }

    /// Raw, for all that neither looks like an escape nor sets a parameter.
    #[test]
    fn raw_passwords_are_read_as_they_were(password in "[g-z@:/?#%\\[\\]&.,+ -]{1,20}") {
        let read: PostgresSettings = format!("postgres://app:{password}@db:1/logs?sslmode=require").parse().unwrap();
        let expected = format!("postgres://app@db:1/logs Some({password:?}) Require");
        prop_assert_eq!(said(&read), expected);
    }

    #[test]
    fn any_text_is_read_or_refused(rest in "([a-z0-9]|[@:/?#%&=,\\[\\]]|\\PC){0,40}") {
        let _ = rest.parse::<PostgresSettings>();
        let _ = format!("postgres://{rest}").parse::<PostgresSettings>();
    }

    #[test]
    fn nothing_prints_a_password(
        password in "hunter2[@:/?#%a-z]{0,6}",
        place in proptest::sample::select(vec![
            "db/l", "db:x/l", "d b/l", "h1,h2/l", "[::g]/l", "db/l?nope=1", "db/l?sslmode=nope", "db/l%00", ":::/",
            "db?application_name=%00", "db/l?password=hunter2%00", "",
        ]),
    ) {
        for password in [encoded(&password), password] {
            let told = match format!("postgres://app:{password}@{place}").parse::<PostgresSettings>() {
                Ok(settings) => format!("{settings} {settings:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!told.contains("hunter2"), "{}", told);
        }
    }
}
