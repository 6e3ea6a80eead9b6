# shellcheck shell=bash
# Gets ShellCheck and shfmt, which `npm run check` holds our scripts to. Sourced, never run.

shell_tools_here() { have shellcheck && have shfmt; }

shell_tools_ensure() {
  local folder="$SOTTO_CACHE/shell-tools"
  if ! shell_tools_here && [ -d "$folder" ]; then shell_tools_take "$folder"; fi
  if shell_tools_here; then
    say '   ShellCheck and shfmt are there'
    return 0
  fi
  if is_debian_root; then
    apt_install shellcheck shfmt
  elif release_ready "$(debian_codename)"; then
    say "   unpacking ShellCheck and shfmt into $SOTTO_CACHE (nothing is installed)"
    rm -rf "$folder" "$folder.part"
    if release_unpack "$(debian_codename)" "$folder.part" shellcheck shfmt; then mv "$folder.part" "$folder"; fi
    shell_tools_take "$folder"
  fi
  shell_tools_here || die 2 'ShellCheck and shfmt are missing: they check the scripts.' \
    'next: apt-get install shellcheck shfmt (Debian, Ubuntu), brew install shellcheck shfmt (macOS)'
}

shell_tools_take() { # shell_tools_take FOLDER
  PATH="$PATH:$1/usr/bin"
  export PATH
}
