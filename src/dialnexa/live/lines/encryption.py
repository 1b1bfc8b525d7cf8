"""Whether a call's audio is encrypted, and with which keys (SDES, RFC 4568): a trunk's policy meets the far end's wish.

``OFFERED`` is best effort that works with real phones and carriers: we offer RTP/AVP with keys beside it. Who knows
``a=crypto`` takes a key, and both sides encrypt; who does not, ignores the attribute, and the call is in clear. The RFC
wants RTP/SAVP there, but an offer of that alone is refused by everyone who cannot encrypt, and two audio streams in one
offer confuse many. ``REQUIRED`` offers RTP/SAVP and hangs up on an answer in clear.
"""

from __future__ import annotations

from dataclasses import replace

from dialnexa.live.plan import Encryption
from dialnexa.live.rtp.srtp import SrtpKeys
from dialnexa.live.sip.messages.sdes import Crypto, fresh
from dialnexa.live.sip.messages.sdp import NotAcceptable, SessionDescription

_OFFERED_SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""Whoever speaks SDES speaks these; the others are taken when asked for, but would only make the INVITE longer."""


class KeyAgreement:
    """The keys of one call, through all its offers and answers."""

    def __init__(self, policy: Encryption) -> None:
        self._policy = policy
        self._offer: tuple[Crypto, ...] = ()
        self._answer: Crypto | None = None

    def offered(self, offer: SessionDescription) -> SessionDescription:
        """Return our offer with the keys that the policy adds; the same ones whenever we offer again."""
        if self._policy is Encryption.NEVER:
            return offer
        self._offer = self._offer or tuple(fresh(suite, tag) for tag, suite in enumerate(_OFFERED_SUITES, 1))
        profile = "RTP/SAVP" if self._policy is Encryption.REQUIRED else offer.profile
        return replace(offer, profile=profile, cryptos=self._offer)

    def choose(self, offer: SessionDescription) -> tuple[SessionDescription, Crypto | None]:
        """Return which audio stream of an offer is answered, and with which key; ``None``: in clear.

        Raises ``NotAcceptable`` (488) with a sentence when policy and offer do not meet.
        """
        streams = [stream for stream in (offer, *offer.alternatives) if not stream.rejected] or [offer]
        clear = next((stream for stream in streams if not stream.secure), None)
        sealed = [stream for stream in streams if stream.cryptos]
        if self._policy is Encryption.NEVER:
            if clear is None:
                raise NotAcceptable("the far end wants its audio encrypted, and this trunk's encryption is 'never'")
            return clear, None
        if sealed:
            chosen = next((stream for stream in sealed if stream.secure), sealed[0])
            return chosen, self._key_for(chosen.cryptos[0])
        if self._policy is Encryption.REQUIRED:
            raise NotAcceptable("the offer has no key of a suite we speak, and this trunk's encryption is 'required'")
        if clear is None:
            raise NotAcceptable(f"the offer is {offer.profile} without a key of a suite we speak (SDES is spoken here)")
        return clear, None

    def agreed(self, ours: SessionDescription, theirs: SessionDescription) -> SrtpKeys | None:
        """Return the keys that two descriptions agree on, whoever offered; ``None``: in clear.

        Raises ``NotAcceptable`` when there are none although the policy, or a profile, demands them.
        """
        pairs = [(own, their) for own in ours.cryptos for their in theirs.cryptos if own.suite == their.suite]
        # Some phones answer with a tag of their own; the suite alone says what is meant, for we offer each only once.
        pair = next((pair for pair in pairs if pair[0].tag == pair[1].tag), pairs[0] if pairs else None)
        if pair is not None:
            return SrtpKeys(pair[0].suite, pair[0].key, pair[1].key)
        if self._policy is Encryption.REQUIRED:
            raise NotAcceptable("the far end does not encrypt audio, and this trunk's encryption is 'required'")
        if ours.secure or theirs.secure:
            raise NotAcceptable(f"the far end wants {theirs.profile} but gave no key of a suite we speak")
        return None

    def _key_for(self, wanted: Crypto) -> Crypto:
        """Return our key under the tag of the line taken; as long as the suite stays it is the same one.

        So a re-INVITE that changes nothing leaves our packets as they were, counters included.
        """
        if self._answer is None or self._answer.suite != wanted.suite:
            known = next((crypto for crypto in self._offer if crypto.suite == wanted.suite), None)
            self._answer = known or fresh(wanted.suite)
        return replace(self._answer, tag=wanted.tag)
