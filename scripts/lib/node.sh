# shellcheck shell=bash
# Finds a Node that runs Sotto's TypeScript directly, or fetches one as an npm package into the
# cache. Sourced, never run. After `node_ensure`: SOTTO_NODE is the program, and it is the first
# `node` in PATH, so that npm runs on it too.

NODE_MINIMUM=24.7.0 # the first with Argon2 and ML-KEM in node:crypto

node_ensure() {
  local version platform
  SOTTO_NODE="$(command -v node || true)"
  version=''
  if [ -n "$SOTTO_NODE" ]; then version="$("$SOTTO_NODE" --version 2>/dev/null | sed 's/^v//' || true)"; fi
  if [ -n "$version" ] && version_at_least "$version" "$NODE_MINIMUM"; then
    say "   Node $version is there"
  else
    platform="$(node_platform)" # ends here where there is no package
    SOTTO_NODE="$(node_program)"
    if ! node_is_fetched; then
      say "   ${version:+Node $version is too old: }fetching node-$platform $(setting SOTTO_NODE_VERSION) from npm into $SOTTO_CACHE"
      node_fetch
    fi
    PATH="$(dirname -- "$SOTTO_NODE"):$PATH"
    export PATH
    say "   Node $("$SOTTO_NODE" --version | sed 's/^v//') from $SOTTO_CACHE"
  fi
  export SOTTO_NODE
}

node_platform() { # the name that npm's packages of Node use: linux-x64, linux-arm64
  local system
  system="$(uname -s) $(uname -m)"
  case "$system" in
    'Linux x86_64' | 'Linux amd64') echo linux-x64 ;;
    'Linux aarch64' | 'Linux arm64') echo linux-arm64 ;;
    *) die 2 "npm has no Node for $system: install Node $NODE_MINIMUM or later (macOS: brew install node)" ;;
  esac
}

node_folder() { printf '%s/node-%s\n' "$SOTTO_CACHE" "$(setting SOTTO_NODE_VERSION)"; }
node_program() { printf '%s/node_modules/node-%s/bin/node\n' "$(node_folder)" "$(node_platform)"; }
node_archive() { printf 'node-%s-%s.tgz\n' "$(node_platform)" "$(setting SOTTO_NODE_VERSION)"; }

# What an earlier version of these scripts fetched was not checked, and has no digest beside it.
node_is_fetched() {
  local digest
  digest="$(fetched_digest "$(node_archive)")"
  [ -n "$digest" ] && [ -x "$(node_program)" ] && [ "$(cat "$(node_folder)/sha512" 2>/dev/null)" = "$digest" ]
}

# Unpacked beside its place and moved there whole, so that a cut-off download is never taken for a
# Node.
node_fetch() {
  local folder package
  folder="$(node_folder)"
  package="node-$(node_platform)"
  fetch_needs_digest "$(node_archive)" SOTTO_NODE_VERSION
  if ! have npm; then
    is_debian_root || die 2 "neither Node $NODE_MINIMUM or later nor npm is here; get Node from https://nodejs.org/"
    apt_install npm
  fi
  rm -rf "$folder.part"
  fetch_npm_package "$package" "$(setting SOTTO_NODE_VERSION)" SOTTO_NODE_VERSION "$folder.part/node_modules/$package"
  rm -rf "$folder.part/node_modules/$package/include" "$folder.part/node_modules/$package/share"
  fetched_digest "$(node_archive)" >"$folder.part/sha512"
  rm -rf "$folder"
  mv "$folder.part" "$folder"
}

# `npm ci`, unless node_modules agrees with the lock file. A user's NODE_ENV=production drops no
# tool.
npm_dependencies() {
  local stamp="$SOTTO_ROOT/node_modules/.sotto-lock"
  if cmp -s "$SOTTO_ROOT/package-lock.json" "$stamp"; then
    say '   node_modules agrees with package-lock.json'
  else
    (cd "$SOTTO_ROOT" && npm ci --include=dev --ignore-scripts --no-audit --no-fund >&2)
    cp "$SOTTO_ROOT/package-lock.json" "$stamp"
  fi
}
