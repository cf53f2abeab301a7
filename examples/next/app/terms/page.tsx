/** Prerendered: the built page is a file that anybody may fetch. */
export default function Terms() {
  return <main>Nothing here is for sale.</main>;
}
