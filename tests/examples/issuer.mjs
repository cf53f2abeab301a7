// A stand-in for what GitHub gives to a job: it signs an identity for the asked audience (`GET /token`), and publishes
// its key as OpenID Connect Discovery 1.0 says. The key is drawn at each start.
import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";

const [bearer] = process.argv.slice(2);
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// The claims that a trust can ask for, as GitHub names them.
function identity(issuer, audience, ref) {
  const now = Math.floor(Date.now() / 1000);
  const repository = "OWNER/shop";
  const workflow_ref = `${repository}/.github/workflows/revoke.yml@${ref}`;
  const claims = {
    iss: issuer, aud: audience, sub: `repo:${repository}:ref:${ref}`, jti: randomUUID(),
    iat: now, nbf: now, exp: now + 300,
    repository, repository_id: "42", ref, workflow: "revoke", workflow_ref,
  };
  const signed = `${part({ typ: "JWT", alg: "RS256", kid: "one" })}.${part(claims)}`;
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`;
}

const server = createServer((request, response) => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { pathname, searchParams } = new URL(request.url, issuer);
  const answers = {
    "/.well-known/openid-configuration": () => ({ issuer, jwks_uri: `${issuer}/keys` }),
    "/keys": () => ({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }] }),
    "/token": () => {
      if (request.headers.authorization !== `Bearer ${bearer}`) return;
      return { value: identity(issuer, searchParams.get("audience"), searchParams.get("ref")) };
    },
  };
  const answer = answers[pathname]?.();
  response.writeHead(answer ? 200 : 403, { "content-type": "application/json" }).end(JSON.stringify(answer ?? {}));
});
server.listen(0, "127.0.0.1", () => console.log(`issuing on http://127.0.0.1:${server.address().port}`));
