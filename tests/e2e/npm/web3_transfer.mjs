// Airdrop, transfer and confirm with @solana/web3.js, and print what happened as a JSON line.
// Usage: node web3_transfer.mjs RPC_URL [WS_URL]    (without WS_URL the client derives it)
import {
  Connection,
  Keypair,
  LAMPORTS_PER_SOL,
  SystemProgram,
  Transaction,
} from "@solana/web3.js";

const [rpcUrl, wsEndpoint] = process.argv.slice(2);
const connection = new Connection(rpcUrl, { commitment: "confirmed", wsEndpoint });
const buyer = Keypair.generate();
const seller = Keypair.generate();

async function confirmed(signature) {
  const latest = await connection.getLatestBlockhash();
  const { value } = await connection.confirmTransaction({ signature, ...latest });
  return value.err;
}

// confirmTransaction also asks for the status once; these two hear by WebSocket or not at all.
function notified(signature) {
  return new Promise((resolve) => connection.onSignature(signature, resolve, "confirmed"));
}

function nextSlot() {
  return new Promise((resolve) => connection.onSlotChange(({ slot }) => resolve(slot)));
}

const airdrop = await connection.requestAirdrop(buyer.publicKey, 2 * LAMPORTS_PER_SOL);
const airdropError = await confirmed(airdrop);

const transaction = new Transaction().add(
  SystemProgram.transfer({
    fromPubkey: buyer.publicKey,
    toPubkey: seller.publicKey,
    lamports: LAMPORTS_PER_SOL,
  }),
);
const transfer = await connection.sendTransaction(transaction, [buyer]);
const [notice, transferError] = await Promise.all([notified(transfer), confirmed(transfer)]);
const landed = await connection.getTransaction(transfer, { maxSupportedTransactionVersion: 0 });

console.log(
  JSON.stringify({
    airdropError,
    transferError,
    noticeError: notice.err,
    buyer: await connection.getBalance(buyer.publicKey),
    seller: await connection.getBalance(seller.publicKey),
    fee: landed.meta.fee,
    landedError: landed.meta.err,
    slot: await nextSlot(),
  }),
);
process.exit(0);
