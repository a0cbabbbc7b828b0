#!/bin/sh
# Installs Xunqun out of a bundle of deploy/bundle.py, without any network:
#   sh install.sh --into /opt/xunqun-0.1.0
# Every file is held to SHA256SUMS before anything is done, and pip holds the packages to the locks once more.
set -eu
# Services run as another user than whoever installs them.
umask 022

usage() {
    echo "usage: sh install.sh --into FOLDER [--python PROGRAM]" >&2
    exit 2
}

refuse() {
    echo "install.sh: $1" >&2
    exit 1
}

absolute() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
    esac
}

bundle=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
into=
python=
while [ $# -gt 0 ]; do
    case $1 in
    --into) [ -n "${2:-}" ] || usage; into=$(absolute "$2"); shift 2 ;;
    --python) [ $# -gt 1 ] || usage; python=$2; shift 2 ;;
    *) echo "install.sh: there is no option $1" >&2; usage ;;
    esac
done
[ -n "$into" ] || usage
# A name alone is looked for in PATH.
case $python in
*/*) python=$(absolute "$python") ;;
esac

# What is damaged, what is missing, and what nobody put in.
cd "$bundle"
[ -f SHA256SUMS ] || refuse "this folder is no bundle: it has no SHA256SUMS"
sha256sum --check --quiet --strict SHA256SUMS || refuse "the bundle is damaged or was changed: nothing was installed"
there=$(find . ! -type d ! -path ./SHA256SUMS | LC_ALL=C sort)
named=$(sed 's/^[0-9a-f]* [ *]/.\//' SHA256SUMS | LC_ALL=C sort)
[ "$there" = "$named" ] || refuse "the bundle holds files that SHA256SUMS does not name: nothing was installed"

read -r version machine < made-for
[ -n "$python" ] || python=$(command -v "python$version" || command -v python3) || refuse "there is no Python here: install Python $version"
have=$("$python" -c 'import platform, sys; print("%d.%d" % sys.version_info[:2], platform.machine())') || refuse "$python is no Python"
[ "$have" = "$version $machine" ] || refuse "this bundle is for Python $version on $machine, and $python is $have: name another with --python"
"$python" -c 'import ensurepip, venv' 2> /dev/null || refuse "this Python makes no environments: on Debian and Ubuntu, install python$version-venv"

if [ -e "$into" ] && [ -n "$(ls -A "$into")" ]; then
    refuse "$into is not empty: install each version into a folder of its own, so that you can go back"
fi
# What is half installed is taken away again.
trap 'rm -rf -- "$into"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
"$python" -m venv "$into"
# --isolated: no settings of this machine, in the environment or in files, say where packages come from.
"$into/bin/python" -m pip --isolated --disable-pip-version-check install --quiet --no-input --no-index --find-links "$bundle/wheels" \
    --require-hashes --only-binary :all: -r requirements-fleet.lock -r xunqun.lock
cp -R deploy docs LICENSE "$into/"
"$into/bin/xunqun" --version
trap - EXIT
echo "Installed in $into; docs/deploy.md there says how it is started."
