from __future__ import annotations

import pytest
from tests.live.sip.transactions.test_client import made

from dialnexa.live.sip.calls.reliable import Arrival, Order, Receipt, first_rseq, wants
from dialnexa.live.sip.messages.message import Response


def _provisional(rseq: str, require: str = "100rel") -> Response:
    headers = [("Require", require), ("RSeq", rseq)] if require else []
    return made().reply(183, to_tag="x", headers=headers)


class TestOrder:
    def test_the_first_may_begin_anywhere_and_the_others_follow_it(self) -> None:
        order = Order()
        judged = [order.judge(_provisional(rseq))[0] for rseq in ("77", "77", "79", "78", "79", "1")]
        assert judged == [
            Arrival.NEW, Arrival.IGNORED, Arrival.IGNORED, Arrival.NEW, Arrival.NEW, Arrival.IGNORED,
        ]  # fmt: skip

    @pytest.mark.parametrize(("rseq", "require"), [("1", ""), ("0", "100rel"), ("x", "100rel"), ("9" * 20, "100rel")])
    def test_without_a_number_or_a_demand_it_is_plain(self, rseq: str, require: str) -> None:
        assert Order().judge(_provisional(rseq, require)) == (Arrival.PLAIN, 0)

    def test_the_demand_may_be_one_of_several(self) -> None:
        assert Order().judge(_provisional("5", "timer, 100REL")) == (Arrival.NEW, 5)


class TestReceipt:
    @pytest.mark.parametrize(
        "text", ["", "1", "1 2", "x 2 INVITE", "1 x INVITE", "1 2 INVITE more", f"{'9' * 30} 1 INVITE"]
    )
    def test_that_makes_no_sense_is_none(self, text: str) -> None:
        prack = made("PRACK", extra=f"RAck: {text}\n")
        assert Receipt.of(prack) is None

    def test_is_read_and_written(self) -> None:
        receipt = Receipt.of(made("PRACK", extra="RAck:  776656   1 invite \n"))
        assert receipt == Receipt(776656, 1, "INVITE")
        assert str(receipt) == "776656 1 INVITE"


def test_wants_is_said_in_require() -> None:
    assert wants(made(extra="Require: timer, 100rel\n"))
    assert not wants(made(extra="Supported: 100rel\n"))


def test_counting_leaves_room() -> None:
    assert all(1 <= first_rseq() <= 2**30 for _ in range(100))
