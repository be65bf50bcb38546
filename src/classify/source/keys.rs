//! The keys of a rule: what the reader takes, the schema describes and the manual lists.

/// One key of a `[[rule]]` table.
#[derive(Debug)]
pub(in crate::classify) struct Key {
    pub(in crate::classify) name: &'static str,
    pub(in crate::classify) required: bool,
    pub(in crate::classify) shape: Shape,
    /// One sentence or two, as the schema tells them to editors.
    pub(in crate::classify) doc: &'static str,
}

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::classify) enum Shape {
    Id,
    Category,
    Severity,
    MinSeverity,
    Flag,
    Sentence,
    Literals,
    ExceptionTypes,
    Near,
    Attributes,
    Services,
    Lines,
}

/// The names of `min_severity`, from the least.
pub(in crate::classify) const SEVERITIES: [(&str, u64); 6] =
    [("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21)];

/// The keys of a literal that is a table.
pub(in crate::classify) const LITERAL_KEYS: [&str; 2] = ["text", "word"];
/// The keys of an entry of `near`.
pub(in crate::classify) const NEAR_KEYS: [&str; 3] = ["first", "second", "within"];
/// The keys of a line that is a table.
pub(in crate::classify) const LINE_KEYS: [&str; 7] = [
    "body",
    "exception_type",
    "exception_message",
    "severity",
    "service",
    "attributes",
    "resource_attributes",
];

const fn key(name: &'static str, required: bool, shape: Shape, doc: &'static str) -> Key {
    Key { name, required, shape, doc }
}

/// All keys, in the order in which a rule is best written.
pub(in crate::classify) const KEYS: [Key; 16] = [
    key("id", true, Shape::Id, "The rule's name, unique in the file: lower-case words joined by `-`."),
    key("category", true, Shape::Category, "What kind of error it is: a built-in name, or one of your own."),
    key(
        "severity",
        true,
        Shape::Severity,
        "How bad it is: critical (data lost, a service unusable), high (requests fail), medium (degraded), low (bad input by callers), info.",
    ),
    key(
        "fixable",
        true,
        Shape::Flag,
        "Whether a code change in the service's repository can plausibly mend it.",
    ),
    key("suggested_fix", true, Shape::Sentence, "One line that tells how such an error is mended."),
    key(
        "min_severity",
        false,
        Shape::MinSeverity,
        "The least severity of a record that the rule looks at; `warn` where it is not said. Records of unknown severity pass.",
    ),
    key("any", false, Shape::Literals, "One of these texts must occur."),
    key("all", false, Shape::Literals, "Each of these texts must occur."),
    key("none", false, Shape::Literals, "None of these texts may occur."),
    key(
        "near",
        false,
        Shape::Near,
        "Of each pair both texts must stand in one field, in either order, at most `within` bytes apart.",
    ),
    key(
        "exception_types",
        false,
        Shape::ExceptionTypes,
        "The record's `exception.type` must be one of these, or end in one after `.`, `::`, `\\` or `/`.",
    ),
    key(
        "attributes",
        false,
        Shape::Attributes,
        "Each of these attributes of the record must have this value, or one of a list.",
    ),
    key("resource_attributes", false, Shape::Attributes, "As `attributes`, of the record's resource."),
    key(
        "services",
        false,
        Shape::Services,
        "The record's `service.name` must be one of these; a `*` at the end stands for any ending.",
    ),
    key(
        "must",
        false,
        Shape::Lines,
        "Lines for which this rule must be the first of the catalogue that holds.",
    ),
    key("must_not", false, Shape::Lines, "Lines for which this rule must not hold: near misses, best."),
];
