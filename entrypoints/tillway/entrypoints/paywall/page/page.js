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

function done(words, ...notes) {
  over = true;
  busy = false;
  main.setAttribute("aria-busy", "false");
  for (const part of main.querySelectorAll("section, details, .way, [role=alert], .bad")) {
    if (part !== status) part.hidden = true;
  }
  say(words, "good");
  for (const text of notes.filter(Boolean).reverse()) {
    const note = document.createElement("p");
    note.className = "quiet";
    note.textContent = text;
    status.after(note);
  }
  forget();
  drop();
}

async function granted(grant) {
  over = true;
  const period = facts.periods && grant?.wallet ? await begun(grant) : "";
  done("Paid. Thank you!", grant?.signature && `Receipt: ${grant.signature}`, period);
}

// What a wallet has paid for a plan's product is made a period of its subscription.
async function begun({ wallet, signature }) {
  const body = { productId: facts.resource, wallet, paymentSignature: signature };
  try {
    const { periodEnd } = await post("./v1/subscription/x402/activate", body);
    return `Subscribed until ${new Date(periodEnd).toLocaleDateString("en")}.`;
  } catch (error) {
    return `Your subscription has not begun yet: ${error.message} Keep the receipt.`;
  }
}

// `open` tells that asking again may bring another answer: money may be moving meanwhile.
class Refused extends Error {
  constructor(code, text, { wait = 0, open = false, status = "" } = {}) {
    super(text);
    this.code = code;
    this.wait = wait;
    this.open = open;
    this.status = status;
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
    status: error.details?.status,
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

// Cards. The provider's page leads back to this one where the shop allows it. The session's id
// opens what it has paid for: it is kept in this tab, and comes back in the address's fragment,
// which no server sees, and which is taken out at once.

const SESSION = "tillway-session";
const PAID = "#paid=";
const LEFT = "#left";
const ID = /^(?:cs|free)_[A-Za-z0-9_]{1,250}$/;

const typed = () => facts.promotion || facts.coupon;

// Nothing else of the address is handed on: who has written it, has no say in where buyers go.
function back() {
  if (facts.origin !== location.origin) return {};
  const coupon = typed() ? `?couponCode=${encodeURIComponent(typed())}` : "";
  const here = location.origin + location.pathname + coupon;
  return { successUrl: `${here}${PAID}{CHECKOUT_SESSION_ID}`, cancelUrl: `${here}${LEFT}` };
}

function wanted() {
  if (facts.kind === "cart") return ["./v1/cart/checkout", { cartId: facts.resource, ...back() }];
  const coupon = typed() ? { couponCode: typed() } : {};
  const asked = { resource: facts.resource, ...coupon, ...back() };
  if (!facts.interval) return ["./v1/stripe-session", asked];
  const days = facts.days ? { intervalDays: Number(facts.days) } : {};
  return ["./v1/subscription/stripe-session", { ...asked, interval: facts.interval, ...days }];
}

function byCard() {
  return attempt("Opening the card page…", async () => {
    const key = { "Idempotency-Key": unique() };
    const session = await post(...wanted(), key);
    if (session.granted) return done("Paid. Thank you!", `Receipt: ${session.sessionId}`);
    const target = new URL(session.url);
    if (!["https:", "http:"].includes(target.protocol)) throw new Refused("invalid", "The card page has no address.");
    hold({ session: session.sessionId, paid: false });
    location.assign(target);
  });
}

function hold(session) {
  try {
    sessionStorage.setItem(SESSION, JSON.stringify({ ...session, resource: facts.resource }));
  } catch {
    // The fragment brings it back as well.
  }
}

function held() {
  try {
    const found = JSON.parse(sessionStorage.getItem(SESSION) ?? "null");
    return found?.resource === facts.resource ? found : null;
  } catch {
    return null;
  }
}

function drop() {
  try {
    sessionStorage.removeItem(SESSION);
  } catch {
    // What cannot be kept need not be removed.
  }
}

// Read what the address says of a session, and take it out of the address and its history.
function returned() {
  const { hash } = location;
  if (!hash.startsWith(PAID) && hash !== LEFT) return held();
  history.replaceState(null, "", location.pathname + location.search);
  if (hash === LEFT) {
    say("Nothing was paid. You can try again.");
    return held();
  }
  const named = hash.slice(PAID.length);
  const session = ID.test(named) ? named : held()?.session;
  if (!session) return null;
  hold({ session, paid: true });
  return held() ?? { session, paid: true };
}

async function proofOf(session) {
  try {
    const proof = await ask(`./v1/stripe-session/verify?session_id=${encodeURIComponent(session)}`);
    if (proof.resource_id === facts.resource) return proof;
    throw new Refused("other", "That payment was for something else.");
  } catch (error) {
    if (error.status) throw new Refused("over", "The payment did not go through. You can try again.");
    if (error.open || error.code === "session_not_found") return null;
    throw error;
  }
}

function paidByCard({ amount }) {
  const what = document.querySelector("h1").textContent;
  if (facts.interval) return done("Subscribed. Thank you!", `${what}: ${amount} paid now`);
  return done("Paid. Thank you!", `${what}: ${amount}`);
}

// The provider tells the shop, not the buyer: until it has, nobody is asked to pay again.
async function confirm(session) {
  lock(true);
  say("Your payment is being confirmed…");
  for (const until = Date.now() + PATIENCE * 1000; Date.now() < until; await pause(POLL)) {
    const proof = await proofOf(session);
    if (proof) return paidByCard(proof);
  }
  over = true;
  main.setAttribute("aria-busy", "false");
  say("Your payment is not confirmed yet: some banks take days. Please do not pay again now, and look again later.");
}

async function comeBack() {
  const found = returned();
  if (!found) return;
  try {
    if (found.paid) return await confirm(found.session);
    const proof = await proofOf(found.session);
    if (proof && !busy) paidByCard(proof);
  } catch (error) {
    drop();
    if (!found.paid) return;
    lock(false);
    say(error.message, "bad");
  }
}

// What costs nothing

function forFree() {
  return attempt("One moment…", async () => {
    const headers = { Accept: "application/json", "Idempotency-Key": unique() };
    await granted(await ask(location.pathname + location.search, { headers }));
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
    await granted(await settle(base64(signedTransaction), built.feePayer === account.address ? "" : built.feePayer));
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
    if (found.status === "granted") await granted(found.grant);
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
  if (!facts.resource) return;
  document.getElementById("plain")?.remove();
  // A page that the browser has kept is shown as it was left: at work.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted || over) return;
    lock(false);
    say("");
    comeBack();
  });
  for (const part of main.querySelectorAll("section[hidden]")) part.hidden = false;
  document.getElementById("card")?.addEventListener("click", byCard);
  document.getElementById("free")?.addEventListener("click", forFree);
  if (document.getElementById("wallet")) findWallets();
  const link = document.getElementById("link");
  if (link) {
    link.addEventListener("toggle", watch, { once: true });
    resume();
  }
  comeBack();
}

begin();
