//! A table of rates, in Markdown.

use std::time::Duration;

/// One corpus, one line for each engine.
pub(crate) struct Table {
    title: String,
    bytes: usize,
    rows: Vec<(String, Duration, Option<Duration>)>,
}

impl Table {
    pub(crate) fn new(title: String, bytes: usize) -> Self {
        Self { title, bytes, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, by_record: Duration) {
        self.add_both(name, by_record, None);
    }

    pub(crate) fn add_both(&mut self, name: &str, by_record: Duration, by_request: Option<Duration>) {
        self.rows.push((name.to_owned(), by_record, by_request));
    }

    /// The ratio is how many times as fast logmend, the first row, is by record; by request where only that is given.
    pub(crate) fn print(&self) {
        let Some((_, first, _)) = self.rows.first() else { return };
        println!("\n{}\n", self.title);
        println!(
            "| | by record, GB/s | by request, GB/s | logmend by record is … times as fast | … as by request |"
        );
        println!("| --- | ---: | ---: | ---: | ---: |");
        for (name, by_record, by_request) in &self.rows {
            let times = |other: &Duration| format!("{:.1}", other.as_secs_f64() / first.as_secs_f64());
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
            println!(
                "| {name} | {} | {} | {} | {} |",
                self.rate(*by_record),
                or_none(by_request.map(|time| self.rate(time))),
                times(by_record),
                or_none(by_request.as_ref().map(times)),
            );
        }
    }

    fn rate(&self, time: Duration) -> String {
        format!("{:.2}", self.bytes as f64 / time.as_secs_f64() / 1e9)
    }
}
