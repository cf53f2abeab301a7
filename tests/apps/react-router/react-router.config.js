export default { ssr: true, prerender: ["/terms"] };
