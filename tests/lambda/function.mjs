// Answers with the variables that the event names, and with the process that it runs in.
export const handler = async ({ names }) => ({
  pid: process.pid,
  folder: process.cwd(),
  values: Object.fromEntries(names.map((name) => [name, process.env[name] ?? null])),
});
