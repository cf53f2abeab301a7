// The program as a child of Node: it gets the signals that this process gets, and this process ends as it ends.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { isatty } = require("node:tty");

const PASSED_ON = ["SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH", "SIGCONT"];
/** A terminal sends these to every process of the job, and so to the child itself. */
const FROM_TERMINAL = ["SIGINT", "SIGQUIT"];

exports.run = (program, calledAs, args, cannotStart) => {
  let child;
  // First: a signal that comes while the program starts waits for this function's end.
  const listeners = process.platform === "win32" ? outlive() : passOn((name) => child.kill(name));
  child = spawn(program, args, { argv0: calledAs, stdio: "inherit", windowsHide: false });
  child.on("error", (error) => cannotStart(program, error));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    for (const [name, listener] of listeners) process.removeListener(name, listener);
    endBy(signal);
  });
};

/** Windows tells every process of a console of Ctrl-C, also the child: this one waits for its exit code. */
function outlive() {
  return ["SIGINT", "SIGBREAK", "SIGHUP"].map((name) => listen(name, () => {}));
}

function passOn(send) {
  const terminal = [0, 1, 2].some((stream) => isatty(stream));
  const pass = (name) => listen(name, () => send(name));
  const listeners = PASSED_ON.map(pass);
  listeners.push(...FROM_TERMINAL.map((name) => (terminal ? listen(name, () => {}) : pass(name))));
  // The stop of a job: the child first, then this process, which SIGCONT wakes up again.
  const stop = () => {
    send("SIGTSTP");
    process.kill(process.pid, "SIGSTOP");
  };
  listeners.push(listen("SIGTSTP", stop));
  return listeners;
}

function listen(name, listener) {
  process.on(name, listener);
  return [name, listener];
}

/** Ends by the same signal; where that is not how this process can end, by the number that shells make of it. */
function endBy(signal) {
  const number = constants.signals[signal] ?? 0;
  process.exitCode = 128 + number;
  // Node itself has a use for these two, and catches them: a core of Node's would say nothing, either.
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + number), 100);
}
