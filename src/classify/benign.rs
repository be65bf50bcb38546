//! What no rule may match that is learned: lines of healthy services, and the near misses of the built-in rules.

use super::built_in::BUILT_IN;
use super::line::Line;
use super::lint::near_misses;

/// Lines of healthy services, at any severity.
pub fn benign_lines() -> impl Iterator<Item = &'static str> {
    include_str!("benign.txt").lines()
}

/// The lines of healthy services, and those that built-in rules name as what they must not match: whoever wrote them down
/// knows each as something else than it looks.
#[must_use]
pub fn no_rule_may_match() -> Vec<Line> {
    let benign = benign_lines().map(|body| Line { body: body.to_owned(), ..Line::default() });
    let texts: Vec<_> = BUILT_IN.iter().map(|file| file.text).collect();
    benign.chain(near_misses(&texts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_lines_of_healthy_services_and_near_misses() {
        let lines = no_rule_may_match();
        assert!(lines.len() > 500 && lines.len() > benign_lines().count(), "{}", lines.len());
    }
}
