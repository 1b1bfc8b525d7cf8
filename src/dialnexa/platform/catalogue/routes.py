"""The catalogue over HTTP: what agents may be made of (contract B.13).

Ids such as ``builtin/flite/slt`` hold slashes, so the routes take them written out as well as percent-encoded; the ones
with more behind the id come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse

from dialnexa.platform.catalogue import previews
from dialnexa.platform.catalogue.entries import VoiceEntry
from dialnexa.platform.catalogue.schemas import (
    LanguageOut,
    LlmOut,
    SpeechVoicesOut,
    TranscriberOut,
    VoiceModelOut,
    VoiceModelsOut,
    VoiceOut,
    VoicesOut,
)
from dialnexa.platform.catalogue.service import Catalogue, VoiceFilter
from dialnexa.platform.http import Pages, Principal, Requires, Router, count_stranger, is_known

router = Router(tags=["Catalogue"])

MAX_VOICES = 50
"""Voices on a page."""
_AUDIO: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "The part named by `Range`.", "content": {"audio/wav": {}}},
    304: {"description": "The preview is the one that `If-None-Match` names."},
    400: {"description": "`Range` names no part.", "content": {"text/plain": {}}},
    404: {"description": "There is no such voice here."},
    416: {"description": "The part named by `Range` lies beyond the end.", "content": {"text/plain": {}}},
    429: {"description": "Too many requests from this address."},
}


async def _catalogue(request: Request) -> Catalogue:
    return request.app.state.catalogue


async def _preview_link(request: Request) -> Callable[[VoiceEntry], str]:
    base = (getattr(request.app.state, "public_url", "") or str(request.base_url)).rstrip("/")
    return lambda voice: f"{base}/v1/voices/{quote(voice.id)}/preview"


Reader = Annotated[Principal, Requires("agents:read")]
Known = Annotated[Catalogue, Depends(_catalogue)]
Preview = Annotated[Callable[[VoiceEntry], str], Depends(_preview_link)]


# --- languages, minds, ears ------------------------------------------------------------------------------------------


@router.get("/languages", summary="List languages")
async def list_languages(who: Reader, catalogue: Known) -> list[LanguageOut]:
    """List the languages agents can listen and speak in."""
    return [LanguageOut.of(language) for language in catalogue.languages]


@router.get("/languages/{language_id}", summary="Get a language")
async def get_language(language_id: str, who: Reader, catalogue: Known) -> LanguageOut:
    """Return a language by its id (`lang_en_us`) or its code (`en-US`)."""
    return LanguageOut.of(catalogue.language(language_id))


@router.get("/llms", summary="List language models")
async def list_llms(who: Reader, catalogue: Known) -> list[LlmOut]:
    """List the language models of this installation, the one agents get when they name none first."""
    return [LlmOut.of(llm) for llm in catalogue.llms]


@router.get("/llms/fallback", summary="List language models to fall back to")
async def list_fallback_llms(who: Reader, catalogue: Known) -> list[LlmOut]:
    """List the language models that can step in when an agent's own does not answer."""
    return [LlmOut.of(llm) for llm in catalogue.fallback_llms]


@router.get("/llms/{llm_id:path}", summary="Get a language model")
async def get_llm(llm_id: str, who: Reader, catalogue: Known) -> LlmOut:
    """Return a language model."""
    return LlmOut.of(catalogue.llm(llm_id))


@router.get("/transcribers", summary="List transcribers")
async def list_transcribers(who: Reader, catalogue: Known) -> list[TranscriberOut]:
    """List the recognisers of this installation."""
    return [TranscriberOut.of(transcriber) for transcriber in catalogue.transcribers]


@router.get("/transcribers/fallback", summary="List transcribers to fall back to")
async def list_fallback_transcribers(who: Reader, catalogue: Known) -> list[TranscriberOut]:
    """List the recognisers that can listen along and step in."""
    return [TranscriberOut.of(transcriber) for transcriber in catalogue.fallback_transcribers]


@router.get("/transcribers/{transcriber_id:path}", summary="Get a transcriber")
async def get_transcriber(transcriber_id: str, who: Reader, catalogue: Known) -> TranscriberOut:
    """Return a recogniser."""
    return TranscriberOut.of(catalogue.transcriber(transcriber_id))


# --- voices ----------------------------------------------------------------------------------------------------------


async def _filter(
    provider: str = "",
    provider_name: Annotated[str, Query(description="The same as `provider`.")] = "",
    accent: str = "",
    gender: Annotated[str, Query(description="`male`, `female` or `non-binary`.")] = "",
    name: Annotated[str, Query(description="Part of the name.")] = "",
    language_id: Annotated[str, Query(description="An id or a code; `lang_en` means English of any kind.")] = "",
    llm_id: str = "",
) -> VoiceFilter:
    return VoiceFilter(provider or provider_name, accent, gender, name, language_id, llm_id)


@router.get("/voices", summary="List voices")
async def list_voices(
    who: Reader, catalogue: Known, page: Pages, preview: Preview, wanted: Annotated[VoiceFilter, Depends(_filter)]
) -> VoicesOut:
    """List the voices of this installation, at most 50 on a page. Filters are compared without regard to case."""
    page = replace(page, limit=min(page.limit, MAX_VOICES))
    found = catalogue.find_voices(wanted)
    part = found[page.offset : page.offset + page.limit]
    return VoicesOut(
        voices=[VoiceOut.of(voice, preview(voice)) for voice in part],
        total=len(found),
        page=page.number,
        limit=page.limit,
        totalPages=page.pages(len(found)),
    )


@router.get("/voices/accents", summary="List accents")
async def list_accents(who: Reader, catalogue: Known) -> list[str]:
    """List the accents there are voices with."""
    return catalogue.accents()


@router.get("/voices/s2s", summary="List voices of speech-to-speech models")
async def list_speech_voices(who: Reader) -> SpeechVoicesOut:
    """List the voices of speech-to-speech models. This installation has none: the list is empty."""
    return SpeechVoicesOut(voices=[])


@router.get("/voices/{voice_id:path}/languages", summary="List the languages of a voice")
async def list_voice_languages(voice_id: str, who: Reader, catalogue: Known) -> list[LanguageOut]:
    """List the languages a voice speaks, its own first."""
    return [LanguageOut.of(language) for language in catalogue.languages_of(catalogue.voice(voice_id))]


@router.get("/voices/{voice_id:path}/voice-models", summary="List the models of a voice")
async def list_voice_models(voice_id: str, who: Reader, catalogue: Known) -> VoiceModelsOut:
    """List the engines behind a voice, with their usual latency in milliseconds."""
    models = catalogue.models_of(catalogue.voice(voice_id))
    return VoiceModelsOut(data=[VoiceModelOut.of(model) for model in models])


@router.get(
    "/voices/{voice_id:path}/preview", summary="Listen to a voice", response_class=FileResponse, responses=_AUDIO
)
async def get_preview(voice_id: str, catalogue: Known, request: Request) -> Response:
    """Return a few words in this voice as WAV. Needs no key, so that a browser can play `preview_url` as it is."""
    count_stranger(request)
    path = previews.file_of(catalogue.voice(voice_id))
    file = FileResponse(
        path,
        media_type="audio/wav",
        content_disposition_type="inline",
        filename=path.name,
        headers={"Cache-Control": "public, max-age=86400"},
        stat_result=path.stat(),
    )
    if is_known(request, file.headers["etag"]):
        return Response(status_code=304, headers={name: file.headers[name] for name in ("Cache-Control", "ETag")})
    return file


@router.get("/voices/{voice_id:path}", summary="Get a voice")
async def get_voice(voice_id: str, who: Reader, catalogue: Known, preview: Preview) -> VoiceOut:
    """Return a voice."""
    voice = catalogue.voice(voice_id)
    return VoiceOut.of(voice, preview(voice))
