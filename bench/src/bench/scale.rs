//! `cargo xtask bench scale`: cost of the key service's SQL over SQLite while its tables grow, and
//! an estimate of D1's limits from that.
//!
//! The benchmark counts steps of SQLite's virtual machine, which are the same on every machine and
//! grow when a statement looks at more rows. The benchmark also measures times, which are those of
//! this machine. Nothing here talks to Cloudflare.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use capy_worker::audit::SEGMENT_ROWS_MAX;
use capy_worker::host::{Statement, Value};
use capy_worker::migrations::MIGRATIONS;
use capy_worker::store::{audit, deploys};
use rusqlite::{Connection, StatementStatus};

use capy_test_support::steps::heading;

/// How many rows the audit trail has at each measurement. The table of deployments has one row for
/// every [`DECRYPTS_OF_EACH`] events.
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
const DECRYPTS_OF_EACH: u64 = 20;
/// Few projects, so that a page of a list is full at every size.
const PROJECTS: u64 = 2;
/// How many times each operation runs; the median counts.
const RUNS: usize = 21;
/// Decrypts a day, one for each row of the estimate.
const DAILY: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Limits and prices of D1 on a paid account.
struct Limits {
    /// The largest database, in bytes: <https://developers.cloudflare.com/d1/platform/limits/>.
    bytes: f64,
    /// The duration of a query, from the same page: a database runs one query at a time, so that at
    /// a millisecond each it runs a thousand a second.
    query_millis: f64,
    /// Rows written in a month that are included in the plan:
    /// <https://developers.cloudflare.com/d1/platform/pricing/>. Writing to an index counts as one
    /// row. Of rows read, 25 billion are included, which no estimate here comes near.
    included_rows: f64,
    /// The price of a million further rows in dollars, from the same page.
    dollars_a_million: f64,
}

const D1: Limits = Limits { bytes: 10e9, query_millis: 1.0, included_rows: 50e6, dollars_a_million: 1.0 };

/// The measured costs.
#[derive(Clone, Copy, Debug)]
struct Measured {
    /// Of an event, with its share of the indexes.
    event_bytes: f64,
    deploy_bytes: f64,
    /// How many statements a decrypt runs.
    statements: f64,
    /// How many rows and index entries a decrypt writes.
    written: f64,
}

/// The estimate for a number of decrypts a day.
#[derive(Debug, PartialEq)]
struct Estimate {
    years_until_full: f64,
    dollars_a_month: f64,
}

impl Measured {
    fn events_at_most(&self, limits: &Limits) -> f64 {
        limits.bytes / (self.event_bytes + self.deploy_bytes / DECRYPTS_OF_EACH as f64)
    }

    fn decrypts_a_second(&self, limits: &Limits) -> f64 {
        1000.0 / (self.statements * limits.query_millis)
    }

    fn estimate(&self, limits: &Limits, daily: f64) -> Estimate {
        let paid = (daily * 30.0 * self.written - limits.included_rows).max(0.0);
        Estimate {
            years_until_full: self.events_at_most(limits) / daily / 365.25,
            dollars_a_month: paid / 1e6 * limits.dollars_a_million,
        }
    }
}

/// Steps and microseconds of an operation, at each size.
type Costs = (&'static str, Vec<(i64, f64)>);

/// An operation of the service, with its statements.
struct Operation {
    name: &'static str,
    statements: Vec<Statement>,
}

/// The id of a deployment in these tables.
fn id(number: u64) -> String {
    format!("{number:064x}")
}

fn project(number: u64) -> String {
    format!("prj_{number:016x}")
}

/// Parameters for the statement that inserts an event. The seals are made up.
fn event(deploy: &str, number: u64) -> Vec<Value> {
    let text = |text: &str| Value::from(text);
    let at = 1_790_000_000_000 + number;
    let sealed =
        [Value::from(4_000_000_000_u64), format!("{number:032x}").into(), id(number).into(), Value::Null];
    let mut values = vec![text(deploy), project(1).into(), text("decrypt"), text("ok"), at.into()];
    values.extend([text("203.0.113.77"), text("IS"), text("capy/0.1.0"), Value::Null]);
    values.extend(sealed);
    values
}

/// A decrypt with unlimited uses, by a client that sends an idempotency key.
fn decrypt(deploy: &str, at: u64, fresh: u64) -> Operation {
    let (digest, oldest) = (format!("{fresh:032x}"), format!("{:016}", at - 60_000));
    let counts = [0_u64.into(), (1_u64 << 52).into()];
    let mut open = event(deploy, fresh);
    open.extend(counts.clone());
    open.extend([digest.as_str().into(), oldest.as_str().into()]);
    let mut release: Vec<Value> = vec![deploy.into(), at.into()];
    release.extend(counts);
    let named = format!("{at:016} {digest} {}", id(fresh));
    release.extend(["[]".into(), named.into(), digest.into(), oldest.into()]);
    let statements = vec![
        Statement::new(deploys::FIND, vec![deploy.into()]),
        Statement::new(deploys::EVENT_IF_OPEN, open),
        Statement::new(deploys::RELEASE, release),
    ];
    Operation { name: "decrypt", statements }
}

fn register(at: u64, fresh: u64) -> Operation {
    let mut register: Vec<Value> = vec![id(fresh).into(), project(1).into(), 7_u64.into(), 1_u64.into()];
    register.extend(["project-key".into(), "main".into(), "vercel".into(), at.into()]);
    register.extend([Value::Null, Value::Null, Value::Null, "bootstrap".into(), id(fresh).into()]);
    let statements = vec![
        Statement::new(deploys::EVENT_IF_NEW, event(&id(fresh), fresh + (1 << 20))),
        Statement::new(deploys::INSERT, register),
    ];
    Operation { name: "register", statements }
}

/// The operations to measure. Each `run` writes other rows than the runs before.
fn operations(events: u64, run: u64) -> Vec<Operation> {
    let fresh = (1 << 40) + run;
    let (deploy, at) = (id(events / DECRYPTS_OF_EACH / 2), 1_790_000_000_000 + fresh);
    let one = |sql: &'static str, values: Vec<Value>| Statement::new(sql, values);
    let of_project = || Value::from(project(1));
    let segment = || vec![(events - SEGMENT_ROWS_MAX).into(), (1_u64 << 52).into(), SEGMENT_ROWS_MAX.into()];
    let operation = |name, statements| Operation { name, statements };
    vec![
        decrypt(&deploy, at, fresh),
        register(at, fresh),
        operation(
            "list deployments",
            vec![one(deploys::LIST, vec![of_project(), (1_u64 << 52).into(), "".into(), 201_u64.into()])],
        ),
        operation(
            "list events",
            vec![one(audit::EVENTS, vec![of_project(), (1_u64 << 52).into(), 201_u64.into()])],
        ),
        operation(
            "checkpoint",
            vec![
                one(audit::LAST_CHECKPOINTS, vec![17_u64.into()]),
                one(audit::SEGMENT, segment()),
                one(audit::SEGMENT_COPIES, segment()),
                one(audit::SEQUENCE, vec![]),
            ],
        ),
    ]
}

/// Runs an operation and rolls it back; returns steps of SQLite's virtual machine, and
/// microseconds.
fn run(connection: &mut Connection, operation: &Operation) -> Result<(i64, f64)> {
    let transaction = connection.transaction()?;
    let (mut steps, start) = (0, Instant::now());
    for statement in &operation.statements {
        let mut prepared = transaction.prepare_cached(statement.sql)?;
        prepared.reset_status(StatementStatus::VmStep);
        let mut rows = prepared.query(rusqlite::params_from_iter(&statement.values))?;
        while rows.next()?.is_some() {}
        drop(rows);
        steps += i64::from(prepared.get_status(StatementStatus::VmStep));
    }
    Ok((steps, start.elapsed().as_secs_f64() * 1e6))
}

fn median(connection: &mut Connection, events: u64, place: usize) -> Result<(i64, f64)> {
    let runs = (0..RUNS as u64).map(|run_of| run(connection, &operations(events, run_of)[place]));
    let mut runs = runs.collect::<Result<Vec<_>>>()?;
    runs.sort_by(|a, b| a.1.total_cmp(&b.1));
    Ok(runs[RUNS / 2])
}

/// Creates an empty database with the service's tables.
fn database(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    // Nothing of it has to survive this process.
    connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?;
    for (name, migration) in MIGRATIONS {
        connection.execute_batch(migration).context(name)?;
    }
    Ok(connection)
}

const NUMBERS: &str = "WITH RECURSIVE n(x) AS (SELECT ?1 UNION ALL SELECT x + 1 FROM n WHERE x < ?2 - 1)";

/// Inserts deployments with the numbers `from..to`.
fn add_deploys(connection: &Connection, from: u64, to: u64) -> Result<()> {
    let add = format!(
        "{NUMBERS} INSERT INTO deploys (deploy_id, project_id, key_id, format, credential, label, platform, created_at, \
        last_used_at, uses, created_by) SELECT printf('%064x', x), printf('prj_%016x', x % {PROJECTS}), 4000000000, 1, \
        'project-key', 'main', 'vercel', 1790000000000 + x, 1790000000000 + x, {DECRYPTS_OF_EACH}, 'tok_0123456789abcdef' FROM n"
    );
    connection.execute(&add, [from.cast_signed(), to.cast_signed()])?;
    Ok(())
}

/// Inserts events of decrypts with the numbers `from..to`, as long as real ones.
fn add_events(connection: &Connection, from: u64, to: u64) -> Result<()> {
    let add = format!(
        "{NUMBERS} INSERT INTO audit (project_id, subject, action, result, at, address, country, user_agent, key_id, event_id, \
        mac) SELECT printf('prj_%016x', x % {PROJECTS}), printf('%064x', x / {DECRYPTS_OF_EACH}), 'decrypt', 'ok', \
        1790000000000 + x, '203.0.113.' || x % 256, 'IS', 'capy/0.1.0', 4000000000, lower(hex(randomblob(16))), \
        lower(hex(randomblob(32))) FROM n"
    );
    connection.execute(&add, [from.cast_signed(), to.cast_signed()])?;
    Ok(())
}

/// Inserts a checkpoint over all events but the last segment.
fn seal(connection: &Connection, events: u64) -> Result<()> {
    let checkpoint = "INSERT INTO audit_checkpoints (id, upto, count, digest, flaws, key_id, mac, at, previous) \
        VALUES (?1, ?2, 500, ?3, '[]', 4000000000, ?3, 0, ?3)";
    let number = events / SEGMENT_ROWS_MAX;
    connection
        .execute(checkpoint, (number.cast_signed(), (events - SEGMENT_ROWS_MAX).cast_signed(), id(number)))?;
    Ok(())
}

fn bytes(connection: &Connection) -> Result<f64> {
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    Ok(connection.query_row(size, [], |row| row.get::<_, i64>(0))? as f64)
}

/// How many rows a decrypt writes: the event with its indexes and the counter of its number, and
/// the deployment with each index on a column that is updated. The trail's partial index does not
/// hold decrypts, so it is left out.
fn written(connection: &Connection) -> Result<f64> {
    let of_event = "SELECT 2 + count(*) FROM pragma_index_list('audit') WHERE NOT partial";
    let of_deploy = "SELECT 1 + count(DISTINCT list.name) FROM pragma_index_list('deploys') list \
        JOIN pragma_index_info(list.name) held WHERE held.name IN ('uses', 'last_used_at')";
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok((count(of_event)? + count(of_deploy)?) as f64)
}

/// Measures bytes between the smallest and the largest size, and for each operation steps and
/// microseconds at each size.
fn measure(path: &Path, sizes: &[u64]) -> Result<(Measured, Vec<Costs>)> {
    let mut connection = database(path)?;
    let mut table: Vec<_> = operations(sizes[0], 0).iter().map(|one| (one.name, Vec::new())).collect();
    let (mut before, mut of_deploys, mut of_events) = (0, 0.0, 0.0);
    for (round, &events) in sizes.iter().enumerate() {
        let start = bytes(&connection)?;
        add_deploys(&connection, before / DECRYPTS_OF_EACH, events / DECRYPTS_OF_EACH)?;
        let with_deploys = bytes(&connection)?;
        add_events(&connection, before, events)?;
        if round > 0 {
            of_deploys += with_deploys - start;
            of_events += bytes(&connection)? - with_deploys;
        }
        seal(&connection, events)?;
        for (place, (_, measured)) in table.iter_mut().enumerate() {
            measured.push(median(&mut connection, events, place)?);
        }
        before = events;
    }
    let grown = (before - sizes[0]) as f64;
    let decrypt = operations(before, 0).remove(0).statements.len() as f64;
    let measured = Measured {
        event_bytes: of_events / grown,
        deploy_bytes: of_deploys / (grown / DECRYPTS_OF_EACH as f64),
        statements: decrypt,
        written: written(&connection)?,
    };
    Ok((measured, table))
}

/// Measures, and prints both tables with the numbers that they follow from.
pub(super) fn print(scratch: &Path) -> Result<()> {
    heading("scale");
    let (measured, table) = measure(&scratch.join("scale.sqlite"), &SIZES)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| operation: steps of SQLite, time | {} events | {} | {} |",
        SIZES[0], SIZES[1], SIZES[2]
    )?;
    writeln!(out, "|---|---|---|---|")?;
    for (name, sizes) in table {
        let cells: Vec<_> = sizes.iter().map(|(steps, micros)| format!("{steps}, {micros:.0} µs")).collect();
        writeln!(out, "| {name} | {} |", cells.join(" | "))?;
    }
    let Measured { event_bytes, deploy_bytes, statements, written } = measured;
    writeln!(
        out,
        "\nmeasured: {event_bytes:.0} bytes for an event, {deploy_bytes:.0} for a deployment; a decrypt is"
    )?;
    writeln!(
        out,
        "{statements} statements and writes {written} rows. One event in {DECRYPTS_OF_EACH} comes with a deployment."
    )?;
    let Limits { bytes, query_millis, included_rows, dollars_a_million } = D1;
    writeln!(out, "documented: {} GB a database; {query_millis} ms a query, one at a time;", bytes / 1e9)?;
    writeln!(
        out,
        "{} million rows written a month included, ${dollars_a_million} for a million more.",
        included_rows / 1e6
    )?;
    writeln!(
        out,
        "so: {:.0} million events at most, {:.0} decrypts a second\n",
        measured.events_at_most(&D1) / 1e6,
        measured.decrypts_a_second(&D1)
    )?;
    writeln!(out, "| decrypts a day | full after | rows written, a month |")?;
    writeln!(out, "|---|---|---|")?;
    for daily in DAILY {
        let Estimate { years_until_full, dollars_a_month } = measured.estimate(&D1, daily as f64);
        writeln!(out, "| {daily} | {years_until_full:.1} years | ${dollars_a_month:.2} |")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: Measured =
        Measured { event_bytes: 400.0, deploy_bytes: 2000.0, statements: 4.0, written: 5.0 };

    #[test]
    fn the_estimate_follows_from_what_was_measured_and_from_the_limits() {
        let tight = Limits { bytes: 1e6, query_millis: 10.0, included_rows: 0.0, dollars_a_million: 3.0 };
        assert_eq!(MEASURED.events_at_most(&tight), 2000.0);
        assert_eq!(MEASURED.decrypts_a_second(&tight), 25.0);
        let year = MEASURED.estimate(&tight, 2000.0 / 365.25);
        assert!((year.years_until_full - 1.0).abs() < 1e-9, "{year:?}");
        assert!((MEASURED.estimate(&tight, 1e6).dollars_a_month - 450.0).abs() < 1e-9);
        let included = Limits { included_rows: 1e12, ..tight };
        assert_eq!(MEASURED.estimate(&included, 1e6).dollars_a_month, 0.0);
    }

    #[test]
    fn every_operation_runs_and_takes_no_more_steps_in_tables_that_are_five_times_as_large() {
        let folder = tempfile::tempdir().unwrap();
        let (measured, table) = measure(&folder.path().join("x"), &[SIZES[0], 5 * SIZES[0]]).unwrap();
        for (name, sizes) in table {
            let [(few, _), (many, _)] = sizes[..] else { panic!("{name}") };
            assert!(few > 0 && many <= few + few / 10, "{name}: {few} steps, then {many}");
        }
        // An event has more than 200 bytes of text, and an entry in two indexes.
        assert!((250.0..1500.0).contains(&measured.event_bytes), "{measured:?}");
        assert!((150.0..1500.0).contains(&measured.deploy_bytes), "{measured:?}");
        assert_eq!((measured.statements, measured.written), (3.0, 5.0));
    }

    #[test]
    fn made_up_seals_are_as_long_as_real_ones() {
        let roots = capy_protocol::wrap::WrapRoots::parse(&format!("4000000000:{}", "1".repeat(64))).unwrap();
        let at = 1_790_000_000_000;
        let caller = capy_worker::caller::Caller::default();
        let happened = capy_worker::audit::Event {
            action: capy_worker::audit::Action::Decrypt,
            at,
            actor: None,
            caller,
        };
        let subject = capy_worker::audit::Subject::of_service(&id(1), None);
        let row = capy_worker::audit::Row::seal(&roots, &happened, subject, "ok").unwrap();
        assert_eq!((row.event_id.map(|id| id.len()), row.mac.map(|mac| mac.len())), (Some(32), Some(64)));
    }
}
