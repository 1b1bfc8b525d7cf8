"""A trunk's policy meets the far end's wish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialnexa.live.lines.encryption import KeyAgreement
from dialnexa.live.plan import Encryption
from dialnexa.live.sip.messages.sdes import fresh
from dialnexa.live.sip.messages.sdp import (
    NotAcceptable,
    SessionDescription,
    make_answer,
    make_offer,
    narrowed,
    parse_sdp,
)

CLEAR = make_offer("10.0.0.9", 3000)
SEALED = replace(CLEAR, profile="RTP/SAVP", cryptos=(fresh("AEAD_AES_256_GCM", 1), fresh("AES_CM_128_HMAC_SHA1_80", 2)))
HINTED = replace(CLEAR, cryptos=(fresh("AES_CM_128_HMAC_SHA1_32", 5),))
BOTH = replace(
    CLEAR,
    declined_after=("audio 4000 RTP/SAVP 0",),
    alternatives=(replace(SEALED, port=4000, declined_before=("audio 3000 RTP/AVP 0",)),),
)


def answered(policy: Encryption, offer: SessionDescription) -> tuple[KeyAgreement, SessionDescription]:
    agreement = KeyAgreement(policy)
    chosen, crypto = agreement.choose(offer)
    return agreement, make_answer(chosen, "10.0.0.1", 2000, crypto=crypto)


@pytest.mark.parametrize(
    ("policy", "offer", "profile", "suite"),
    [
        (Encryption.NEVER, CLEAR, "RTP/AVP", ""),
        (Encryption.NEVER, HINTED, "RTP/AVP", ""),
        (Encryption.NEVER, BOTH, "RTP/AVP", ""),
        (Encryption.OFFERED, CLEAR, "RTP/AVP", ""),
        (Encryption.OFFERED, HINTED, "RTP/AVP", "AES_CM_128_HMAC_SHA1_32"),
        (Encryption.OFFERED, SEALED, "RTP/SAVP", "AEAD_AES_256_GCM"),
        (Encryption.OFFERED, BOTH, "RTP/SAVP", "AEAD_AES_256_GCM"),
        (Encryption.REQUIRED, HINTED, "RTP/AVP", "AES_CM_128_HMAC_SHA1_32"),
        (Encryption.REQUIRED, SEALED, "RTP/SAVP", "AEAD_AES_256_GCM"),
        (Encryption.REQUIRED, BOTH, "RTP/SAVP", "AEAD_AES_256_GCM"),
    ],
)
def test_an_offer_is_answered_as_the_trunk_wants_it(
    policy: Encryption, offer: SessionDescription, profile: str, suite: str
) -> None:
    agreement, answer = answered(policy, offer)
    keys = agreement.agreed(answer, narrowed(offer, answer))
    assert answer.profile == profile
    assert (keys.suite if keys else "") == suite
    if keys:
        assert keys.ours == answer.cryptos[0].key != keys.theirs
        assert keys.theirs in {crypto.key for stream in (offer, *offer.alternatives) for crypto in stream.cryptos}


@pytest.mark.parametrize(
    ("policy", "offer", "why"),
    [
        (Encryption.NEVER, SEALED, "wants its audio encrypted"),
        (Encryption.OFFERED, replace(SEALED, cryptos=()), "without a key"),
        (Encryption.REQUIRED, CLEAR, "'required'"),
        (Encryption.REQUIRED, replace(SEALED, cryptos=()), "'required'"),
    ],
)
def test_what_does_not_meet_is_refused_with_a_sentence(policy: Encryption, offer: SessionDescription, why: str) -> None:
    with pytest.raises(NotAcceptable, match=why):
        answered(policy, offer)


def test_our_offers_by_policy() -> None:
    offers = {policy: KeyAgreement(policy).offered(CLEAR) for policy in Encryption}
    assert offers[Encryption.NEVER] == CLEAR
    assert (offers[Encryption.OFFERED].profile, offers[Encryption.REQUIRED].profile) == ("RTP/AVP", "RTP/SAVP")
    for policy in (Encryption.OFFERED, Encryption.REQUIRED):
        assert [crypto.tag for crypto in offers[policy].cryptos] == [1, 2]
        assert parse_sdp(offers[policy].encode()) == offers[policy]
    assert len(offers[Encryption.REQUIRED].encode()) < 700, "the INVITE still fits into one packet"


@pytest.mark.parametrize("tag", [2, 9])
def test_the_answer_names_the_key_even_under_a_tag_of_its_own(tag: int) -> None:
    agreement = KeyAgreement(Encryption.OFFERED)
    offer = agreement.offered(CLEAR)
    theirs = fresh("AES_CM_128_HMAC_SHA1_32", tag)
    keys = agreement.agreed(offer, replace(CLEAR, cryptos=(theirs,)))
    assert keys is not None
    assert (keys.suite, keys.theirs, keys.ours) == (theirs.suite, theirs.key, offer.cryptos[1].key)


def test_an_answer_in_clear() -> None:
    best_effort, strict = KeyAgreement(Encryption.OFFERED), KeyAgreement(Encryption.REQUIRED)
    assert best_effort.agreed(best_effort.offered(CLEAR), CLEAR) is None
    with pytest.raises(NotAcceptable, match="does not encrypt"):
        strict.agreed(strict.offered(CLEAR), CLEAR)
    with pytest.raises(NotAcceptable, match="no key"):
        best_effort.agreed(best_effort.offered(CLEAR), replace(CLEAR, profile="RTP/SAVP"))


def test_our_key_stays_through_re_invites_unless_the_suite_changes() -> None:
    agreement, first = answered(Encryption.OFFERED, SEALED)
    other_tag = replace(SEALED, cryptos=(replace(fresh("AEAD_AES_256_GCM"), tag=8),))
    _, again = agreement.choose(other_tag)
    assert again is not None
    assert (again.key, again.tag) == (first.cryptos[0].key, 8)
    _, changed = agreement.choose(HINTED)
    assert changed is not None
    assert changed.key != again.key
