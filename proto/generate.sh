#!/usr/bin/env bash
# Rewrites gen/ from proto/: messages, gRPC stubs and their types (mypy-protobuf, since protoc's own .pyi fail strict).
# `generate.sh DIR` writes elsewhere; the drift test compares that with what is committed.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
out="${1:-$root/gen}"
export PATH="$root/.venv/bin:$PATH"
rm -rf "$out/authserver" && mkdir -p "$out"
find "$root/proto" -name '*.proto' -printf '%P\n' | sort | xargs python -m grpc_tools.protoc -I "$root/proto" \
    --python_out="$out" --grpc_python_out="$out" --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out"
find "$out/authserver" -type d -exec touch {}/__init__.py {}/py.typed \;
