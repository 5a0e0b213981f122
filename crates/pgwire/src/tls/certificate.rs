//! The hash of the server's certificate that SCRAM's channel binding signs (RFC 5929, section 4.1).
//!
//! The hash function is that of the certificate's own signature, with SHA-256 in place of MD5 and SHA-1. Only so much of
//! the certificate is read as says which that is:
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature }
//! ```

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
/// `[0] hashAlgorithm` in the parameters of RSASSA-PSS.
const PSS_HASH: u8 = 0xA0;

/// `None` for bytes that are not a certificate, and for signatures without a separate hash, such as Ed25519.
pub(super) fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match Hash::of_signature(certificate)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of_signature(certificate: &[u8]) -> Option<Self> {
        let (body, _) = element(certificate, SEQUENCE)?;
        let (_, after_tbs) = element(body, SEQUENCE)?;
        let (algorithm, _) = element(after_tbs, SEQUENCE)?;
        let (oid, parameters) = element(algorithm, OID)?;
        match oid {
            // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
            [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 4 | 5 | 11]
            | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1]
            | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2] => Some(Self::Sha256),
            [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 14] | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 1] => {
                Some(Self::Sha224)
            }
            [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 12] | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3] => {
                Some(Self::Sha384)
            }
            [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 13] | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 4] => {
                Some(Self::Sha512)
            }
            [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10] => Self::of_pss(parameters),
            _ => None,
        }
    }

    /// RSASSA-PSS names its hash in its parameters; SHA-1, hence SHA-256 for us, if it does not.
    fn of_pss(parameters: &[u8]) -> Option<Self> {
        let (parameters, _) = element(parameters, SEQUENCE)?;
        let Some((hash, _)) = element(parameters, PSS_HASH) else {
            return Some(Self::Sha256);
        };
        let (algorithm, _) = element(hash, SEQUENCE)?;
        let (oid, _) = element(algorithm, OID)?;
        match oid {
            [0x2B, 0x0E, 3, 2, 26] | [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => Some(Self::Sha256),
            [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => Some(Self::Sha384),
            [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => Some(Self::Sha512),
            [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4] => Some(Self::Sha224),
            _ => None,
        }
    }
}

/// The content of the DER element at the front, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, short], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        // Long form: how many bytes of length follow. Four are more than any certificate needs.
        let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7F))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, &digit| (length << 8) | usize::from(digit)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let sequence = |content: &[u8]| {
            let mut der = vec![SEQUENCE, u8::try_from(content.len()).expect("short")];
            der.extend_from_slice(content);
            der
        };
        let mut body = sequence(b"tbs");
        body.extend_from_slice(&sequence(algorithm));
        sequence(&body)
    }

    #[track_caller]
    fn check(oid: &[u8], parameters: &[u8], expected: Option<Hash>) {
        let mut algorithm = vec![OID, u8::try_from(oid.len()).expect("short")];
        algorithm.extend_from_slice(oid);
        algorithm.extend_from_slice(parameters);
        assert_eq!(Hash::of_signature(&certificate(&algorithm)), expected);
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let rsa = |last| [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, last];
        check(&rsa(5), &[5, 0], Some(Hash::Sha256));
        check(&rsa(11), &[5, 0], Some(Hash::Sha256));
        check(&rsa(12), &[5, 0], Some(Hash::Sha384));
        check(&rsa(13), &[5, 0], Some(Hash::Sha512));
        check(&rsa(14), &[5, 0], Some(Hash::Sha224));
        check(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3], &[], Some(Hash::Sha384));
        // Ed25519 hashes inside.
        check(&[0x2B, 0x65, 0x70], &[], None);
    }

    #[test]
    fn pss_names_its_hash_in_its_parameters() {
        let pss = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10];
        check(&pss, &[SEQUENCE, 0], Some(Hash::Sha256));
        let sha512 =
            [SEQUENCE, 15, PSS_HASH, 13, SEQUENCE, 11, OID, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
        check(&pss, &sha512, Some(Hash::Sha512));
        check(&pss, &[], None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(der: Vec<u8>) {
            let _ = end_point_hash(&der);
        }

        #[test]
        fn no_algorithm_makes_it_panic(algorithm in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = end_point_hash(&certificate(&algorithm));
        }
    }
}
