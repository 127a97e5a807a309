#!/bin/sh
# Makes the certificates of this directory anew, with OpenSSL 3. The keys are thrown away.
set -eu
cd "$(dirname "$0")"
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
days=65000

# issue NAME ISSUER KEY_ALGORITHM EXTENSIONS [signature options…]
issue() {
    name=$1 issuer=$2 algorithm=$3 extensions=$4
    shift 4
    # shellcheck disable=SC2086 # the algorithm may have options
    openssl genpkey -out "$keys/$name" -algorithm $algorithm 2>/dev/null
    openssl req -new -key "$keys/$name" -subj "/CN=$name.example" -out "$keys/$name.csr"
    printf '%b' "$extensions" >"$keys/extensions"
    if [ "$name" = "$issuer" ]; then by="-key $keys/$name"; else by="-CA $issuer.pem -CAkey $keys/$issuer"; fi
    # shellcheck disable=SC2086
    openssl x509 -req -in "$keys/$name.csr" $by -set_serial 1 -days "$days" \
        -extfile "$keys/extensions" -out "$name.pem" "$@" 2>/dev/null
}

authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n'
server='basicConstraints=CA:FALSE\nsubjectAltName=DNS:server.example\nextendedKeyUsage=serverAuth\n'
issue root root 'RSA -pkeyopt rsa_keygen_bits:2048' "$authority" -sha256
issue pss pss 'RSA -pkeyopt rsa_keygen_bits:2048' "$authority" -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
issue middle root 'EC -pkeyopt ec_paramgen_curve:P-384' "$authority" -sha512
issue p256 p256 'EC -pkeyopt ec_paramgen_curve:P-256' "$authority" -sha256
issue ed25519 ed25519 ED25519 "$authority"
issue server root ED25519 "$server" -sha256
issue server_of_middle middle ED25519 "$server" -sha384
issue server_of_pss pss ED25519 "$server" -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
issue server_of_p256 p256 ED25519 "$server" -sha256
issue server_of_ed25519 ed25519 ED25519 "$server"
issue client root ED25519 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n' -sha256
issue by_a_server server ED25519 "$server"
days=0
issue expired root ED25519 "$server" -sha256
