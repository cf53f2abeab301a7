// Runs once when a server starts, before it takes requests.
export function register() {
  globalThis.registered = process.env.APP_REGISTERED;
}
