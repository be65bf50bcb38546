//! The machine that is measured on.

/// Its processors and system, in one line.
pub(crate) fn shown() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{} × {}, {} {}",
        cores,
        model.map_or("processor", |(_, name)| name),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}
