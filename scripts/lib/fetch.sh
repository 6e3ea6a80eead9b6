# shellcheck shell=bash
# Fetches npm's archives and takes none whose SHA-512 is not the one in fetched.sha512. Debian
# packages are not fetched here: apt checks them against the signatures of its sources. Sourced,
# never run.

fetched_digest() { # fetched_digest ARCHIVE: as the repository has it, or nothing
  awk -v name="$1" '$2 == name { print $1 }' "$SOTTO_ROOT/scripts/lib/fetched.sha512"
}

sha512_of() { # sha512_of FILE
  if have sha512sum; then
    sha512sum <"$1" | cut -d ' ' -f 1
  elif have shasum; then
    shasum -a 512 <"$1" | cut -d ' ' -f 1
  else
    openssl dgst -sha512 <"$1" | sed 's/^.*= //'
  fi
}

# Without a digest a version cannot be checked, so it is refused.
fetch_needs_digest() { # fetch_needs_digest ARCHIVE VARIABLE: the variable that chose its version
  [ -z "$(fetched_digest "$1")" ] || return 0
  die 2 "$1 was not fetched: scripts/lib/fetched.sha512 has no digest of it." \
    "next: unset $2, or add the digest to that file if you chose this version"
}

fetch_npm_package() { # fetch_npm_package NAME VERSION VARIABLE DIRECTORY: unpacks it into DIRECTORY
  local archive="$1-$2.tgz" into="$4" expected found
  fetch_needs_digest "$archive" "$3"
  expected="$(fetched_digest "$archive")"
  rm -rf "$into" "$into.archive"
  mkdir -p "$into" "$into.archive"
  (cd "$into.archive" && npm pack --silent --ignore-scripts "$1@$2" >/dev/null) ||
    die 1 "npm could not fetch $archive; npm's message is above"
  [ -f "$into.archive/$archive" ] || die 1 "npm fetched another file than $archive"
  found="$(sha512_of "$into.archive/$archive")"
  if [ "$found" != "$expected" ]; then
    rm -rf "$into" "$into.archive"
    die 1 "$archive has a wrong digest and was deleted: its SHA-512 begins with $(printf '%.16s' "$found")," \
      "scripts/lib/fetched.sha512 has $(printf '%.16s' "$expected"). The registry or what stands before it gave something else." \
      'next: try another network or registry; if the digest stays wrong, report it: SECURITY.md'
  fi
  tar -xzf "$into.archive/$archive" -C "$into" --strip-components=1
  rm -rf "$into.archive"
}
