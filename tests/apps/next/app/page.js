import { connection } from "next/server";

// Rendered for each request; what the page tells of the variable is its length.
export default async function Home() {
  await connection();
  return <main>{process.env.APP_LOADER?.length ?? 0} characters</main>;
}
