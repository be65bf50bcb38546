//! Elixir: `** (KeyError) key :sku not found`, then `(shop 0.1.0) lib/shop/cart.ex:12: Shop.Cart.total/1`, innermost first.

use super::{Line, Section, Trace, nested, place};
use crate::model::Frame;

/// How far above the first frame the error may stand.
const LINES_BACK_MAX: usize = 10;

/// Applications of the platform and libraries that services are commonly made of, as frames name them.
const FOREIGN: [&str; 24] = [
    "elixir",
    "stdlib",
    "kernel",
    "mix",
    "logger",
    "ex_unit",
    "phoenix",
    "phoenix_live_view",
    "plug",
    "plug_cowboy",
    "cowboy",
    "ranch",
    "bandit",
    "thousand_island",
    "ecto",
    "ecto_sql",
    "db_connection",
    "postgrex",
    "gen_stage",
    "oban",
    "finch",
    "tesla",
    "absinthe",
    "jason",
];

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let above = lines[..first].iter().rev().take(LINES_BACK_MAX);
    let title = above.into_iter().find_map(|line| Some((line.start, title(line.text)?)));
    let (start, (type_name, message)) = title.unwrap_or((lines[first].start, ("", "")));
    let frames = lines[first..].iter().map_while(|line| frame(line.text)).collect();
    nested(vec![Section { type_name, message, frames }], start)
}

fn title(line: &str) -> Option<(&str, &str)> {
    let (_, after) = line.split_once("** (")?;
    let (name, message) = after.split_once(") ")?;
    Some((name, message))
}

fn frame(line: &str) -> Option<Frame> {
    let (application, call) = match line.strip_prefix('(') {
        Some(named) => named.split_once(") ")?,
        None => ("", line),
    };
    let (place, function) = call.split_once(": ")?;
    let (file, line) = place::split_line(place)?;
    if !["ex", "exs", "erl"].iter().any(|ending| place::ends_in(file, ending)) {
        return None;
    }
    let name = application.split(' ').next().unwrap_or_default();
    let file = place::file(file);
    let in_app = !FOREIGN.contains(&name) && !file.starts_with("deps/") && !place::ends_in(&file, "erl");
    Some(Frame { file, line: Some(line), function: without_closure(function).to_owned(), in_app })
}

/// A function without name is known by the one that it stands in: `anonymous fn/1 in Shop.Cart.total/1`.
fn without_closure(function: &str) -> &str {
    function.rsplit_once(" in ").map_or(function, |(_, outer)| outer)
}
