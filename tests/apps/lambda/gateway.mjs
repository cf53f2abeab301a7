// What the platform does: load the bundle once, and hand it each request as an event.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const { handler } = await import(pathToFileURL(process.argv[2]));
const server = createServer(async (request, response) => {
  const { pathname, search } = new URL(request.url, "http://localhost");
  const { statusCode, headers, body } = await handler({
    version: "2.0",
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers: request.headers,
  });
  response.writeHead(statusCode, headers).end(body);
});
server.listen(process.env.PORT, process.env.HOST);
