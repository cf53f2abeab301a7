//! HKDF-SHA-256 (RFC 5869) with the output lengths this protocol uses.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// `HKDF(ikm, salt, info, N)`. The parts of `ikm` and of `info` are concatenated.
pub(crate) fn hkdf<const N: usize>(ikm: &[&[u8]], salt: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "RFC 5869 limits the output to 255 blocks") };
    let ikm = Zeroizing::new(ikm.concat());
    let mut okm = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(Some(salt), &ikm)
        .expand_multi_info(info, okm.as_mut())
        .expect("N is within the bound asserted above");
    okm
}

#[cfg(test)]
mod tests {
    use super::hkdf;

    #[test]
    fn rfc_5869_test_case_1() {
        let okm = hkdf::<42>(
            &[&[0x0b; 22]],
            &hex::decode("000102030405060708090a0b0c").unwrap(),
            &[&hex::decode("f0f1f2f3f4").unwrap(), &hex::decode("f5f6f7f8f9").unwrap()],
        );
        assert_eq!(
            hex::encode(okm.as_slice()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }
}
