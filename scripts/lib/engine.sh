# shellcheck shell=bash
# Finds a Docker engine, or installs and starts one as root on Debian and Ubuntu, and stops it at
# the end. Sourced, never run. `engine_ensure` first, `engine_release` last (it stops only what this
# very run started).

ENGINE_STARTED='' # '', 'daemon' or 'systemd': how this run started the engine
ENGINE_PID_FILE="$SOTTO_STATE/dockerd.pid"
ENGINE_LOG_FILE="$SOTTO_STATE/dockerd.log"
ENGINE_START_LIMIT_SECONDS=60
ENGINE_STOP_LIMIT_SECONDS=30

engine_answers() { have docker && docker version >/dev/null 2>&1; }

engine_named() { # what names another engine than this machine's own, or nothing
  local context
  if [ -n "${DOCKER_HOST:-}" ]; then
    printf 'DOCKER_HOST=%s\n' "$(shown "$DOCKER_HOST")"
  elif [ -n "${DOCKER_CONTEXT:-}" ]; then
    printf 'DOCKER_CONTEXT=%s\n' "$(shown "$DOCKER_CONTEXT")"
  elif have docker; then
    context="$(docker context inspect --format '{{.Name}}' 2>/dev/null || true)"
    case "$context" in '' | default) ;; *) printf 'the context %s of docker\n' "$(shown "$context")" ;; esac
  fi
}

# A silent engine may still be there: the script then neither replaces it nor calls it absent.
engine_unseen() { # engine_unseen EXIT_CODE
  local named said=''
  named="$(engine_named)"
  [ -z "$named" ] || die "$1" "no Docker engine answers at $named." \
    "next: start that engine, or remove the setting (unset DOCKER_HOST DOCKER_CONTEXT; docker context use default)"
  if have docker; then said="$(docker version 2>&1 >/dev/null || true)"; fi
  case "$said" in
    *'permission denied'*)
      die "$1" 'this user may not use the Docker engine.' \
        'next: use sudo, join the group docker (equal to root), or use a rootless engine: https://docs.docker.com/engine/security/rootless/'
      ;;
  esac
}

engine_ensure() {
  if engine_answers; then
    say "   Docker engine $(docker version --format '{{.Server.Version}}') is running: using it"
    return 0
  fi
  engine_unseen 2
  if ! is_debian_root; then
    die 2 'no Docker engine answers here.' \
      'If Docker is installed, start it (Docker Desktop: open it; Linux: systemctl start docker).' \
      'To get it: https://docs.docker.com/get-docker/ (Docker Desktop, or Engine 20.10 or later with Compose 2.24 or later).' \
      'On Debian and Ubuntu this script installs and starts it itself when it is run as root.'
  fi
  say '   no Docker engine answers: starting one as root on this Debian or Ubuntu'
  local missing=''
  have dockerd || missing='docker.io'
  have iptables || missing="$missing iptables"
  # shellcheck disable=SC2086  # a list of package names
  [ -z "$missing" ] || apt_install $missing
  have docker || apt_install docker-cli # a package of its own from Debian 13 on
  engine_start
}

engine_start() {
  mkdir -p "$SOTTO_STATE"
  if engine_answers; then
    ENGINE_STARTED=systemd # the package started its own service
    return 0
  fi
  if [ -d /run/systemd/system ]; then
    systemctl start docker
    ENGINE_STARTED=systemd
  else
    # A session of its own without this script's streams: a reader of the output would wait for the
    # daemon.
    setsid dockerd </dev/null >"$ENGINE_LOG_FILE" 2>&1 &
    disown
    ENGINE_STARTED=daemon
  fi
  local waited=0
  until engine_answers; do
    [ "$waited" -lt "$ENGINE_START_LIMIT_SECONDS" ] ||
      die 1 "the Docker engine did not answer within $ENGINE_START_LIMIT_SECONDS s; its log: $ENGINE_LOG_FILE"
    sleep 1
    waited=$((waited + 1))
  done
  if [ "$ENGINE_STARTED" = daemon ]; then cp /var/run/docker.pid "$ENGINE_PID_FILE"; fi
  say "   started Docker engine $(docker version --format '{{.Server.Version}}')"
}

# Stops the engine that this run started; does nothing otherwise.
engine_release() {
  case "$ENGINE_STARTED" in
    daemon) engine_stop_recorded ;;
    systemd)
      systemctl stop docker.socket docker >/dev/null 2>&1 || true
      say 'stopped the started Docker engine'
      ;;
  esac
  ENGINE_STARTED=''
}

# Stops the engine whose pid a run of ours recorded. The pid must still be a dockerd: a pid can be
# given out again.
engine_stop_recorded() {
  local pid waited=0
  [ -f "$ENGINE_PID_FILE" ] || return 0
  pid="$(cat "$ENGINE_PID_FILE")"
  rm -f "$ENGINE_PID_FILE"
  [ "$(cat "/proc/$pid/comm" 2>/dev/null || true)" = dockerd ] || return 0
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt "$ENGINE_STOP_LIMIT_SECONDS" ]; do
    sleep 1
    waited=$((waited + 1))
  done
  say 'stopped the started Docker engine'
}
