"""What operators get wrong in settings is told in a sentence, and no secret with it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dialnexa.cli.explaining import explain
from dialnexa.cli.mistakes import Mistake
from dialnexa.cli.options import refuse_misspelt
from dialnexa.settings import Settings


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"http_port": "web"}, "DIALNEXA_HTTP_PORT=web: must be a whole number."),
        ({"workers": 0}, "DIALNEXA_WORKERS=0: must be at least 1."),
        ({"kyc": "on"}, "DIALNEXA_KYC=on: must be one of: off, regulated, all."),
        ({"billing": "maybe"}, "DIALNEXA_BILLING=maybe: must be true or false."),
        ({"llm_api_key": ["sk-secret"]}, "DIALNEXA_LLM_API_KEY: must be a string."),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_it_must_be(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(fields)
    assert explain(refused.value) == sentence


def test_settings_that_do_not_fit_together_are_told_without_their_secrets() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"telnyx_api_key": "KEY-secret"})
    told = explain(refused.value) or ""
    assert told.startswith("DIALNEXA_TELNYX_API_KEY needs ")
    assert "secret" not in told


def test_a_misspelt_variable_is_refused_instead_of_being_ignored() -> None:
    with pytest.raises(Mistake, match=r"DIALNEXA_HTTP_PROT is no setting; did you mean DIALNEXA_HTTP_PORT\?"):
        refuse_misspelt(["PATH", "DIALNEXA_HTTP_PROT", "DIALNEXA_DATA"])


def test_other_variables_are_nobody_s_business() -> None:
    refuse_misspelt(["DIALNEXA_API_KEY", "DIALNEXA_BASE_URL", "DIALNEXA_KEY", "DIALNEXA_SUPERVISOR", "HTTP_PROT"])
    refuse_misspelt(["DIALNEXA_HTTP_PORT", "DIALNEXA_HTTP_PORTS"])
