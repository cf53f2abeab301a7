// One app, three platforms: the variant's build says which.
const { default: adapter } = await import(`@sveltejs/adapter-${process.env.ADAPTER}`);

const options = { node: { precompress: true }, vercel: { runtime: "nodejs22.x" } };

// A version of its own for each build would stand in its pages: two builds are compared.
export default { kit: { adapter: adapter(options[process.env.ADAPTER] ?? {}), version: { name: "1" } } };
