# What every script of Sotto needs to talk to its user: stages with their seconds, failures, and settings from .env.
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

# The one place of image names and versions is .env: compose reads it, and so do we. The environment wins, as in compose.
setting() { # setting NAME
  local value
  value="$(printenv "$1" || true)"
  [ -n "$value" ] || value="$(sed -n "s/^$1=//p" "$SOTTO_ROOT/.env" | head -n 1)"
  [ -n "$value" ] || die 1 "$1 is not set in .env"
  printf '%s\n' "$value"
}

is_debian_root() { [ "$(id -u)" = 0 ] && have apt-get && [ -f /etc/debian_version ]; }

SOTTO_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/sotto"
SOTTO_STATE="${XDG_STATE_HOME:-$HOME/.local/state}/sotto"

APT_LISTS_FRESH=''
apt_install() { # apt_install PACKAGE...: says so, asks nothing
  say "   installing Debian packages: $*"
  if [ -z "$APT_LISTS_FRESH" ]; then
    apt-get -qq update >&2
    APT_LISTS_FRESH=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >&2
}

# Runs a command for at most so many seconds (macOS has no `timeout`). Exit code 124 when it was cut short.
limited() { # limited SECONDS COMMAND...
  local limit="$1" pid waited=0
  shift
  "$@" &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$waited" -ge "$limit" ]; then
      kill "$pid" 2>/dev/null || true
      wait "$pid" 2>/dev/null || true
      return 124
    fi
    sleep 1
    waited=$((waited + 1))
  done
  wait "$pid"
}
