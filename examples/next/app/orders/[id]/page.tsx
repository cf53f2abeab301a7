import { same, sign } from "@/lib/sign";

type Props = { params: Promise<{ id: string }>; searchParams: Promise<{ signature?: string }> };

/** A receipt is believed only with the signature that the server action gave it. */
export default async function Order({ params, searchParams }: Props) {
  const { id } = await params;
  const { signature = "" } = await searchParams;
  const e = process.env;
  const genuine = !!e.ORDER_SIGNING_KEY && same(await sign(e.ORDER_SIGNING_KEY, id), signature);
  return <main id="receipt">{`order ${id} is ${genuine ? "genuine" : "not ours"}`}</main>;
}
