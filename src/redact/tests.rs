//! What is masked, and what is not.

use proptest::prelude::*;

use super::{contains_secret, redact};

/// Puts a vector together at run time, so that scanners of this repository stay quiet.
fn join(parts: &[&str]) -> String {
    parts.concat()
}

fn alnum(length: usize) -> String {
    "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0".chars().cycle().take(length).collect()
}

#[test]
fn secrets_of_every_kind_are_masked() {
    let hex = "0123456789abcdef".repeat(4);
    let cases = [
        join(&["AKIA", "IOSFODNN7EXAMPLQ"]),
        join(&["ghp_", &alnum(36)]),
        join(&["ghs_12345_", "eyJ.", &alnum(200), "-.", &alnum(30)]),
        join(&["github_pat_", &alnum(82)]),
        join(&["glpat-", &alnum(20)]),
        join(&["sk-ant-", "api03-", &alnum(40)]),
        join(&["sk-proj-", &alnum(40)]),
        join(&["xoxb-", "123456789012-", &alnum(24)]),
        join(&["sk_live_", &alnum(24)]),
        join(&["whsec_", &alnum(32)]),
        join(&["AIza", &alnum(35)]),
        join(&["ya29.", &alnum(60)]),
        join(&["npm_", &alnum(36)]),
        join(&["pypi-AgEIcHlwaS5vcmc", &alnum(60)]),
        join(&["hf_", &alnum(34)]),
        join(&["dop_v1_", &hex]),
        join(&["dapi", &hex[..32]]),
        join(&["SG.", &alnum(22), ".", &alnum(43)]),
        join(&["SK", &hex[..32]]),
        join(&["hvs.", &alnum(95)]),
        join(&["sntryu_", &hex]),
        join(&["ey", &alnum(20), ".ey", &alnum(40), ".", &alnum(43)]),
    ];
    for secret in cases {
        for text in [
            secret.clone(),
            format!("key \"{secret}\" refused"),
            format!("a={secret}\u{1b}[0m, b"),
            format!("x\\n{secret}\\n"),
        ] {
            let masked = redact(&text);
            assert!(
                masked.contains("[REDACTED:") && !masked.contains(&secret[secret.len() - 10..]),
                "{text} -> {masked}"
            );
            assert!(contains_secret(&text), "{text}");
        }
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    let cases = [
        (
            "postgres://app:hunter2@db:5432/shop failed",
            "postgres://[REDACTED:url-credentials]@db:5432/shop failed",
        ),
        ("redis://:hunter2@cache/0", "redis://[REDACTED:url-credentials]@cache/0"),
        (
            "{\"password\": \"hunter2\", \"user\": \"jo\"}",
            "{\"password\": \"[REDACTED:secret]\", \"user\": \"jo\"}",
        ),
        ("password=hunter2 user=jo", "password=[REDACTED:secret] user=jo"),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: [REDACTED:secret]"),
        ("{'api_key': 'a1b2c3d4e5'}", "{'api_key': '[REDACTED:secret]'}"),
        ("GET /cb?access_token=a1b2c3d4e5&x=1", "GET /cb?access_token=[REDACTED:secret]&x=1"),
        ("Authorization: Bearer abcdef.123456", "Authorization: Bearer [REDACTED:header]"),
        ("mail to jane.doe@example.org bounced", "mail to [REDACTED:email] bounced"),
        ("card 4111 1111 1111 1111 declined", "card [REDACTED:card] declined"),
        ("ssn 078-05-1120", "ssn [REDACTED:ssn]"),
        ("{\\\"password\\\":\\\"hunter2\\\"}", "{\\\"password\\\":\\\"[REDACTED:secret]\\\"}"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(text), expected);
    }
}

#[test]
fn private_keys_are_masked_whole_also_when_cut_short() {
    let key = join(&["-----BEGIN RSA PRIVATE", " KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE", " KEY-----"]);
    assert_eq!(redact(&format!("a {key} b")), "a [REDACTED:private-key] b");
    let cut_short = join(&["-----BEGIN PRIVATE", " KEY-----\\nMIIEow"]);
    assert_eq!(redact(&cut_short), "[REDACTED:private-key]");
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    for text in [
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
        "token=None",
        "password=${DB_PASSWORD}",
        "password: ****",
        "password=<*>",
        "get_access_token(request)",
        "token = self.get_token(user)",
        "unexpected token: identifier",
        "java.lang.Object@1a2b3c",
        "npm@10.2.0",
        "order 1234567890123456 shipped",
        "secret=[REDACTED:secret]",
        "2026-11-24 10:00:00,123",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn a_megabyte_without_an_end_is_no_trouble() {
    for text in ["a".repeat(1 << 20), "password=".repeat(100_000), "1".repeat(1 << 20), "://".repeat(300_000)]
    {
        assert!(redact(&text).len() <= text.len() * 4);
    }
}

#[test]
fn the_whole_value_goes_and_the_rest_stays() {
    for (text, expected) in [
        ("Cookie: a=b; session=abc123; theme=dark", "Cookie: [REDACTED:cookie]"),
        (r#"{"cookie":"sid=abcdef; o=z"}"#, r#"{"cookie":"[REDACTED:cookie]"}"#),
        ("X-Api-Key: abcdefgh", "X-Api-Key: [REDACTED:secret]"),
        ("Authorization: Basic YTpi", "Authorization: Basic [REDACTED:header]"),
        (r#"{"password":"hun\"ter2","a":1}"#, r#"{"password":"[REDACTED:secret]","a":1}"#),
        (r#"{\\\"password\\\":\\\"hunter2\\\"}"#, r#"{\\\"password\\\":\\\"[REDACTED:secret]\\\"}"#),
        ("password=hunter2\u{1b}[0m next", "password=[REDACTED:secret]\u{1b}[0m next"),
        (r"password=hunter2\n at x", r"password=[REDACTED:secret]\n at x"),
        (
            "{&quot;password&quot;:&quot;hunter2x9&quot;}",
            "{&quot;password&quot;:&quot;[REDACTED:secret]&quot;}",
        ),
        ("password=&#34;hunter2&#34; a", "password=&#34;[REDACTED:secret]&#34; a"),
        ("{%22password%22:%22hunter2%22}", "{%22password%22:%22[REDACTED:secret]%22}"),
        ("?q&password%3Dhunter2&b=1", "?q&password%3D[REDACTED:secret]&b=1"),
        ("mysql --password hunter2", "mysql --password [REDACTED:secret]"),
        ("User(name='x', password='hunter2')", "User(name='x', password='[REDACTED:secret]')"),
        ("Server=db;Password=hunter2;Database=x", "Server=db;Password=[REDACTED:secret];Database=x"),
        ("password=\"$ecret(1)\"", "password=\"[REDACTED:secret]\""),
        ("db_pass=hunter2", "db_pass=[REDACTED:secret]"),
        ("postgres://app:p@ss@db:5432/shop", "postgres://[REDACTED:url-credentials]@db:5432/shop"),
        ("postgres://app:p/ss@db/shop", "postgres://[REDACTED:url-credentials]@db/shop"),
        ("user%40example.com", "[REDACTED:email]"),
        ("to DE89 3704 0044 0532 0130 00 today", "to [REDACTED:iban] today"),
        ("NO9386011117947", "[REDACTED:iban]"),
        ("3782 822463 10005", "[REDACTED:card]"),
    ] {
        assert_eq!(redact(text), expected);
    }
}

/// Lines of code, logs and templates that name secrets or look like them, and hold none.
const HARMLESS: &[&str] = &[
    "9fceb02d0ae598e95dc970b74767f19372d61af8",
    "sha256:9fceb02d0ae598e95dc970b74767f19372d61af89fceb02d0ae598e95dc970b7",
    "123e4567-e89b-12d3-a456-426614174000",
    "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "token=None",
    "password: ****",
    "password=",
    r#"password="" user=x"#,
    "password=[REDACTED:secret]",
    "password: [FILTERED]",
    "password: <redacted>",
    "password=***",
    "password=${DB_PASSWORD}",
    "password=$DB_PASSWORD",
    "password: {{ .Values.password }}",
    "password=%s",
    "password=%(pw)s",
    "password={password}",
    "password = get_password(user)",
    r#"password = os.environ["DB_PASSWORD"]"#,
    r#"password = os.environ.get("DB_PASSWORD")"#,
    "password = config.password",
    "password = self.password",
    "password: str",
    "password: Optional[str] = None",
    "def login(user: str, password: str) -> None:",
    "    login(user, password=password)",
    r#"token = request.headers.get("x")"#,
    "token: string;",
    "const token = await getToken();",
    "const password = process.env.PASSWORD;",
    r#"String password = props.getProperty("db.password");"#,
    "if password == expected:",
    "if (password === confirm) {",
    "password := cfg.Password",
    "password != confirm",
    r#"password == """#,
    "secret = secrets.token_hex(16)",
    "get_access_token(",
    "self.api_key = api_key",
    "api_key=settings.API_KEY",
    "access_token=response.access_token",
    "user@ in frame",
    "Foo@1a2b3c",
    "com.acme.Foo@1a2b3c4d",
    "npm@10",
    "react@18.2.0",
    "lodash@4.17.21/index.js",
    "at Object.<anonymous> (/app/node_modules/.pnpm/express@4.18.2/node_modules/express/lib/router.js:12)",
    "<*>",
    "password=<*>",
    "order 1234567890123456",
    "2026-11-24 10:00:00,123 1732442400123456789",
    "1732442400123",
    "SO-481377",
    r#"psql: FATAL: password authentication failed for user "app""#,
    "Invalid password: must have 8 characters",
    "password must be 8 characters",
    "invalid token: unexpected end",
    "SyntaxError: Unexpected token: '<'",
    "token expired",
    "Unexpected token } in JSON at position 4",
    "tokens=1200 max_tokens: 4096",
    "input_tokens=18234567 output_tokens=23456789",
    "token_count=12345678",
    "token_type=Bearer",
    "secretName: app-db-credentials-v2",
    "kind: Secret name: my-secret",
    "cookie: missing",
    "Bearer token missing",
    "Basic authentication required",
    "Bearer authentication required for this route",
    "authorization: required",
    "error[E0425]: cannot find value `token`",
    "http://localhost:8080/a@b",
    "https://example.com/@user/post:1@2",
    "git@github.com:owner/repo.git",
    "GET /v1/users/12-34-5678",
    "phone 555-12-3456789",
    "2026-11-2400",
    "primary_key=order_id",
    "foreign_key: customer_id",
    "KeyError: 'password'",
    "KeyError: 'api_key'",
    "private_key_path=/etc/keys/app.pem",
    "cache_key=user:12345:profile",
    "sort_key=created_at_desc_2026",
    "partition_key=orders-2026-11",
    "secret_version=projects/x/secrets/y/versions/3",
    "X-Request-Id: 4bf92f3577b34da6a3ce929d0e0e4736",
    "task-name sk-learn-pipeline-v2-something-long",
    "risk-management-dashboard-component",
    "sk-SK locale",
    "SKU SK0123",
    "asiacentral ASIAPACIFIC",
    "tokenize=unicode61 remove_diacritics",
    "credentials: include",
    "credentials: same-origin",
    "password_hash_algorithm=argon2id",
    "passwordless=true",
    "token bucket: 100/s",
    "pool-1-thread-1 0x000000070db8c8f0",
    "java.lang.String@7852e922 user@host",
    "FR1234567890123456",
    "1.79769313486231570e+308",
    "4532015112830367",
];

#[test]
fn names_of_secrets_in_code_templates_and_prose_stay() {
    for text in HARMLESS {
        assert_eq!(redact(text), *text);
        assert!(!contains_secret(text), "{text}");
    }
}

#[test]
fn a_key_is_found_behind_whatever_a_log_puts_before_it() {
    let id = join(&["AKIA", "IOSFODNN7EXAMPLE"]);
    for before in ["\u{1b}[31m", "\\t", "\\u0022", "key%3D", "prefix_", "=", "\""] {
        assert_eq!(
            redact(&format!("{before}{id}\u{1b}[0m")),
            format!("{before}[REDACTED:aws-key-id]\u{1b}[0m")
        );
    }
}

#[test]
fn a_person_is_no_credential() {
    for text in ["jane@example.com", "4111111111111111", "078-05-1120", "DE89370400440532013000"] {
        assert!(!contains_secret(text) && redact(text) != text, "{text}");
    }
}

#[test]
fn repeated_beginnings_take_linear_time() {
    let begin = join(&["-----BEGIN PRIVATE", " KEY-----"]);
    for unit in [
        "://a:",
        "http://a:b",
        "a@",
        "a@b.",
        "cookie: a=b;",
        "password=\"",
        "password=\\\"",
        "--token ",
        "sk-",
        "ey",
        "eyJhbGciOiJI.",
        "4 ",
        "4-",
        "DE89 ",
        "authorization: ",
        "bearer ",
        "aws secret ",
        "sig=",
        begin.as_str(),
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        let start = std::time::Instant::now();
        let _ = redact(&text);
        // Debug builds on a busy machine take a second or two; quadratic time would be hours.
        assert!(start.elapsed().as_secs() < 30, "{unit}: {:?}", start.elapsed());
    }
}

proptest! {
    #[test]
    fn it_never_panics_and_a_second_time_changes_nothing(text in prop_oneof![
        "(?s).{0,200}",
        r#"((password|api_key|token|authorization|cookie|Bearer|--secret|jdbc:oracle:thin)|[ =:;,'"\\/@%.&]|://|[a-z0-9]{1,12}|\[REDACTED:secret\]){0,16}"#,
    ]) {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once), once.as_str());
    }

    #[test]
    fn a_password_does_not_pass(password in "[a-zA-Z0-9]{8,20}", key in "(db_|DB_|user)?(password|passwd|pwd)", join in "(=|: |\": \"|' => ')") {
        let text = format!("x {key}{join}{password}' y");
        prop_assume!(!password.to_lowercase().contains("xxxx") && !password.bytes().all(|b| b == b'x'));
        prop_assert!(!redact(&text).contains(&password), "{}", redact(&text));
    }
}
