//! The real servers that other tests stand on are what those tests take them for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::engines::{Database, PgBouncer, Postgres, Proxy, Redis, psql_at};
use crate::tls::authority::Authority;

/// How long a process may take to end after another one.
const END_TIME_MAX: Duration = Duration::from_secs(30);
/// How long nothing must happen to count as nothing.
const QUIET: Duration = Duration::from_millis(300);
/// How many connections to this database sleep.
const ASLEEP: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < END_TIME_MAX, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn with_table(database: &Database) {
    psql_at(&database.url(), "CREATE TABLE counted (n bigint)").unwrap();
}

fn counted(database: &Database) -> String {
    database.psql("SELECT count(*) FROM counted")
}

/// Each test has a database of its own on a durable server, and no rights beyond it.
#[test]
fn a_database_is_fresh_durable_and_owned_by_a_plain_user() {
    let (one, other) = (Postgres::database(), Postgres::database());
    with_table(&one);
    assert_eq!(other.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    let ask = "SELECT current_user, usesuper, current_setting('fsync'), current_setting('server_version_num')::int >= 150000 \
               FROM pg_user WHERE usename = current_user";
    assert_eq!(psql_at(&one.url(), ask).unwrap(), "logmend|f|on|t");
    let refused = psql_at(&one.url().replace("correct-horse", "wrong"), "SELECT 1").unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
}

/// A server that listens over TLS alone takes no other connection.
#[test]
fn postgres_over_tls_takes_no_plain_connection() {
    let server = Authority::new("tests").server();
    let postgres = Postgres::over_tls(&server.certificate, &server.key);
    let database = postgres.create_database();
    let ask = |mode| psql_at(&format!("{}?sslmode={mode}", database.url()), "SELECT 1");
    assert_eq!(ask("require").unwrap(), "1");
    assert!(ask("disable").unwrap_err().contains("no encryption"), "{:?}", ask("disable"));
}

/// What was committed is there after every kind of end, on the same port.
#[test]
fn postgres_keeps_what_was_committed_over_restarts() {
    let mut postgres = Postgres::own();
    let database = postgres.create_database();
    with_table(&database);
    let ends: [fn(&mut Postgres); 3] = [Postgres::stop, Postgres::stop_now, Postgres::kill_9];
    for (done, end) in ends.into_iter().enumerate() {
        psql_at(&database.url(), "INSERT INTO counted VALUES (1)").unwrap();
        end(&mut postgres);
        assert!(psql_at(&database.url(), "SELECT 1").is_err(), "it is down");
        postgres.start_again();
        assert_eq!(counted(&database), (done + 1).to_string());
    }
    assert_eq!(database.url(), postgres.url(&database.name));
    assert_eq!(postgres.terminate_backends(), 0, "no client is left");
}

/// The connections to one database can be ended without those to others.
#[test]
fn connections_are_ended_database_by_database() {
    let (mine, other) = (Postgres::database(), Postgres::database());
    let sleeping = |database: &Database| {
        let url = database.url();
        thread::spawn(move || psql_at(&url, "SELECT pg_sleep(5)"))
    };
    let (cut, spared) = (sleeping(&mine), sleeping(&other));
    for database in [&mine, &other] {
        eventually("it sleeps", || database.psql(ASLEEP) == "1");
    }
    assert_eq!(mine.terminate_backends(), 1);
    assert!(cut.join().unwrap().is_err());
    assert_eq!(spared.join().unwrap(), Ok(String::new()));
}

/// A client of PgBouncer has a connection for a transaction, not for itself, and may send nothing that poolers refuse.
#[test]
fn pgbouncer_lends_connections_for_a_transaction() {
    let database = Postgres::database();
    let pgbouncer = PgBouncer::transaction_mode(Postgres::shared());
    let url = database.url_at(pgbouncer.port());
    assert_eq!(psql_at(&url, "SELECT current_database()").unwrap(), database.name);
    let configuration = pgbouncer.console("SHOW CONFIG");
    for setting in ["pool_mode|transaction|", "default_pool_size|4|", "ignore_startup_parameters||"] {
        assert!(configuration.lines().any(|line| line.starts_with(setting)), "{setting}\n{configuration}");
    }
    let pools = pgbouncer.console("SHOW POOLS");
    let pool = pools.lines().find(|line| line.starts_with(&database.name)).unwrap();
    assert!(pool.ends_with("|transaction"), "{pool}");

    // Twelve clients share its four connections.
    let clients = (0..12).map(|_| {
        let url = url.clone();
        thread::spawn(move || psql_at(&url, "SELECT pg_backend_pid() FROM pg_sleep(0.1)").unwrap())
    });
    let clients: Vec<_> = clients.collect();
    let backends: std::collections::BTreeSet<_> =
        clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(backends.len() <= 4, "{backends:?}");

    let refused = psql_at(&format!("{url}?options=-c%20statement_timeout%3D1"), "SELECT 1").unwrap_err();
    assert!(refused.contains("unsupported startup parameter"), "{refused}");
}

/// A lock as Redis's documentation tells it, and a Redis that hangs, crashes and comes back empty.
#[test]
fn redis_locks_pauses_and_forgets() {
    let mut redis = Redis::start();
    assert_eq!(redis.cli(&["SET", "lock", "me", "NX", "PX", "60000"]), "OK");
    assert_eq!(redis.cli(&["SET", "lock", "you", "NX", "PX", "60000"]), "");

    redis.pause();
    thread::scope(|scope| {
        let asked = scope.spawn(|| redis.cli(&["GET", "lock"]));
        thread::sleep(QUIET);
        assert!(!asked.is_finished(), "a paused server answers nothing");
        redis.resume();
        assert_eq!(asked.join().unwrap(), "me");
    });

    redis.kill_9();
    assert!(redis.try_cli(&["PING"]).is_err());
    redis.start_again();
    assert_eq!(redis.cli(&["GET", "lock"]), "");
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
}

/// A connection is cut, stalled and refused when a test asks for it.
#[test]
fn the_proxy_cuts_stalls_and_refuses() {
    let database = Postgres::database();
    let proxy = Proxy::to(Postgres::shared().port());
    let url = database.url_at(proxy.port());
    let ask = |sql: &'static str| {
        let url = url.clone();
        thread::spawn(move || psql_at(&url, sql))
    };
    assert_eq!(psql_at(&url, "SELECT 1").as_deref(), Ok("1"));

    proxy.refuse();
    assert!(psql_at(&url, "SELECT 1").is_err());
    proxy.accept();

    proxy.stall();
    let stalled = ask("SELECT 2");
    thread::sleep(QUIET);
    assert!(!stalled.is_finished());
    proxy.flow();
    assert_eq!(stalled.join().unwrap().as_deref(), Ok("2"));

    let begun = Instant::now();
    let cut = ask("SELECT pg_sleep(60)");
    eventually("it sleeps", || database.psql(ASLEEP) == "1");
    proxy.cut();
    assert!(cut.join().unwrap().is_err());
    assert!(begun.elapsed() < END_TIME_MAX);
}

/// What a test asks of the proxy before an exchange.
type Arming = fn(&Proxy);

/// A commit whose answer is lost was done, one that is lost itself was not, and a client sees no difference.
#[test]
fn the_proxy_makes_commits_ambiguous() {
    let database = Postgres::database();
    with_table(&database);
    let proxy = Proxy::to(Postgres::shared().port());
    let insert = || psql_at(&database.url_at(proxy.port()), "BEGIN; INSERT INTO counted VALUES (1); COMMIT");
    let cases: [(&str, Arming, bool, &str); 4] = [
        ("nothing is armed", |_| {}, true, "1"),
        ("the answer is lost", |proxy| proxy.lose_answer_to("COMMIT"), false, "2"),
        ("the request is lost", |proxy| proxy.lose_request("COMMIT"), false, "2"),
        ("once for each arming", |_| {}, true, "3"),
    ];
    for (what, arm, answered, rows) in cases {
        arm(&proxy);
        assert_eq!(insert().is_ok(), answered, "{what}");
        assert_eq!(counted(&database), rows, "{what}");
    }
    assert_eq!(proxy.lost(), 2);
}

/// Run by [`no_server_outlives_its_test_process`] in a process of its own.
#[test]
#[ignore = "a part of another test"]
fn servers_of_a_process_that_is_killed() {
    let (postgres, redis) = (Postgres::own(), Redis::start());
    let pgbouncer = PgBouncer::transaction_mode(Postgres::shared());
    redis.pause();
    println!(
        "servers: {} {} {} {}",
        postgres.port(),
        Postgres::shared().port(),
        redis.port(),
        pgbouncer.port()
    );
    println!("folder: {}", postgres.socket_folder().display());
    thread::sleep(Duration::from_mins(10));
}

/// Killed with SIGKILL, a test process leaves no server behind, nor a server's folder.
#[test]
fn no_server_outlives_its_test_process() {
    let mut tests = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engines::servers_of_a_process_that_is_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(tests.stdout.take().unwrap());
    let mut ports = Vec::new();
    let mut folder = String::new();
    for line in told.lines().map(Result::unwrap) {
        if let Some((_, told)) = line.split_once("servers: ") {
            ports = told.split(' ').map(|port| port.parse::<u16>().unwrap()).collect();
        }
        if let Some((_, told)) = line.split_once("folder: ") {
            told.clone_into(&mut folder);
            break;
        }
    }
    let listens = |port: &u16| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok();
    assert!(ports.len() == 4 && ports.iter().all(listens), "{ports:?}");
    kill(Pid::from_raw(tests.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    tests.wait().unwrap();
    eventually("all have ended", || !ports.iter().any(listens));
    eventually("the folder is gone", || !std::fs::exists(&folder).unwrap());
}
