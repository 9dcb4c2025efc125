// Buy one URL with the legacy client x402-fetch, and print what came back as a JSON line.
// Usage: SECRET=<base58 key pair> node pay_legacy.mjs URL RPC_URL
import { createSigner, decodeXPaymentResponse, wrapFetchWithPayment } from "x402-fetch";

const [url, rpcUrl] = process.argv.slice(2);
const signer = await createSigner("solana-devnet", process.env.SECRET);
// The two arguments left out are the client's defaults: its cap and its choice of an offer.
const pay = wrapFetchWithPayment(fetch, signer, undefined, undefined, { svmConfig: { rpcUrl } });

const response = await pay(url);
const receipt = response.headers.get("X-PAYMENT-RESPONSE");
console.log(
  JSON.stringify({
    status: response.status,
    body: await response.json(),
    receipt: receipt && decodeXPaymentResponse(receipt),
  }),
);
