/** Where orders would be kept. The shop stores nothing; it tells which database it was given. */
class Database {
  readonly url = new URL(process.env["DATABASE_URL"] || "postgres://localhost:5432/shop");

  get place(): string {
    return `${this.url.hostname}${this.url.pathname}`;
  }
}

export const database = new Database();
