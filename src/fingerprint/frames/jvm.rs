//! Java, Kotlin and Scala: `at com.shop.Cart.total(Cart.java:12)`, innermost first.
//!
//! `Caused by:` opens the next section and the deepest cause failed first; `Wrapped by:` does too where a logger prints the
//! root cause first. `Suppressed:` ones are left out, and so are the frames of lambdas' hidden classes, which newer versions don't
//! print.

use super::{Line, Section, Trace, header, nested, place};
use crate::model::Frame;

/// Packages of the platform and of libraries that services are commonly made of.
const FOREIGN: [&str; 63] = [
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "clojure.",
    "akka.",
    "play.",
    "reactor.",
    "rx.",
    "io.reactivex.",
    "io.netty.",
    "io.grpc.",
    "io.vertx.",
    "io.quarkus.",
    "io.undertow.",
    "io.lettuce.",
    "io.micrometer.",
    "io.micronaut.",
    "io.ktor.",
    "io.opentelemetry.",
    "okhttp3.",
    "okio.",
    "retrofit2.",
    "feign.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.eclipse.",
    "org.jboss.",
    "org.postgresql.",
    "org.mariadb.",
    "org.h2.",
    "org.slf4j.",
    "org.junit.",
    "org.codehaus.",
    "org.glassfish.",
    "org.jooq.",
    "org.mybatis.",
    "org.quartz.",
    "org.flywaydb.",
    "org.elasticsearch.",
    "org.redisson.",
    "com.zaxxer.",
    "com.mysql.",
    "com.mongodb.",
    "com.fasterxml.",
    "com.google.",
    "com.netflix.",
    "com.amazonaws.",
    "software.amazon.",
    "com.microsoft.",
    "redis.clients.",
    "ch.qos.logback.",
    "zio.",
    "cats.",
    "_COROUTINE.",
    "com.github.benmanes.caffeine.",
];

/// What stands in place of a file where there is none.
const NO_FILE: [&str; 4] = ["Native Method", "Unknown Source", "<generated>", "Unknown"];

/// What source files of the JVM's languages end in.
const ENDINGS: [&str; 6] = [".java", ".kt", ".scala", ".groovy", ".clj", ".kts"];

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (start, type_name, message) = header::above(lines, first);
    let mut sections = vec![Section { type_name, message, frames: Vec::new() }];
    let (mut suppressed, mut root_first) = (None, false);
    for line in &lines[first..] {
        if suppressed.is_some_and(|depth| line.indent >= depth) {
            continue;
        }
        suppressed = line.text.starts_with("Suppressed: ").then_some(line.indent);
        if let Some(cause) = line.text.strip_prefix("Caused by: ") {
            sections.extend(section(cause));
        } else if let Some(wrapper) = line.text.strip_prefix("Wrapped by: ") {
            root_first = true;
            sections.extend(section(wrapper));
        } else if let (Some(frame), Some(section)) = (frame(line.text), sections.last_mut())
            && !is_hidden(&frame.function)
        {
            section.frames.push(frame);
        }
    }
    if root_first {
        sections.reverse();
    }
    nested(sections, start)
}

/// Whether a method is of the platform, of a library that services are commonly made of, or generated.
pub(super) fn is_foreign(function: &str) -> bool {
    FOREIGN.iter().any(|package| function.starts_with(package)) || function.contains("$Proxy")
}

/// `[CIRCULAR REFERENCE: …]` names an exception that was told above.
fn section(cause: &str) -> Option<Section<'_>> {
    let (type_name, message) = cause.split_once(':').unwrap_or((cause, ""));
    let section = Section { type_name, message: message.trim(), frames: Vec::new() };
    (!cause.starts_with('[')).then_some(section)
}

/// The class that the runtime makes of a lambda: `com.shop.Cart$$Lambda$14/0x0000000800c8.apply`.
fn is_hidden(function: &str) -> bool {
    function.contains("$$Lambda")
}

fn frame(line: &str) -> Option<Frame> {
    let (name, rest) = line.strip_prefix("at ")?.split_once('(')?;
    let (source, _jar) = rest.split_once(')')?;
    if name.is_empty() || name.contains(' ') {
        return None;
    }
    let (file, line) = match place::split_line(source) {
        Some((file, line)) if !file.contains(['/', ' ']) => (file, Some(line)),
        None if ENDINGS.iter().any(|ending| source.ends_with(ending)) => (source, None),
        None if NO_FILE.contains(&source) => ("", None),
        _ => return None,
    };
    let function = without_module(name);
    let in_app = !is_foreign(function);
    Some(Frame { file: file.to_owned(), line, function: function.to_owned(), in_app })
}

/// The name without class loader and module, as in `java.base/java.util.List.of` or `app//com.shop.Cart.total`.
/// The slash of `$$Lambda/0x00007f.run` is none of these.
fn without_module(name: &str) -> &str {
    let class = name.split("$$").next().unwrap_or(name);
    class.rfind('/').map_or(name, |slash| &name[slash + 1..])
}
