#!/bin/sh
# Usage: check_symbols.sh BUILD_FOLDER CC
#
# No global symbol of ours may carry the name of one that a library exports:
# the linker would quietly give the library ours, or us the library's.
set -eu

build=$1
cc=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for library in re jansson yaml event event_openssl srtp2 ssl crypto curl \
	sqlite3 pq spandsp opus bcg729; do
	file=$("$cc" -print-file-name="lib$library.so")
	case $file in
	/*) ;;
	*)  # a build may be without this one
	    test "$library" = bcg729 && continue
	    echo "lib$library.so not found"; exit 1 ;;
	esac

	nm -D --defined-only "$file" |
	awk -v lib="$library" 'NF == 3 && $2 ~ /[A-Z]/ {
		sub(/@.*/, "", $3); print $3, "lib" lib }' >>"$work/theirs"
done

for room in "$build"/lib*.a; do
	nm -g --defined-only "$room" |
	awk -v room="${room##*/}" 'NF == 3 { print $3, room }' >>"$work/ours"
done

sort -u "$work/theirs" >"$work/theirs.sorted"
sort -u "$work/ours" >"$work/ours.sorted"

if [ ! -s "$work/theirs" ] || [ ! -s "$work/ours" ]; then
	echo "no symbols to compare in $build"
	exit 1
fi

join "$work/ours.sorted" "$work/theirs.sorted" >"$work/both"

if [ -s "$work/both" ]; then
	echo "ours, and a library's too:"
	cat "$work/both"
	exit 1
fi

echo "$(wc -l <"$work/ours") global symbols, none of a library's"
