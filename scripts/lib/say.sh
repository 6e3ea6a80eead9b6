# shellcheck shell=bash
# Output of every script of Sotto: stages with their seconds, failures; and settings from .env.
# Sourced, never run. Works on bash 3.2 (macOS).

say() { printf '%s\n' "$*" >&2; }
die() { # die EXIT_CODE LINE...
  local code="$1" line
  shift
  for line in "$@"; do printf 'sotto: %s\n' "$line" >&2; done
  exit "$code"
}

STAGE_NAME=''
STAGE_STARTED=0
stage() { # stage NAME: ends the stage before it, prints its seconds
  stage_end
  STAGE_NAME="$1"
  STAGE_STARTED=$SECONDS
  say "-- $1"
}
stage_end() {
  [ -n "$STAGE_NAME" ] || return 0
  say "   $STAGE_NAME: $((SECONDS - STAGE_STARTED)) s"
  STAGE_NAME=''
}

have() { command -v "$1" >/dev/null 2>&1; }

# Only .env has image names and versions: Compose and the scripts read it. The environment wins, as
# in Compose.
setting() { # setting NAME
  local value
  value="$(printenv "$1" || true)"
  [ -n "$value" ] || value="$(sed -n "s/^$1=//p" "$SOTTO_ROOT/.env" | head -n 1)"
  [ -n "$value" ] || die 1 "$1 is not set in .env"
  printf '%s\n' "$value"
}

is_debian_root() { [ "$(id -u)" = 0 ] && have apt-get && [ -f /etc/debian_version ]; }

APT_LISTS_FRESH=''
apt_install() { # apt_install PACKAGE...: says so, asks nothing
  say "   installing Debian packages: $*"
  if [ -z "$APT_LISTS_FRESH" ]; then
    # One broken third-party source must not stop the script; a missing package will.
    apt-get -qq update >&2 || say '   apt-get update had errors; continuing with the present lists'
    APT_LISTS_FRESH=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >&2
}
