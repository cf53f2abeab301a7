// What a decrypt costs a Worker before any of our code runs: the same KV read, the same D1 read and the same D1 batch,
// in the service's own statements, by hand. It checks what it reads and answers with a constant instead of a key.
//
// Where it is given the service's two rate limiters it asks them first, in the same order. It opens no blob and seals no
// event: what ours does beyond its bindings is in the difference.

const KEY = "5a".repeat(32);
const SEAL = "00".repeat(32);

const FIND = "SELECT * FROM deploys WHERE deploy_id = ?1";

const EVENT_IF_OPEN =
  "INSERT INTO audit (id, project_id, subject, action, result, at, address, country, user_agent, " +
  "actor, key_id, event_id, mac, detail) " +
  "SELECT " +
  "max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'audit' AND typeof(seq) = 'integer' " +
  "AND seq BETWEEN 0 AND 9007199254740990), 0), " +
  "ifnull((SELECT id FROM audit WHERE id BETWEEN 1 AND 9007199254740990 ORDER BY id DESC LIMIT 1), 0))" +
  " + 1, " +
  "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 " +
  "FROM deploys WHERE deploy_id = ?1 AND revoked_at IS NULL " +
  "AND (expires_at IS NULL OR expires_at > ?5) AND uses BETWEEN ?14 AND ?15 " +
  "AND NOT EXISTS (SELECT 1 FROM json_each(ifnull(repeats, '[]')) WHERE value > ?17 AND substr(value, 18, 32) = ?16)";

const RELEASE =
  "UPDATE deploys SET uses = uses + 1, last_used_at = ?2, " +
  "seal = ifnull((SELECT value FROM json_each(?5) WHERE key = uses - ?3), seal), " +
  "repeats = CASE WHEN ?6 IS NULL THEN repeats ELSE (SELECT json_group_array(value) FROM (" +
  "SELECT value FROM (SELECT value FROM json_each(ifnull(repeats, '[]')) WHERE value > ?8 " +
  "ORDER BY value DESC LIMIT 31) UNION ALL SELECT ?6)) END " +
  "WHERE deploy_id = ?1 AND revoked_at IS NULL " +
  "AND (expires_at IS NULL OR expires_at > ?2) AND uses BETWEEN ?3 AND ?4 " +
  "AND NOT EXISTS (SELECT 1 FROM json_each(ifnull(repeats, '[]')) WHERE value > ?8 AND substr(value, 18, 32) = ?7) " +
  "RETURNING uses";

// Uses are not limited, and the client sends no idempotency key.
const USES = [0, 2 ** 52];
const NO_KEY = [null, ""];

const INSERT =
  "INSERT INTO deploys (deploy_id, project_id, key_id, format, credential, created_at) " +
  "VALUES (?1, ?2, 0, ?3, ?4, ?5)";

async function isWithinLimits(id, address, env) {
  if (env.DECRYPTS_OF_DEPLOY === undefined) return true;
  const ofAddress = await env.DECRYPTS_FROM_ADDRESS.limit({ key: address });
  return ofAddress.success && (await env.DECRYPTS_OF_DEPLOY.limit({ key: id })).success;
}

async function decrypt(id, request, env) {
  const { headers } = request;
  const address = headers.get("cf-connecting-ip");
  if (!(await isWithinLimits(id, address, env))) return refusal(429, "RATE_LIMITED");
  const { ciphertext } = await request.json();
  if (typeof ciphertext !== "string") return refusal(400, "BAD_REQUEST");
  if ((await env.REVOCATIONS.get(id)) !== null) return refusal(410, "DEPLOY_REVOKED");
  const now = Date.now();
  const { results } = await env.DB.prepare(FIND).bind(id).all();
  const [record] = results;
  if (record === undefined) return refusal(404, "NOT_FOUND");
  if (record.revoked_at !== null) return refusal(410, "DEPLOY_REVOKED");
  const event = [id, record.project_id, "decrypt", "ok", now, address, null, headers.get("user-agent"), null, record.key_id];
  const [, released] = await env.DB.batch([
    env.DB.prepare(EVENT_IF_OPEN).bind(...event, crypto.randomUUID(), SEAL, null, ...USES, ...NO_KEY),
    env.DB.prepare(RELEASE).bind(id, now, ...USES, "[]", null, ...NO_KEY),
  ]);
  if (released.results.length === 0) return refusal(410, "DEPLOY_REVOKED");
  return Response.json({ service_key: KEY, project_id: record.project_id });
}

async function register(request, env) {
  const { deploy_id, project_id, format, credential } = await request.json();
  await env.DB.prepare(INSERT).bind(deploy_id, project_id, format, credential, Date.now()).run();
  return Response.json({ outer_blob: "" }, { status: 201 });
}

function refusal(status, code) {
  return Response.json({ error: "refused", code }, { status });
}

export default {
  fetch(request, env) {
    const path = new URL(request.url).pathname.split("/");
    if (request.method !== "POST" || path[1] !== "deploy") return refusal(404, "NOT_FOUND");
    if (path.length === 2) return register(request, env);
    return path[3] === "decrypt" ? decrypt(path[2], request, env) : refusal(404, "NOT_FOUND");
  },
};
