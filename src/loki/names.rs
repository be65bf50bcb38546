//! What Loki's labels are called in OpenTelemetry.
//!
//! Loki takes OTLP in and makes `service_name` of `service.name` (its documentation, "Format considerations"). Which of the
//! underscores were dots is known for the names of the semantic conventions alone; other names stay as Loki has them.

/// Names that decide something here, or that people know errors by. Those of a resource stand under a prefix of
/// [`RESOURCE`], except where a stream's label says so.
const CONVENTIONS: [&str; 49] = [
    "service.name",
    "service.namespace",
    "service.version",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "host.name",
    "host.id",
    "container.name",
    "container.id",
    "container.image.name",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.container.name",
    "k8s.node.name",
    "k8s.deployment.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.job.name",
    "k8s.cronjob.name",
    "cloud.region",
    "cloud.availability_zone",
    "process.pid",
    "process.command",
    "vcs.repository.url.full",
    "vcs.repository.name",
    "vcs.owner.name",
    "vcs.ref.head.name",
    "vcs.ref.head.revision",
    "telemetry.sdk.name",
    "telemetry.sdk.language",
    "telemetry.sdk.version",
    "exception.type",
    "exception.message",
    "exception.stacktrace",
    "event.name",
    "code.function.name",
    "code.file.path",
    "code.line.number",
    "log.file.path",
    "log.file.name",
    "log.iostream",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "thread.name",
];

/// What begins so describes what logged, not what happened.
const RESOURCE: [&str; 10] = [
    "vcs.",
    "service.",
    "deployment.",
    "host.",
    "container.",
    "k8s.",
    "cloud.",
    "process.",
    "telemetry.",
    "os.",
];

/// Labels that Promtail and Grafana Alloy set on lines of files and containers.
const ALIASES: [(&str, &str); 2] = [("filename", "log.file.path"), ("stream", "log.iostream")];

/// The attribute that a label or metadata key was or means.
pub(super) fn attribute(label: &str) -> &str {
    let is_it = |name: &&&str| {
        name.len() == label.len()
            && name
                .bytes()
                .zip(label.bytes())
                .all(|(of_name, of_label)| of_name == of_label || of_name == b'.' && of_label == b'_')
    };
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == label).map(|(_, name)| *name);
    CONVENTIONS.iter().find(is_it).copied().or_else(alias).unwrap_or(label)
}

/// Whether an attribute describes a resource.
pub(super) fn is_of_resource(attribute: &str) -> bool {
    RESOURCE.iter().any(|prefix| attribute.starts_with(prefix))
}

/// Whether an attribute says which file or output a line is of: that is the record's, also where it is a stream's label.
pub(super) fn is_of_record(attribute: &str) -> bool {
    attribute.starts_with("log.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_conventions_get_their_dots_back() {
        for (label, name) in [
            ("service_name", "service.name"),
            ("service.name", "service.name"),
            ("cloud_availability_zone", "cloud.availability_zone"),
            ("http_response_status_code", "http.response.status_code"),
            ("exception_stacktrace", "exception.stacktrace"),
            ("filename", "log.file.path"),
            ("user_id", "user_id"),
            ("", ""),
            ("sérvice_nam", "sérvice_nam"),
        ] {
            assert_eq!(attribute(label), name);
        }
        assert!(is_of_resource("k8s.pod.name") && !is_of_resource("exception.type"));
        assert!(is_of_record("log.file.path") && !is_of_record("logger"));
    }
}
