import pytest

from dialnexa.kit import phone


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+14155550100", "+14155550100"),
        (" +1 (415) 555-0100 ", "+14155550100"),
        ("+4930 1234567", "+49301234567"),
        ("14155550100", None),
        ("+0155550100", None),
        ("+123456", None),
        ("+1234567890123456", None),
        ("+1415555010O", None),
        ("+١٢٣٤٥٦٧٨٩", None),
        ("+1415555\n0100", None),
        (14155550100, None),
        (None, None),
        ("", None),
    ],
)
def test_e164(text: object, e164: str | None) -> None:
    assert phone.to_e164(text) == e164


@pytest.mark.parametrize(
    ("user", "e164"),
    [
        ("+14155550100", "+14155550100"),
        ("14155550100", "+14155550100"),
        ("0014155550100", "+14155550100"),
        ("+14155550100;npdi", "+14155550100"),
        ("alice", None),
        ("", None),
    ],
)
def test_numbers_as_carriers_write_them(user: str, e164: str | None) -> None:
    assert phone.from_sip_user(user) == e164


def test_country_and_kind() -> None:
    assert phone.country_of("+14155550100") == "US"
    assert phone.country_of("+919876543210") == "IN"
    assert phone.country_of("+881612345678") is None
    assert phone.kind_of("+18005551234") == "toll_free"
    assert phone.kind_of("+4915112345678") == "mobile"


@pytest.mark.parametrize("number", ["+19005551234", "+881612345678", "+882161234567", "+979123456789", "+449098790000"])
def test_premium_numbers_are_recognised(number: str) -> None:
    assert phone.is_premium(number)


@pytest.mark.parametrize("number", ["+16505550199", "+14155550100", "+919876543210", "+4915112345678"])
def test_ordinary_numbers_are_not_premium(number: str) -> None:
    assert not phone.is_premium(number)


@pytest.mark.parametrize(
    ("text", "own", "meant"),
    [
        ("6505550199", "+14155550100", "+16505550199"),
        ("(650) 555-0199", "+14155550100", "+16505550199"),
        ("16505550199", "+14155550100", "+16505550199"),
        ("0044 20 7123 4567", "+14155550100", "+442071234567"),
        ("442071234567", "+14155550100", "+442071234567"),
        ("020 7123 4567", "+442079460000", "+442071234567"),
        ("6505550199", None, "+6505550199"),
        ("hello", "+14155550100", None),
    ],
)
def test_the_number_somebody_meant(text: str, own: str | None, meant: str | None) -> None:
    assert phone.likely(text, own) == meant
