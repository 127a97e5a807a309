//! Verifying X.509 certificates against a root: signatures, times, names of issuers, constraints and key usage, by `webpki`. Neither
//! revocation nor the name of a host is looked at.

mod algorithm;

use std::time::Duration;

use rhai::{Array, EvalAltResult};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::handle::FileHandle;
use crate::bindings::rex::host::clock;
use crate::engine::Registrar;
use crate::error::{ApiResult, FILE_SYSTEM_KINDS, invalid_arguments, of_kind};

pub(super) fn register(registrar: &mut Registrar) {
    registrar.function("verify_cert", |file: &mut FileHandle, root: FileHandle| verify(file, &root, &[]));
    registrar.function("verify_cert_chain", |file: &mut FileHandle, root: FileHandle, others: Array| {
        let handle = |other: rhai::Dynamic| {
            other.try_cast_result::<FileHandle>().map_err(|other| {
                invalid_arguments(FILE_SYSTEM_KINDS, format!("a chain has file handles, not {}", other.type_name()))
            })
        };
        let others: Vec<_> = others.into_iter().map(handle).collect::<ApiResult<_>>()?;
        verify(file, &root, &others)
    });
}

/// Verifies a server's certificate. What stands behind it in its file, and what is in the others, may stand between it and the root.
fn verify(file: &FileHandle, root: &FileHandle, others: &[FileHandle]) -> ApiResult<()> {
    let root_certificate = first(root, &mut read(root)?)?;
    let anchor =
        anchor_from_trusted_cert(&root_certificate).map_err(|error| invalid(root, "is no certificate of a root", &error))?;
    let mut between = read(file)?;
    let certificate = first(file, &mut between)?;
    let certificate = EndEntityCert::try_from(&certificate).map_err(|error| invalid(file, "is no certificate", &error))?;
    for other in others {
        between.extend(read(other)?);
    }
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(clock::now().seconds).unwrap_or(0)));
    certificate
        .verify_for_usage(algorithm::ALL, &[anchor], &between, now, KeyUsage::server_auth(), None, None)
        .map(|_| ())
        .map_err(|error| invalid(file, "is not verified", &error))
}

/// The certificates of a file, in PEM.
fn read(file: &FileHandle) -> ApiResult<Vec<CertificateDer<'static>>> {
    let text = file.read()?;
    CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(file, "cannot be read as PEM", &error))
}

fn first(file: &FileHandle, certificates: &mut Vec<CertificateDer<'static>>) -> ApiResult<CertificateDer<'static>> {
    if certificates.is_empty() {
        return Err(invalid(file, "holds no certificate", &"it has no section CERTIFICATE"));
    }
    Ok(certificates.remove(0))
}

fn invalid(file: &FileHandle, what: &str, error: &dyn std::fmt::Display) -> Box<EvalAltResult> {
    of_kind(FILE_SYSTEM_KINDS, "ValidationError", format!("{:?} {what}: {error}", file.path()))
}
