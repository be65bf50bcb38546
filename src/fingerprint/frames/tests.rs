use super::*;

/// What a trace must tell: types, message, and the innermost in-app frame.
struct Told<'a> {
    types: &'a [&'a str],
    message: &'a str,
    file: &'a str,
    line: u32,
    function: &'a str,
}

#[track_caller]
fn check(text: &str, told: &Told<'_>) -> Trace {
    let trace = parse(text).unwrap_or_else(|| panic!("no trace in {text}"));
    let innermost = trace.frames.iter().find(|frame| frame.in_app).expect("a frame in-app");
    assert_eq!(trace.types, told.types);
    assert_eq!(trace.message, told.message);
    assert_eq!(
        (innermost.file.as_str(), innermost.line, innermost.function.as_str()),
        (told.file, Some(told.line), told.function)
    );
    trace
}

#[test]
fn python() {
    let text = r#"Traceback (most recent call last):
  File "/app/shop/main.py", line 8, in <module>
    try: f()
         ^^^
  File "/app/shop/cart.py", line 2, in price
    return json.loads(d["sku"])
           ^^^^^^^^^^^^^^^^^^^^
  File "/usr/local/lib/python3.11/json/decoder.py", line 353, in raw_decode
    obj, end = self.scan_once(s, idx)
json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)"#;
    let trace = check(
        text,
        &Told {
            types: &["json.decoder.JSONDecodeError"],
            message: "Expecting value: line 1 column 2 (char 1)",
            file: "/app/shop/cart.py",
            line: 2,
            function: "price",
        },
    );
    assert_eq!(trace.frames.len(), 3);
    assert_eq!(trace.start, 0);
}

#[test]
fn python_chained() {
    let text = r#"Checkout failed
Traceback (most recent call last):
  File "/app/shop/cart.py", line 2, in price
    return d["sku"]
KeyError: 'sku'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/shop/main.py", line 8, in <module>
    total(o)
  File "/app/shop/cart.py", line 5, in total
    raise ValueError("order 12 has no sku") from e
ValueError: order 12 has no sku
"#;
    let trace = check(
        text,
        &Told {
            types: &["ValueError", "KeyError"],
            message: "order 12 has no sku",
            file: "/app/shop/cart.py",
            line: 2,
            function: "price",
        },
    );
    assert_eq!(&text[..trace.start], "Checkout failed\n");
    assert_eq!(trace.frames.len(), 3);
}

#[test]
fn python_exception_group() {
    let text = r#"  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 12, in g
  |     async with asyncio.TaskGroup() as t:
  |   File "/usr/lib/python3.11/asyncio/taskgroups.py", line 145, in __aexit__
  |     raise me from None
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/a.py", line 14, in h
    |     async def h(): price({})
    |   File "/app/a.py", line 2, in price
    |     def price(d): return d["sku"]
    | KeyError: 'sku'
    +------------------------------------
"#;
    let told = Told {
        types: &["ExceptionGroup", "KeyError"],
        message: "unhandled errors in a TaskGroup (1 sub-exception)",
        file: "/app/a.py",
        line: 2,
        function: "price",
    };
    assert_eq!(check(text, &told).start, 2);
}

#[test]
fn java_deepest_cause_first() {
    let text = r#"Exception in thread "main" java.lang.IllegalStateException: order 12 failed
	at com.shop.Cart.total(Cart.java:5)
	at com.shop.Cart.main(Cart.java:6)
	Suppressed: java.lang.RuntimeException: close
		at com.shop.Pool.close(Pool.java:1)
	Caused by: java.lang.Error: of the suppressed one
		at com.shop.Pool.shut(Pool.java:2)
Caused by: java.lang.NullPointerException: Cannot invoke "Integer.intValue()"
	at java.base/java.util.Objects.requireNonNull(Objects.java:233)
	at com.shop.Cart.price(Cart.java:4) ~[classes/:na]
	at com.shop.Cart.lambda$total$0(Cart.java:5)
	at java.base/java.lang.Iterable.forEach(Iterable.java:75)
	... 2 more
"#;
    let trace = check(
        text,
        &Told {
            types: &["java.lang.IllegalStateException", "java.lang.NullPointerException"],
            message: "order 12 failed",
            file: "Cart.java",
            line: 4,
            function: "com.shop.Cart.price",
        },
    );
    assert_eq!(trace.start, 0);
    let functions: Vec<_> = trace.frames.iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(
        functions,
        [
            "java.util.Objects.requireNonNull",
            "com.shop.Cart.price",
            "com.shop.Cart.lambda$total$0",
            "java.lang.Iterable.forEach",
            "com.shop.Cart.total",
            "com.shop.Cart.main",
        ]
    );
}

#[test]
fn kotlin_with_native_and_spring_frames() {
    let text = "com.shop.CartEmpty: no items\n\tat java.base/jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)\n\tat org.springframework.web.X.y(X.java:9)\n\tat app//com.shop.CartKt.total(Cart.kt:12)\n";
    let told = Told {
        types: &["com.shop.CartEmpty"],
        message: "no items",
        file: "Cart.kt",
        line: 12,
        function: "com.shop.CartKt.total",
    };
    check(text, &told);
}

#[test]
fn javascript() {
    let text = "Request failed: TypeError [ERR_X]: Cannot read properties of undefined (reading 'price')
    at JSON.parse (<anonymous>)
    at /app/node_modules/express/lib/router.js:284:15
    at async Cart.total [as compute] (file:///app/src/cart.ts:12:5)
    at new Shop (webpack:///./src/shop.js:3:18)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)";
    let trace = check(
        text,
        &Told {
            types: &["TypeError"],
            message: "Cannot read properties of undefined (reading 'price')",
            file: "/app/src/cart.ts",
            line: 12,
            function: "Cart.total",
        },
    );
    assert_eq!(&text[..trace.start], "Request failed: ");
    assert_eq!(trace.frames[3].file, "src/shop.js");
}

#[test]
fn javascript_cause() {
    let text = "Error: checkout failed
    at Cart.checkout (/app/a.js:2:77)
    ... 4 lines matching cause stack trace ...
    at node:internal/main/run_main_module:28:49 {
  [cause]: TypeError: x is undefined
      at /app/a.js:1:50
      at Array.map (<anonymous>)
      at total (/app/a.js:1:35)
}";
    let told = Told {
        types: &["Error", "TypeError"],
        message: "checkout failed",
        file: "/app/a.js",
        line: 1,
        function: "",
    };
    check(text, &told);
}

#[test]
fn dotnet() {
    let text = "System.InvalidOperationException: order failed
 ---> System.Collections.Generic.KeyNotFoundException: The given key 'sku' was not present
   at System.Collections.Generic.Dictionary`2.get_Item(TKey key)
   at Shop.Cart.<Total>d__5.MoveNext() in C:\\src\\Shop\\Cart.cs:line 12
--- End of stack trace from previous location ---
   --- End of inner exception stack trace ---
   at Shop.Program.<Main>$(String[] args) in C:\\src\\Shop\\Program.cs:line 5";
    let told = Told {
        types: &["System.InvalidOperationException", "System.Collections.Generic.KeyNotFoundException"],
        message: "order failed",
        file: "C:/src/Shop/Cart.cs",
        line: 12,
        function: "Shop.Cart.Total",
    };
    check(text, &told);
    let one_line = text.replace("\n --->", " --->");
    check(&one_line, &told);
}

#[test]
fn go_panic() {
    let text = "panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*Cart).Total(0xc000012345, 0x5)
\t/app/cart.go:12 +0x1d
net/http.HandlerFunc.ServeHTTP(0x1?, {0x2, 0x3})
\t/usr/local/go/src/net/http/server.go:2136 +0x29
github.com/gin-gonic/gin.(*Context).Next(...)
\t/go/pkg/mod/github.com/gin-gonic/gin@v1.9.1/context.go:174
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3086 +0x5cb

goroutine 2 [running]:
main.other()
\t/app/other.go:1 +0x1
exit status 2";
    let trace = check(
        text,
        &Told {
            types: &["panic"],
            message: "runtime error: index out of range [5] with length 3",
            file: "/app/cart.go",
            line: 12,
            function: "main.(*Cart).Total",
        },
    );
    assert_eq!(trace.frames.iter().map(|frame| frame.in_app).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn go_recovered_panic_and_logger() {
    let text = "http: panic serving 10.0.0.1:5555: boom
goroutine 1 [running]:
runtime/debug.Stack()
\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
main.recoverer.func1()
\t/go/src/app/recover.go:6 +0x5a
panic({0x5b1800?, 0x21d06a144108?})
\t/usr/local/go/src/runtime/panic.go:860 +0x13a
main.(*Cart).Total(...)
\t/go/src/app/cart.go:4
";
    let told = Told {
        types: &["panic"],
        message: "boom",
        file: "/go/src/app/cart.go",
        line: 4,
        function: "main.(*Cart).Total",
    };
    check(text, &told);
    let logged = "shop/internal/cart.Total\n\tshop/internal/cart/cart.go:12\nruntime.goexit\n\truntime/asm_amd64.s:1\nnet/http.serve\n\tnet/http/server.go:3";
    let told = Told {
        types: &[],
        message: "",
        file: "shop/internal/cart/cart.go",
        line: 12,
        function: "shop/internal/cart.Total",
    };
    let trace = check(logged, &told);
    assert!(!trace.frames[1].in_app);
}

#[test]
fn rust() {
    let text = "thread 'main' (22096) panicked at src/cart.rs:12:51:
index out of bounds: the len is 1 but the index is 4
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: shop::cart::total::h0123456789abcdef
             at ./src/cart.rs:12:51
   3: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted";
    let message = "index out of bounds: the len is 1 but the index is 4";
    check(
        text,
        &Told { types: &["panic"], message, file: "src/cart.rs", line: 12, function: "shop::cart::total" },
    );
    let (bare, _) = text.split_once("stack backtrace").unwrap();
    check(bare, &Told { types: &["panic"], message, file: "src/cart.rs", line: 12, function: "" });
    let full = "thread 'main' panicked at src/cart.rs:12:5:\nboom\nstack backtrace:\n   0:     0x55e50328b37a - std[e28293b1aa0f68bd]::sys::backtrace::trace\n   1:     0x55e50328b37b - shop[1f2e3d4c5b6a7988]::cart::total\n                               at /build/shop/src/cart.rs:12:5";
    let told = Told {
        types: &["panic"],
        message: "boom",
        file: "/build/shop/src/cart.rs",
        line: 12,
        function: "shop::cart::total",
    };
    assert_eq!(check(full, &told).frames.len(), 2);
    let answered = "thread 'main' panicked at src/cart.rs:12:5:\n404: not found";
    check(
        answered,
        &Told { types: &["panic"], message: "404: not found", file: "src/cart.rs", line: 12, function: "" },
    );
    let old = "thread 'main' panicked at 'boom', src/cart.rs:12:5";
    check(old, &Told { types: &["panic"], message: "boom", file: "src/cart.rs", line: 12, function: "" });
}

#[test]
fn ruby_and_php() {
    let ruby = "/app/cart.rb:12:in 'Cart#total': key not found: :sku (KeyError)\n\tfrom /usr/lib/ruby/gems/rack.rb:3:in `call'\n\tfrom /app/main.rb:1:in `<main>'";
    check(
        ruby,
        &Told {
            types: &["KeyError"],
            message: "key not found: :sku",
            file: "/app/cart.rb",
            line: 12,
            function: "Cart#total",
        },
    );
    let php = "PHP Fatal error:  Uncaught TypeError: bad cart in /app/src/Cart.php:12\nStack trace:\n#0 /app/src/Shop.php(3): App\\Cart->total()\n#1 /app/vendor/x/y.php(4): z()\n#2 {main}";
    check(
        php,
        &Told {
            types: &["TypeError"],
            message: "bad cart",
            file: "/app/src/Cart.php",
            line: 12,
            function: "",
        },
    );
}

#[test]
fn prose_is_no_trace() {
    for text in [
        "",
        "user 42 has no cart\nplease look at home (12:30:00)",
        "arrived at 10:30:15 today\nat noon",
        "Caused by:\n   0: config\n   1: file",
        "a\n#1 priority (high)\nTraceback",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}
