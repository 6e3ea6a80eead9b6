# shellcheck shell=bash
# The tor of our own image as a program on this machine, for tests that start a daemon of their own.
# Sourced, never run. After `tor_ensure`: SOTTO_TOR_BINARY is the program.

tor_ensure() {
  local image folder
  if [ "$(uname -s)" != Linux ]; then
    say '   only Linux can run it: the tests against a real tor will fail here'
    return 0
  fi
  image="$(docker image inspect --format '{{.Id}}' "sotto-tor:$(setting SOTTO_VERSION)")"
  folder="$SOTTO_CACHE/tor-$(printf '%s' "${image#sha256:}" | cut -c 1-12)"
  [ -x "$folder/tor" ] || tor_unpack "$image" "$folder"
  SOTTO_TOR_BINARY="$folder/tor"
  export SOTTO_TOR_BINARY
}

# The image holds tor and every library that it is linked with, so its own loader runs it on any
# Linux of the same machine type.
tor_unpack() { # tor_unpack IMAGE FOLDER
  local container loader
  say '   copying tor from its image'
  rm -rf "$2" "$2.part"
  mkdir -p "$2.part/rootfs"
  container="$(docker create "$1")"
  docker export "$container" | tar -x -C "$2.part/rootfs" usr lib lib64 2>/dev/null || true
  docker rm "$container" >/dev/null
  loader="$(cd "$2.part/rootfs" && find . -name 'ld-linux*' | head -n 1)"
  [ -n "$loader" ] || die 1 'the tor image has no loader'
  # shellcheck disable=SC2016  # its own shell expands them
  {
    printf '%s\n' '#!/bin/sh'
    printf 'here="$(dirname "$0")/rootfs"\n'
    printf 'exec "$here/%s" --library-path "$(find "$here" -name "*.so*" -exec dirname {} + | sort -u | paste -s -d : -)" "$here/usr/bin/tor" "$@"\n' "${loader#./}"
  } >"$2.part/tor"
  chmod 0755 "$2.part/tor"
  mv "$2.part" "$2"
}
