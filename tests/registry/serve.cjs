// An npm registry on loopback that knows nothing but what is published to it. Its argument is a folder for its data. One
// line says when it is ready: `serving on URL`.
"use strict";

const path = require("node:path");
const { runServer } = require("verdaccio");

const [folder] = process.argv.slice(2);

runServer({
  storage: path.join(folder, "storage"),
  self_path: folder,
  auth: { htpasswd: { file: path.join(folder, "htpasswd"), max_users: -1 } },
  packages: { "**": { access: "$all", publish: "$all" } },
  uplinks: {},
  web: { enable: false },
  log: { type: "stdout", format: "pretty", level: "error" },
}).then((server) => {
  server.listen(0, "127.0.0.1", () => console.log(`serving on http://127.0.0.1:${server.address().port}`));
});
