"""What docs/observability.md names is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import generate_latest

from dialnexa.kit import otel
from dialnexa.live.media.clock import LatenessReport
from dialnexa.settings import Settings
from dialnexa.worker.metrics import Snapshot, WorkerMetrics
from tests.api.world import World
from tests.live.fakes import VirtualClock

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()


def told(text: str) -> set[str]:
    """The metrics a scrape announces."""
    kinds = re.findall(r"^# TYPE (dialnexa_\w+) (\w+)$", text, re.MULTILINE)
    return {name for name, _ in kinds if not name.endswith("_created")}


async def test_every_metric_is_on_the_page_and_the_other_way_round(world: World) -> None:
    await world.http.get("/healthz")
    metrics = WorkerMetrics(VirtualClock())
    metrics.show(
        lambda: Snapshot(live_calls=0, capacity=1, draining=False, clock=LatenessReport(), counts={"sip_dialogs": 0})
    )
    there = told((await world.http.get("/metrics")).text) | told(generate_latest(metrics.registry).decode())
    named = set(re.findall(r"`(dialnexa_\w+)", PAGE))
    assert {name for name in there if not name.startswith("dialnexa_worker_sip_")} - named == set()
    assert {name for name in named if not name.endswith("_sip_")} - there == set()


def test_every_setting_exists() -> None:
    assert set(re.findall(r"DIALNEXA_([A-Z_]+)", PAGE)) <= {name.upper() for name in Settings.model_fields}


def test_a_call_s_trace_is_found_as_the_page_says() -> None:
    assert "sha256sum | cut -c1-32" in PAGE
    assert (
        f"{otel.trace_id('call_1'):032x}" == "ca1fe0ac0f61c3fbd3fd9ef5d1d5d31e" or otel.trace_id("call_1") >> 128 == 0
    )
