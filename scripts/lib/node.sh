# Finds a Node that runs Sotto's TypeScript directly, or fetches one as an npm package into the cache. Sourced, never run.
# After `node_ensure`: SOTTO_NODE is the program, and it is the first `node` in PATH, so that npm runs on it too.

NODE_MINIMUM=24.7.0 # the first with Argon2 and ML-KEM in node:crypto

node_ensure() {
  local version
  SOTTO_NODE="$(command -v node || true)"
  version=''
  if [ -n "$SOTTO_NODE" ]; then version="$("$SOTTO_NODE" --version 2>/dev/null | sed 's/^v//' || true)"; fi
  if [ -n "$version" ] && version_at_least "$version" "$NODE_MINIMUM"; then
    say "   Node $version is there"
  else
    SOTTO_NODE="$(node_program)"
    if [ ! -x "$SOTTO_NODE" ]; then
      say "   ${version:+Node $version is too old: }fetching Node $(setting SOTTO_NODE_VERSION) as an npm package into $SOTTO_CACHE"
      node_fetch
    fi
    PATH="$(dirname "$SOTTO_NODE"):$PATH"
    export PATH
    say "   Node $("$SOTTO_NODE" --version | sed 's/^v//') from $SOTTO_CACHE"
  fi
  export SOTTO_NODE
}

node_platform() { # the name that npm's packages of Node use: linux-x64, darwin-arm64
  local os arch
  case "$(uname -s)" in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) die 2 "there is no Node package for $(uname -s); install Node $NODE_MINIMUM or later" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) die 2 "there is no Node package for $(uname -m); install Node $NODE_MINIMUM or later" ;;
  esac
  printf '%s-%s\n' "$os" "$arch"
}

node_folder() { printf '%s/node-%s\n' "$SOTTO_CACHE" "$(setting SOTTO_NODE_VERSION)"; }
node_program() { printf '%s/node_modules/node-%s/bin/node\n' "$(node_folder)" "$(node_platform)"; }

# Installed beside its place and moved there whole, so that a cut-off download is never taken for a Node.
node_fetch() {
  local folder
  folder="$(node_folder)"
  if ! have npm; then
    is_debian_root || die 2 "neither Node $NODE_MINIMUM or later nor npm is here; get Node from https://nodejs.org/"
    apt_install npm
  fi
  rm -rf "$folder" "$folder.part"
  mkdir -p "$folder.part"
  npm install --silent --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --prefix "$folder.part" \
    "node-$(node_platform)@$(setting SOTTO_NODE_VERSION)" >&2
  rm -rf "$folder.part/node_modules/node-$(node_platform)/include" "$folder.part/node_modules/node-$(node_platform)/share"
  mv "$folder.part" "$folder"
}

# `npm ci`, unless node_modules already is what the lock file says.
npm_dependencies() {
  local stamp="$SOTTO_ROOT/node_modules/.sotto-lock"
  if cmp -s "$SOTTO_ROOT/package-lock.json" "$stamp"; then
    say '   node_modules is what package-lock.json says'
  else
    (cd "$SOTTO_ROOT" && npm ci --ignore-scripts --no-audit --no-fund >&2)
    cp "$SOTTO_ROOT/package-lock.json" "$stamp"
  fi
}
