//! The statements and the migrations on SQLite, where a race is a plain sequence: D1 is SQLite too, but there no
//! test can stop between two calls.

use capy_worker::migrations::MIGRATIONS;
use capy_worker::store::{self, audit, deploys, projects, row_seals, tokens};
use rusqlite::{Connection, ToSql, params};

const ID: &str = "abababababababababababababababababababababababababababababababab";

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for (_, migration) in MIGRATIONS {
        database.execute_batch(migration).unwrap();
    }
    database
}

/// One transaction, as D1 runs a batch; the number of rows that the last statement returned.
fn transaction(database: &mut Connection, statements: &[(&str, &[&dyn ToSql])]) -> usize {
    let transaction = database.transaction().unwrap();
    let mut returned = 0;
    for (sql, values) in statements {
        let mut statement = transaction.prepare(sql).unwrap();
        let mut rows = statement.query(*values).unwrap();
        returned = 0;
        while rows.next().unwrap().is_some() {
            returned += 1;
        }
    }
    transaction.commit().unwrap();
    returned
}

fn register(database: &mut Connection) -> bool {
    let none = Option::<String>::None;
    let at = 5.0;
    let event: &[&dyn ToSql] =
        params![ID, "prj_a", "register", "ok", at, "192.0.2.7", "IS", none, "me", 9.0, "e1", "m", none];
    let row: &[&dyn ToSql] =
        params![ID, "prj_a", 9.0, 1.0, "project-key", none, none, at, none, none, none, none, "s"];
    transaction(database, &[(deploys::EVENT_IF_NEW, event), (deploys::INSERT, row)]) == 1
}

fn release(database: &mut Connection, at: f64) -> bool {
    let none = Option::<String>::None;
    let id = format!("decrypt {at}");
    let event: &[&dyn ToSql] = params![
        ID, "prj_a", "decrypt", "ok", at, none, none, none, none, 9.0, id, "m", none, 0.0, 9.0, none, ""
    ];
    let release: &[&dyn ToSql] = params![ID, at, 0.0, 9.0, "[]", none, none, ""];
    transaction(database, &[(deploys::EVENT_IF_OPEN, event), (deploys::RELEASE, release)]) == 1
}

fn revoke(database: &mut Connection, at: f64) -> Option<i64> {
    let none = Option::<String>::None;
    let id = format!("revoke {at}");
    let event: &[&dyn ToSql] =
        params![ID, "prj_a", "revoke", "ok", at, none, none, none, "me", 9.0, id, "m", none];
    transaction(database, &[(deploys::EVENT_IF_LIVE, event), (deploys::REVOKE, params![ID, at])]);
    database.query_row(deploys::REVOKED_AT, [ID], |row| row.get(0)).unwrap()
}

fn events(database: &Connection) -> Vec<String> {
    let mut statement =
        database.prepare("SELECT project_id || ' ' || action || ' ' || at FROM audit ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn an_id_is_inserted_once_with_one_event() {
    let mut database = database();
    assert!(register(&mut database));
    assert!(!register(&mut database));
    assert_eq!(events(&database), ["prj_a register 5"]);
}

#[test]
fn a_release_after_the_revocation_counts_nothing_and_writes_no_event() {
    let mut database = database();
    assert!(!release(&mut database, 6.0), "not registered yet");
    register(&mut database);
    assert!(release(&mut database, 7.0));
    assert_eq!(revoke(&mut database, 8.0), Some(8));
    assert!(!release(&mut database, 9.0));
    assert_eq!(revoke(&mut database, 10.0), Some(8), "the first time stays");
    assert_eq!(events(&database), ["prj_a register 5", "prj_a decrypt 7", "prj_a revoke 8"]);
    let counted: (i64, i64) = database
        .query_row(deploys::FIND, [ID], |row| Ok((row.get("uses")?, row.get("last_used_at")?)))
        .unwrap();
    assert_eq!(counted, (1, 7));
}

/// The seals of the counts 1 to 3 are given; what stands in the row is that of its own count.
#[test]
fn a_release_takes_the_seal_of_the_count_that_it_comes_to_and_none_where_it_was_given_none() {
    let mut database = database();
    register(&mut database);
    let none = Option::<String>::None;
    let row = |database: &Connection| -> (i64, String) {
        database.query_row(deploys::FIND, [ID], |row| Ok((row.get("uses")?, row.get("seal")?))).unwrap()
    };
    for expected in [(1, "s1"), (2, "s2"), (3, "s3")] {
        let release: &[&dyn ToSql] = params![ID, 6.0, 0.0, 2.0, r#"["s1","s2","s3"]"#, none, none, ""];
        assert_eq!(transaction(&mut database, &[(deploys::RELEASE, release)]), 1);
        assert_eq!(row(&database), (expected.0, expected.1.to_owned()));
    }
    let release: &[&dyn ToSql] = params![ID, 6.0, 0.0, 2.0, r#"["s1","s2","s3"]"#, none, none, ""];
    assert_eq!(transaction(&mut database, &[(deploys::RELEASE, release)]), 0, "it counts more by now");
    let release: &[&dyn ToSql] = params![ID, 6.0, 3.0, 9.0, "[]", none, none, ""];
    assert_eq!(transaction(&mut database, &[(deploys::RELEASE, release)]), 1);
    assert_eq!(row(&database), (4, "s3".to_owned()));
}

#[test]
fn a_release_is_named_in_its_row_once_and_for_a_minute_and_with_31_others_at_most() {
    let mut database = database();
    register(&mut database);
    let text = |at: u64, digest: u64| format!("{at:016} {digest:032} seal");
    let mut release = |at: u64, digest: u64| {
        let oldest = format!("{:016}", at.saturating_sub(100));
        let (named, digest) = (text(at, digest), format!("{digest:032}"));
        let values: &[&dyn ToSql] = params![ID, at as f64, 0.0, 1e6, "[]", named, digest, oldest];
        let released = transaction(&mut database, &[(deploys::RELEASE, values)]);
        let named: String = database.query_row(deploys::FIND, [ID], |row| row.get("repeats")).unwrap();
        (released, serde_json::from_str::<Vec<String>>(&named).unwrap())
    };
    assert_eq!(release(1000, 1), (1, vec![text(1000, 1)]));
    assert_eq!(release(1050, 1).0, 0, "the same client's");
    assert_eq!(release(1050, 2), (1, vec![text(1000, 1), text(1050, 2)]));
    assert_eq!(release(1101, 1).0, 1, "a minute later it is a use");
    for digest in 3..60 {
        release(1102, digest);
    }
    let (_, named) = release(1103, 60);
    assert_eq!(named.len(), 32);
    assert!(named.contains(&text(1103, 60)) && !named.contains(&text(1000, 1)), "{named:?}");
}

#[test]
fn the_list_is_newest_first_and_uses_its_index() {
    let database = database();
    let none = Option::<String>::None;
    for (id, project, at) in [("a", "p", 1), ("b", "p", 3), ("c", "p", 2), ("d", "q", 4)] {
        let row: &[&dyn ToSql] =
            params![id.repeat(64), project, 1, 1, "deploy-key", none, none, at, none, none, none, none, none];
        database.prepare(deploys::INSERT).unwrap().query(row).unwrap().next().unwrap();
    }
    let mut statement = database.prepare(deploys::LIST).unwrap();
    let times = statement
        .query_map(params!["p", 9, "", 10], |row| row.get::<_, i64>("created_at"))
        .unwrap()
        .map(Result::unwrap);
    assert_eq!(times.collect::<Vec<_>>(), [3, 2, 1]);
    let explain = format!("EXPLAIN QUERY PLAN {}", deploys::LIST);
    let plan: String =
        database.query_row(&explain, params!["p", 9, "", 10], |row| row.get("detail")).unwrap();
    assert!(plan.contains("deploys_of_project"), "{plan}");
    assert!(database.prepare(store::CHECK).unwrap().exists([]).unwrap());
}

/// What is asked for with every call, or every few minutes, takes no longer in a large table: only with a word of its plan
/// could a statement read all of one.
#[test]
fn nothing_that_is_asked_for_often_reads_a_whole_table() {
    let database = database();
    let plan = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
        let rows = statement.query_map(rusqlite::params_from_iter(unbound), |row| row.get("detail")).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let scans = |sql: &str| {
        let last = sql.contains("ORDER BY id DESC LIMIT 1");
        // A virtual table is what a parameter holds; a subquery was read by the steps before it, and of a table in the order
        // of its key the last row is found at once.
        let harmless = |step: &str| {
            ["json_each", "VIRTUAL", "CONSTANT", "(subquery", "sqlite_sequence"]
                .iter()
                .any(|kind| step.contains(kind))
                || (last && step == "SCAN audit_checkpoints")
                || (sql.contains("LIMIT ?3) new") && step == "SCAN new")
        };
        plan(sql).into_iter().find(|step| step.starts_with("SCAN") && !harmless(step))
    };
    for (name, sql) in [
        ("find", deploys::FIND),
        ("list", deploys::LIST),
        ("insert", deploys::INSERT),
        ("release", deploys::RELEASE),
        ("revoke", deploys::REVOKE),
        ("live", deploys::LIVE),
        ("revoke each", deploys::REVOKE_EACH),
        ("event", audit::EVENT),
        ("event if new", deploys::EVENT_IF_NEW),
        ("event if live", deploys::EVENT_IF_LIVE),
        ("event if open", deploys::EVENT_IF_OPEN),
        ("events if live", deploys::EVENTS_IF_LIVE),
        ("events", audit::EVENTS),
        ("last checkpoints", audit::LAST_CHECKPOINTS),
        ("next checkpoint", audit::NEXT_CHECKPOINT_ID),
        ("outside", audit::OUT_OF_RANGE),
        ("sealing", audit::SEALING),
        ("checkpoint", audit::CHECKPOINT_AND_PREVIOUS),
        ("pending count", audit::PENDING_COUNT),
        ("pending of a root", audit::PENDING_OF_ROOT),
        ("needed by the trail", audit::NEEDED_BY_TRAIL),
        ("segment", audit::SEGMENT),
        ("segment copies", audit::SEGMENT_COPIES),
        ("bearer", tokens::BY_DIGEST),
        ("token in use", tokens::USED),
        ("live deployments with what the trail says", row_seals::DEPLOYS),
        ("live API tokens with what the trail says", row_seals::TOKENS),
        ("trusts with what the trail says", row_seals::TRUSTS),
    ] {
        assert_eq!(scans(sql), None, "{name}: {:?}", plan(sql));
    }
    for of_operators in [deploys::LIVE_BY_ROOT, tokens::LIST] {
        assert!(scans(of_operators).is_some(), "they ask this once in a while: it is told from the others");
    }
    assert!(scans("SELECT * FROM audit WHERE subject = ?1").is_some());
}

#[test]
fn a_row_that_was_changed_meanwhile_is_not_put_back_by_a_rotation() {
    let mut database = database();
    let (none, row) = (Option::<String>::None, |letter: &str| letter.repeat(66));
    let project: &[&dyn ToSql] = params!["p", "shop", none, none, none, none, none, none, 1, "me"];
    let set = |text: &str| format!(r#"[{{"key":"A","row":"{}"}}]"#, row(text));
    transaction(
        &mut database,
        &[(projects::INSERT, project), (projects::SET_SECRETS, params!["p", set("a"), 7, 1])],
    );
    let id: String = database.query_row("SELECT id FROM secrets", [], |row| row.get(0)).unwrap();
    transaction(&mut database, &[(projects::SET_SECRETS, params!["p", set("b"), 7, 2])]);
    let reseal: &[&dyn ToSql] = params![id, row("a"), row("c"), 9];
    assert_eq!(transaction(&mut database, &[(projects::RESEAL_ROW, reseal)]), 0);
    let reseal: &[&dyn ToSql] = params![id, row("b"), row("c"), 9];
    assert_eq!(transaction(&mut database, &[(projects::RESEAL_ROW, reseal)]), 1);
    let kept: (String, i64) = database
        .query_row("SELECT value, key_id FROM secrets", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(kept, (row("c"), 9));
    let gone = transaction(&mut database, &[(projects::SET_SECRETS, params!["nowhere", set("d"), 9, 3])]);
    assert_eq!(gone, 0, "no value without its project");
    assert_eq!(
        database.query_row("SELECT count(*) FROM secrets", [], |row| row.get::<_, i64>(0)).unwrap(),
        1
    );
}

#[test]
fn the_audit_trail_is_append_only() {
    let mut database = database();
    register(&mut database);
    for change in [
        "DELETE FROM audit",
        "UPDATE audit SET action = 'x'",
        "REPLACE INTO audit SELECT * FROM audit",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET upto = 9",
    ] {
        let refused = database.execute(change, []);
        assert!(refused.is_err_and(|error| error.to_string().contains("append-only")), "{change}");
    }
    assert_eq!(events(&database).len(), 1);
}
