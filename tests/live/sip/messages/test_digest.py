from __future__ import annotations

import pytest
from tests.live.sip.transactions.test_client import made

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.messages.digest import (
    _HASHES,
    NONCE_LIFE_S,
    Challenge,
    DigestError,
    Login,
    Verdict,
    answer,
    choose,
    make_nonce,
    username_of,
    verify,
)
from dialnexa.live.sip.messages.fields import FieldError

MUFASA = Credentials("Mufasa", "Circle Of Life")
WHO = Credentials("alice", "s3cret")
SECRET = b"a secret of the server"


class TestAnswer:
    def test_rfc_2617_example(self) -> None:
        """RFC 2617 §3.5."""
        challenge = Challenge.parse(
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        )
        assert challenge.qop == ("auth", "auth-int")
        value = answer(challenge, MUFASA, "GET", "/dir/index.html", cnonce="0a4f113b")
        assert 'response="6629fae49393a05397450978507c4ef1"' in value
        assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in value
        assert "qop=auth, nc=00000001" in value

    @pytest.mark.parametrize(
        ("algorithm", "response"),
        [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    def test_rfc_7616_examples(self, algorithm: str, response: str) -> None:
        """RFC 7616 §3.9.1."""
        challenge = Challenge(
            "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, ("auth",)
        )
        cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        assert response in answer(
            challenge, Credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", cnonce=cnonce
        )

    def test_sha_512_256_is_the_hash_of_fips_180_4(self) -> None:
        assert _HASHES["SHA-512-256"](b"abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"

    def test_without_qop_the_old_way(self) -> None:
        value = answer(Challenge("r", "n"), WHO, "INVITE", "sip:x")
        assert "qop" not in value
        assert "nc=" not in value


class TestChallenge:
    def test_commas_and_quotes_inside_quotes(self) -> None:
        challenge = Challenge.parse('Digest realm="a, \\"b\\", c",nonce="n,1" , algorithm=md5, stale=TRUE')
        assert (challenge.realm, challenge.nonce, challenge.algorithm) == ('a, "b", c', "n,1", "MD5")
        assert challenge.stale
        assert Challenge.parse(challenge.write()) == challenge

    @pytest.mark.parametrize("value", ["Basic realm=x", "Digest realm=x", "Digest nonce", 'Digest realm="x', ""])
    def test_refuses(self, value: str) -> None:
        with pytest.raises(FieldError):
            Challenge.parse(value)

    def test_the_strongest_that_we_speak(self) -> None:
        challenges = [Challenge("r", "n", algorithm) for algorithm in ("MD5-SESS", "MD5", "SHA-256")]
        assert [each.algorithm for each in choose(challenges)] == ["SHA-256"]
        assert [each.algorithm for each in choose([*challenges, Challenge("r", "n", "SHA-512-256")])] == ["SHA-512-256"]

    def test_the_servers_first_among_equals(self) -> None:
        assert [each.nonce for each in choose([Challenge("r", "n1"), Challenge("r", "n2")])] == ["n1"]

    def test_one_for_each_realm(self) -> None:
        challenges = [Challenge("a", "1"), Challenge("b", "2", "SHA-256"), Challenge("a", "3", "SHA-256")]
        assert [(each.realm, each.nonce) for each in choose(challenges)] == [("a", "3"), ("b", "2")]

    def test_says_why_none_will_do(self) -> None:
        with pytest.raises(DigestError, match=r"algorithm MD5-SESS is not spoken here; .* auth-int"):
            choose([Challenge("r", "n", "MD5-SESS"), Challenge("r", "n", "MD5", ("auth-int",))])


class TestLogin:
    def refusal(self, nonce: str, more: str = "", status: int = 407, realm: str = "r"):
        header = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
        return made().reply(status, headers=[(header, f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{more}')])

    def test_counts_the_uses_of_a_nonce(self) -> None:
        login = Login(WHO)
        login.learn(self.refusal("n"), made())
        for count in ("00000001", "00000002"):
            request = made()
            login.sign(request)
            assert f"nc={count}" in request.headers.first("Proxy-Authorization")

    def test_answers_proxy_and_server_each(self) -> None:
        login = Login(WHO)
        login.learn(self.refusal("n"), made())
        login.learn(self.refusal("m", status=401), made())
        request = made()
        login.sign(request)
        assert "Proxy-Authorization" in request.headers
        assert "Authorization" in request.headers

    def test_answers_every_realm_of_a_forked_call(self) -> None:
        login = Login(WHO)
        asked = [("WWW-Authenticate", f'Digest realm="{realm}", nonce="n-{realm}"') for realm in ("one", "two")]
        login.learn(made().reply(401, headers=asked), made())
        request = made()
        login.sign(request)
        values = request.headers.all("Authorization")
        assert ['realm="one"' in values[0], 'realm="two"' in values[1]] == [True, True]
        with pytest.raises(DigestError, match="refused our user name"):
            login.learn(made().reply(401, headers=asked[:1]), request)

    def test_does_not_collect_realms_for_ever(self) -> None:
        login = Login(WHO)
        for number in range(8):
            login.learn(self.refusal("n", realm=str(number)), made())
        with pytest.raises(DigestError, match="too many realms"):
            login.learn(self.refusal("n", realm="8"), made())

    def test_gives_up_when_refused(self) -> None:
        login, signed = Login(WHO), made()
        login.learn(self.refusal("n"), made())
        login.sign(signed)
        with pytest.raises(DigestError, match="refused our user name or password"):
            login.learn(self.refusal("m"), signed)

    def test_tries_again_when_merely_stale(self) -> None:
        login, signed = Login(WHO), made()
        login.learn(self.refusal("n"), made())
        login.sign(signed)
        login.learn(self.refusal("m", ", stale=true"), signed)
        with pytest.raises(DigestError, match="just given"):
            login.learn(self.refusal("m", ", stale=true"), signed)

    def test_a_nonce_that_served_may_grow_old(self) -> None:
        login, signed = Login(WHO), made()
        login.learn(self.refusal("n"), made())
        login.sign(made())
        login.sign(signed)
        login.learn(self.refusal("m"), signed)

    def test_without_credentials(self) -> None:
        with pytest.raises(DigestError, match="has none"):
            Login(None).learn(self.refusal("n"), made())


class TestVerify:
    def value(self, now: float = 1000.0, algorithm: str = "SHA-256", who: Credentials = WHO) -> str:
        challenge = Challenge("dialnexa", make_nonce(SECRET, now), algorithm, ("auth",))
        return answer(challenge, who, "REGISTER", "sip:host")

    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
    def test_good(self, algorithm: str) -> None:
        value = self.value(algorithm=algorithm)
        assert username_of(value) == "alice"
        assert verify(value, "REGISTER", WHO, "dialnexa", SECRET, 1001.0) is Verdict.GOOD

    def test_an_old_nonce_is_stale(self) -> None:
        assert verify(self.value(), "REGISTER", WHO, "dialnexa", SECRET, 1001.0 + NONCE_LIFE_S) is Verdict.STALE

    def test_wrong(self) -> None:
        value = self.value()
        forged = self.value().replace(value.split("nonce=")[1][:4], '"0-0')
        judged = [
            verify(value, "INVITE", WHO, "dialnexa", SECRET, 1001.0),
            verify(value, "REGISTER", WHO, "other", SECRET, 1001.0),
            verify(value, "REGISTER", WHO, "dialnexa", b"another secret", 1001.0),
            verify(self.value(who=Credentials("alice", "guess")), "REGISTER", WHO, "dialnexa", SECRET, 1001.0),
            verify(self.value(who=Credentials("bob", "s3cret")), "REGISTER", WHO, "dialnexa", SECRET, 1001.0),
            verify(forged, "REGISTER", WHO, "dialnexa", SECRET, 1001.0),
            verify("Digest \udcff", "REGISTER", WHO, "dialnexa", SECRET, 1001.0),
            verify('Digest username="\udcff",realm="dialnexa"', "REGISTER", WHO, "dialnexa", SECRET, 1001.0),
        ]
        assert set(judged) == {Verdict.WRONG}
