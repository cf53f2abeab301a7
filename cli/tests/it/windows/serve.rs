//! `capy serve` on Windows.

use std::process::Stdio;

use crate::windows::desk::{Desk, Running, ended, mode};
use crate::windows::service::listening;

#[test]
fn a_key_service_runs_and_stops_by_ctrl_c() {
    let Some(desk) = Desk::new() else { return };
    let serve = ["serve", "--init", "--listen", "127.0.0.1:0", "--data", "data"];
    let mut command = desk.command("capy.exe", &serve);
    let mut service = Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let url = listening(&mut service.0);
    let health = ureq::get(format!("{url}/health")).call().unwrap().status();
    assert_eq!(health.as_u16(), 200);
    for file in ["admin-token", "wrap-roots", "encryption-key", "capy.sqlite"] {
        assert_eq!(mode(&desk.path("data").join(file)) & 0o007, 0, "{file}");
    }
    let token = std::fs::read_to_string(desk.path("data/admin-token")).unwrap();
    desk.capy_with(&["login", "--url", &url], token.trim()).succeeds();
    desk.capy(&["init"]).succeeds();
    service.interrupt();
    assert_eq!(ended(&mut service.0), 0);
}
