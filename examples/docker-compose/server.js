// Signs the path of each request: what `curl localhost:3000/orders/7` prints depends on a secret.
const { createHmac } = require("node:crypto");
const { createServer } = require("node:http");

const { PORT = 3000, SIGNING_KEY } = process.env;
if (!SIGNING_KEY) throw new Error("SIGNING_KEY is not set");

const server = createServer((request, response) => {
  response.end(createHmac("sha256", SIGNING_KEY).update(request.url).digest("hex") + "\n");
});
server.listen(PORT, () => console.log(`listening on http://localhost:${PORT}`));
