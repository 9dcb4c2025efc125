// Buy one URL with the official client @x402/fetch, and print what came back as a JSON line.
// Usage: SECRET=<base58 key pair> node pay_v2.mjs URL RPC_URL [CAP]    (CAP like $5)
import { createKeyPairSignerFromBytes, getBase58Encoder } from "@solana/kit";
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { ExactSvmScheme } from "@x402/svm/exact/client";

const [url, rpcUrl, cap] = process.argv.slice(2);
const secret = getBase58Encoder().encode(process.env.SECRET);
const signer = await createKeyPairSignerFromBytes(secret);
const client = new x402Client().register("solana:*", new ExactSvmScheme(signer, { rpcUrl }));
if (cap) client.setSpendControls({ maxAmountPerPayment: cap });

const response = await wrapFetchWithPayment(fetch, client)(url);
const receipt = response.headers.get("PAYMENT-RESPONSE");
console.log(
  JSON.stringify({
    status: response.status,
    body: await response.json(),
    receipt: receipt && decodePaymentResponseHeader(receipt),
  }),
);
