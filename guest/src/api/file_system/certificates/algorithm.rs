//! The signatures that certificates have in practice.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::AssociatedOid;
use rsa::sha2::digest::DynDigest;
use rsa::sha2::{Digest, Sha256, Sha384, Sha512};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

/// Bytes of a modulus: 2,048 to 8,192 bits.
const RSA_MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// All of them.
pub(super) const ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA256, verify: pkcs1::<Sha256> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA384, verify: pkcs1::<Sha384> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA512, verify: pkcs1::<Sha512> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PSS_SHA256, verify: pss::<Sha256> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PSS_SHA384, verify: pss::<Sha384> },
    &Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PSS_SHA512, verify: pss::<Sha512> },
    &Algorithm { key: alg_id::ECDSA_P256, signature: alg_id::ECDSA_SHA256, verify: p256::<Sha256> },
    &Algorithm { key: alg_id::ECDSA_P256, signature: alg_id::ECDSA_SHA384, verify: p256::<Sha384> },
    &Algorithm { key: alg_id::ECDSA_P384, signature: alg_id::ECDSA_SHA256, verify: p384::<Sha256> },
    &Algorithm { key: alg_id::ECDSA_P384, signature: alg_id::ECDSA_SHA384, verify: p384::<Sha384> },
    &Algorithm { key: alg_id::ED25519, signature: alg_id::ED25519, verify: ed25519 },
];

/// Of a public key, a message and its signature: something if they fit.
type Verify = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// One kind of signature by one kind of key.
#[derive(Debug)]
struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.verify)(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

fn rsa_key(key: &[u8]) -> Option<RsaPublicKey> {
    let key = RsaPublicKey::from_pkcs1_der(key).ok()?;
    RSA_MODULUS.contains(&key.size()).then_some(key)
}

fn pkcs1<D: Digest + AssociatedOid>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa_key(key)?.verify(Pkcs1v15Sign::new::<D>(), &D::digest(message), signature).ok()
}

fn pss<D: Digest + DynDigest + Default + Send + Sync + 'static>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa_key(key)?.verify(Pss::new::<D>(), &<D as Digest>::digest(message), signature).ok()
}

fn p256<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    key.verify_prehash(&D::digest(message), &p256::ecdsa::Signature::from_der(signature).ok()?).ok()
}

fn p384<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    key.verify_prehash(&D::digest(message), &p384::ecdsa::Signature::from_der(signature).ok()?).ok()
}

fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
}
