// A wallet of the Wallet Standard that signs in the browser, with a key that the test gives it.
// `SEED` is the key's seed as an array of 32 bytes, `ADDRESS` its base58 text, `WALLET` its name.
(() => {
  const seed = SEED;
  const address = ADDRESS;
  const prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
  const asked = (window.walletAsked = []);
  let refuse = false;
  window.walletRefuses = () => (refuse = true);

  const key = () =>
    crypto.subtle.importKey("pkcs8", new Uint8Array([...prefix, ...seed]), "Ed25519", true, ["sign"]);

  async function publicKey() {
    const { x } = await crypto.subtle.exportKey("jwk", await key());
    const text = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }

  // A legacy transaction: a count of signatures, these, then the message: three bytes, a count of
  // keys, and these in the order of the signatures.
  async function signed(transaction) {
    const count = transaction[0];
    const start = 1 + 64 * count;
    const message = transaction.slice(start);
    const mine = await publicKey();
    const out = transaction.slice();
    for (let place = 0; place < count; place++) {
      const from = start + 4 + 32 * place;
      if (!transaction.slice(from, from + 32).every((byte, at) => byte === mine[at])) continue;
      out.set(new Uint8Array(await crypto.subtle.sign("Ed25519", await key(), message)), 1 + 64 * place);
    }
    return out;
  }

  const chains = ["solana:mainnet", "solana:devnet", "solana:testnet"];
  const features = ["solana:signTransaction"];
  const wallet = {
    version: "1.0.0",
    name: WALLET,
    icon: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=",
    chains,
    accounts: [],
    features: {
      "standard:connect": {
        version: "1.0.0",
        connect: async () => ({
          accounts: [{ address, publicKey: await publicKey(), chains, features }],
        }),
      },
      "solana:signTransaction": {
        version: "1.0.0",
        supportedTransactionVersions: ["legacy", 0],
        signTransaction: async (...inputs) => {
          asked.push(inputs.length);
          if (refuse) throw new Error("the user has rejected the request");
          return Promise.all(
            inputs.map(async ({ transaction }) => ({ signedTransaction: await signed(transaction) })),
          );
        },
      },
    },
  };

  const register = ({ register }) => register(wallet);
  window.dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: register }));
  window.addEventListener("wallet-standard:app-ready", ({ detail }) => register(detail));
})();
