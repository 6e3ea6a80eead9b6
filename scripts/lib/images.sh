# shellcheck shell=bash
# Gets base images: a present one, or a registry's, or, where no registry answers, a twin made of
# Debian and npm packages under the same tag. A twin has the label org.sotto.twin. Sourced, never
# run.

REGISTRY_SILENT='' # set once a registry has not answered, so that it is asked only once
REGISTRY_ANSWER_LIMIT_SECONDS=20
PULL_LIMIT_SECONDS=900

image_present() { docker image inspect "$1" >/dev/null 2>&1; }

images_ensure() {
  image_ensure "$(setting SOTTO_DEBIAN_IMAGE)" twin_debian
  image_ensure "$(setting SOTTO_NODE_IMAGE)" twin_node
  image_ensure "$(setting SOTTO_REDIS_IMAGE)" twin_redis
}

image_ensure() { # image_ensure TAG TWIN_FUNCTION
  local tag="$1" twin="$2" started=$SECONDS
  if image_present "$tag"; then
    say "   $tag is here$(image_twin_note "$tag")"
  elif image_pull "$tag"; then
    say "   pulled $tag ($((SECONDS - started)) s)"
  else
    "$twin" "$tag"
    say "   made a twin of $tag ($((SECONDS - started)) s)"
  fi
}

image_twin_note() {
  [ -z "$(docker image inspect --format '{{index .Config.Labels "org.sotto.twin"}}' "$1" 2>/dev/null)" ] || printf ' (a twin)'
}

# A pull that shows its first layer is left to finish; one that shows nothing within the limit means
# that no registry answers.
image_pull() {
  local tag="$1" output pid waited=0
  [ -z "$REGISTRY_SILENT" ] || return 1
  output="$(mktemp)"
  docker pull "$tag" >"$output" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$waited" -ge "$PULL_LIMIT_SECONDS" ] ||
      { [ "$waited" -ge "$REGISTRY_ANSWER_LIMIT_SECONDS" ] && ! grep -qE 'Pulling|Download|Digest' "$output"; }; then
      kill "$pid" 2>/dev/null || true
    fi
    sleep 1
    waited=$((waited + 1))
  done
  if wait "$pid"; then
    rm -f "$output"
    return 0
  fi
  say "   no registry served $tag: $(tail -n 1 "$output" | cut -c 1-160)"
  rm -f "$output"
  REGISTRY_SILENT=yes
  return 1
}

twin_needs_debian() {
  if ! is_debian_root || ! trixie_ready; then
    die 2 "$1 can be neither pulled nor made here." \
      'Making it takes a Debian machine and root; pulling it takes a Docker registry that this engine can reach.'
  fi
}

# Debian trixie without documentation, translations and package lists.
twin_debian() {
  local tag="$1" archive
  twin_needs_debian "$tag"
  have mmdebstrap || apt_install mmdebstrap
  mkdir -p "$SOTTO_CACHE"
  archive="$SOTTO_CACHE/debian.tar"
  rm -f "$archive"
  TMPDIR="$SOTTO_CACHE" mmdebstrap --quiet --mode=root --variant=minbase --format=tar \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    trixie "$archive" "$TRIXIE_SOURCES" >&2
  docker import --change "LABEL org.sotto.twin=$tag" --change 'CMD ["bash"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$archive" "$tag" >/dev/null
  rm -f "$archive"
}

# Debian and the node and npm of the npm packages, at the places where the official image has them.
twin_node() {
  local tag="$1" context="$SOTTO_CACHE/twin-node"
  twin_needs_debian "$tag"
  node_is_fetched || node_fetch
  rm -rf "$context"
  mkdir -p "$context"
  cp "$(node_program)" "$context/node"
  cp "$(dirname -- "$(node_program)")/../LICENSE" "$context/LICENSE"
  fetch_npm_package npm "$(setting SOTTO_NPM_VERSION)" SOTTO_NPM_VERSION "$context/npm"
  rm -rf "$context/npm/docs" "$context/npm/man"
  printf '%s\n' \
    "FROM $(setting SOTTO_DEBIAN_IMAGE)" \
    'RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 libstdc++6 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*' \
    'COPY LICENSE /usr/local/LICENSE' \
    'COPY node /usr/local/bin/node' \
    'COPY npm /usr/local/lib/node_modules/npm' \
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx && node --version && npm --version' \
    "LABEL org.sotto.twin=$tag" \
    'CMD ["node"]' >"$context/Dockerfile"
  docker build --quiet --tag "$tag" "$context" >/dev/null
  rm -rf "$context"
}

twin_redis() {
  local tag="$1"
  twin_needs_debian "$tag"
  printf '%s\n' \
    "FROM $(setting SOTTO_DEBIAN_IMAGE)" \
    'RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*' \
    "LABEL org.sotto.twin=$tag" \
    'CMD ["redis-server"]' | docker build --quiet --tag "$tag" - >/dev/null
}

# npm inside `docker build` uses the same registry proxy as outside: the build stage gets the
# machine's CA bundle.
ca_bundle_for_build() {
  local source="${NODE_EXTRA_CA_CERTS:-}" target="$SOTTO_ROOT/ca-bundle.pem"
  if [ -z "$source" ] || [ ! -f "$source" ]; then
    rm -f "$target"
  elif ! cmp -s "$source" "$target"; then
    cp "$source" "$target"
  fi
}

images_build() {
  ca_bundle_for_build
  (cd "$SOTTO_ROOT" && docker compose -f docker-compose.yml -f test/tornet/compose.yml --profile client build --quiet) >&2
}
