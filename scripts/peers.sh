# What the tests run beside logmend, installed into target/test-tools and told to the tests by variables.
# Sourced by ./scripts/test. Each part installs only what is missing or what its pinned list asks for anew, and says so.

tools="$PWD/target/test-tools"
peers="$PWD/tests/support/peers"
mkdir -p "$tools"

say() { printf '\n== %s\n' "$*"; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Whether what was installed for a pinned list is what it says now; `installed LIST` marks it.
current() { cmp -s "$1" "$tools/installed/$(basename "$(dirname "$1")")-$(basename "$1")"; }
installed() { mkdir -p "$tools/installed" && cp "$1" "$tools/installed/$(basename "$(dirname "$1")")-$(basename "$1")"; }

# A C compiler (SQLite is compiled in), git (the GitHub stand-in keeps a real repository), curl (the book's examples), systemd-analyze (it reads the unit), and what the exporters'
# languages need.
debian_packages() {
  local missing=()
  command -v cc >/dev/null || missing+=(build-essential)
  command -v git >/dev/null || missing+=(git)
  command -v curl >/dev/null || missing+=(curl)
  command -v systemd-analyze >/dev/null || missing+=(systemd)
  { command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null; } || missing+=(python3 python3-venv)
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  command -v javac >/dev/null || missing+=(default-jdk-headless)
  command -v mvn >/dev/null || missing+=(maven)
  command -v go >/dev/null || missing+=(golang-go)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing from Debian: ${missing[*]}"
  root apt-get update -q
  root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# PostgreSQL, PgBouncer and Redis. The tests run their own, with folders and ports of their own; the services that
# Debian's packages would start are kept from starting while these are installed, and those that run are left alone.
engines() {
  local missing=() policy=/usr/sbin/policy-rc.d
  newest_postgres >/dev/null || missing+=(postgresql)
  { command -v pgbouncer || [ -x /usr/sbin/pgbouncer ]; } >/dev/null || missing+=(pgbouncer)
  { command -v redis-server && command -v redis-cli; } >/dev/null || missing+=(redis-server)
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing from Debian: ${missing[*]}"
    root apt-get update -q
    if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' | root install -m 755 /dev/stdin "$policy"; fi
    local failed=0
    root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" || failed=$?
    [ -z "$policy" ] || root rm "$policy"
    [ "$failed" = 0 ] || return "$failed"
  fi
  LOGMEND_POSTGRES_BIN="$(newest_postgres)"
  LOGMEND_PGBOUNCER="$(command -v pgbouncer || echo /usr/sbin/pgbouncer)"
  LOGMEND_REDIS_BIN="$(dirname "$(command -v redis-server)")"
  export LOGMEND_POSTGRES_BIN LOGMEND_PGBOUNCER LOGMEND_REDIS_BIN
}

# Where Debian puts the programs of the newest installed PostgreSQL server, which are not on the path.
newest_postgres() { find /usr/lib/postgresql/*/bin -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -n 1 | grep .; }

# Real OpenTelemetry SDK exporters, and published types that judge what is sent to Claude: in a virtual environment.
python_packages() {
  local list=tests/support/requirements.txt
  export LOGMEND_PYTHON="$tools/python/bin/python"
  current "$list" && [ -x "$LOGMEND_PYTHON" ] && return
  say "installing from PyPI into $tools/python: $(grep -v '^#' "$list" | tr '\n' ' ')"
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r "$list"
  installed "$list"
}

# GitHub's OpenAPI description, against which the stand-in and every call to it are checked.
github_description() {
  local package="@octokit/openapi@23.0.2"
  export LOGMEND_GITHUB_OPENAPI="$tools/npm/node_modules/@octokit/openapi/generated/api.github.com.json"
  [ -f "$LOGMEND_GITHUB_OPENAPI" ] && return
  say "installing from npm into $tools/npm: $package"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/npm" "$package"
}

# Prism, which refuses calls to the stand-in for GitHub, and its answers, that the description does not have.
prism() {
  local list="$peers/prism/package-lock.json"
  export LOGMEND_PRISM="$tools/prism/node_modules/@stoplight/prism-cli/dist/index.js"
  current "$list" && [ -f "$LOGMEND_PRISM" ] && return
  say "installing from npm into $tools/prism: $(sed -n 's/.*"\(@stoplight.*\)": "\(.*\)".*/\1@\2/p' "$peers/prism/package.json")"
  mkdir -p "$tools/prism"
  cp "$peers/prism/package.json" "$list" "$tools/prism"
  npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/prism"
  installed "$list"
}

# OpenTelemetry SDK, winston and pino for Node, and the TypeScript compiler.
node_packages() {
  local list="$peers/node/package-lock.json"
  export LOGMEND_NODE_MODULES="$tools/node/node_modules"
  current "$list" && [ -d "$LOGMEND_NODE_MODULES" ] && return
  say "installing from npm into $tools/node: $(tr -d '{}", ' <"$peers/node/package.json" | grep '^@\|^winston\|^pino\|^typescript' | tr ':\n' '@ ')"
  mkdir -p "$tools/node"
  cp "$peers/node/package.json" "$list" "$tools/node"
  npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/node"
  installed "$list"
}

# Chromium with a font, driven through Playwright, and axe-core: what people see of the dashboard. No browser is downloaded.
browser() {
  local list="$peers/browser/package-lock.json"
  export LOGMEND_BROWSER_MODULES="$tools/browser/node_modules"
  if ! command -v chromium >/dev/null; then
    say "installing from Debian: chromium fonts-liberation"
    root apt-get update -q
    root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-liberation
  fi
  LOGMEND_CHROMIUM="$(command -v chromium)"
  export LOGMEND_CHROMIUM
  current "$list" && [ -d "$LOGMEND_BROWSER_MODULES" ] && return
  say "installing from npm into $tools/browser: $(tr -d '{}", ' <"$peers/browser/package.json" | grep '^axe-core\|^playwright' | tr ':\n' '@ ')"
  mkdir -p "$tools/browser"
  cp "$peers/browser/package.json" "$list" "$tools/browser"
  npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/browser"
  installed "$list"
}

# OpenTelemetry SDK and logback for Java.
java_packages() {
  local list="$peers/java/pom.xml"
  export LOGMEND_JAVA_LIBRARIES="$tools/java/target/dependency"
  current "$list" && [ -d "$LOGMEND_JAVA_LIBRARIES" ] && return
  say "installing from Maven Central into $tools/java: $(sed -n 's:.*<artifactId>\(open.*\|logback.*\)</artifactId>:\1:p' "$list" | tr '\n' ' ')"
  rm -rf "$tools/java" && mkdir -p "$tools/java" && cp "$list" "$tools/java"
  mvn --quiet --batch-mode -Dstyle.color=never --file "$tools/java/pom.xml" dependency:copy-dependencies
  installed "$list"
}

# A Go that can build the Collector and Loki: the machine's own, or else a newer one that the Go module proxy serves as a module.
new_enough_go() {
  local wanted=1.26.5 newer=1.27.3
  local has module
  has="$(go env GOVERSION 2>/dev/null || true)"
  [ "$(printf '%s\n' "$wanted" "${has#go}" | sort -V | head -n 1)" = "$wanted" ] && return
  module="golang.org/toolchain@v0.0.1-go$newer.linux-$(go env GOARCH)"
  if [ ! -x "$tools/go/bin/go" ]; then
    say "installing Go $newer into $tools/go: the machine's ${has:-own} is older than $wanted"
    go mod download "$module"
    cp -r "$(go env GOMODCACHE)/$module" "$tools/go"
    # A module's files are read-only, and old Go versions leave out that some are programs.
    chmod -R u+w "$tools/go"
    chmod +x "$tools/go/bin/"* "$tools/go/pkg/tool/"*/*
  fi
  export PATH="$tools/go/bin:$PATH" GOTOOLCHAIN=local
}

# A real OpenTelemetry Collector.
collector() {
  local manifest="$peers/collector/builder.yaml" version
  export LOGMEND_OTELCOL="$tools/otelcol"
  current "$manifest" && [ -x "$LOGMEND_OTELCOL" ] && return
  version="$(sed -n 's/^  version: //p' "$manifest")"
  say "building an OpenTelemetry Collector $version with its builder: about two minutes"
  (
    new_enough_go
    export CGO_ENABLED=0 GOBIN="$tools"
    GOFLAGS=-trimpath go install -ldflags="-s -w" "go.opentelemetry.io/collector/cmd/builder@v$version"
    # `--skip-get-modules` leaves out `go mod tidy`, which would also ask for what the modules' own tests need.
    GOFLAGS="-trimpath -mod=mod" "$tools/builder" --skip-get-modules \
      --config "$manifest" --output-path "$tools/collector" --ldflags="-s -w" 2>"$tools/collector.log" ||
      { cat "$tools/collector.log" >&2 && exit 1; }
  )
  mv "$tools/collector/otelcol" "$LOGMEND_OTELCOL"
  installed "$manifest"
}

# A real Grafana Loki. Debian's package of that name is another program.
loki() {
  local list="$peers/loki/go.mod" version
  export LOGMEND_LOKI="$tools/loki"
  current "$list" && [ -x "$LOGMEND_LOKI" ] && return
  version="$(sed -n 's:^require github.com/grafana/loki/v3 ::p' "$list")"
  say "building Grafana Loki $version from its Go module: about five minutes, and 160 MB"
  (
    new_enough_go
    cd "$peers/loki"
    CGO_ENABLED=0 GOFLAGS=-trimpath go build -buildvcs=false -ldflags="-s -w" -o "$LOGMEND_LOKI" github.com/grafana/loki/v3/cmd/loki
  )
  installed "$list"
}

# Prometheus' own reader of queries and rules, of the version that Loki is built with, so that most of it is compiled already.
promql() {
  local list="$peers/promql/main.go"
  export LOGMEND_PROMQL="$tools/promql"
  current "$list" && current "$peers/promql/go.mod" && [ -x "$LOGMEND_PROMQL" ] && return
  say "building Prometheus' reader of queries from its Go module: seconds"
  (
    new_enough_go
    cd "$peers/promql"
    CGO_ENABLED=0 GOFLAGS=-trimpath go build -buildvcs=false -ldflags="-s -w" -o "$LOGMEND_PROMQL" .
  )
  installed "$list"
  installed "$peers/promql/go.mod"
}

# What benchmarks measure logmend beside: vectorscan, a library that finds many expressions at once, and rotel, an OTLP receiver.
measured_beside() {
  local rotel="rotel==0.0.1a15"
  if ! pkg-config --exists libhs 2>/dev/null; then
    say "installing from Debian: libvectorscan-dev pkg-config"
    root apt-get update -q
    root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends libvectorscan-dev pkg-config
  fi
  mkdir -p "$tools/rotel"
  rotel_agent() { find "$tools/rotel" -name rotel-agent -print -quit | grep .; }
  if ! LOGMEND_ROTEL="$(rotel_agent)"; then
    say "installing from PyPI into $tools/rotel: $rotel"
    python3 -m venv "$tools/rotel"
    "$tools/rotel/bin/pip" install --quiet --disable-pip-version-check "$rotel"
    LOGMEND_ROTEL="$(rotel_agent)"
    chmod +x "$LOGMEND_ROTEL"
  fi
  export LOGMEND_ROTEL
}

debian_packages
engines
python_packages
github_description
prism
node_packages
browser
java_packages
collector
loki
promql
measured_beside
