//! Frames as each language prints them, in repositories as people lay them out.

use super::*;

/// A file of 40 lines with a function's name on line 10.
fn file_with(function: &str) -> String {
    (1..=40).map(|n| if n == 10 { format!("def {function}(x)\n") } else { format!("line {n}\n") }).collect()
}

fn frame(file: &str, line: u32, function: &str) -> Frame {
    Frame { file: file.into(), line: Some(line), function: function.into(), in_app: true }
}

/// Files with a function each; `go.mod` files have their text instead.
async fn mapped(files: &[(&str, &str)], frames: &[Frame], source_root: &str) -> Mapping {
    let texts: Vec<_> = files
        .iter()
        .map(|(path, about)| {
            let text = if path.ends_with("go.mod") { (*about).to_owned() } else { file_with(about) };
            (*path, text)
        })
        .collect();
    let files: Vec<_> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
    map(frames, &Snapshot::of_files(&files), source_root).await.unwrap()
}

/// A language's way of writing, the repository's files with the function in each, the frame, and its file or why there is none.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Frame, Result<&'a str, Why>);

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn frames_of_every_language_find_their_files() {
    use Why::{Absent, Ambiguous, Built};
    let cases: &[Case<'_>] = &[
        (
            "Python below a container's root",
            &[("app/checkout/pricing.py", "ship"), ("app/other/pricing.py", "x")],
            frame("/srv/app/checkout/pricing.py", 12, "ship"),
            Ok("app/checkout/pricing.py"),
        ),
        (
            "Python, a name that stands once",
            &[("app/settings.py", "f")],
            frame("/srv/settings.py", 12, "f"),
            Ok("app/settings.py"),
        ),
        (
            "Python, a name that every folder has",
            &[("app/__init__.py", "f")],
            frame("/srv/x/__init__.py", 12, "f"),
            Err(Absent),
        ),
        (
            "Python, of two the one that has the function",
            &[("a/pricing.py", "ship"), ("b/pricing.py", "tax")],
            frame("/srv/pricing.py", 12, "tax"),
            Ok("b/pricing.py"),
        ),
        (
            "Python, of two that both have it none",
            &[("a/pricing.py", "ship"), ("b/pricing.py", "ship")],
            frame("/srv/pricing.py", 12, "ship"),
            Err(Ambiguous(2)),
        ),
        (
            "Python, a root of containers that is also a folder of the repository",
            &[("app/main.py", "other"), ("main.py", "charge")],
            frame("/app/main.py", 12, "charge"),
            Ok("main.py"),
        ),
        ("Python, a line past the end", &[("a/x.py", "f")], frame("/srv/a/x.py", 99, "f"), Ok("a/x.py")),
        (
            "Java, by its package",
            &[
                ("pay/src/main/java/com/acme/pay/Cart.java", "total"),
                ("web/src/main/java/com/acme/web/Cart.java", "total"),
            ],
            frame("Cart.java", 12, "com.acme.pay.Cart$Line.lambda$total$0"),
            Ok("pay/src/main/java/com/acme/pay/Cart.java"),
        ),
        (
            "Java, a class of no package that stands twice",
            &[("a/Cart.java", "total"), ("b/Cart.java", "total")],
            frame("Cart.java", 12, "Cart.total"),
            Err(Ambiguous(2)),
        ),
        (
            "Kotlin, a file's functions, without the folders that all packages share",
            &[("src/main/kotlin/pay/Cart.kt", "total"), ("src/main/kotlin/web/Cart.kt", "total")],
            frame("Cart.kt", 12, "com.acme.pay.CartKt.total"),
            Ok("src/main/kotlin/pay/Cart.kt"),
        ),
        (
            "Go, below its module",
            &[
                ("go.mod", "module github.com/acme/shop\n\ngo 1.24\n"),
                ("cart/cart.go", "Total"),
                ("x/cart/cart.go", "y"),
            ],
            frame("github.com/acme/shop/cart/cart.go", 12, "github.com/acme/shop/cart.(*Cart).Total"),
            Ok("cart/cart.go"),
        ),
        (
            "Go, below a nested module with a version",
            &[
                ("go.mod", "module github.com/acme/shop\n"),
                ("svc/pay/go.mod", "module github.com/acme/shop/svc/pay // pay\n"),
                ("svc/pay/main.go", "charge"),
                ("main.go", "x"),
            ],
            frame("github.com/acme/shop/svc/pay@v1.2.3/main.go", 12, "main.charge.func1"),
            Ok("svc/pay/main.go"),
        ),
        (
            "Go, built in a container",
            &[("go.mod", "module shop\n"), ("cart/cart.go", "Total")],
            frame("/go/src/shop/cart/cart.go", 12, "shop/cart.Total"),
            Ok("cart/cart.go"),
        ),
        (
            "Rust, relative to the workspace",
            &[("src/main.rs", "x"), ("crates/pay/src/main.rs", "charge"), ("crates/web/src/main.rs", "y")],
            frame("crates/pay/src/main.rs", 12, "pay::charge::{{closure}}"),
            Ok("crates/pay/src/main.rs"),
        ),
        (
            "Rust, the root's own file",
            &[("src/main.rs", "charge"), ("crates/pay/src/main.rs", "charge")],
            frame("src/main.rs", 12, "shop::charge"),
            Ok("src/main.rs"),
        ),
        (
            ".NET, a deterministic build",
            &[("src/Pay/Cart.cs", "Total"), ("src/Web/Cart.cs", "Total")],
            frame("/_/src/Pay/Cart.cs", 12, "Shop.Cart.Total"),
            Ok("src/Pay/Cart.cs"),
        ),
        (
            ".NET, built on Windows",
            &[("src/Pay/Cart.cs", "Total"), ("src/Web/Cart.cs", "Total")],
            frame("D:/a/1/s/src/Web/Cart.cs", 12, "Shop.Cart.Total"),
            Ok("src/Web/Cart.cs"),
        ),
        (
            "TypeScript through a source map",
            &[("src/cart.ts", "total"), ("test/cart.ts", "total")],
            frame("src/cart.ts", 12, "total"),
            Ok("src/cart.ts"),
        ),
        (
            "JavaScript that a build made",
            &[("src/cart.js", "total")],
            frame("/app/dist/cart.js", 12, "total"),
            Err(Built),
        ),
        (
            "JavaScript with a hash",
            &[("src/cart.js", "f")],
            frame("/assets/main-3f2a9c1b.js", 1, "t"),
            Err(Built),
        ),
        (
            "JavaScript as it stands",
            &[("src/cart.js", "total"), ("node_modules/x/src/cart.js", "total")],
            frame("/usr/src/app/src/cart.js", 12, "Cart.total"),
            Ok("src/cart.js"),
        ),
        (
            "Ruby",
            &[("app/models/cart.rb", "total")],
            frame("/app/app/models/cart.rb", 12, "total"),
            Ok("app/models/cart.rb"),
        ),
        (
            "PHP",
            &[("src/Cart.php", "total")],
            frame("/var/www/html/src/Cart.php", 12, "Shop\\Cart->total"),
            Ok("src/Cart.php"),
        ),
        ("no file", &[("a.py", "f")], frame("", 1, "f"), Err(Absent)),
        ("no path", &[("string", "f")], frame("<string>", 1, "f"), Err(Absent)),
        ("a path that climbs", &[("etc/passwd", "f")], frame("../../etc/shadow", 1, "f"), Err(Absent)),
    ];
    for (name, files, frame, expected) in cases {
        let mapping = mapped(files, std::slice::from_ref(frame), "").await;
        let found = mapping.located.first().map(|located| located.path.as_str());
        let why = mapping.left_out.first().map(|left_out| left_out.why);
        assert_eq!(found.ok_or(why), expected.map_err(Some), "{name}");
    }
}

/// What one frame shows of the roots settles another that would fit two files.
#[tokio::test]
async fn frames_of_one_trace_help_each_other() {
    let files = [
        ("services/pay/handlers/charge.py", "charge"),
        ("services/pay/main.py", "serve"),
        ("services/web/main.py", "serve"),
        ("services/pay/__init__.py", "f"),
    ];
    let frames = [
        frame("/srv/handlers/charge.py", 12, "charge"),
        frame("/srv/main.py", 12, "serve"),
        frame("/srv/__init__.py", 12, "f"),
    ];
    let mapping = mapped(&files, &frames, "").await;
    let found: Vec<_> = mapping.located.iter().map(|located| located.path.as_str()).collect();
    assert_eq!(
        found,
        ["services/pay/handlers/charge.py", "services/pay/main.py", "services/pay/__init__.py"],
        "{mapping:?}"
    );
    let alone = mapped(&files, &frames[1..2], "").await;
    assert_eq!(alone.left_out[0].why, Why::Ambiguous(2));
}

/// A service's folder in the settings decides among the repository's services.
#[tokio::test]
async fn the_source_root_of_the_settings_comes_first() {
    let files = [("services/pay/app/main.py", "serve"), ("services/web/app/main.py", "serve")];
    let frames = [frame("/srv/app/main.py", 12, "serve")];
    for root in ["services/web", "services/pay"] {
        let mapping = mapped(&files, &frames, root).await;
        assert_eq!(mapping.located[0].path, format!("{root}/app/main.py"));
    }
    assert!(mapped(&files, &frames, "services/we").await.located.is_empty());
}

/// A file that has not the line, or not the function near it, is not the code that ran.
#[tokio::test]
async fn code_that_ran_and_code_that_stands_there_are_told_apart() {
    let files = [("app/pay.py", "charge")];
    for (line, function, holds) in
        [(12, "charge", true), (12, "<module>", true), (41, "charge", false), (12, "refund", false)]
    {
        let mapping = mapped(&files, &[frame("/srv/app/pay.py", line, function)], "").await;
        assert_eq!(mapping.located[0].holds, holds, "{line} {function}");
    }
}
