//! Opens the project's secrets on the build machine: `ENCRYPTION_KEY` and the sealed rows.
//!
//! Rows are opened in memory only. A row opens only for the project and the name that it was sealed
//! for, and errors tell no more of a row than its name.

use std::ffi::OsString;
use std::path::PathBuf;

use capy_protocol::Error as ProtocolError;
use capy_protocol::api::projects::StoreRows;
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::ProjectId;
use capy_protocol::service_secrets::{ADMIN_TOKEN, ENCRYPTION_KEY, WRAP_ROOTS};
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use zeroize::Zeroizing;

use crate::error::BuildFault as Fault;
use crate::exec_limits::MAX_ARG_STRLEN;
use crate::local::private_file;
use crate::{names, printer};

const KEY_FILE: &str = "ENCRYPTION_KEY_FILE";

/// The most bytes of all secrets together. The usual limit on arguments and environment is 2 MiB,
/// and the rest is for the image and the programs.
const MAX_ENVIRONMENT: usize = 3 * 512 * 1024;

/// Whether a variable holds a key or token of the store or the service, which no program that is
/// started gets.
pub(super) fn is_key(name: &str) -> bool {
    [ENCRYPTION_KEY, KEY_FILE, ADMIN_TOKEN, WRAP_ROOTS].contains(&name)
}

/// Reads the keys from `ENCRYPTION_KEY`, else from the file that `ENCRYPTION_KEY_FILE` names.
pub(super) fn keys() -> Result<StoreKeys, Fault> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let text = match (set(ENCRYPTION_KEY).map(OsString::into_string), set(KEY_FILE)) {
        (Some(Ok(text)), _) => Zeroizing::new(text),
        (Some(Err(_)), _) => return Err(Fault::KeyMalformed),
        (None, Some(file)) => {
            let path = PathBuf::from(file);
            private_file::read_private(&path)
                .map_err(Fault::file("read", &path))?
                .ok_or(Fault::KeyExposed { path })?
        }
        (None, None) => return Err(Fault::KeyMissing),
    };
    StoreKeys::parse(&text).map_err(|_| Fault::KeyMalformed)
}

/// Opens the rows of a project.
pub(super) fn open(keys: &StoreKeys, project: &ProjectId, rows: &StoreRows) -> Result<EnvMap, Fault> {
    if rows.project_id != *project {
        let (wanted, got) = (project.to_string(), rows.project_id.to_string());
        return Err(Fault::RowsOfAnother { wanted, got });
    }
    let mut values = EnvMap::new();
    let mut bytes = 0;
    for row in &rows.rows {
        let name = row.key.as_str();
        match names::check(name) {
            Ok(()) => {}
            Err(crate::error::Error::NameReserved { .. }) => {
                printer::note(&format!(
                    "warning: capy ignores {name}, because the name is reserved for capy"
                ));
                continue;
            }
            Err(_) => return Err(Fault::NameUnusable { name: name.into() }),
        }
        let value =
            keys.open(Binding { project, name }, row.key_id, &row.row).map_err(|fault| match fault {
                ProtocolError::UnknownStoreKey(id) => {
                    Fault::KeyUnknown { name: name.into(), key_id: id.to_string() }
                }
                _ => Fault::RowDoesNotOpen { name: name.into() },
            })?;
        // With `=` and the final zero.
        let length = name.len() + value.expose_secret().len() + 2;
        if length > MAX_ARG_STRLEN {
            return Err(Fault::ValueTooLong { name: name.into() });
        }
        bytes += length;
        values.try_insert(name, value).map_err(|_| Fault::NameUnusable { name: name.into() })?;
    }
    if bytes > MAX_ENVIRONMENT {
        return Err(Fault::ValuesTooLong { bytes, most: MAX_ENVIRONMENT });
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::projects::StoreRow;
    use capy_protocol::env_map::SecretValue;

    use super::*;

    fn rows(keys: &StoreKeys, project: &ProjectId, names: &[&str]) -> StoreRows {
        let row = |name: &&str| StoreRow {
            key: (*name).into(),
            row: keys
                .seal(Binding { project, name }, &SecretValue::new(format!("canary.{name}.x9")))
                .unwrap(),
            key_id: Some(keys.newest()),
        };
        StoreRows { project_id: project.clone(), rows: names.iter().map(row).collect() }
    }

    #[test]
    fn a_row_opens_where_it_was_sealed_for_and_nowhere_else() {
        let keys = StoreKeys::parse(&"5a".repeat(32)).unwrap();
        let (project, other) = (ProjectId::parse("prj_a").unwrap(), ProjectId::parse("prj_b").unwrap());
        let good = rows(&keys, &project, &["A", "B"]);
        let opened = open(&keys, &project, &good).unwrap();
        assert_eq!(opened.get("B").unwrap().expose_secret(), "canary.B.x9");

        let mut moved = good.clone();
        moved.rows[0].row = good.rows[1].row.clone();
        assert!(matches!(open(&keys, &project, &moved), Err(Fault::RowDoesNotOpen { name }) if name == "A"));
        let mut altered = good.clone();
        altered.rows[1].row.replace_range(..1, if good.rows[1].row.starts_with('0') { "1" } else { "0" });
        assert!(
            matches!(open(&keys, &project, &altered), Err(Fault::RowDoesNotOpen { name }) if name == "B")
        );
        assert!(matches!(open(&keys, &other, &good), Err(Fault::RowsOfAnother { .. })));
        let relabelled = StoreRows { project_id: other.clone(), rows: good.rows.clone() };
        assert!(matches!(open(&keys, &other, &relabelled), Err(Fault::RowDoesNotOpen { .. })));
        let stranger = StoreKeys::parse(&"5b".repeat(32)).unwrap();
        assert!(matches!(open(&stranger, &project, &good), Err(Fault::KeyUnknown { .. })));
    }

    #[test]
    fn what_no_environment_can_carry_is_refused_before_anything_runs() {
        let keys = StoreKeys::parse(&"5a".repeat(32)).unwrap();
        let project = ProjectId::parse("prj_a").unwrap();
        let row = |name: &str, bytes: usize| StoreRow {
            key: name.into(),
            row: keys
                .seal(Binding { project: &project, name }, &SecretValue::new("a".repeat(bytes)))
                .unwrap(),
            key_id: Some(keys.newest()),
        };
        let open_all =
            |rows: Vec<StoreRow>| open(&keys, &project, &StoreRows { project_id: project.clone(), rows });
        assert_eq!(open_all(vec![row("A", 128 * 1024 - 3)]).unwrap().len(), 1);
        assert!(
            matches!(open_all(vec![row("A", 128 * 1024 - 2)]), Err(Fault::ValueTooLong { name }) if name == "A")
        );
        let many = (0..13).map(|number| row(&format!("A{number}"), 125 * 1024)).collect();
        assert!(matches!(open_all(many), Err(Fault::ValuesTooLong { .. })));
    }

    #[test]
    fn a_name_that_no_shell_takes_is_refused() {
        let keys = StoreKeys::parse(&"5a".repeat(32)).unwrap();
        let project = ProjectId::parse("prj_a").unwrap();
        for bad in ["A=B", "A B", "", "1A", "A\nB", "A\0", "my.key", "a-b", "é"] {
            let rows = rows(&keys, &project, &[bad]);
            assert!(matches!(open(&keys, &project, &rows), Err(Fault::NameUnusable { .. })), "{bad:?}");
        }
        assert!(open(&keys, &project, &rows(&keys, &project, &["CAPY_TOKEN"])).unwrap().is_empty());
    }
}
