//! Changes as a whole.

use super::*;

fn changed(path: &str, before: &str, after: &str) -> ChangedFile {
    let before = Some(before.to_owned());
    ChangedFile { path: path.to_owned(), before, after: after.to_owned(), executable: false }
}

fn code(files: &[ChangedFile]) -> &'static str {
    check(files).map_or_else(|refusal| refusal.reason.code(), |_| "taken")
}

fn alnum(length: usize) -> String {
    "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0".chars().cycle().take(length).collect()
}

/// Secrets of every kind, put together at run time so that scanners of this repository stay quiet.
fn canaries() -> Vec<String> {
    let hex = "0123456789abcdef".repeat(4);
    let join = |parts: &[&str]| parts.concat();
    vec![
        join(&["AKIA", "IOSFODNN7EXAMPLQ"]),
        join(&["aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]),
        join(&["ghp_", &alnum(36)]),
        join(&["ghs_12345_", "eyJ.", &alnum(200), "-.", &alnum(30)]),
        join(&["github_pat_", &alnum(82)]),
        join(&["glpat-", &alnum(20)]),
        join(&["glrt-", &alnum(20)]),
        join(&["sk-ant-", "api03-", &alnum(40)]),
        join(&["sk-proj-", &alnum(20), "T3BlbkFJ", &alnum(20)]),
        join(&["sk-svcacct-", &alnum(40)]),
        join(&["xoxb-", "123456789012-", &alnum(24)]),
        join(&["https://hooks.slack.com/services/", "T0A1B2C3D/B0A1B2C3D/", &alnum(24)]),
        join(&["sk_live_", &alnum(24)]),
        join(&["rk_test_", &alnum(24)]),
        join(&["whsec_", &alnum(32)]),
        join(&["AIza", &alnum(35)]),
        join(&["ya29.", &alnum(60)]),
        join(&["abc1Q~", &alnum(32), "."]),
        join(&["AccountKey=", &alnum(86), "=="]),
        join(&["https://x.blob.core.windows.net/c?sv=1&sig=", &alnum(43), "%3D"]),
        join(&["npm_", &alnum(36)]),
        join(&["pypi-AgEIcHlwaS5vcmc", &alnum(60)]),
        join(&["hf_", &alnum(34)]),
        join(&["dop_v1_", &hex]),
        join(&["dapi", &hex[..32]]),
        join(&["SG.", &alnum(22), ".", &alnum(43)]),
        join(&["SK", &hex[..32]]),
        join(&["hvs.", &alnum(95)]),
        join(&[&alnum(14), ".atlasv1.", &alnum(65)]),
        join(&["sntryu_", &hex]),
        join(&["ey", &alnum(20), ".ey", &alnum(40), ".", &alnum(43)]),
        join(&["-----BEGIN RSA PRIVATE", " KEY-----\\nMIIEow\\nabc"]),
        join(&["postgres://app:", "hunter2@db:5432/shop"]),
        join(&["mongodb+srv://app:", "hunter2@db/shop"]),
        join(&["Authorization: Bearer ", &alnum(24)]),
        join(&["Authorization: Basic ", &alnum(24)]),
        join(&["Cookie: session=", &alnum(24)]),
        join(&["X-Api-Key: ", &alnum(24)]),
        join(&["api_key=", &alnum(24)]),
        join(&["DB_PASSWORD: ", "hunter2-and-more"]),
        join(&["password=", "hunter2-and-more"]),
    ]
}

/// None of them gets into a repository, in whatever file and wherever in a line.
#[test]
fn no_secret_is_added() {
    for canary in canaries() {
        for (path, before, after) in [
            ("a.txt", "one\n", format!("one\n{canary}\n")),
            ("a.txt", "one\n", format!("one, {canary}\n")),
            ("a.py", "a = 1\n", format!("a = 1\nb = \"{canary}\"\n")),
            ("a.py", "a = 1\n", format!("a = 2  # {canary}\n")),
        ] {
            assert_eq!(code(&[changed(path, before, &after)]), "secret_blocked", "{canary}: {after}");
        }
        let new = ChangedFile { before: None, ..changed("b.txt", "", &format!("x {canary}\n")) };
        assert_eq!(code(&[new]), "secret_blocked", "{canary}");
    }
}

/// What only names a secret is code as any other, and a secret that stands is not what is added.
#[test]
fn what_names_a_secret_may_be_added() {
    for line in [
        "token = os.environ['TOKEN']",
        "password = settings.password",
        "api_key = get_api_key(request)",
        "commit = '9fceb02d0ae598e95dc970b74767f19372d61af8'",
        "token = None",
        "url = f'postgres://{user}@{host}/{name}'",
    ] {
        assert_eq!(code(&[changed("a.py", "a = 1\n", &format!("a = 1\n{line}\n"))]), "taken", "{line}");
    }
    let standing = format!("KEY = '{}'\n", canaries()[0]);
    let file = changed("a.py", &format!("{standing}a = 1\n"), &format!("{standing}a = 2\n"));
    assert_eq!(code(&[file]), "taken");
}

/// A change that does nothing is no fix; where white space means something it is one.
#[test]
fn comments_and_white_space_alone_are_no_fix() {
    for (path, before, after, expected) in [
        ("a.py", "a = 1\n", "a = 1  # one\n", "only_comments"),
        ("a.py", "def f():\n    a()\n", "def f():\n    # TODO\n\n    a( )\n", "only_comments"),
        ("a.py", "if x:\n    a()\n    b()\n", "if x:\n    a()\nb()\n", "taken"),
        ("a.py", "a = 'x y'\n", "a = 'x  y'\n", "taken"),
        ("a.py", "a = '# x'\n", "a = '# y'\n", "taken"),
        ("a.js", "f(1); // x\n", "/* y */ f( 1 );\n", "only_comments"),
        ("a.js", "f(`a\n`);\n", "f(`a\n\n`);\n", "taken"),
        ("a.ts", "let a: number = 1\n", "// n\nlet a: number = 1\n\n\n", "only_comments"),
        ("a.go", "package a\n\nvar x = 1\n", "package a\n\n// X is one.\nvar x = 1\n\n\n", "only_comments"),
        ("a.go", "package a\n\nvar x = \"a\"\n", "package a\n\nvar x = \"b\"\n", "taken"),
        ("a.rs", "fn f() {}\n", "/// F.\nfn f() {\n}\n", "only_comments"),
        ("a.rs", "fn f() { g(1) }\n", "fn f() { g(2) }\n", "taken"),
        (
            "A.java",
            "class A { int a = 1; }\n",
            "/** A. */\nclass A {\n    int a = 1; // one\n}\n",
            "only_comments",
        ),
        ("a.cs", "class A { int a = 1; }\n", "// A\nclass A { int a = 1; }\n", "only_comments"),
        ("a.rb", "a = 1\n", "# one\na = 1\n", "only_comments"),
        ("a.rb", "a = 'x'\n", "a = 'y'\n", "taken"),
        ("a.php", "<?php\n$a = 1;\n", "<?php\n// one\n$a = 1;\n", "only_comments"),
        ("a.yaml", "a: 1\n", "# one\na: 1\n", "only_comments"),
        ("a.yaml", "a:\n  b: 1\nc: 2\n", "a:\n  b: 1\n  c: 2\n", "taken"),
        ("a.toml", "a = 1\n", "# one\na = 1\n", "only_comments"),
        ("a.toml", "a = 1\n", "a = 2\n", "taken"),
        ("a.json", "{\"a\": 1}\n", "{\n  \"a\": 1\n}\n", "only_comments"),
        ("a.json", "{\"a\": 1}\n", "{\"a\": 2}\n", "taken"),
        ("a.txt", "a b\n", "a  b\n", "only_comments"),
        ("a.txt", "a b\n", "a c\n", "taken"),
    ] {
        assert_eq!(code(&[changed(path, before, after)]), expected, "{path}: {before:?} {after:?}");
    }
    let both = [changed("a.py", "a = 1\n", "a = 1 # x\n"), changed("b.py", "a = 1\n", "a = 2\n")];
    assert_eq!(code(&both), "taken");
    let empty = ChangedFile { before: None, ..changed("a.py", "", "# nothing\n") };
    assert_eq!(code(&[empty]), "only_comments");
}

/// A file that is broken may stay so; no file becomes worse.
#[test]
fn no_file_parses_worse_than_before() {
    let refused = check(&[changed("a.py", "a = 1\nb = 2\n", "a = 1\nb = (2\n")]).unwrap_err();
    assert_eq!(refused.reason, Reason::Syntax);
    assert!(refused.told.contains("`a.py` would not parse: there are syntax errors at line"), "{refused}");
    assert_eq!(code(&[changed("a.py", "a = (1\n", "a = (2\n")]), "taken");
    assert_eq!(code(&[changed("a.py", "a = (1\n", "a = (1)\n")]), "taken");
    assert_eq!(code(&[changed("a.json", "{\"a\": 1}", "{\"a\": 2,}")]), "syntax");
    assert_eq!(code(&[changed("tsconfig.json", "{ // x\n \"a\": 1 }", "{ // x\n \"a\": 2 }")]), "taken");
    let new = ChangedFile { before: None, ..changed("new.go", "", "package a\nfunc f( {\n") };
    assert_eq!(code(&[new]), "syntax");
}

/// What no parser answered in time goes on, and whoever reviews it is told.
#[test]
fn what_was_not_parsed_in_time_goes_on_with_a_remark() {
    let too_slow = |_: &str, _: &str, _: &str| Look::NoAnswer;
    let remarks = parses_and_matters(&[changed("a.py", "a = 1\n", "a = 2\n")], too_slow).unwrap();
    assert_eq!(remarks, ["whether `a.py` still parses was not found out in time"]);
    assert!(parses_and_matters(&[changed("a.py", "a = 1\n", "a  =  1\n")], too_slow).is_err());
}

/// Code that reads unlike it runs, and code that nobody reads.
#[test]
fn no_character_that_is_not_seen_and_no_endless_line_is_added() {
    for hidden in ["\u{202e}x\u{2066}", "\u{200b}", "\u{3164}", "\u{e0041}", "\u{ffa0}"] {
        let file = changed("a.py", "a = 1\n", &format!("a = 1 if admin else 2  # {hidden}\n"));
        assert_eq!(code(&[file]), "edit_failed", "{hidden:?}");
    }
    let long = changed("a.py", "a = 1\n", &format!("a = \"{}\"\n", "x".repeat(2_000)));
    assert_eq!(code(&[long]), "too_large");
    let lines = format!("a = \"{}\"\n", "x".repeat(1_000)).repeat(30);
    assert_eq!(code(&[changed("a.py", "a = 1\n", &lines)]), "too_large");
}
