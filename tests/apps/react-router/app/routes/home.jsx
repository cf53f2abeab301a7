// Rendered on the server and again by the client, which gets what the loader chose to tell.
export const loader = () => ({ length: process.env.APP_LOADER?.length ?? 0 });

export default function Home({ loaderData }) {
  return <main>{loaderData.length} characters</main>;
}
