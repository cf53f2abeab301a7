//! Tests of which credential pair is selected and how its parts are parsed.

use super::*;
use crate::credential_names::{BLOB_PARTS, VARIABLES};

fn code_for(set: &[(&str, &str)]) -> Option<&'static str> {
    let lookup = |name: &str| {
        let (_, value) = set.iter().find(|(known, _)| *known == name)?;
        Some(OsString::from(value))
    };
    Credentials::from_env(lookup).err().map(|error| error.code())
}

#[test]
fn only_a_whole_pair_is_taken() {
    for (set, code) in [
        (&[][..], None),
        (&["SECRETS_BLOB"], Some("CREDENTIALS_INCOMPLETE")),
        (&["PROJECT_KEY"], Some("CREDENTIALS_INCOMPLETE")),
        (&["_CAPY_SECRETS_BLOB"], Some("CREDENTIALS_INCOMPLETE")),
        (&["_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_INCOMPLETE")),
        (&["SECRETS_BLOB", "_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
        (&["_CAPY_SECRETS_BLOB", "PROJECT_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
        (&["SECRETS_BLOB", "PROJECT_KEY", "_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
        (&VARIABLES, Some("CREDENTIALS_AMBIGUOUS")),
        (&["SECRETS_BLOB", "SECRETS_BLOB_FILE", "PROJECT_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
        (&["SECRETS_BLOB_FILE", "_CAPY_DEPLOY_KEY"], Some("CREDENTIALS_AMBIGUOUS")),
        (&["SECRETS_BLOB_FILE"], Some("CREDENTIALS_INCOMPLETE")),
        (&["SECRETS_BLOB_FILE", "PROJECT_KEY"], Some("BLOB_FILE_UNREADABLE")),
        (&["_CAPY_SECRETS_BLOB_FILE", "_CAPY_DEPLOY_KEY"], Some("BLOB_FILE_UNREADABLE")),
        (&["SECRETS_BLOB", "PROJECT_KEY"], Some("BLOB_MALFORMED")),
        (&["_CAPY_SECRETS_BLOB", "_CAPY_DEPLOY_KEY"], Some("BLOB_MALFORMED")),
        (&["SECRETS_BLOB_2"], Some("CREDENTIALS_INCOMPLETE")),
        (&["_CAPY_SECRETS_BLOB_2", "_CAPY_SECRETS_BLOB_3"], Some("CREDENTIALS_INCOMPLETE")),
        (&["SECRETS_BLOB_2", "PROJECT_KEY"], Some("CREDENTIALS_INCOMPLETE")),
        (&["SECRETS_BLOB", "PROJECT_KEY", "SECRETS_BLOB_2"], Some("BLOB_MALFORMED")),
        (&["SECRETS_BLOB", "PROJECT_KEY", "_CAPY_SECRETS_BLOB_2"], Some("CREDENTIALS_AMBIGUOUS")),
        (&["SECRETS_BLOB_FILE", "PROJECT_KEY", "SECRETS_BLOB_2"], Some("CREDENTIALS_AMBIGUOUS")),
    ] {
        let set: Vec<_> = set.iter().map(|name| (*name, "x")).collect();
        assert_eq!(code_for(&set), code, "{set:?}");
    }
}

#[test]
fn an_emptied_variable_counts_as_unset() {
    assert_eq!(code_for(&[("SECRETS_BLOB", ""), ("PROJECT_KEY", " \n")]), None);
    assert_eq!(code_for(&[("SECRETS_BLOB", "x"), ("PROJECT_KEY", "")]), Some("CREDENTIALS_INCOMPLETE"));
}

#[test]
fn the_error_names_what_was_found_and_no_value() {
    let lookup = |name: &str| name.ends_with("BLOB").then(|| "canary".into());
    let error = Credentials::from_env(lookup).unwrap_err();
    assert_eq!(
        error.to_string(),
        "variables of two credential pairs are set: SECRETS_BLOB, _CAPY_SECRETS_BLOB"
    );
}

#[test]
fn a_blob_in_a_file_is_named_by_the_variable_that_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capy.blob");
    std::fs::write(&path, "canary\n").unwrap();
    let lookup = |name: &str| match name {
        "SECRETS_BLOB_FILE" => Some(OsString::from(&path)),
        "PROJECT_KEY" => Some("x".into()),
        _ => None,
    };
    let error = Credentials::from_env(lookup).unwrap_err();
    assert_eq!(error.code(), "BLOB_MALFORMED");
    assert!(error.to_string().starts_with("SECRETS_BLOB_FILE is damaged"), "{error}");
}

#[test]
fn a_blob_that_was_split_is_joined_in_order_and_none_may_be_left_out() {
    let join = |set: &[(&str, &str)]| {
        let found = |name: &str| set.iter().find(|(known, _)| *known == name);
        let lookup = |name: &str| found(name).map(|(_, value)| OsString::from(value));
        let (text, _) = join_parts(Zeroizing::new("\"aa\"\n".into()), Names::PROJECT_KEY, lookup)?;
        Ok::<_, Error>(text)
    };
    assert_eq!(*join(&[]).unwrap(), "\"aa\"\n");
    assert_eq!(*join(&[("SECRETS_BLOB_3", "cc"), ("SECRETS_BLOB_2", " 'bb' ")]).unwrap(), "aabbcc");
    assert_eq!(*join(&[("SECRETS_BLOB_2", " ")]).unwrap(), "\"aa\"\n");
    for set in [&[("SECRETS_BLOB_3", "cc")][..], &[("SECRETS_BLOB_2", "bb"), ("SECRETS_BLOB_16", "x")]] {
        assert_eq!(join(set).unwrap_err().code(), "CREDENTIALS_INCOMPLETE", "{set:?}");
    }
    assert_eq!((BLOB_PARTS[0], BLOB_PARTS[14]), ("SECRETS_BLOB_2", "SECRETS_BLOB_16"));
    assert!(is_credential("_CAPY_SECRETS_BLOB_16") && !is_credential("SECRETS_BLOB_17"));
}

#[test]
fn quotes_around_a_key_are_forgiven_and_nothing_else() {
    let key = "5a".repeat(32);
    for text in [key.clone(), format!("\"{key}\""), format!(" '{key}'\n")] {
        assert!(parse_key(Names::PROJECT_KEY, &text).is_ok(), "{text}");
    }
    for bad in [&key[1..], &format!("0x{key}"), &format!("'\"{key}\"'")] {
        assert!(parse_key(Names::PROJECT_KEY, bad).is_err(), "{bad}");
    }
}
