//! Properties of the parsers on inputs near the valid ones. `fuzz/` goes further, with coverage.

use capy_protocol::Error;
use capy_protocol::blob::{Format, SecretsBlob};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_protocol::env_value;
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::key::{DeployProjectKey, HEX_LEN, ProjectKey, ServiceKey};
use capy_protocol::mint::Minting;
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use capy_protocol::text::{parse_base64, serialize_base64};
use capy_protocol::wrap::WrapRoots;
use proptest::collection::btree_map;
use proptest::prelude::*;

fn env(entries: impl IntoIterator<Item = (String, String)>) -> EnvMap {
    let mut env = EnvMap::new();
    for (name, value) in entries {
        env.try_insert(&name, SecretValue::new(value)).unwrap();
    }
    env
}

fn mint(format: Format, variables: &EnvMap) -> (SecretsBlob, DeployProjectKey, ServiceKey) {
    let roots = WrapRoots::parse(&format!("9:{}", "11".repeat(32))).unwrap();
    let project = ProjectId::parse("prj_a").unwrap();
    let minting = Minting::begin(format, &ProjectKey::new([5; 32]), &project).unwrap();
    let outer = roots.wrap(&minting.deploy_id(), &project, minting.inner_blob()).unwrap();
    let service_key = format.service_key(minting.inner_blob(), &minting.deploy_id(), &project);
    let minted = minting.finish(&outer, variables).unwrap();
    (minted.blob, minted.project_key, service_key)
}

proptest! {
    #[test]
    fn any_environment_survives_a_blob(entries in btree_map("[^=\0]{1,20}", "[^\0]{0,200}", 0..20)) {
        let variables = env(entries);
        for format in [Format::V0, Format::V1] {
            let (blob, k_d, service_key) = mint(format, &variables);
            let parsed = SecretsBlob::parse(&format!("\n \"{}\" ", blob.serialize())).unwrap();
            prop_assert_eq!(parsed.open(&k_d, &service_key), Ok(variables.clone()));
        }
    }

    #[test]
    fn the_length_of_a_blob_is_known_before_it_is_sealed(
        entries in btree_map("[^=\0]{1,20}", "[^\0]{0,200}", 0..20),
        escaped in "[\"\\\\\x01-\x1f\x7f<>&'/]{0,20}",
    ) {
        let variables = env(entries.into_iter().chain([("ESCAPED".into(), escaped)]));
        for format in [Format::V0, Format::V1] {
            let (blob, k_d, _) = mint(format, &variables);
            prop_assert_eq!(SecretsBlob::sealed_len(format, &variables), blob.serialize().len());
            prop_assert_eq!(k_d.serialize_hex().len(), HEX_LEN);
        }
    }

    #[test]
    fn one_changed_bit_opens_nothing(bit in any::<prop::sample::Index>()) {
        let (blob, k_d, service_key) = mint(Format::V1, &env([("A".into(), "canary.A.x9".into())]));
        let mut bytes = parse_base64(&blob.serialize()).unwrap();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let opened = SecretsBlob::parse(&serialize_base64(&bytes)).and_then(|blob| blob.open(&k_d, &service_key));
        prop_assert!(opened.is_err(), "bit {}", bit);
    }

    #[test]
    fn arbitrary_text_is_no_blob(text in ".{0,300}") {
        prop_assert!(SecretsBlob::parse(&text).is_err());
    }

    #[test]
    fn any_value_survives_sealing(name in "[A-Z_]{1,20}", value in any::<String>()) {
        let (key, project) = (ProjectKey::new([1; 32]), ProjectId::parse("prj_a").unwrap());
        let sealed = env_value::seal(&key, &project, &name, &SecretValue::new(value.clone())).unwrap();
        let opened = env_value::open(&key, &project, &name, &sealed).unwrap();
        prop_assert_eq!(opened.expose_secret(), value);
    }
}

proptest! {
    /// What is moved, altered by a bit or opened by another key does not open.
    #[test]
    fn any_value_survives_a_store_row_in_its_own_place_alone(
        projects in prop::array::uniform2("[a-z]{1,8}"),
        names in prop::array::uniform2("[A-Z]{1,8}"),
        value in any::<String>(),
        bit in any::<prop::sample::Index>(),
    ) {
        let keys = StoreKeys::parse(&"01".repeat(32)).unwrap();
        let ids = projects.each_ref().map(|id| ProjectId::parse(id).unwrap());
        let binding = Binding { project: &ids[0], name: &names[0] };
        let row = keys.seal(binding, &SecretValue::new(value.clone())).unwrap();
        let key_id = Some(keys.newest());
        prop_assert_eq!(keys.open(binding, key_id, &row), Ok(SecretValue::new(value)));
        let elsewhere = Binding { project: &ids[1], name: &names[1] };
        prop_assert_eq!(keys.open(elsewhere, key_id, &row).is_ok(), elsewhere == binding);
        let other = StoreKeys::parse(&"02".repeat(32)).unwrap();
        prop_assert_eq!(other.open(binding, Some(other.newest()), &row), Err(Error::Unauthentic));
        // One hexadecimal digit stands for another: every bit of IV, tag and ciphertext counts.
        let digits: Vec<_> = row.char_indices().filter(|(_, digit)| *digit != ':').collect();
        let (at, digit) = *bit.get(&digits);
        let altered = char::from_digit(digit.to_digit(16).unwrap() ^ 1, 16).unwrap();
        let mut text = row.clone();
        text.replace_range(at..=at, &altered.to_string());
        prop_assert_eq!(keys.open(binding, key_id, &text), Err(Error::Unauthentic));
    }

    #[test]
    fn arbitrary_text_is_no_store_row(text in ".{0,200}") {
        let keys = StoreKeys::parse(&"01".repeat(32)).unwrap();
        let project = ProjectId::parse("prj_a").unwrap();
        let binding = Binding { project: &project, name: "A" };
        for key_id in [None, Some(keys.newest())] {
            prop_assert!(keys.open(binding, key_id, &text).is_err());
        }
    }
}

#[test]
fn a_huge_length_field_is_truncated_not_an_allocation() {
    let header =
        [b"capy\x01".as_slice(), DeployId::new([1; 32]).as_bytes(), &u32::MAX.to_be_bytes()].concat();
    assert_eq!(SecretsBlob::parse(&serialize_base64(&header)), Err(Error::Truncated));
}
