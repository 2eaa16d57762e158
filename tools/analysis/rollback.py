"""Which deployment to roll back: the one that the analysis names as the cause. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tools.analysis.finding import CauseRanking
from tools.analysis.links import join, key
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Deployment, Noun, PullRequest, load


class AnalyzeRollback(Analysis):
    """Find the deployment that brought what analyze.causes names: itself, or the one with the pull request in it."""

    name = "analyze.rollback"
    returns = Deployment
    causes: tuple[Noun, ...] = ()
    deploys: tuple[Deployment, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        ranking = next((one for one in self.causes if isinstance(one, CauseRanking)), None)
        if ranking is None or ranking.record is None or not ranking.happened:
            return []
        cause = load(ranking.record)
        if isinstance(cause, Deployment):
            return [cause]
        if not isinstance(cause, PullRequest):
            return []
        joined = join([cause, *self.deploys]).get(key(cause), set())
        live = [d for d in self.deploys if key(d) in joined and d.environment == "production" and d.state == "success"]
        return sorted(live, key=lambda deploy: deploy.at)[:1]
