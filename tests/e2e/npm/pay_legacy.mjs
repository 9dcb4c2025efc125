// Buy one URL with the legacy client x402-fetch, and print what came back as a JSON line.
// Usage: SECRET=<base58 key pair> node pay_legacy.mjs URL RPC_URL [CAP]    (CAP in minor units)
import { createSigner, decodeXPaymentResponse, wrapFetchWithPayment } from "x402-fetch";

const [url, rpcUrl, cap] = process.argv.slice(2);
const signer = await createSigner("solana-devnet", process.env.SECRET);
// What is undefined is the client's default: its cap, and its choice of an offer.
const most = cap && BigInt(cap);
const pay = wrapFetchWithPayment(fetch, signer, most, undefined, { svmConfig: { rpcUrl } });

const response = await pay(url);
const receipt = response.headers.get("X-PAYMENT-RESPONSE");
console.log(
  JSON.stringify({
    status: response.status,
    body: await response.json(),
    receipt: receipt && decodeXPaymentResponse(receipt),
  }),
);
