# shellcheck shell=bash
# An apt view of another Debian release made out of the machine's own Debian sources, in directories
# of its own, so that nothing of the machine changes and no mirror is named here. Sourced, never
# run.

release_directory() { printf '%s/apt-%s\n' "$SOTTO_CACHE" "$1"; }
release_list() { printf '%s/%s.list\n' "$(release_directory "$1")" "$1"; }

# shellcheck disable=SC2034  # used by images.sh
TRIXIE_SOURCES="$(release_list trixie)"

debian_codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || true; }

# The machine's one-line and deb822 sources of its own release, as one-line sources of another;
# third-party sources are left out.
release_sources() { # release_sources RELEASE
  local codename file
  codename="$(debian_codename)"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    awk -v from="$codename" -v to="$1" '
      $1 == "deb" {
        line = "deb"
        suite = 0
        for (i = 2; i <= NF; i++) {
          if ($i == from || $i == from "-updates" || $i == from "-security") { sub(from, to, $i); suite = 1 }
          line = line " " $i
        }
        if (suite) print line
      }' "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    awk -v from="$codename" -v to="$1" '
      function flush(   u, s, n, m, a, b, options) {
        options = key == "" ? "" : "[signed-by=" key "] "
        n = split(uris, a, " ")
        m = split(suites, b, " ")
        if (types ~ /(^| )deb( |$)/)
          for (u = 1; u <= n; u++)
            for (s = 1; s <= m; s++)
              if (b[s] == from || b[s] == from "-updates" || b[s] == from "-security") {
                sub(from, to, b[s])
                print "deb " options a[u] " " b[s] " " components
              }
        types = uris = suites = components = key = ""
      }
      /^#/ { next }
      /^[[:space:]]*$/ { flush(); next }
      /^Types:/ { sub(/^[^:]*:[[:space:]]*/, ""); types = $0 }
      /^URIs:/ { sub(/^[^:]*:[[:space:]]*/, ""); uris = $0 }
      /^Suites:/ { sub(/^[^:]*:[[:space:]]*/, ""); suites = $0 }
      /^Components:/ { sub(/^[^:]*:[[:space:]]*/, ""); components = $0 }
      /^Signed-By:[[:space:]]*\// { sub(/^[^:]*:[[:space:]]*/, ""); key = $0 }
      END { flush() }' "$file"
  done | sort -u
}

release_ready() { # release_ready RELEASE: true when this machine's sources can be turned into those of that release
  local directory
  [ "$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null)" = debian ] || return 1
  directory="$(release_directory "$1")"
  mkdir -p "$directory/lists/partial" "$directory/cache/archives/partial"
  release_sources "$1" >"$(release_list "$1")"
  [ -s "$(release_list "$1")" ]
}

release_apt_get() { # release_apt_get RELEASE ARGUMENT...: apt-get that sees only that release and keeps its lists and files to itself
  local release="$1" directory
  directory="$(release_directory "$1")"
  shift
  apt-get -qq -o "Dir::Etc::SourceList=$(release_list "$release")" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$directory/lists" -o "Dir::Cache=$directory/cache" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# Unpacks packages of a release without installing them: release_unpack RELEASE DIRECTORY PACKAGE...
release_unpack() {
  local release="$1" into="$2" debs deb
  debs="$(release_directory "$1")/debs"
  shift 2
  mkdir -p "$into" "$debs"
  rm -f "$debs"/*.deb
  release_apt_get "$release" update >&2
  (cd "$debs" && release_apt_get "$release" download "$@" >&2)
  for deb in "$debs"/*.deb; do dpkg -x "$deb" "$into"; done
  rm -f "$debs"/*.deb
}

trixie_ready() { release_ready trixie; }
trixie_unpack() { release_unpack trixie "$@"; } # trixie_unpack DIRECTORY PACKAGE...
