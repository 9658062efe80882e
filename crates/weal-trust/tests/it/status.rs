//! Status lists: what is set is found, and nothing hostile becomes large.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::json;
use weal_trust::encoding::base64url;
use weal_trust::status::{BITS_MIN, LIST_BYTES_MAX, ListKind, StatusEntry, StatusError, StatusList};

use crate::vc::{Es256, ISSUER, NOW_S, document, ed, kid, status};

const KINDS: [ListKind; 2] = [ListKind::Bitstring, ListKind::StatusList2021];

fn packed(bytes: &[u8]) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    base64url(&packer.finish().unwrap())
}

#[test]
fn a_signed_list_says_who_is_revoked() {
    let mut list = StatusList::new(0, "revocation");
    list.set(0).unwrap();
    list.set(94_567).unwrap();
    for kind in KINDS {
        let url = "https://issuer.example/status/1";
        let signed = list.sign(kind, url, &kid(ISSUER), &ed(), (NOW_S, 600)).unwrap();
        let read = StatusList::verify(&signed, &document(ISSUER, &ed()), NOW_S).unwrap();
        assert_eq!(read, list);
        assert_eq!((read.is_set(0), read.is_set(94_567), read.is_set(1)), (Ok(true), Ok(true), Ok(false)));
        assert_eq!(read.is_set(BITS_MIN), Err(StatusError::OutOfRange));
        assert!(StatusList::verify(&signed, &document(ISSUER, &Es256::new()), NOW_S).is_err());
        assert!(StatusList::verify(&signed, &document("did:web:other.example", &ed()), NOW_S).is_err());
        assert!(StatusList::verify(&signed, &document(ISSUER, &ed()), NOW_S + 700).is_err());
    }
    let other = crate::vc::credential(weal_trust::vc::Profile::Vc20, &ed());
    assert!(StatusList::verify(&other, &document(ISSUER, &ed()), NOW_S).is_err());
}

#[test]
fn the_first_bit_of_a_byte_is_its_highest() {
    let mut bytes = vec![0; 16 * 1024];
    bytes[0] = 0b0000_0001;
    let list = StatusList::decode(&packed(&bytes), "revocation").unwrap();
    assert_eq!((list.is_set(7), list.is_set(0)), (Ok(true), Ok(false)));
}

#[test]
fn lists_have_limits() {
    let decode = |text: &str| StatusList::decode(text, "revocation").unwrap_err();
    assert_eq!(decode(&packed(&[0; 16 * 1024 - 1])), StatusError::TooShort);
    assert!(StatusList::decode(&packed(&vec![0; LIST_BYTES_MAX]), "revocation").is_ok());
    assert_eq!(decode(&packed(&vec![0; LIST_BYTES_MAX + 1])), StatusError::TooLarge);
    let bomb = packed(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    assert_eq!(decode(&bomb), StatusError::TooLarge);
    for wrong in ["", "u", "!", "H4sI", "AAAA"] {
        assert!(matches!(decode(wrong), StatusError::Malformed(_)), "{wrong}");
    }
}

#[test]
fn entries_are_read_as_both_specifications_write_them() {
    for kind in KINDS {
        assert_eq!(StatusEntry::from_json(&status().to_json(kind)), Ok(status()));
    }
    let entry = |index: serde_json::Value| {
        let mut entry = status().to_json(ListKind::Bitstring);
        entry["statusListIndex"] = index;
        StatusEntry::from_json(&entry)
    };
    assert_eq!(entry(json!(7)), Ok(status()));
    for wrong in [json!("-1"), json!("+7"), json!("7.0"), json!(""), json!("99999999999"), json!(null)] {
        assert_eq!(entry(wrong), Err(StatusError::UnknownEntry));
    }
    let mut sized = status().to_json(ListKind::Bitstring);
    sized["statusSize"] = json!(2);
    assert_eq!(StatusEntry::from_json(&sized), Err(StatusError::UnknownEntry));
}

#[test]
fn each_form_has_its_own_alphabet() {
    let mut list = StatusList::new(BITS_MIN, "revocation");
    (0..BITS_MIN).step_by(7).try_for_each(|index| list.set(index)).unwrap();
    let (of_2023, of_2024) = (list.encode(ListKind::StatusList2021), list.encode(ListKind::Bitstring));
    let url_safe = of_2023.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    assert_eq!(of_2024, format!("u{url_safe}"));
    assert!(weal_trust::encoding::from_base64(&of_2023).is_ok(), "{of_2023}");
    assert!(StatusList::decode(&url_safe, "revocation").unwrap().is_set(7).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_set_and_nothing_else_is_found(set in proptest::collection::btree_set(0..BITS_MIN, 0..40)) {
        let mut list = StatusList::new(BITS_MIN, "revocation");
        set.iter().for_each(|index| list.set(*index).unwrap());
        for kind in KINDS {
            let read = StatusList::decode(&list.encode(kind), "revocation").unwrap();
            let found: Vec<u32> = (0..BITS_MIN).filter(|index| read.is_set(*index).unwrap()).collect();
            prop_assert_eq!(&found, &set.iter().copied().collect::<Vec<_>>());
        }
    }
}
