//! What the process itself is: its memory, its age, its version.

use super::Metrics;
use crate::model::UnixNanos;

impl<S> Metrics<S> {
    /// Adds the process, which started at `started`, under the names that Prometheus' own clients use.
    pub fn add_process(&mut self, started: UnixNanos) {
        self.gauge("logmend_build_info", "The version, as a label; the value is 1.", "1")
            .with([("version", env!("CARGO_PKG_VERSION"))], |_| 1);
        self.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", "s")
            .with([], move |_| started.0 / 1_000_000_000);
        self.counter("otelcol_process_uptime_seconds", "For how long the process has been up.", "s")
            .with([], move |_| super::now().0.saturating_sub(started.0) / 1_000_000_000);
        if cpu_seconds().is_some() {
            self.counter("process_cpu_seconds", "Processor time of the process, user and system.", "s")
                .with_real([], |_| cpu_seconds().unwrap_or(0.0));
        }
        if resident_bytes().is_some() {
            self.gauge("process_resident_memory_bytes", "Memory of the process that is resident.", "By")
                .with([], |_| resident_bytes().unwrap_or(0));
        }
    }
}

/// Resident memory, where the system tells it as Linux does: proc(5), `VmRSS` in kB.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Processor time, where the system tells it as Linux does: proc(5), `utime` and `stime` in hundredths of a second, which is
/// what `USER_HZ` is on every architecture that we build for.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn resident_memory_is_that_of_a_process() {
        let bytes = resident_bytes().unwrap();
        assert!((1 << 20..1 << 34).contains(&bytes), "{bytes}");
        assert!((0.0..1e6).contains(&cpu_seconds().unwrap()));
    }
}
