"""A chain that was kept goes on where it ended."""

from pathlib import Path

import pytest

from support.chain import PYUSD, USDC, Hand, Wallet, blockhash_of, funded, pay
from tillway.entrypoints.sandbox.chain import BadSnapshot, Chain, Node, dump, load, save, tokens
from tillway.entrypoints.sandbox.chain.rpc import answer


def ask(chain: Chain, method: str, *params: object) -> object:
    """Ask a node of the chain without a socket."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return answer(Node(chain=chain), request)["result"]


class TestSnapshots:
    def test_accounts_come_back(self, chain: Chain, hand: Hand) -> None:
        """Tokens of both programs, lamports, mints and the faucet."""
        wallet = funded(chain, 123, 2)
        other = funded(chain, 77, 0, PYUSD.mint)
        again = load(dump(chain), hand)
        assert (wallet.balance(again), other.balance(again, PYUSD.mint)) == (123, 77)
        assert again.lamports(wallet.address) == chain.lamports(wallet.address)
        assert again.faucet == chain.faucet
        mint = again.account(USDC.mint)
        assert mint is not None
        assert tokens.mint_state(mint).supply == 123

    def test_history_comes_back(self, chain: Chain, hand: Hand) -> None:
        """Transactions are answered as before, failures included."""
        buyer, shop = funded(chain, 10), funded(chain)
        landed = [
            chain.land(pay(buyer, shop.address, amount, blockhash_of(chain))) for amount in (5, 100)
        ]
        hand.slots(40)
        again = load(dump(chain), hand)
        for record in landed:
            assert record is not None
            newest = {"maxSupportedTransactionVersion": 0}
            before = ask(chain, "getTransaction", record.signature, newest)
            assert before is not None
            assert ask(again, "getTransaction", record.signature, newest) == before
        shop_account = str(shop.account())
        assert ask(again, "getSignaturesForAddress", shop_account) == ask(
            chain, "getSignaturesForAddress", shop_account
        )
        assert again.landings.total == 2

    def test_a_message_still_runs_once(self, chain: Chain, hand: Hand) -> None:
        """A restart does not let a transaction land again."""
        buyer, shop = funded(chain, 10), funded(chain)
        payment = pay(buyer, shop.address, 5, blockhash_of(chain))
        waiting = pay(buyer, shop.address, 1, blockhash_of(chain))
        assert chain.land(payment) is not None
        again = load(dump(chain), hand)
        assert again.land(payment) is None
        assert again.land(waiting) is not None
        assert shop.balance(again) == 6

    def test_the_time_between_has_passed(self, chain: Chain, hand: Hand) -> None:
        """Slots go on by the clock."""
        data, before = dump(chain), chain.slots.now
        hand.slots(1_000)
        assert load(data, hand).slots.now == before + 1_000

    def test_slots_never_go_back(self, chain: Chain, hand: Hand) -> None:
        """With a clock that went back, the chain goes on from its last slot."""
        buyer, shop = funded(chain, 10), funded(chain)
        hand.slots(500)
        chain.tick()
        assert chain.land(pay(buyer, shop.address, 5, blockhash_of(chain))) is not None
        data, before = dump(chain), chain.slots.now
        hand.slots(-300)
        again = load(data, hand)
        assert again.slots.now == before
        signature = chain.landings.all()[0].signature
        assert Node(chain=again).find(signature) is not None
        hand.slots(10)
        again.tick()
        assert again.slots.now == before + 10
        assert again.land(pay(buyer, shop.address, 1, blockhash_of(again))) is not None

    def test_it_is_small(self, chain: Chain) -> None:
        """A payment takes less than its own bytes twice."""
        buyer, shop = funded(chain, 1_000), funded(chain)
        empty = len(dump(chain))
        for _ in range(50):
            chain.land(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert len(dump(chain)) - empty < 50 * 1_000

    @pytest.mark.parametrize("cut", [0, 1, 20, 60, -1])
    def test_broken_bytes_are_refused(self, chain: Chain, hand: Hand, cut: int) -> None:
        """Cut anywhere, a snapshot is not half a chain."""
        with pytest.raises(BadSnapshot):
            load(dump(chain)[:cut], hand)

    def test_flipped_bytes_are_refused(self, chain: Chain, hand: Hand) -> None:
        """A changed byte anywhere is noticed."""
        data = dump(chain)
        for at in range(0, len(data), max(1, len(data) // 40)):
            with pytest.raises(BadSnapshot):
                load(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], hand)


class TestFiles:
    def test_a_file_is_replaced_whole(self, chain: Chain, hand: Hand, tmp_path: Path) -> None:
        """The new one takes the old one's place and leaves nothing beside it."""
        path, wallet = tmp_path / "chain", Wallet()
        for usdc in (1, 2):
            wallet = funded(chain, usdc)
            save(chain, path)
        assert wallet.balance(load(path.read_bytes(), hand)) == 2
        assert list(tmp_path.iterdir()) == [path]

    def test_a_missing_folder_is_an_oserror(self, chain: Chain, tmp_path: Path) -> None:
        """And nothing is written."""
        with pytest.raises(OSError, match="No such file"):
            save(chain, tmp_path / "nowhere" / "chain")
        assert list(tmp_path.iterdir()) == []
