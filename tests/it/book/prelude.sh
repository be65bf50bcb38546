# What the pages' shell blocks run behind: the service of the test in the place of the one on the reader's machine.
# GRPC, HTTP and API are its addresses, BINARY the program.
set -euo pipefail

# Not exported: it is the caller's here, and no setting of the programs that run.
LOGMEND_API_TOKEN=a-token-of-the-test

# The service itself would not end: its settings are checked in its place, and nobody is reached. 1 is a peer that is not there.
settings() {
  local code=0
  LOGMEND_API_ADDR=127.0.0.1:0 "$BINARY" check --offline "$@" || code=$?
  [ "$code" -le 1 ]
}

logmend() {
  case "${1-}" in
    '' | --*) settings "$@" ;;
    run) if [ "${2-}" = --print-config ]; then "$BINARY" "$@"; else settings "${@:2}"; fi ;;
    # A key of an example is good nowhere.
    check) if [ -n "${ANTHROPIC_API_KEY-}" ]; then settings; else LOGMEND_API_ADDR=127.0.0.1:0 "$BINARY" "$@"; fi ;;
    demo) "$BINARY" demo --exit ;;
    send) case " $* " in *' --endpoint '*) "$BINARY" "$@" ;; *) "$BINARY" "$@" --endpoint "http://$GRPC" ;; esac ;;
    healthcheck) LOGMEND_API_ADDR="$API" "$BINARY" "$@" ;;
    *) "$BINARY" "$@" ;;
  esac
}

# An answer of 400 and above fails. Events go on for ever: what came within a second will do.
curl() {
  local code=0
  case " $* " in
    */events*) command curl --fail-with-body --max-time 1 "$@" || code=$?; [ "$code" = 0 ] || [ "$code" = 28 ] ;;
    *' -sf '*) command curl --show-error --max-time 30 "$@" ;;
    *) command curl --fail-with-body --show-error --max-time 30 "$@" ;;
  esac
}
