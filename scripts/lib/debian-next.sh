# An apt view of Debian trixie made out of the machine's own Debian sources, in directories of its own, so that nothing of
# the machine changes and no mirror is named here. Sourced, never run.

TRIXIE_APT="$SOTTO_CACHE/apt-trixie"
TRIXIE_SOURCES="$TRIXIE_APT/trixie.list"

debian_codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# The machine's one-line and deb822 sources of its own release, as one-line sources of trixie; third-party sources are left out.
trixie_sources() {
  local codename file
  codename="$(debian_codename)"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    awk -v from="$codename" '
      $1 == "deb" {
        line = "deb"
        suite = 0
        for (i = 2; i <= NF; i++) {
          if ($i == from || $i == from "-updates" || $i == from "-security") { sub(from, "trixie", $i); suite = 1 }
          line = line " " $i
        }
        if (suite) print line
      }' "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    awk -v from="$codename" '
      function flush(   u, s, n, m, a, b, options) {
        options = key == "" ? "" : "[signed-by=" key "] "
        n = split(uris, a, " ")
        m = split(suites, b, " ")
        if (types ~ /(^| )deb( |$)/)
          for (u = 1; u <= n; u++)
            for (s = 1; s <= m; s++)
              if (b[s] == from || b[s] == from "-updates" || b[s] == from "-security") {
                sub(from, "trixie", b[s])
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

trixie_ready() { # true when this machine's sources can be turned into trixie's
  [ "$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null)" = debian ] || return 1
  mkdir -p "$TRIXIE_APT/lists/partial" "$TRIXIE_APT/cache/archives/partial"
  trixie_sources >"$TRIXIE_SOURCES"
  [ -s "$TRIXIE_SOURCES" ]
}

trixie_apt_get() { # apt-get that sees only trixie and keeps its lists and files to itself
  apt-get -qq -o "Dir::Etc::SourceList=$TRIXIE_SOURCES" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$TRIXIE_APT/lists" -o "Dir::Cache=$TRIXIE_APT/cache" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# Unpacks packages of trixie without installing them: trixie_unpack DIRECTORY PACKAGE...
trixie_unpack() {
  local into="$1" deb
  shift
  mkdir -p "$into" "$TRIXIE_APT/debs"
  rm -f "$TRIXIE_APT"/debs/*.deb
  trixie_apt_get update >&2
  (cd "$TRIXIE_APT/debs" && trixie_apt_get download "$@" >&2)
  for deb in "$TRIXIE_APT"/debs/*.deb; do dpkg -x "$deb" "$into"; done
  rm -f "$TRIXIE_APT"/debs/*.deb
}
