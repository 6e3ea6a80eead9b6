# shellcheck shell=bash
# Makes sure of Docker Compose v2 and buildx, the two CLI plugins that the stack is built and run
# with. Sourced, never run.

COMPOSE_MINIMUM=2.24.0
PLUGIN_DIRECTORY="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"

version_at_least() { # version_at_least HAVE WANT: dotted numbers, `sort -V` is not on every machine
  awk -v have="$1" -v want="$2" 'BEGIN {
    split(have, h, /[^0-9]+/); split(want, w, /[^0-9]+/)
    for (i = 1; i <= 4; i++) { if (h[i] + 0 > w[i] + 0) exit 0; if (h[i] + 0 < w[i] + 0) exit 1 }
    exit 0 }'
}

compose_version() { docker compose version --short 2>/dev/null | sed 's/^v//'; }
compose_good() {
  local v
  v="$(compose_version)" && [ -n "$v" ] && version_at_least "$v" "$COMPOSE_MINIMUM"
}
buildx_good() { docker buildx version >/dev/null 2>&1; }

compose_ensure() {
  if compose_good && buildx_good; then
    say "   Compose $(compose_version) and buildx are there"
    return 0
  fi
  is_debian_root || die 2 "Docker Compose $COMPOSE_MINIMUM or later and buildx are missing." \
    'Docker Desktop has both; on Linux see https://docs.docker.com/compose/install/linux/ (docker-compose-plugin, docker-buildx-plugin).'
  compose_from_own_apt || compose_from_trixie ||
    die 2 "this machine's packages have no Docker Compose $COMPOSE_MINIMUM or later and buildx."
  if ! compose_good || ! buildx_good; then die 1 'Docker Compose and buildx are installed, but do not answer.'; fi
  say "   Compose $(compose_version) and buildx are installed"
}

# Debian 13 and later call them docker-compose and docker-buildx, Ubuntu docker-compose-v2 and
# docker-buildx.
compose_from_own_apt() {
  local package version
  apt-get -qq update >&2 || say '   apt-get update had errors; continuing with the present lists'
  for package in docker-compose-v2 docker-compose; do
    version="$(LC_ALL=C apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: //p')"
    if [ -n "$version" ] && [ "$version" != '(none)' ] && version_at_least "${version#*:}" "$COMPOSE_MINIMUM" &&
      apt-cache show docker-buildx >/dev/null 2>&1; then
      apt_install "$package" docker-buildx
      return 0
    fi
  done
  return 1
}

compose_from_trixie() {
  local unpacked="$SOTTO_CACHE/plugins" plugin
  trixie_ready || return 1
  say "   copying the two plugins from Debian trixie to $PLUGIN_DIRECTORY (nothing is installed)"
  rm -rf "$unpacked"
  trixie_unpack "$unpacked" docker-compose docker-buildx
  mkdir -p "$PLUGIN_DIRECTORY"
  for plugin in docker-compose docker-buildx; do
    install -m 0755 "$(find "$unpacked" -type f -path "*cli-plugins/$plugin" | head -n 1)" "$PLUGIN_DIRECTORY/$plugin"
  done
  rm -rf "$unpacked"
}
