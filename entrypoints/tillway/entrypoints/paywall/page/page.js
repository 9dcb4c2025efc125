// What the page does beyond showing a price: cards, wallets in this browser, the live status.
// It speaks to the gateway that it came from, and to nobody else.

const main = document.querySelector("main");
const facts = main.dataset;
const status = document.getElementById("status");

const CHAINS = { "mainnet-beta": "solana:mainnet", devnet: "solana:devnet", testnet: "solana:testnet" };
const SIGN = "solana:signTransaction";
const CONNECT = "standard:connect";
const POLL = 2000; // milliseconds between two looks for a payment
const PATIENCE = 120; // seconds for which a payment on its way is asked for
const KEPT = 24 * 3600; // seconds for which a link's quote is remembered in this browser
const LOOKS = 12; // looks for what an earlier load of this page has shown
const LATE = 30; // seconds after a quote's end in which its payment may still show

let busy = false;
let over = false;

// Words

function say(text, kind = "") {
  status.className = `status ${kind}`;
  status.textContent = text;
}

function lock(on) {
  busy = on;
  main.setAttribute("aria-busy", String(on));
  for (const button of main.querySelectorAll("button")) button.disabled = on;
}

function granted(grant) {
  over = true;
  busy = false;
  main.setAttribute("aria-busy", "false");
  for (const part of main.querySelectorAll("section, details")) part.hidden = true;
  say("Paid. Thank you!", "good");
  if (grant?.signature) {
    const receipt = document.createElement("p");
    receipt.className = "quiet";
    receipt.textContent = `Receipt: ${grant.signature}`;
    status.after(receipt);
  }
  forget();
}

// `open` tells that asking again may bring another answer: money may be moving meanwhile.
class Refused extends Error {
  constructor(code, text, { wait = 0, open = false } = {}) {
    super(text);
    this.code = code;
    this.wait = wait;
    this.open = open;
  }
}

const ON_ITS_WAY = ["transaction_not_confirmed", "signature_reused"];

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, location.href), { redirect: "error", ...options });
  } catch {
    throw new Refused("offline", "The shop could not be reached. Please try again.", { open: true });
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const error = typeof body.error === "object" && body.error ? body.error : {};
  const text = error.message ?? "That did not work. Please try again.";
  throw new Refused(error.code ?? "unknown", text, {
    wait: Number(answer.headers.get("Retry-After")) || 0,
    open: answer.status >= 500 || error.retryable === true || ON_ITS_WAY.includes(error.code),
  });
}

function post(path, body, headers = {}) {
  const all = { "Content-Type": "application/json", ...headers };
  return ask(path, { method: "POST", headers: all, body: JSON.stringify(body) });
}

async function attempt(words, work) {
  if (busy || over) return;
  lock(true);
  say(words);
  try {
    await work();
  } catch (error) {
    say(error instanceof Refused ? error.message : "Nothing was paid.", "bad");
  } finally {
    if (!over) lock(false);
  }
}

// Not randomUUID: a shop that is tried out by plain HTTP has none.
function unique() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// Cards

function wanted() {
  if (facts.kind === "cart") return ["./v1/cart/checkout", { cartId: facts.resource }];
  const coupon = facts.coupon ? { couponCode: facts.coupon } : {};
  return ["./v1/stripe-session", { resource: facts.resource, ...coupon }];
}

function byCard() {
  return attempt("Opening the card page…", async () => {
    const key = { "Idempotency-Key": unique() };
    const session = await post(...wanted(), key);
    const target = new URL(session.url);
    if (!["https:", "http:"].includes(target.protocol)) throw new Refused("invalid", "The card page has no address.");
    location.assign(target);
  });
}

// What costs nothing

function forFree() {
  return attempt("One moment…", async () => {
    const headers = { Accept: "application/json", "Idempotency-Key": unique() };
    granted(await ask(location.href, { headers }));
  });
}

// Wallets in this browser, by the Wallet Standard: wallets and pages find each other by events.

const wallets = new Map();

function usable(wallet) {
  const chain = CHAINS[facts.network];
  return wallet?.chains?.includes(chain) && wallet.features?.[SIGN] && wallet.features?.[CONNECT];
}

function register(...found) {
  for (const wallet of found) {
    if (!usable(wallet) || wallets.has(wallet.name)) continue;
    wallets.set(wallet.name, wallet);
    show(wallet);
  }
  return () => {};
}

function show(wallet) {
  const button = document.createElement("button");
  button.type = "button";
  button.disabled = busy;
  if (typeof wallet.icon === "string" && wallet.icon.startsWith("data:image/")) {
    const icon = document.createElement("img");
    icon.src = wallet.icon;
    icon.alt = "";
    button.append(icon);
  }
  button.append(`Pay with ${wallet.name}`);
  button.addEventListener("click", () => byWallet(wallet));
  const item = document.createElement("li");
  item.append(button);
  document.querySelector(".wallets").append(item);
  document.getElementById("no-wallet").hidden = true;
}

function findWallets() {
  const api = Object.freeze({ register });
  window.addEventListener("wallet-standard:register-wallet", ({ detail }) => detail(api));
  window.dispatchEvent(new CustomEvent("wallet-standard:app-ready", { detail: api }));
}

async function accountOf(wallet) {
  const { accounts } = await wallet.features[CONNECT].connect();
  const chain = CHAINS[facts.network];
  const account = accounts.find((each) => !each.chains || each.chains.includes(chain));
  if (!account) throw new Refused("no-account", "This wallet gave no account to pay with.");
  return account;
}

// What we would have signed is priced now: whoever looks at an old price is shown the new one first.
function isOld() {
  return facts.expires && Date.now() / 1000 > Number(facts.expires);
}

function byWallet(wallet) {
  if (isOld()) return location.reload();
  return attempt("Asking your wallet…", async () => {
    const account = await accountOf(wallet);
    const built = await build(account.address);
    say("Please sign in your wallet.");
    const [{ signedTransaction }] = await wallet.features[SIGN].signTransaction({
      account,
      transaction: bytes(built.transaction),
      chain: CHAINS[facts.network],
    });
    say("Paying…");
    granted(await settle(base64(signedTransaction), built.feePayer === account.address ? "" : built.feePayer));
  });
}

function build(address) {
  const body = { resourceId: facts.resource, userWallet: address };
  if (facts.coupon) body.couponCode = facts.coupon;
  return post(facts.sponsored ? "./v1/gasless-transaction" : "./v1/own-transaction", body);
}

// A payment that is on its way is asked for again with the very same request: that is free.
async function settle(transaction, feePayer) {
  const payload = { transaction, resource: facts.resource, resourceType: facts.kind };
  if (feePayer) payload.feePayer = feePayer;
  if (facts.coupon) payload.metadata = { couponCode: facts.coupon };
  const payment = { x402Version: 0, scheme: "solana-spl-transfer", network: facts.network, payload };
  const headers = { "X-PAYMENT": btoa(JSON.stringify(payment)), "Idempotency-Key": unique() };
  const until = Date.now() + PATIENCE * 1000;
  for (;;) {
    try {
      return await ask("./v1/verify", { method: "POST", headers });
    } catch (error) {
      if (!error.open) throw error;
      if (Date.now() > until) throw left();
      say("Your payment is on its way…");
      await pause((error.wait || 2) * 1000);
    }
  }
}

// Nobody knows yet whether it was paid: whoever tries again now might pay twice.
function left() {
  over = true;
  return new Refused("open", "Your payment may be on its way. Please do not pay again now, and look again later.");
}

// Wallets on other devices pay by the link. Its quote is kept in this browser for a day, so that a
// payment is found after the page was closed, or loaded anew with another one.

const MEMORY = "tillway-links";
const MOST = 10;

function remembered(wanted = (each) => each.resource === facts.resource) {
  try {
    const kept = JSON.parse(localStorage.getItem(MEMORY) ?? "[]");
    return kept.filter((each) => wanted(each) && each.expires + KEPT > Date.now() / 1000);
  } catch {
    return [];
  }
}

function remember() {
  const others = remembered(() => true).filter((each) => each.quote !== facts.quote);
  const now = { resource: facts.resource, quote: facts.quote, expires: Number(facts.expires) };
  keep([now, ...others].slice(0, MOST));
}

function keep(links) {
  try {
    localStorage.setItem(MEMORY, JSON.stringify(links));
  } catch {
    // A browser that keeps nothing still shows the payment of this very page.
  }
}

function forget() {
  keep(remembered(() => true).filter((each) => each.resource !== facts.resource));
}

async function look(quote) {
  try {
    const found = await post("./v1/payment-status", { quote });
    if (found.status === "granted") granted(found.grant);
  } catch (error) {
    if (error.open) return;
    over = true;
    say(`${error.message} What was paid is kept for a refund.`, "bad");
  }
}

async function watch() {
  remember();
  say("Waiting for your payment…");
  while (!over) {
    const late = Date.now() / 1000 > Number(facts.expires) + LATE;
    if (late && !busy && !document.hidden) {
      location.reload();
      return;
    }
    if (!document.hidden && !busy) await look(facts.quote);
    await pause(POLL);
  }
}

// What an earlier load of this page showed may have been paid since, or be on its way.
async function resume() {
  const earlier = remembered().filter((each) => each.quote !== facts.quote).slice(0, 3);
  for (let looks = 0; earlier.length && looks < LOOKS; looks++) {
    for (const { quote } of earlier) if (!over && !busy) await look(quote);
    if (over) return;
    await pause(POLL);
  }
}

// Begin

function begin() {
  document.getElementById("plain")?.remove();
  for (const part of main.querySelectorAll("section[hidden]")) part.hidden = false;
  document.getElementById("card")?.addEventListener("click", byCard);
  document.getElementById("free")?.addEventListener("click", forFree);
  if (document.getElementById("wallet")) findWallets();
  const link = document.getElementById("link");
  if (link) {
    link.addEventListener("toggle", watch, { once: true });
    resume();
  }
}

begin();
