//! Every language, good and broken.

use super::*;

/// A file's name, a text that parses, and the same made broken.
const SAMPLES: &[(&str, &str, &str)] = &[
    (
        "a.py",
        "async def f(x: int) -> str:\n    match x:\n        case [a, *rest]:\n            return f'{a!r}'\n    return x if (y := 1) else None\n",
        "def f(x):\n    return (x\n",
    ),
    (
        "a.js",
        "import x from 'x';\nexport const f = async ({ a, ...r }) => a?.b ?? `c${r}`;\n",
        "function f( { return 1;\n",
    ),
    ("a.mjs", "export default class A { #p = 1; static { f(); } }\n", "export default class A { #p = ; }\n"),
    ("a.jsx", "const A = () => <a href=\"x\">{b}</a>;\n", "const A = () => <a href=\"x\">{b}</b;\n"),
    (
        "a.ts",
        "type A<T> = { readonly [K in keyof T]?: T[K] };\nenum E { A = 1 }\nlet x = y as const satisfies A<1>;\n",
        "interface A { b: ; }\n",
    ),
    ("a.tsx", "const A: FC<P> = ({ a }: P) => <div>{a as string}</div>;\n", "const A = <div>{a</div>;\n"),
    (
        "a.go",
        "package a\n\nfunc Map[T any, U any](s []T, f func(T) U) []U {\n\tfor i := range 10 {\n\t\t_ = i\n\t}\n\treturn nil\n}\n",
        "package a\n\nfunc f() {\n\tif x {\n}\n",
    ),
    (
        "a.rs",
        "impl<'a, T: A + 'a> B for C<'a, T> {\n    async fn f(&self) -> Result<(), E> {\n        let Some(x) = y else { return Ok(()) };\n        Ok(x?)\n    }\n}\n",
        "fn f() { let x = ; }\n",
    ),
    (
        "A.java",
        "record P(int a) {}\nclass A<T extends B> {\n    @Override public String f(Object o) {\n        return switch (o) { case String s -> s; default -> \"\"; };\n    }\n}\n",
        "class A { void f() { int a = 1 } }\n",
    ),
    (
        "A.cs",
        "namespace A;\npublic record P(int X);\npublic class B { public async Task<int> F() => await g() switch { > 1 => 2, _ => 3 }; }\n",
        "class A { void F() { var x = ; } }\n",
    ),
    (
        "a.rb",
        "class A < B\n  attr_reader :x\n  def f(a:, **r) = r.map { |k, v| \"#{k}=#{v}\" }\nend\n",
        "class A\n  def f(\n",
    ),
    (
        "a.php",
        "<?php\nfinal class A { public function __construct(private readonly ?int $x = null) {} }\n$f = fn (int $a): int => $a ** 2;\n",
        "<?php\nfunction f( { return 1;\n",
    ),
    ("a.yaml", "a: &x\n  - b: \"c\"\n    d: |\n      text\n  - *x\ne: {f: [1, 2]}\n", "a: [1, 2\nb: }\n"),
    ("a.yml", "a: 1\n---\nb: 2\n", "a: \"x\nb: [\n"),
    ("a.json", "{\"a\": [1, 2.5e3, null, \"\\u00e9\"]}", "{\"a\": [1, 2,]}"),
    ("a.toml", "[a.b]\nc = 1979-05-27T07:32:00Z\n[[d]]\ne = { f = 1 }\n", "[a\nb = 1\n"),
];

fn seen(path: &str, before: &str, after: &str) -> Seen {
    match compare(path, before, after) {
        Look::Seen(seen) => seen,
        other => panic!("{path}: {other:?}"),
    }
}

/// Good code has no errors, broken code has some, and either way round is told.
#[test]
fn every_language_tells_good_from_broken() {
    for (path, good, broken) in SAMPLES {
        let breaking = seen(path, good, broken);
        assert_eq!(breaking.faults_before, 0, "{path}: {good}");
        assert!(!breaking.faulty_lines.is_empty() && !breaking.is_same_code, "{path}: {broken}");
        let lines = broken.lines().count() + 1;
        assert!(breaking.faulty_lines.iter().all(|line| (1..=lines).contains(line)), "{path}: {breaking:?}");
        let mending = seen(path, broken, good);
        assert!(mending.faults_before > 0 && mending.faulty_lines.is_empty(), "{path}");
        assert!(seen(path, good, good).is_same_code, "{path}");
        assert!(!seen(path, "", good).is_same_code, "{path}");
    }
}

#[test]
fn a_byte_order_mark_and_crlf_are_no_errors() {
    for (path, good, _) in SAMPLES {
        let windows = format!("\u{feff}{}", good.replace('\n', "\r\n"));
        assert_eq!(seen(path, &windows, good).faults_before, 0, "{path}");
    }
}

#[test]
fn a_language_is_known_by_the_end_of_a_name() {
    for path in ["a.vue", "Makefile", "py", "a.py.txt", "a"] {
        assert_eq!(compare(path, "a", "b"), Look::Unknown, "{path}");
    }
    assert!(matches!(compare("src/A.PY", "a = 1\n", "a = 2\n"), Look::Seen(_)));
}

/// A parse that takes too long is given up.
#[test]
fn a_parse_has_its_time() {
    let long = "x = [\n".repeat(50_000);
    let given_up = compare_within(Duration::ZERO, "a.py", &long, &long);
    assert_eq!(given_up, Look::NoAnswer);
}

/// Whatever stands in a file, its readings end when their time does, and nothing overflows.
#[test]
fn hostile_text_ends_soon() {
    for (path, _, _) in SAMPLES {
        for text in ["(".repeat(100_000), "[{\"a\":".repeat(50_000), "\u{0}\u{feff}ü".repeat(50_000)] {
            let begun = Instant::now();
            let _ = compare_within(Duration::from_millis(50), path, "", &text);
            // Other tests run beside this one.
            assert!(begun.elapsed() < TIME_MAX * 5, "{path}: {:?}", begun.elapsed());
        }
    }
}
