"""What may be wrong with the rail's surroundings, and what to do about it."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from tillway.adapters.x402.answers import Account
from tillway.adapters.x402.networks import CAIP2
from tillway.adapters.x402.provision import Wanted
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.wallets import HEALTHY_FROM, LAMPORTS_PER_SOL, Standing, Wallets
from tillway.core.assets import Network
from tillway.core.errors import Unavailable
from tillway.core.ports.rails import Finding

_CAIP2_DIGITS: Final = 32


async def examine(
    rpc: Rpc, wallets: Wallets, *, network: Network, accounts: Sequence[Wanted], creates: bool
) -> tuple[Finding, ...]:
    """Look at each node, the receiving accounts and the wallets, in this order.

    ``creates`` tells that missing accounts are created at start. Changes nothing and never
    raises Unavailable: that a node is away is a finding.
    """
    findings = [await _node(node, network, number) for number, node in enumerate(rpc.each(), 1)]
    if not any(finding.good for finding in findings):
        return tuple(evolve(finding, fatal=True) for finding in findings)
    findings += await _accounts(rpc, accounts, creates=creates)
    await wallets.check()
    findings += [_wallet(wallets, number) for number in range(len(wallets.addresses))]
    return tuple(findings)


async def _node(node: Rpc, network: Network, number: int) -> Finding:
    subject = f"RPC node {number}"
    try:
        genesis, slot = await node.genesis_hash(), await node.slot()
    except Unavailable as away:
        advice = "check x402.rpc_url (address, API key, quota) and that the node is up"
        return Finding(subject=subject, good=False, fact=f"no answer ({away})", advice=advice)
    if genesis[:_CAIP2_DIGITS] != CAIP2[network].removeprefix("solana:"):
        return Finding(
            subject=subject,
            good=False,
            fact=f"it serves another network than {network}",
            advice="set x402.rpc_url to a node of x402.network, or x402.network to the node's",
            fatal=True,
        )
    return Finding(subject=subject, good=True, fact=f"{network} at slot {slot}")


async def _accounts(rpc: Rpc, wanted: Sequence[Wanted], *, creates: bool) -> list[Finding]:
    try:
        found = await rpc.accounts([one.address for one in wanted]) if wanted else ()
    except Unavailable as away:
        return [Finding(subject="token accounts", good=False, fact=str(away), advice="try again")]
    pairs = zip(wanted, found, strict=True)
    return [_account(one, account, creates=creates) for one, account in pairs]


def _account(wanted: Wanted, account: Account | None, *, creates: bool) -> Finding:
    subject = f"token account {wanted.address}"
    if account is None:
        later = "it is created when the gateway starts, if a server wallet has SOL"
        advice = f"create it (spl-token create-account {wanted.mint_address} --owner"
        advice = f"{advice} {wanted.owner_address}) or set x402.auto_create_token_account"
        return Finding(
            subject=subject, good=False, fact="missing", advice=later if creates else advice
        )
    if bytes(account.owner) != wanted.program or not wanted.matches(account.data):
        return Finding(
            subject=subject,
            good=False,
            fact="it holds another mint or belongs to another wallet",
            advice="check x402.token_mint and x402.payment_address",
        )
    return Finding(subject=subject, good=True, fact="there, with the right mint and owner")


def _wallet(wallets: Wallets, number: int) -> Finding:
    key = wallets.addresses[number]
    balance = wallets.balance(key)
    subject, standing = f"server wallet {key}", balance.standing
    if standing is Standing.UNKNOWN:
        return Finding(subject=subject, good=False, fact="balance unknown", advice="try again")
    fact = f"{(balance.lamports or 0) / LAMPORTS_PER_SOL:.6f} SOL, {standing}"
    if standing is Standing.HEALTHY:
        return Finding(subject=subject, good=True, fact=fact)
    least = HEALTHY_FROM / LAMPORTS_PER_SOL
    advice = f"send it SOL: below {least} SOL it is not asked to pay fees"
    return Finding(subject=subject, good=False, fact=fact, advice=advice)
