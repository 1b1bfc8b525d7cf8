"""The same API on PostgreSQL: the stories whose SQL differs between the databases, told again."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from tests.api import (
    test_agents,
    test_audit,
    test_calendars,
    test_carriers,
    test_folders,
    test_idempotency,
    test_keys,
    test_knowledge,
    test_knowledge_by_meaning,
    test_limits,
    test_numbers,
    test_purchase,
    test_telephony,
    test_versions,
    test_walk,
)
from tests.api.world import World, people, serve
from tests.platform.postgres import BINARIES, Cluster, cluster

STORIES = [
    test_agents.test_publishing_freezes_the_version_and_opens_the_next_draft,
    test_agents.test_rolling_back_pins_an_older_version_until_the_next_publishing,
    test_agents.test_a_deleted_agent_is_gone_and_off_its_numbers,
    test_audit.test_a_change_is_written_down_with_what_was_before,
    test_audit.test_entries_are_found_by_actor_action_target_and_time,
    test_folders.test_agents_are_made_in_moved_to_and_found_by_folder,
    test_folders.test_a_folder_with_agents_goes_only_when_it_is_said_where_they_go,
    test_versions.test_the_history_tells_publisher_and_live_routes,
    test_versions.test_updating_a_deployment_puts_a_changed_copy_in_its_place,
    test_versions.test_a_list_of_many_agents_is_two_queries,
    test_idempotency.test_the_same_request_gets_the_same_answer,
    test_idempotency.test_many_at_once_make_one,
    test_idempotency.test_an_answer_lost_after_the_work_does_not_repeat_the_work,
    test_keys.test_rotation_leaves_the_old_key_a_day_or_no_time,
    test_keys.test_limits_and_telephony_rules,
    test_calendars.test_what_is_booked_is_no_longer_free,
    test_calendars.test_of_many_who_want_the_same_time_one_gets_it,
    test_carriers.test_one_trunk_registers_and_the_next_one_takes_over,
    test_carriers.test_an_order_the_carrier_still_works_on_becomes_active_by_itself,
    test_carriers.test_a_number_the_carrier_will_not_take_back_now_is_given_back_later,
    test_carriers.test_an_expired_number_goes_back_to_its_carrier,
    test_knowledge.test_a_pdf_is_read_and_answers_questions,
    test_knowledge.test_the_best_passage_comes_first_whatever_form_its_words_have,
    test_knowledge.test_names_are_unique_and_say_so,
    test_knowledge.test_what_agents_use_is_not_deleted_unless_forced,
    test_knowledge_by_meaning.test_a_question_in_other_words_finds_its_passage,
    test_knowledge_by_meaning.test_documents_that_are_gone_are_not_near_either,
    test_knowledge_by_meaning.test_another_model_embeds_everything_again_and_compares_nothing_with_the_old,
    test_knowledge_by_meaning.test_embedding_goes_on_where_it_broke_off,
    test_limits.test_the_gauge_is_live_and_each_day_has_its_peak,
    test_limits.test_a_number_has_a_limit_of_its_own,
    test_purchase.test_a_number_is_found_rented_and_found_no_more,
    test_purchase.test_a_rental_that_is_not_renewed_ends_and_others_may_have_the_number,
    test_telephony.test_a_group_is_opened_and_closed_and_calls_obey_at_once,
    test_numbers.test_giving_a_number_up_takes_its_trunk_along,
    test_numbers.test_filters_and_the_older_envelope,
    test_walk.test_nobody_reaches_a_neighbour_s_things_by_their_ids,
    test_walk.test_no_list_shows_a_neighbour_s_things,
]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
async def postgres_world(server: Cluster, tmp_path: Path) -> AsyncIterator[World]:
    url = server.url(server.create())
    migrate(url)
    async with Database.open(url) as database:
        home, neighbour = await people(database)
        async with serve(database, home, neighbour, tmp_path) as opened:
            yield opened


if BINARIES:  # elsewhere the stories are told on SQLite only

    @pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
    async def test_on_postgresql(
        story: Callable[..., Awaitable[None]], postgres_world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = inspect.signature(story).parameters
        async with AsyncExitStack() as stack:
            wanted: dict[str, object] = {"world": postgres_world, "monkeypatch": monkeypatch}
            if "shop" in names:
                wanted["shop"] = await stack.enter_async_context(test_carriers.open_shop(postgres_world))
            await story(**{name: wanted[name] for name in names})
