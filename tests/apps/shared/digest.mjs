// A value's digest: enough to compare two servers, and nothing that a response could leak.
export function digest(value) {
  if (value === undefined) return "undefined";
  const text = typeof value + JSON.stringify(value);
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    a = Math.imul(a ^ text.charCodeAt(at), 2654435761);
    b = Math.imul(b ^ text.charCodeAt(at), 1597334677);
  }
  const hex = (half) => (half >>> 0).toString(16).padStart(8, "0");
  return hex(a ^ (b >>> 13)) + hex(b ^ (a >>> 15));
}

// Every probe's digest by its name; a probe that fails answers with the name of its error.
export async function digests(probes) {
  const answers = {};
  for (const [name, probe] of Object.entries(probes)) {
    try {
      answers[name] = digest(await probe());
    } catch (error) {
      answers[name] = `threw ${error.name}`;
    }
  }
  return answers;
}
