//! Generated programs, run in QuickJS: inlined, each prints the same as before, with the variables
//! set and without those about which nothing was reported.
#![no_main]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use capy_inliner::inline_text;
use capy_inliner::testing::parses;
use capy_protocol::env_map::{EnvMap, SecretValue};
use libfuzzer_sys::fuzz_target;
use rquickjs::context::EvalOptions;
use rquickjs::{Context, Ctx, Object, Runtime};

#[path = "../../tests/support/programs.rs"]
mod programs;

use programs::{Dice, VARIABLES, xorshift};

/// What a program finds, besides `process`: as in the tests that run it in Node.
const WORLD: &str = "var out = [], yes = true, no = false;
var log = (value) => { out.push(typeof value === 'object' || typeof value === 'function' ? typeof value : String(value)) };
var require = (name) => name === 'process' || name === 'node:process' ? process : {};";

/// Steps of the interpreter after which a program counts as one that does not end.
const MOST_STEPS: u32 = 1000;

type Variables = BTreeMap<&'static str, String>;

fn canary(name: &str) -> String {
    format!("canary.{name}.x9")
}

/// What a program prints; `None` when it does not end.
fn run(text: &str, variables: &Variables) -> Option<String> {
    let runtime = Runtime::new().expect("a runtime");
    let steps = Rc::new(Cell::new(0));
    let counted = Rc::clone(&steps);
    runtime.set_interrupt_handler(Some(Box::new(move || {
        counted.set(counted.get() + 1);
        counted.get() > MOST_STEPS
    })));
    let context = Context::full(&runtime).expect("a context");
    let printed = context.with(|context| printed(&context, text, variables).expect("the world is there"));
    (steps.get() <= MOST_STEPS).then_some(printed)
}

fn printed(context: &Ctx<'_>, text: &str, variables: &Variables) -> rquickjs::Result<String> {
    let (process, env) = (Object::new(context.clone())?, Object::new(context.clone())?);
    for (name, value) in variables {
        env.set(*name, value)?;
    }
    process.set("env", env)?;
    context.globals().set("process", process)?;
    context.eval::<(), _>(WORLD)?;
    let out: Object<'_> = context.globals().get("out")?;
    let mut sloppy = EvalOptions::default();
    sloppy.strict = false;
    let ended = match context.eval_with_options::<(), _>(text, sloppy) {
        Ok(()) => String::new(),
        Err(_) => {
            let thrown = context.catch();
            let name = thrown.as_object().and_then(|error| error.get::<_, String>("name").ok());
            format!("threw {}", name.unwrap_or_default())
        }
    };
    let lines: Vec<String> = out.into_array().expect("an array").iter().collect::<Result<_, _>>()?;
    Ok(format!("{}\n{ended}", lines.join("\n")))
}

/// Choices from the fuzzer's bytes, and when they are used up from what the first of them say.
fn choices(bytes: &[u8]) -> impl FnMut(usize) -> usize {
    let seed = bytes.iter().take(8).fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let (mut left, mut more) = (bytes.to_vec().into_iter(), xorshift(seed | 1));
    move |sides| left.next().map_or_else(|| more(sides), |byte| usize::from(byte) % sides)
}

fuzz_target!(|bytes: &[u8]| {
    let before = Dice::new(choices(bytes)).program();
    if !parses(&before) {
        return;
    }
    let mut values = EnvMap::new();
    for name in VARIABLES {
        values.try_insert(name, SecretValue::new(canary(name))).expect("a name");
    }
    let out = inline_text(&before, None, &values).expect("a thread");
    if out.text == before {
        return;
    }
    assert!(parses(&out.text), "{before}\nbecame\n{}", out.text);
    let set = |wanted: &dyn Fn(&str) -> bool| -> Variables {
        VARIABLES.into_iter().filter(|name| wanted(name)).map(|name| (name, canary(name))).collect()
    };
    let all = set(&|_| true);
    let Some(expected) = run(&before, &all).filter(|text| !text.contains("threw SyntaxError")) else {
        return;
    };
    assert_eq!(run(&out.text, &all).as_ref(), Some(&expected), "with all:\n{before}\nbecame\n{}", out.text);
    if out.report.findings.iter().all(|finding| finding.name.is_some()) {
        let reported =
            |name: &str| out.report.findings.iter().any(|finding| finding.name.as_deref() == Some(name));
        let some = set(&reported);
        assert_eq!(
            run(&out.text, &some).as_ref(),
            Some(&expected),
            "with {:?}:\n{before}\nbecame\n{}",
            some.keys(),
            out.text
        );
    }
});
