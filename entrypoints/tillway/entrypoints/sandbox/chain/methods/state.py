"""Accounts, balances and tokens."""

from solders.account import Account
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain import tokens
from tillway.entrypoints.sandbox.chain.accounts import account_json
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.params import Config, Params, pubkey
from tillway.entrypoints.sandbox.chain.programs import TOKEN_PROGRAMS
from tillway.entrypoints.sandbox.chain.wire import Json, invalid, ui_amount

_MANY = 100


def shown(node: Node, account: Account | None, config: Config) -> Json:
    """Show the account as asked for."""
    return account_json(account, config, node.chain.decimals)


def get_account_info(node: Node, params: Params) -> Json:
    """One account."""
    address, config = params.pubkey(0), params.config(1)
    return node.answer(config, shown(node, node.chain.account(address), config))


def get_multiple_accounts(node: Node, params: Params) -> Json:
    """Up to 100 accounts, in the order asked."""
    addresses = [pubkey(text) for text in params.texts(0, _MANY)]
    config = params.config(1)
    value = [shown(node, node.chain.account(address), config) for address in addresses]
    return node.answer(config, value)


def get_balance(node: Node, params: Params) -> Json:
    """Lamports."""
    return node.answer(params.config(1), node.chain.lamports(params.pubkey(0)))


def get_token_account_balance(node: Node, params: Params) -> Json:
    """Give a token account's amount."""
    account = node.chain.account(params.pubkey(0))
    if account is None:
        raise invalid("Invalid param: could not find account")
    if not tokens.is_token_account(account):
        raise invalid("Invalid param: not a Token account")
    state = tokens.token_state(account)
    places = node.chain.decimals(bytes(state.mint))
    return node.answer(params.config(1), ui_amount(state.amount, places))


def get_token_supply(node: Node, params: Params) -> Json:
    """Give a mint's supply."""
    account = node.chain.account(params.pubkey(0))
    if account is None:
        raise invalid("Invalid param: could not find account")
    if not tokens.is_mint(account):
        raise invalid("Invalid param: not a Token mint")
    state = tokens.mint_state(account)
    return node.answer(params.config(1), ui_amount(state.supply, state.decimals))


def get_token_accounts_by_owner(node: Node, params: Params) -> Json:
    """Give the owner's token accounts of one mint or one token program."""
    owner, wanted, config = params.pubkey(0), params.config(1), params.config(2)
    program, mint = _filter(node, wanted)
    found = []
    for address in node.chain.holders.of(str(owner)):
        account = node.chain.account(address)
        if account is not None and _held(account, owner, program, mint):
            entry = {"pubkey": str(address), "account": shown(node, account, config)}
            found.append(entry)
    return node.answer(config, found)


def _filter(node: Node, wanted: Config) -> tuple[Pubkey, Pubkey | None]:
    mint, program = wanted.text("mint"), wanted.text("programId")
    if mint is not None:
        account = node.chain.account(pubkey(mint))
        if account is None or not tokens.is_mint(account):
            raise invalid("Invalid param: could not find mint")
        return account.owner, pubkey(mint)
    if program is None:
        raise invalid("Invalid params: expected `mint` or `programId`.")
    if pubkey(program) not in TOKEN_PROGRAMS:
        raise invalid("Invalid param: unrecognized Token program id")
    return pubkey(program), None


def _held(account: Account, owner: Pubkey, program: Pubkey, mint: Pubkey | None) -> bool:
    if account.owner != program or not tokens.is_token_account(account):
        return False
    state = tokens.token_state(account)
    return state.owner == owner and mint in (None, state.mint)


METHODS = {
    "getAccountInfo": get_account_info,
    "getMultipleAccounts": get_multiple_accounts,
    "getBalance": get_balance,
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenSupply": get_token_supply,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
}
