#!/usr/bin/env bash
# Runs the fast subset of the Autobahn TestSuite against both roles: conformance/run.sh [FOLDER]
#
# FOLDER has the built examples (default: target/debug/examples). README.md tells how to run the other
# cases, and where setup.sh installs the suite.
set -euo pipefail
here=$(dirname "$0")
examples=$(realpath "${1:-$here/../target/debug/examples}")
cd "$here"
./setup.sh
work=$(mktemp --directory)
server=
trap '[[ -z $server ]] || kill "$server"; rm -rf "$work"' EXIT

# Groups 9 (large messages), 12 and 13 (compression) are left out.
spec() {
    printf '{ "outdir": "%s", %s, "cases": ["*"], "exclude-cases": ["9.*", "12.*", "13.*"] }\n' "$1" "$2"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

echo "== bowsprit as the server"
port=$(free_port)
"$examples/echo_server" "127.0.0.1:$port" &
server=$!
spec "$work/server" "\"servers\": [{ \"agent\": \"bowsprit\", \"url\": \"ws://127.0.0.1:$port\" }]" >"$work/server.json"
until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port)).close()" 2>"$work/waiting"; do
    kill -0 "$server"
    sleep 0.1
done
./wstest --patience 5 fuzzingclient "$work/server.json" >"$work/server.log"
kill "$server"
wait "$server" || true
server=
./summary.py "$work/server/index.json" --min-cases 247

echo "== bowsprit as the client"
port=$(free_port)
spec "$work/client" "\"url\": \"ws://127.0.0.1:$port\"" >"$work/client.json"
./wstest --patience 5 --timeout 600 fuzzingserver "$work/client.json" >"$work/client.log" &
server=$!
until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port)).close()" 2>"$work/waiting"; do
    kill -0 "$server"
    sleep 0.1
done
"$examples/conformance_client" "ws://127.0.0.1:$port"
wait "$server" || true
server=
./summary.py "$work/client/index.json" --min-cases 247
