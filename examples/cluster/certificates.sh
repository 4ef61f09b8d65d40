#!/bin/sh
# Makes an authority for the links of a cluster, and a certificate for each node: certificates.sh FOLDER NODE…
# An authority that is there already is kept, and so are the certificates.
set -eu
folder=$1
shift
cd "$folder"
[ -e ca.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
  -subj "/CN=links of the cluster" -keyout ca.key -out ca.pem
for node in "$@"; do
  [ -e "$node.pem" ] && continue
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$node" -keyout "$node.key" -out "$node.csr"
  printf 'subjectAltName=DNS:%s\n' "$node" >"$node.ext"
  openssl x509 -req -days 3650 -in "$node.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile "$node.ext" \
    -out "$node.pem"
  rm "$node.csr" "$node.ext"
  # The user of the broker's image reads it.
  if [ "$(id -u)" = 0 ]; then chown 1883 "$node.key"; fi
done
