export const getServerSideProps = () => ({ props: { length: process.env.APP_OLD_PAGE?.length ?? 0 } });

export default function Old({ length }) {
  return <main>{length} characters</main>;
}
