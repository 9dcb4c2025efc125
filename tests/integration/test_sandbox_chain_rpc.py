"""The sandbox's JSON-RPC speaks as Agave speaks, to good and to bad requests."""

import base64
import struct
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from support.chain import (
    CONFIRMED,
    PYUSD,
    USDC,
    Caller,
    Hand,
    Wallet,
    blockhash_of,
    funded,
    pay,
    text,
)
from tillway.entrypoints.sandbox.chain import Chain, Served, serve_chain
from tillway.entrypoints.sandbox.chain.programs import GENESIS, SYSTEM, TOKEN
from tillway.entrypoints.sandbox.chain.rpc import MAX_BATCH, MAX_BODY
from tillway.entrypoints.sandbox.chain.wire import base58_bytes, base58_text, ui_amount


async def post(rpc: Caller, body: bytes | str, kind: str = "application/json") -> Any:
    """Post raw bytes and give status and JSON, or None where there is no body."""
    headers = {"Content-Type": kind}
    async with rpc.session.post(rpc.url, data=body, headers=headers) as response:
        return response.status, await response.json() if response.content_length else None


class TestCluster:
    async def test_it_claims_devnet(self, rpc: Caller) -> None:
        """The genesis hash is devnet's, by which clients and CAIP-2 names know it."""
        assert await rpc.call("getGenesisHash") == GENESIS["devnet"]

    async def test_it_can_claim_mainnet(self, hand: Hand) -> None:
        """With the mints of mainnet at their addresses."""
        mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
        async with (
            serve_chain(Chain(clock=hand, cluster="mainnet")) as served,
            aiohttp.ClientSession() as session,
        ):
            rpc = Caller(served.rpc_url, session)
            assert await rpc.call("getGenesisHash") == GENESIS["mainnet"]
            assert await rpc.value("getTokenSupply", mint) == ui_amount(0, 6)

    async def test_it_is_well(self, rpc: Caller) -> None:
        """Health by JSON-RPC and by GET /health, as load balancers ask."""
        assert await rpc.call("getHealth") == "ok"
        async with rpc.session.get(f"{rpc.url}/health") as response:
            assert (response.status, await response.text()) == (200, "ok")

    async def test_versions_are_named(self, rpc: Caller) -> None:
        """Clients read both fields."""
        version = await rpc.call("getVersion")
        assert set(version) == {"solana-core", "feature-set"}

    async def test_the_epoch_adds_up(self, rpc: Caller) -> None:
        """Slot, epoch and index fit each other; heights are not slots."""
        info = await rpc.call("getEpochInfo", CONFIRMED)
        assert info["epoch"] * info["slotsInEpoch"] + info["slotIndex"] == info["absoluteSlot"]
        assert info["blockHeight"] < info["absoluteSlot"] == await rpc.call("getSlot", CONFIRMED)

    async def test_blocks_have_times(self, rpc: Caller, hand: Hand) -> None:
        """A slot began when the clock said so; slots to come have no time."""
        slot = await rpc.call("getSlot", {"commitment": "processed"})
        assert await rpc.call("getBlockTime", slot) == int(hand.now)
        hand.slots(10)
        assert await rpc.call("getBlockTime", slot + 10) == int(hand.now)
        assert (await rpc.error("getBlockTime", slot + 11))["code"] == -32004

    async def test_pruned_history_has_no_times(self, node: Served, rpc: Caller) -> None:
        """A node names its first available block and refuses what came before."""
        node.faults.first_available_slot = 300_900
        assert await rpc.call("getFirstAvailableBlock") == 300_900
        error = await rpc.error("getBlockTime", 300_899)
        assert error["code"] == -32001
        assert "First available block: 300900" in error["message"]

    async def test_a_context_slot_can_be_demanded(self, rpc: Caller) -> None:
        """A node that has not come so far says how far it is."""
        slot = await rpc.call("getSlot", CONFIRMED)
        assert await rpc.call("getSlot", {**CONFIRMED, "minContextSlot": slot}) == slot
        error = await rpc.error("getSlot", {**CONFIRMED, "minContextSlot": slot + 1})
        assert (error["code"], error["data"]) == (-32016, {"contextSlot": slot})

    async def test_fees_and_samples_are_listed(self, rpc: Caller) -> None:
        """Fee estimators and wallets ask for both."""
        fees = await rpc.call("getRecentPrioritizationFees", [str(USDC.mint)])
        assert len(fees) == 150
        assert fees[-1] == {
            "slot": await rpc.call("getSlot", {"commitment": "processed"}),
            "prioritizationFee": 0,
        }
        samples = await rpc.call("getRecentPerformanceSamples", 3)
        assert [sample["numSlots"] for sample in samples] == [150, 150, 150]

    async def test_rent_is_solanas(self, rpc: Caller) -> None:
        """A token account and a mint cost what they cost on every cluster."""
        assert await rpc.call("getMinimumBalanceForRentExemption", 165) == 2_039_280
        assert await rpc.call("getMinimumBalanceForRentExemption", 82) == 1_461_600


class TestAccounts:
    async def test_a_mint_is_parsed(self, chain: Chain, rpc: Caller) -> None:
        """The devnet USDC mint has six decimals and belongs to SPL Token."""
        shown = await rpc.value("getAccountInfo", str(USDC.mint), {"encoding": "jsonParsed"})
        assert shown["owner"] == str(TOKEN)
        assert shown["data"]["parsed"] == {
            "info": {
                "decimals": 6,
                "freezeAuthority": str(chain.faucet.pubkey()),
                "isInitialized": True,
                "mintAuthority": str(chain.faucet.pubkey()),
                "supply": "0",
            },
            "type": "mint",
        }

    async def test_a_token_account_is_parsed(self, chain: Chain, rpc: Caller) -> None:
        """Token-2022 accounts name their program and their extensions."""
        wallet = funded(chain, 1_500_000, 1, PYUSD.mint)
        account = wallet.account(PYUSD.mint)
        shown = await rpc.value("getAccountInfo", str(account), {"encoding": "jsonParsed"})
        assert shown["data"] == {
            "parsed": {
                "info": {
                    "extensions": [{"extension": "immutableOwner"}],
                    "isNative": False,
                    "mint": str(PYUSD.mint),
                    "owner": str(wallet.address),
                    "state": "initialized",
                    "tokenAmount": {
                        "amount": "1500000",
                        "decimals": 6,
                        "uiAmount": 1.5,
                        "uiAmountString": "1.5",
                    },
                },
                "type": "account",
            },
            "program": "spl-token-2022",
            "space": 170,
        }

    async def test_every_encoding_gives_the_same_bytes(self, chain: Chain, rpc: Caller) -> None:
        """Base58, base64 and Zstandard frames; a slice is a slice of the data."""
        data = bytes(range(100))
        address = str(Wallet().address)
        chain.put(Pubkey.from_string(address), Account(10**7, data, SYSTEM))

        async def shown(**config: Any) -> Any:
            return (await rpc.value("getAccountInfo", address, config))["data"]

        assert base58_bytes(await shown()) == data
        assert await shown(encoding="base58") == [base58_text(data), "base58"]
        assert await shown(encoding="base64") == [base64.b64encode(data).decode(), "base64"]
        frame = base64.b64decode((await shown(encoding="base64+zstd"))[0])
        assert frame[:4] == struct.pack("<I", 0xFD2FB528)
        assert frame.endswith(data)
        part = await shown(encoding="base64", dataSlice={"offset": 90, "length": 50})
        assert base64.b64decode(part[0]) == data[90:]
        assert await shown(encoding="jsonParsed") == [base64.b64encode(data).decode(), "base64"]

    async def test_large_data_is_not_base58(self, rpc: Caller) -> None:
        """Agave refuses to do the quadratic work, and so does this."""
        program = str(TOKEN)
        await rpc.call("getAccountInfo", program, {"encoding": "base64"})
        memo = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
        error = await rpc.error("getAccountInfo", memo, {"encoding": "base58"})
        assert error["code"] == -32600

    async def test_nobody_is_null(self, rpc: Caller) -> None:
        """An address without an account is null, with a balance of 0."""
        nobody = str(Wallet().address)
        assert await rpc.value("getAccountInfo", nobody) is None
        assert await rpc.value("getBalance", nobody) == 0

    async def test_many_accounts_keep_their_order(self, chain: Chain, rpc: Caller) -> None:
        """Up to a hundred at once, the missing ones null."""
        wallets = [funded(chain, sol=index + 1) for index in range(3)]
        asked = [str(wallet.address) for wallet in wallets] + [str(Wallet().address)]
        found = await rpc.value("getMultipleAccounts", asked, {"encoding": "base64"})
        assert [each and each["lamports"] for each in found] == [10**9, 2 * 10**9, 3 * 10**9, None]
        assert (await rpc.error("getMultipleAccounts", asked * 26))["code"] == -32602

    async def test_token_balances(self, chain: Chain, rpc: Caller) -> None:
        """A token account has an amount; a wallet and a mint have none."""
        wallet = funded(chain, 1_234_500)
        balance = await rpc.value("getTokenAccountBalance", str(wallet.account()))
        assert balance == ui_amount(1_234_500, 6)
        for wrong in (wallet.address, USDC.mint, Wallet().address):
            assert (await rpc.error("getTokenAccountBalance", str(wrong)))["code"] == -32602

    async def test_token_accounts_by_owner(self, chain: Chain, rpc: Caller) -> None:
        """By mint or by program; a wallet without any gets an empty list."""
        wallet = funded(chain, 5)
        owner, shown = str(wallet.address), {"encoding": "base64"}
        for wanted in ({"mint": str(USDC.mint)}, {"programId": str(TOKEN)}):
            found = await rpc.value("getTokenAccountsByOwner", owner, wanted, shown)
            assert [entry["pubkey"] for entry in found] == [str(wallet.account())]
        other = {"mint": str(PYUSD.mint)}
        assert await rpc.value("getTokenAccountsByOwner", owner, other, shown) == []
        for wrong in ({}, {"mint": owner}, {"programId": owner}):
            error = await rpc.error("getTokenAccountsByOwner", owner, wrong, shown)
            assert error["code"] == -32602


class TestAmounts:
    @pytest.mark.parametrize(
        ("amount", "decimals", "shown"),
        [
            (0, 6, "0"),
            (1, 6, "0.000001"),
            (1_000_000, 6, "1"),
            (1_230_000, 6, "1.23"),
            (2**64 - 1, 6, "18446744073709.551615"),
            (7, 0, "7"),
            (10, 0, "10"),
        ],
    )
    def test_the_string_is_exact(self, amount: int, decimals: int, shown: str) -> None:
        """No float comes near the digits."""
        assert ui_amount(amount, decimals)["uiAmountString"] == shown

    @pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\1", bytes(range(256)), b"\xff" * 40])
    def test_base58_goes_there_and_back(self, data: bytes) -> None:
        """Leading zeros survive."""
        assert base58_bytes(base58_text(data)) == data

    def test_base58_is_that_of_solana(self) -> None:
        """The alphabet and the zeros are as solders has them."""
        for key in (Pubkey.default(), Keypair().pubkey(), USDC.mint):
            assert base58_text(bytes(key)) == str(key)


class TestTransactions:
    @pytest.fixture
    async def signature(self, chain: Chain, rpc: Caller, hand: Hand) -> str:
        buyer, shop = funded(chain, 100), funded(chain)
        sent = await rpc.send(pay(buyer, shop.address, 5, blockhash_of(chain), note="for tea"))
        hand.slots(1)
        return sent

    async def test_json_has_compiled_instructions(self, rpc: Caller, signature: str) -> None:
        """Indexes into the keys, and data in base58."""
        answer = await rpc.fetch(signature)
        assert answer["version"] == 0
        message = answer["transaction"]["message"]
        keys = message["accountKeys"]
        programs = [keys[each["programIdIndex"]] for each in message["instructions"]]
        assert programs[2] == str(TOKEN)
        assert base58_bytes(message["instructions"][2]["data"]) == struct.pack("<BQB", 12, 5, 6)
        assert message["header"]["numRequiredSignatures"] == 1
        assert answer["meta"]["loadedAddresses"] == {"writable": [], "readonly": []}

    async def test_parsed_json_is_in_words(self, rpc: Caller, signature: str) -> None:
        """TransferChecked and memos are explained, other instructions are shown raw."""
        answer = await rpc.fetch(signature, encoding="jsonParsed")
        budget, _, moved, memo = answer["transaction"]["message"]["instructions"]
        assert set(budget) == {"programId", "accounts", "data", "stackHeight"}
        assert (moved["program"], moved["parsed"]["type"]) == ("spl-token", "transferChecked")
        assert moved["parsed"]["info"]["tokenAmount"] == ui_amount(5, 6)
        assert (memo["program"], memo["parsed"]) == ("spl-memo", "for tea")
        first = answer["transaction"]["message"]["accountKeys"][0]
        assert (first["signer"], first["writable"], first["source"]) == (True, True, "transaction")

    async def test_the_bytes_are_those_that_were_sent(
        self, chain: Chain, rpc: Caller, signature: str
    ) -> None:
        """Base64 and base58 give the wire form."""
        record = chain.landings.get(signature)
        assert record is not None
        for encoding, read in (("base64", base64.b64decode), ("base58", base58_bytes)):
            body, name = (await rpc.fetch(signature, encoding=encoding))["transaction"]
            assert (read(body), name) == (record.wire, encoding)

    async def test_balances_are_shown_before_and_after(self, rpc: Caller, signature: str) -> None:
        """Owner, mint and amount of each token account, in minor units."""
        meta = (await rpc.fetch(signature))["meta"]
        before, after = (
            sorted(int(held["uiTokenAmount"]["amount"]) for held in meta[side])
            for side in ("preTokenBalances", "postTokenBalances")
        )
        assert (before, after) == ([0, 100], [5, 95])
        assert meta["preBalances"][0] - meta["postBalances"][0] == meta["fee"] == 5_001

    async def test_a_version_must_be_asked_for(self, rpc: Caller, signature: str) -> None:
        """A client that knows only legacy transactions is told."""
        error = await rpc.error("getTransaction", signature, CONFIRMED)
        assert error["code"] == -32015

    async def test_legacy_needs_no_asking(self, chain: Chain, rpc: Caller, hand: Hand) -> None:
        """And its answer has no version then."""
        buyer, shop = funded(chain, 100), funded(chain)
        sent = await rpc.send(pay(buyer, shop.address, 5, blockhash_of(chain), legacy=True))
        hand.slots(1)
        assert "version" not in await rpc.call("getTransaction", sent, CONFIRMED)
        assert (await rpc.fetch(sent))["version"] == "legacy"

    async def test_processed_is_no_history(self, rpc: Caller, signature: str) -> None:
        """History is served from confirmed on."""
        processed = {"commitment": "processed"}
        address = str(USDC.mint)
        for method, subject in (
            ("getTransaction", signature),
            ("getSignaturesForAddress", address),
        ):
            error = await rpc.error(method, subject, processed)
            assert error["message"] == "Method does not support commitment below `confirmed`"

    async def test_signatures_of_an_address_come_in_pages(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """Newest first, between `before` and `until`, both left out."""
        buyer, shop = funded(chain, 100), funded(chain)
        sent = [
            await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain), note=f"n{index}"))
            for index in range(6)
        ]
        hand.slots(1)

        async def page(**config: Any) -> list[str]:
            found = await rpc.call(
                "getSignaturesForAddress", str(shop.account()), CONFIRMED | config
            )
            return [entry["signature"] for entry in found]

        assert await page() == sent[::-1]
        assert await page(limit=2) == [sent[5], sent[4]]
        assert await page(limit=2, before=sent[4]) == [sent[3], sent[2]]
        assert await page(until=sent[2]) == [sent[5], sent[4], sent[3]]
        assert await page(before=sent[0]) == []
        first = (await rpc.call("getSignaturesForAddress", str(shop.account()), CONFIRMED))[0]
        assert first["memo"] == "[2] n5"
        assert first["confirmationStatus"] == "confirmed"

    async def test_statuses_keep_their_order(self, rpc: Caller, signature: str) -> None:
        """Unknown ones are null; more than 256 are refused."""
        unknown = str(Keypair().sign_message(b""))
        found = await rpc.value("getSignatureStatuses", [unknown, signature])
        assert found[0] is None
        assert found[1]["confirmationStatus"] == "confirmed"
        error = await rpc.error("getSignatureStatuses", [signature] * 257)
        assert error["message"] == "Too many inputs provided; max 256"


class TestBadRequests:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ("{", -32700),
            ("", -32700),
            (b"\xff\xfe", -32700),
            ("null", -32600),
            ("7", -32600),
            ('"getSlot"', -32600),
            ("[]", -32600),
            ("{}", -32600),
            ('{"jsonrpc":"2.0","id":1,"method":7}', -32600),
            ('{"jsonrpc":"2.0","id":1,"method":"getNothing"}', -32601),
            ('{"jsonrpc":"2.0","id":1,"method":"__class__"}', -32601),
            ('{"jsonrpc":"2.0","id":1,"method":"getSlot","params":{"a":1}}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"getBalance"}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"getBalance","params":[7]}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"getBalance","params":["xyz"]}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"getSlot","params":[{"commitment":"now"}]}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"getSlot","params":[[1]]}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"isBlockhashValid","params":["xy"]}', -32602),
        ],
    )
    async def test_each_gets_its_code(self, rpc: Caller, body: str | bytes, code: int) -> None:
        """HTTP 200 with a JSON-RPC error, as Agave does."""
        status, answer = await post(rpc, body)
        assert (status, answer["error"]["code"]) == (200, code)

    @pytest.mark.parametrize("number", [1, 0, "seven", 1.5])
    async def test_the_id_comes_back(self, rpc: Caller, number: Any) -> None:
        """With results and with errors alike."""
        for method in ("getSlot", "getNothing"):
            body = {"jsonrpc": "2.0", "id": number, "method": method}
            assert (await rpc.raw(body))["id"] == number

    async def test_a_batch_is_answered_in_order(self, rpc: Caller) -> None:
        """One bad request does not spoil the others."""
        batch: list[Any] = [
            {"jsonrpc": "2.0", "id": 1, "method": "getHealth"},
            7,
            {"jsonrpc": "2.0", "method": "ping"},
            {"jsonrpc": "2.0", "id": 2, "method": "getNothing"},
        ]
        answers = await rpc.raw(batch)
        assert [each["id"] for each in answers] == [1, None, 2]
        assert answers[0]["result"] == "ok"
        assert [each["error"]["code"] for each in answers[1:]] == [-32600, -32601]

    async def test_batches_are_bounded(self, rpc: Caller) -> None:
        """One more than the bound is refused as a whole."""
        one = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}
        assert len(await rpc.raw([one] * MAX_BATCH)) == MAX_BATCH
        assert (await rpc.raw([one] * (MAX_BATCH + 1)))["error"]["code"] == -32600

    async def test_notifications_get_no_answer(self, rpc: Caller) -> None:
        """A request without an id is not carried out."""
        assert await post(rpc, '{"jsonrpc":"2.0","method":"getSlot"}') == (200, None)

    async def test_bodies_are_bounded(self, rpc: Caller) -> None:
        """More than a mebibyte is refused before it is read as JSON."""
        async with rpc.session.post(rpc.url, data=BytesIO(b" " * (MAX_BODY + 1))) as response:
            assert response.status == 413

    @pytest.mark.parametrize(
        ("sent", "encoding", "said"),
        [
            ("%%%", "base64", "invalid base64 encoding"),
            ("0OIl", "base58", "invalid base58 encoding"),
            ("A" * 1_645, "base64", "too large: 1645 bytes (max: encoded/raw 1644/1232)"),
            ("A" * 1_684, "base58", "too large: 1684 bytes (max: encoded/raw 1683/1232)"),
            ("AAAA", "base64", "failed to deserialize"),
            ("", "base64", "failed to deserialize"),
            ("AAAA", "hex", "unsupported encoding: hex"),
        ],
    )
    async def test_what_is_no_transaction(
        self, rpc: Caller, sent: str, encoding: str, said: str
    ) -> None:
        """Sending and simulating refuse it with the reason."""
        for method in ("sendTransaction", "simulateTransaction"):
            error = await rpc.error(method, sent, {"encoding": encoding})
            assert error["code"] == -32602
            assert said in error["message"]

    async def test_an_insane_transaction_is_refused(self, chain: Chain, rpc: Caller) -> None:
        """Signatures and header must fit each other."""
        buyer, shop = funded(chain, 100), funded(chain)
        wire = bytes(pay(buyer, shop.address, 1, blockhash_of(chain)))
        insane = base64.b64encode(b"\x02" + wire[1:65] + bytes(64) + wire[65:]).decode()
        error = await rpc.error("sendTransaction", insane, {"encoding": "base64"})
        assert (error["code"], error["message"][:20]) == (-32602, "invalid transaction:")

    async def test_get_is_for_websockets(self, rpc: Caller) -> None:
        """A browser that opens the URL is told what the port is for."""
        async with rpc.session.get(rpc.url) as response:
            assert response.status == 405
            assert "POST" in await response.text()


class TestBrowsers:
    async def test_any_origin_may_call(self, rpc: Caller) -> None:
        """Preflights and answers carry the headers that browsers want."""
        headers = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,solana-client",
        }
        async with rpc.session.options(rpc.url, headers=headers) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Access-Control-Allow-Headers"] == "*"
        body = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}
        async with rpc.session.post(rpc.url, json=body) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "*"


class TestPorts:
    async def test_both_ports_answer_both(self, node: Served, rpc: Caller) -> None:
        """Clients derive the PubSub address as the same port or the next one."""
        http, ws = (int(url.rpartition(":")[2]) for url in (node.rpc_url, node.ws_url))
        assert ws == http + 1
        beside = Caller(f"http://127.0.0.1:{ws}", rpc.session)
        assert await beside.call("getHealth") == "ok"
        for port in (http, ws):
            async with rpc.session.ws_connect(f"ws://127.0.0.1:{port}") as socket:
                await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "slotSubscribe"})
                assert (await socket.receive_json())["id"] == 1

    async def test_a_taken_port_is_an_oserror(self, node: Served, hand: Hand) -> None:
        """Nothing is served when either port of the pair is taken."""
        taken = int(node.rpc_url.rpartition(":")[2])
        for port in (taken, taken - 1):
            with pytest.raises(OSError, match=r"127\.0\.0\.1:\d+: Address already in use"):
                async with serve_chain(Chain(clock=hand), port=port):
                    pytest.fail("it must not start")

    async def test_methods_are_counted(self, node: Served, rpc: Caller) -> None:
        """Calls are counted by method, strangers' methods under one name."""
        for method in ("getSlot", "getSlot", "getHealth", "getNothing", "getLess"):
            await rpc.full(method)
        assert node.node.calls == {"getSlot": 2, "getHealth": 1, "(unknown)": 2}
        async with rpc.session.get(f"{rpc.url}/_control/calls") as response:
            assert (await response.json())["getSlot"] == 2
        async with rpc.session.post(f"{rpc.url}/_control/reset") as response:
            assert response.status == 200
        assert not node.node.calls

    async def test_a_transaction_may_be_sent_in_base58(self, chain: Chain, rpc: Caller) -> None:
        """The default encoding of old clients."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        confirmed = {"preflightCommitment": "confirmed"}
        sent = await rpc.call("sendTransaction", base58_text(bytes(payment)), confirmed)
        assert (sent, shop.balance(chain)) == (str(payment.signatures[0]), 1)
        assert base64.b64decode(text(payment)) == bytes(payment)
