//! Somebody who writes to the database, and clients that lose their answers, on each host.

use std::thread;
use std::time::Duration;

use capy_protocol::blob::Format;
use capy_test_support::key_service::KeyService;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::service::lifecycle::database_file;
use crate::service::support::{Deployment, call, on_each_host, owner};

on_each_host!(who_writes_to_the_database_gets_no_key_and_no_token, a_repeated_decrypt_takes_no_second_use,);

fn database(service: &KeyService) -> Connection {
    let database = Connection::open(database_file(service.persist_dir())).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database
}

fn findings(service: &KeyService) -> Vec<Value> {
    let (mut found, mut query) = (Vec::new(), String::new());
    loop {
        let answer = owner(service, "GET", &format!("/admin/rows/verify{query}"), &Value::Null);
        assert_eq!(answer.status, 200, "{}\n{}", answer.text, service.log());
        found.extend(answer.json["findings"].as_array().unwrap().clone());
        match answer.json["next"].as_str() {
            Some(next) => query = format!("?cursor={next}"),
            None => return found,
        }
    }
}

fn who_writes_to_the_database_gets_no_key_and_no_token(service: &KeyService) {
    let terms = json!({ "max_uses": 2, "expires_in": 3600 });
    let deployment = Deployment::register_with(service, Format::V1, "project-key", &terms);
    assert_eq!(deployment.decrypt(service.url()).status, 200);
    let database = database(service);
    let seal = |database: &Connection| -> Option<String> {
        database.query_row("SELECT seal FROM deploys", [], |row| row.get(0)).unwrap()
    };
    let before = seal(&database);
    for change in ["uses = 0", "max_uses = 9", "expires_at = NULL", "cidrs = '0.0.0.0/0'"] {
        database.execute_batch("CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM deploys").unwrap();
        database.execute(&format!("UPDATE deploys SET {change}"), []).unwrap();
        let refused = deployment.decrypt(service.url());
        assert_eq!(refused.refusal(), (422, "DEPLOY_ALTERED"), "{change}: {}", refused.text);
        assert_eq!(findings(service)[0]["flaw"], "altered", "{change}");
        database
            .execute_batch("DELETE FROM deploys; INSERT INTO deploys SELECT * FROM kept; DROP TABLE kept")
            .unwrap();
    }
    assert_eq!(findings(service), Vec::<Value>::new());
    assert_eq!(deployment.decrypt(service.url()).status, 200, "it is whole again");
    assert_eq!(deployment.decrypt(service.url()).refusal(), (410, "DEPLOY_USED_UP"));
    let used = seal(&database);
    assert!(used.is_some() && used != before);

    database.execute("UPDATE deploys SET uses = 1, seal = ?1", [before]).unwrap();
    let set_back = json!({ "kind": "deploy", "id": deployment.id(), "flaw": "set-back" });
    assert_eq!(findings(service), [set_back], "no seal stands against a whole older row: the trail tells");
    assert_eq!(deployment.revoke(service).status, 200);
    database.execute("UPDATE deploys SET revoked_at = NULL", []).unwrap();
    assert!(findings(service).iter().any(|found| found["flaw"] == "put-back"));

    let made = owner(service, "POST", "/tokens", &json!({ "scopes": ["read:prj_a"] }));
    let token = made.json["token"].as_str().unwrap();
    let who = || call(service.url(), "GET", "/tokens/self", Some(token), &Value::Null);
    assert_eq!(who().status, 200);
    database.execute("UPDATE tokens SET scopes = 'admin'", []).unwrap();
    assert_eq!(who().refusal(), (401, "TOKEN_ALTERED"));
    database.execute("UPDATE tokens SET scopes = 'read:prj_a', seal = NULL", []).unwrap();
    assert_eq!(who().refusal(), (401, "TOKEN_UNSEALED"));
    let sealed = owner(service, "POST", "/admin/rows/seal", &json!({ "cursor": "token-" }));
    let expected = json!([{ "kind": "token", "id": made.json["token_id"] }]);
    assert_eq!(sealed.json["sealed"], expected, "{}", sealed.text);
    assert_eq!(who().status, 200);
}

fn a_repeated_decrypt_takes_no_second_use(service: &KeyService) {
    const KEY: &str = "00112233445566778899aabbccddeeff";
    let once = || Deployment::register_with(service, Format::V1, "project-key", &json!({ "max_uses": 1 }));
    let deployment = once();
    let first = deployment.decrypt_with_key(service.url(), KEY);
    assert_eq!((first.status, &first.json["service_key"]), (200, &json!(deployment.service_key())));
    let again = deployment.decrypt_with_key(service.url(), KEY);
    assert_eq!((again.status, &again.json), (200, &first.json), "{}", again.text);
    let other = deployment.decrypt_with_key(service.url(), &KEY.replace('0', "f"));
    assert_eq!(other.refusal(), (410, "DEPLOY_USED_UP"));
    assert_eq!(deployment.decrypt(service.url()).refusal(), (410, "DEPLOY_USED_UP"));
    assert_eq!(deployment.decrypt_with_key(service.url(), "x").refusal(), (400, "BAD_REQUEST"));
    assert_eq!(deployment.revoke(service).status, 200);
    assert_eq!(deployment.decrypt_with_key(service.url(), KEY).refusal(), (410, "DEPLOY_REVOKED"));

    let deployment = once();
    let answers: Vec<_> = thread::scope(|scope| {
        let ask = || deployment.decrypt_with_key(service.url(), KEY).status;
        let callers: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(answers, [200; 6], "all of them in flight at once");
    let listed = owner(service, "GET", "/projects/prj_a/deploys", &Value::Null);
    let newest = &listed.json["deploys"][0];
    assert_eq!((&newest["deploy_id"], &newest["uses"]), (&json!(deployment.id()), &json!(1)));
    assert_eq!(findings(service), Vec::<Value>::new());
}
