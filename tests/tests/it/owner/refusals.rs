//! Deploys that Cloudflare, or wrangler, refuses: what is said, what is left, and how an owner goes on.

use capy_test_support::node::require_node;

use crate::owner::account::{Account, Refusal};
use crate::owner::desk::Owner;
use crate::owner::journey;
use crate::owner::server::Cloudflare;

const KEYGEN: &str = "capy service keygen --secrets-file \"$HOME/service.secrets\"";
const FIRST_DEPLOY: &str = "npx wrangler deploy --secrets-file \"$HOME/service.secrets\"";
/// wrangler asks whether to, where there is somebody to ask.
const REMOVE_NAMESPACE: &str = "npx wrangler kv namespace delete capy-revocations";

fn assert_only_asked(account: &Account) {
    assert!(account.is_empty(), "{account:?}");
    assert!(account.calls.iter().all(|call| call.starts_with("GET ")), "{:?}", account.calls);
    assert_eq!(account.strange, [""; 0]);
}

#[test]
fn a_first_deploy_without_secrets_makes_nothing_and_names_them() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    let mut owner = Owner::of(&cloudflare, &node);
    let said = owner.fails("npx wrangler deploy");
    assert!(said.contains("required secrets have not been set: ADMIN_TOKEN, WRAP_ROOTS"), "{said}");
    assert!(said.contains("--secrets-file"), "{said}");
    assert_only_asked(&cloudflare.account());
}

#[test]
fn an_account_without_a_name_for_its_workers_is_told_where_to_get_one_and_left_as_it_is() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    cloudflare.account().subdomain = None;
    let mut owner = Owner::of(&cloudflare, &node);
    owner.types(KEYGEN);
    let said = owner.fails(FIRST_DEPLOY);
    assert!(said.contains("/workers/onboarding"), "{said}");
    assert_only_asked(&cloudflare.account());
}

#[test]
fn a_token_that_may_do_nothing_makes_nothing() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    cloudflare.account().refuse("", Refusal::new(403, 10000, "Authentication error"), u32::MAX);
    let mut owner = Owner::of(&cloudflare, &node);
    owner.types(KEYGEN);
    let said = owner.fails(FIRST_DEPLOY);
    assert!(said.contains("Authentication error [code: 10000]"), "{said}");
    assert_only_asked(&cloudflare.account());
}

#[test]
fn a_token_that_may_not_use_d1_leaves_a_namespace_that_has_to_go_before_the_next_deploy() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    for call in ["GET d1/", "POST d1/"] {
        cloudflare.account().refuse(call, Refusal::new(403, 10000, "Authentication error"), u32::MAX);
    }
    let mut owner = Owner::of(&cloudflare, &node);
    owner.types(KEYGEN);
    let said = owner.fails(FIRST_DEPLOY);
    assert!(said.contains("DB bindings must have a \"database_id\" field"), "{said}");
    assert!(cloudflare.account().workers.is_empty() && cloudflare.account().databases.is_empty());
    cloudflare.account().refuse_nothing();
    assert_goes_on_without_the_namespace(&cloudflare, &mut owner);
}

#[test]
fn an_upload_that_fails_leaves_a_namespace_that_has_to_go_and_a_database_that_is_taken() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    cloudflare.account().refuse("PUT workers/", Refusal::new(500, 10013, "Internal error"), u32::MAX);
    let mut owner = Owner::of(&cloudflare, &node);
    owner.types(KEYGEN);
    let said = owner.fails(FIRST_DEPLOY);
    assert!(said.contains("Internal error [code: 10013]"), "{said}");
    assert!(cloudflare.account().workers.is_empty());
    let made = cloudflare.account().databases[0].id.clone();
    cloudflare.account().refuse_nothing();
    assert_goes_on_without_the_namespace(&cloudflare, &mut owner);
    assert_eq!(cloudflare.account().databases[0].id, made);
}

/// wrangler makes a namespace before it uploads, and takes none that it finds: what the book says of that.
fn assert_goes_on_without_the_namespace(cloudflare: &Cloudflare, owner: &mut Owner) {
    let said = owner.fails(FIRST_DEPLOY);
    assert!(
        said.contains("a namespace with this account ID and title already exists [code: 10014]"),
        "{said}"
    );
    let page = journey::page().replace('\n', " ");
    assert!(page.contains("code 10014") && page.contains(REMOVE_NAMESPACE));
    owner.types(REMOVE_NAMESPACE);
    owner.types(FIRST_DEPLOY);
    let account = cloudflare.account();
    assert_eq!((account.databases.len(), account.namespaces.len(), account.workers.len()), (1, 1, 1));
    assert_eq!(account.live().binding("REVOCATIONS").unwrap()["namespace_id"], *account.namespaces[0].0);
    assert_eq!(account.strange, [""; 0]);
}

#[test]
fn a_deploy_that_ends_before_its_schedule_is_finished_by_the_next() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    let schedules = "PUT workers/scripts/capy/schedules";
    cloudflare.account().refuse(schedules, Refusal::new(500, 10013, "Internal error"), u32::MAX);
    let mut owner = Owner::of(&cloudflare, &node);
    owner.types(KEYGEN);
    let said = owner.fails(FIRST_DEPLOY);
    assert!(said.contains("only partially updated") && said.contains("Cron schedules"), "{said}");
    cloudflare.account().refuse_nothing();
    owner.types("npx wrangler deploy");
    let account = cloudflare.account();
    assert_eq!(account.workers["capy"].schedules, ["*/5 * * * *"]);
    assert_eq!((account.databases.len(), account.namespaces.len()), (1, 1));
    assert_eq!(account.strange, [""; 0]);
}
