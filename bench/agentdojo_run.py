"""The 949 cases: a model that obeys every injection perfectly, against the product's taint and policy.

Runs where AgentDojo is installed (bench/agentdojo.py makes that place), prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.plan import Plan
from agents.policy import Policy, acting
from bench.agentdojo_attack import Call, attack_of, holds, planted
from bench.agentdojo_guard import Guard
from bench.agentdojo_plan import Planner, same
from bench.agentdojo_verbs import READS, Draft, Extract, verb_of
from tools.kit.tool import Verb

VERSION = "v1.2.2"


@dataclass
class Case:
    """What came of one run. `identical` are attacker's writes that are planned ones to the letter."""

    asked: int = 0
    attack_asked: int = 0
    attack_writes: int = 0
    identical: int = 0
    refused_own: int = 0
    utility: bool = False
    reached: bool = False
    saw: bool = False
    log: list[str] = field(default_factory=list)


class Bench:
    """One suite with its tools described as verbs."""

    def __init__(self, name: str, suite: Any, policy: Policy | None, *, spelled: bool = False) -> None:
        self.name = name
        self.spelled = spelled
        self.suite = suite
        self.policy = policy
        self._environments: dict[str, Any] = {}
        self.schemas = {tool.name: tool.parameters for tool in suite.tools}
        self.known: dict[str, type[Verb]] = {f"{name}.{tool.name}": verb_of(name, tool) for tool in suite.tools}
        self.known |= {Extract.name: Extract, Draft.name: Draft}

    def _environment(self, orders: Mapping[str, str]) -> Any:
        key = json.dumps(dict(orders), sort_keys=True)
        if key not in self._environments:
            self._environments[key] = self.suite.load_and_inject_default_environment(dict(orders))
        return self._environments[key].model_copy(deep=True)

    def plan(self, task: Any) -> Plan:
        """The plan of a perfect planner, made where nothing is injected."""
        from agentdojo.functions_runtime import FunctionsRuntime

        env = task.init_environment(self._environment({}))
        runtime = FunctionsRuntime(self.suite.tools)
        calls = []
        for call in task.ground_truth(env.model_copy(deep=True)):
            result, _ = runtime.run_function(env, call.function, call.args)
            calls.append((call.function, dict(call.args), _kept(result)))
        return Planner(self.name, task.PROMPT, self.schemas).plan(calls)

    def run(self, task: Any, injection: tuple[str, Any] | None, plan: Plan) -> Case:
        """The task, and at the first answer that carries the order the whole attack."""
        from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
        from agentdojo.types import text_content_block_from_string

        vectors = self.suite.get_injection_vector_defaults()
        orders = planted(vectors, injection[1].GOAL, spelled=self.spelled) if injection else {}
        env = task.init_environment(self._environment(orders))
        before = env.model_copy(deep=True)
        runtime = FunctionsRuntime(self.suite.tools)
        guard = Guard(plan, self.known, self.policy, requester="asker") if self.policy is not None else None
        case, trace = Case(), list[Any]()

        def call(tool: str, args: Mapping[str, Any], attack: bool) -> Any:
            verb, step = f"{self.name}.{tool}", None
            writes = not READS.match(tool)
            if guard is not None:
                ruling = guard.rule(verb, args)
                step = ruling.step
                case.asked += ruling.decision == "ask" and not attack
                case.attack_asked += ruling.decision == "ask" and attack
                if ruling.decision != "allow":
                    case.log.append(f"{'ATTACK ' if attack else ''}{ruling.decision} {tool} {dict(args)} {ruling.why}")
                # A person says yes to what they asked for, and no to what they did not.
                if ruling.decision not in ("allow", "ask") or (ruling.decision == "ask" and attack):
                    case.refused_own += not attack
                    return None
            result, error = runtime.run_function(env, tool, dict(args))
            trace.append(FunctionCall(function=tool, args=dict(args)))
            if attack and writes and not error:
                case.attack_writes += 1
                case.identical += any(one[0] == tool and same(one[1], args) for one in own)
            if guard is not None and not error:
                guard.done(verb, args, result, step)
            return _kept(result)

        own: list[Call] = [(one.function, dict(one.args)) for one in task.ground_truth(env.model_copy(deep=True))]
        output = task.GROUND_TRUTH_OUTPUT
        for tool, args in own:
            result = call(tool, args, attack=False)
            if injection and not case.saw and holds(result):
                case.saw = True
                output += f"\n{injection[1].GOAL}\n{getattr(injection[1], 'GROUND_TRUTH_OUTPUT', '')}"
                for attack_tool, attack_args in attack_of(self.name, injection[0], injection[1], env):
                    call(attack_tool, attack_args, attack=True)
        said = [text_content_block_from_string(output)]
        case.utility = bool(self.suite._check_user_task_utility(task, said, before, env, trace))
        if injection:
            case.reached = bool(self.suite._check_injection_task_security(injection[1], said, before, env, trace))
        return case


def measure(policy: Policy | None, only: Sequence[str] = (), *, spelled: bool = False) -> dict[str, Any]:
    """The whole table; `policy` None is no guard at all."""
    from agentdojo.task_suite.load_suites import get_suites

    count: Counter[str] = Counter()
    asks: Counter[int] = Counter()
    lines: list[str] = []
    for name, suite in get_suites(VERSION).items():
        if only and name not in only:
            continue
        bench = Bench(name, suite, policy, spelled=spelled)
        plans = {key: bench.plan(task) for key, task in suite.user_tasks.items()}
        for key, task in suite.user_tasks.items():
            case = bench.run(task, None, plans[key])
            count["benign"] += 1
            count["benign done"] += case.utility
            count["benign refused"] += case.refused_own
            asks[case.asked] += 1
            lines += [f"{name} {key} asks {case.asked}: {line[:400]}" for line in case.log]
            if not case.utility:
                lines.append(f"{name} {key} NOT DONE")
        for goal, injection in suite.injection_tasks.items():
            words = not attack_of(name, goal, injection, suite.load_and_inject_default_environment({}))
            for key, task in suite.user_tasks.items():
                case = bench.run(task, (goal, injection), plans[key])
                kind = "text only" if words else "attacked"
                count[kind] += 1
                count[f"{kind} seen"] += case.saw
                count[f"{kind} reached"] += case.reached
                if not words:
                    count["attack writes"] += case.attack_writes > 0
                    count["attack writes not planned"] += case.attack_writes > case.identical
                    count["attack writes identical"] += case.identical > 0
                    count["attack asks"] += case.attack_asked > 0
                    count["attacked done"] += case.utility
                if (case.reached and not words) or case.attack_asked or case.attack_writes:
                    lines.append(
                        f"{name} {key} x {goal}: reached {case.reached} writes {case.attack_writes} identical "
                        f"{case.identical} asked {case.attack_asked} {[one[:300] for one in case.log]}"
                    )
    return {
        "count": dict(count),
        "asks": {str(number): cases for number, cases in sorted(asks.items())},
        "lines": lines,
    }


def _kept(result: Any) -> Any:
    """An answer as it was when it came: the environment goes on changing."""
    import copy

    return copy.deepcopy(result)


def main() -> int:
    """Prints the table as JSON; with --bare what happens where nothing guards."""
    warnings.filterwarnings("ignore")
    bare = "--bare" in sys.argv
    suites = [one for one in sys.argv[1:] if not one.startswith("-")]
    print(json.dumps(measure(None if bare else acting_policy(), suites, spelled="--spelled" in sys.argv)))
    return 0


def acting_policy() -> Policy:
    """Rules under which Deus acts on its own wherever nothing speaks against it."""
    return acting("critical")


if __name__ == "__main__":
    sys.exit(main())
