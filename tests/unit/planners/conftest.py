"""One embedder and one matcher for the whole session: both take a second to make."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import yaml

from agents.planners.glossary import gloss
from agents.planners.intent import IntentMatcher
from app.embedding import MiniLMEmbedder
from app.embedding_cache import CachedEmbedder

PLAYBOOKS = Path(__file__).resolve().parents[3] / "prompts" / "playbooks"


@pytest.fixture(scope="session")
def model_cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kept from run to run in pytest's own cache, where there is one."""
    kept = request.config.cache
    return kept.mkdir("deus-models") if kept else tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def embedder(model_cache: Path) -> MiniLMEmbedder:
    return MiniLMEmbedder(model_cache)


@pytest.fixture(scope="session")
def playbook_examples() -> dict[str, list[str]]:
    documents = [yaml.safe_load(path.read_text()) for path in sorted(PLAYBOOKS.glob("*.yaml"))]
    return {document["id"]: document["examples"] for document in documents if document["examples"]}


@pytest.fixture(scope="session")
def matcher(embedder: MiniLMEmbedder, model_cache: Path, playbook_examples: dict[str, list[str]]) -> IntentMatcher:
    cached = CachedEmbedder(embedder, model_cache / "vectors.npz")
    glossed = [gloss(text) for texts in playbook_examples.values() for text in texts]
    rows = iter(asyncio.run(cached.embed(glossed)))
    vectors = {name: np.stack([next(rows) for _ in texts]) for name, texts in playbook_examples.items()}
    offered = {name: texts for name, texts in playbook_examples.items() if name != "out_of_scope"}
    return IntentMatcher.fit(
        offered,
        {name: vectors[name] for name in offered},
        negatives=playbook_examples["out_of_scope"],
        negative_vectors=vectors["out_of_scope"],
    )
