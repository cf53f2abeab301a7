//! From a login to a deployment that is opened, at a desk with Windows.

use std::fs;

use crate::windows::desk::{CANARY, Desk, mode};

#[test]
fn a_project_goes_from_init_to_a_deployment_that_runs() {
    let Some(mut desk) = Desk::with_project() else { return };
    let toml = desk.read("capy.toml");
    assert!(toml.contains(&desk.service.url), "{toml}");
    assert_eq!(desk.read(".gitignore").replace('\r', ""), ".env\n.env.*\ncapy.env\n!.env.example\n");
    desk.capy_with(&["set", "API_KEY"], "canary.API_KEY.x9\r\n").succeeds();
    assert!(!desk.read(".env").contains(CANARY), "it is sealed");
    desk.write(".env", &format!("{}PLAIN=canary.PLAIN.x9\r\n", desk.read(".env").replace('\n', "\r\n")));
    desk.write("capy.toml", &toml.replace('\n', "\r\n"));

    let list = desk.capy(&["list"]).succeeds().stdout;
    assert!(list.contains("API_KEY") && list.contains("PLAIN") && !list.contains(CANARY), "{list}");
    let show = "console.log(process.env.API_KEY, process.env.PLAIN)";
    let shown = desk.capy(&["run", "--", "node", "-e", show]).succeeds();
    assert_eq!(shown.stdout.trim_end(), "canary.API_KEY.x9 canary.PLAIN.x9");

    let printed = desk.capy(&["deploy", "--platform", "other", "--print"]).succeeds();
    assert!(!format!("{}{}", printed.stdout, printed.stderr).contains(CANARY));
    desk.become_platform(&printed.stdout);
    desk.env.insert("CAPY_SERVICE_URL".into(), desk.service.url.clone());
    let opened = desk.capy(&["run", "--", "node", "-e", show]).succeeds();
    assert_eq!(opened.stdout.trim_end(), "canary.API_KEY.x9 canary.PLAIN.x9");
    let kept = "console.log(Object.keys(process.env).filter((name) => /^_?CAPY_|SECRETS_BLOB|PROJECT_KEY/i.test(name)).length)";
    assert_eq!(desk.capy(&["run", "--", "node", "-e", kept]).succeeds().stdout.trim(), "0");
}

#[test]
fn settings_lie_in_the_users_application_data_and_are_the_users_alone() {
    let Some(mut desk) = Desk::new() else { return };
    desk.env.remove("CAPY_CONFIG_DIR");
    let login = desk.capy_with(&["login", "--url", &desk.service.url], &desk.service.admin_token).succeeds();
    assert!(!login.stderr.contains(&desk.service.admin_token), "{}", login.stderr);
    assert!(login.stderr.contains(r"AppData\Roaming\capy\credentials.toml"), "{}", login.stderr);
    let settings = desk.wine.app_data().join("capy");
    let credentials = settings.join("credentials.toml");
    assert!(fs::read_to_string(&credentials).unwrap().contains(&desk.service.url));
    // Wine keeps an access list as the nearest mode of this machine.
    assert_eq!((mode(&credentials) & 0o007, mode(&settings) & 0o007), (0, 0));
    desk.capy(&["logout", "--url", &desk.service.url]).succeeds();
    assert!(!fs::read_to_string(&credentials).unwrap().contains(&desk.service.url));
}

/// Keeps what it is given as a variable, and lists what it has, as Vercel's own program does.
const VERCEL: &str = "const fs = require('fs'); const [, what, name] = process.argv.slice(2);
if (what === 'add') {
    fs.appendFileSync('given', JSON.stringify([process.argv.slice(2), fs.readFileSync(0, 'utf8')]) + '\\n');
    fs.appendFileSync('store', name + '\\n');
    const own = Object.keys(process.env).filter((name) => /^_?CAPY_|SECRETS_BLOB|PROJECT_KEY/i.test(name));
    fs.appendFileSync('own', own.join());
} else if (fs.existsSync('store')) {
    console.log(fs.readFileSync('store', 'utf8').replace(/^(.+)$/gm, '  $1  Encrypted'));
}";

#[test]
fn values_are_pushed_on_standard_input_of_a_platforms_script() {
    let Some(desk) = Desk::with_project() else { return };
    desk.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    desk.write_program("vercel", VERCEL);
    let pushed = desk.capy(&["deploy", "--platform", "vercel", "--push", "--yes"]).succeeds();
    let key = |line: &str| {
        let (arguments, stdin): (Vec<String>, String) = serde_json::from_str(line).unwrap();
        (arguments.iter().any(|word| word == "PROJECT_KEY")).then_some((arguments, stdin))
    };
    let (arguments, stdin) = desk.read("given").lines().find_map(key).expect("the key was set");
    assert!(stdin.trim().len() > 20 && !arguments.join(" ").contains(stdin.trim()), "{arguments:?}");
    assert!(!format!("{}{}", pushed.stdout, pushed.stderr).contains(stdin.trim()));
    assert_eq!(desk.read("own"), "", "the program gets nothing of capy's own");
}

#[test]
fn a_platform_whose_program_reads_a_device_of_unix_is_not_pushed_to() {
    let Some(desk) = Desk::with_project() else { return };
    desk.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    desk.write_program("netlify", "require('fs').writeFileSync('started', '');");
    let refused = desk.capy(&["deploy", "--platform", "netlify", "--push", "--yes"]);
    assert!(refused.code != 0 && refused.stderr.contains("/dev/stdin"), "{}", refused.stderr);
    assert!(!desk.path("started").exists());
}
