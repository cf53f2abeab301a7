// Starts the function as Lambda's Node runtimes do, with the same client of the Runtime API. That client's C++ addon,
// which npm would have to compile, is replaced by node:http.
import http from "node:http";
import Module from "node:module";

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function call(method, path, body = "", headers = {}) {
  return new Promise((resolve, reject) => {
    const options = { hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}`, headers };
    const request = http.request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ bodyJson: text, headers: response.headers }));
    });
    request.on("error", reject).end(body);
  });
}

// The addon's calls block until they are answered.
let posted = Promise.resolve();
const post = (...what) => void (posted = posted.then(() => call("POST", ...what)));
const addon = {
  initializeClient() {},
  next: () => posted.then(() => call("GET", "next")),
  done: (id, body) => post(`${id}/response`, body),
  error: (id, body) =>
    post(`${id}/error`, body, { "Lambda-Runtime-Function-Error-Type": JSON.parse(body).errorType }),
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "./rapid-client.node" ? addon : load(name, ...rest));

const { run } = await import("aws-lambda-ric");
await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
