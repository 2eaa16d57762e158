"""A run that mends a bug, as the engine emits it: calls in the sandbox, what they write, the diff, the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.ports import Turn

Emitted = tuple[float, str, dict[str, Any]]

DIFF = '''diff --git a/portal/session.py b/portal/session.py
index 3f1c2aa..9be01d7 100644
--- a/portal/session.py
+++ b/portal/session.py
@@ -18,11 +18,14 @@ class SessionStore:
     """Where a visitor's session is kept between two requests."""

     def cookie(self, session: Session) -> Cookie:
-        # Partitioned cookies are kept apart for each site.
-        return Cookie("sid", session.id, partitioned=True, max_age=3600)
+        # Safari drops partitioned cookies that are not secure.
+        partitioned = self.settings.partitioned and self.settings.secure
+        return Cookie("sid", session.id, partitioned=partitioned, secure=self.settings.secure, max_age=3600)

     def find(self, request: Request) -> Session | None:
         raw = request.cookies.get("sid")
-        return self.sessions[raw]
+        if raw is None:
+            return None
+        return self.sessions.get(raw)
diff --git a/tests/test_session.py b/tests/test_session.py
new file mode 100644
index 0000000..d0c4f4e
--- /dev/null
+++ b/tests/test_session.py
@@ -0,0 +1,8 @@
+from portal.session import Session, SessionStore
+
+
+def test_a_visitor_without_a_cookie_has_no_session(store: SessionStore) -> None:
+    assert store.find(request(cookies={})) is None
+
+
+def test_a_session_survives_safari(store: SessionStore) -> None: ...
'''
FILES = [
    {"path": "portal/session.py", "added": 6, "removed": 3},
    {"path": "tests/test_session.py", "added": 8, "removed": 0},
]
RED = """============================= test session starts ==============================
collected 7 items

tests/test_session.py ..F....                                            [100%]

=================================== FAILURES ===================================
E       KeyError: None
portal/session.py:28: KeyError
========================= 1 failed, 6 passed in 0.41s =========================
"""
GREEN = "tests/test_session.py .........                                [100%]\n\n9 passed in 0.38s\n"


def run_of(code: int, passed: int, failed: int, tail: str) -> dict[str, Any]:
    """A test run as it is recorded."""
    return {
        "command": "python -m pytest -q", "code": code, "green": code == 0, "passed": passed, "failed": failed,
        "seconds": 0.41, "tail": tail,
    }  # fmt: skip


CONFIRMED: Mapping[str, Any] = {
    "before": run_of(1, 6, 1, RED),
    "after": run_of(0, 9, 0, GREEN),
    "base_tests": run_of(0, 7, 0, GREEN),
    "verdict": "confirmed",
}
REFUTED: Mapping[str, Any] = {
    "before": run_of(1, 6, 1, RED),
    "after": run_of(1, 8, 1, RED),
    "base_tests": None,
    "verdict": "refuted",
}

# (verb, arguments, what it writes, seconds, summary, ok)
SEARCHED = "portal/session.py:12:class SessionStore:\n"
READ = '12\tclass SessionStore:\n13\t    """Where …"""\n'
TEST: Mapping[str, Any] = {"command": ["python", "-m", "pytest", "-q"]}
LOOKS = {"text": "The stack ends in `SessionStore.find`. I look for who calls it first."}
CLAIMS = {"text": "All nine tests pass. A visitor without a cookie has no session now."}
CALLS: tuple[tuple[str, Mapping[str, Any], str, float, str, bool], ...] = (
    ("agent.says", LOOKS, "", 0.0, "", True),
    ("sandbox.search", {"pattern": "SessionStore", "path": "."}, SEARCHED, 0.1, "4 lines in 3 files", True),
    ("sandbox.read", {"path": "portal/session.py"}, READ, 0.05, "41 lines", True),
    ("sandbox.test", TEST, RED, 1.6, "1 failed, 6 passed", False),
    ("sandbox.edit", {"path": "portal/session.py"}, "", 0.1, "+6 −3", True),
    ("sandbox.edit", {"path": "tests/test_session.py"}, "", 0.1, "+8 −0", True),
    ("sandbox.test", TEST, GREEN, 1.2, "9 passed", True),
    ("agent.says", CLAIMS, "", 0.0, "", True),
)

STEPS = (
    ("errors", "Look the error up in Sentry", "errors.search", ["sentry"]),
    ("prepare", "Prepare the repository", "code.prepare", ["sandbox"]),
    ("fix", "Mend it and prove the fix", "code.fix", ["sandbox"]),
)


def calls(step: str, made: tuple[Any, ...] = CALLS) -> Iterator[Emitted]:
    """The calls of a step, with what they write in pieces that end anywhere."""
    for n, (verb, args, output, seconds, summary, ok) in enumerate(made, 1):
        call, service = f"{step}.{n}", "agent" if verb == "agent.says" else "sandbox"
        yield 0.1, "call.started", {"id": call, "step": step, "service": service, "verb": verb, "args": dict(args)}
        pieces = [output[at : at + 90] for at in range(0, len(output), 90)]
        for piece in pieces:
            yield seconds / len(pieces), "output.delta", {"call": call, "stream": "out", "text": piece}
        yield (
            0 if pieces else seconds,
            "call.finished",
            {
                "id": call, "step": step, "service": service, "ok": ok, "summary": summary,
                "error": None, "ms": round(seconds * 1000), "output": output[-4000:],
            },
        )  # fmt: skip


def usage(usd: float, models: int, tools: int) -> dict[str, Any]:
    """What the run has used so far."""
    tokens = {"tokens_in": models * 4100, "tokens_out": models * 310}
    return {"usage": {"model_calls": models, "tool_calls": tools, "usd": usd, "ms": 9100, **tokens}}


def work(verdict: Mapping[str, Any] = CONFIRMED) -> Iterator[Emitted]:
    """The steps of the work, up to its artifacts."""
    for n, (step, title, _, _) in enumerate(STEPS):
        yield 0.05, "step.started", {"id": step, "title": title}
        if step == "prepare":
            yield from calls(step, CALLS[3:4])
        if step == "fix":
            yield from calls(step)
            yield 0, "usage.updated", usage(0.42, 8, 11)
            yield 0.3, "artifact.created", {
                "id": "fix:tests", "kind": "tests", "title": "Tests", "data": dict(verdict), "alt": "Tests",
            }  # fmt: skip
            yield 0, "artifact.created", {
                "id": "fix:diff", "kind": "diff", "title": "The fix", "data": {"diff": DIFF, "files": FILES},
                "alt": "2 files, +14 −3",
            }  # fmt: skip
        else:
            yield 0, "usage.updated", usage(0.0, 0, n)
        yield 0, "step.finished", {"id": step, "state": "done", "summary": "", "ms": 900}


def code_script(turn: Turn, verdict: Mapping[str, Any] | None = None) -> Iterator[Emitted]:
    """(seconds to wait, kind, data) of one run that mends a bug; a question with “badly” gets a fix that is none."""
    verdict = verdict or (REFUTED if "badly" in turn.text else CONFIRMED)
    started = {"actor": turn.actor, "channel": turn.channel, "conversation": turn.conversation, "text": turn.text}
    yield 0, "run.started", started
    steps = [
        {"id": step, "title": title, "verb": verb, "state": "waiting", "needs": [], "service": services}
        for step, title, verb, services in STEPS
    ]
    yield 0.2, "plan.updated", {"revision": 1, "steps": steps}
    yield from work(verdict)
    said = "The visitor without a cookie was looked up under no name. It is mended, and a test says so."
    if verdict["verdict"] == "refuted":
        said = "There is a patch, but the tests are not green with it."
    yield 0, "message.completed", {"text": said, "claims": [], "citations": [], "suggestions": []}
    yield 0, "run.finished", {"status": "answered", "error": None, "usage": usage(0.42, 8, 11)["usage"]}


HOSTILE = (
    "\x1b]8;;https://evil.test/x\x07click\x1b]8;;\x07 \x1b[2J\x1b[31mred\x1b[0m \x9b1;1Hhome \x1bPq#0;~-\x1b\\"
    "all passed\r\x1b]0;owned\x1b\\FAILED\u202egnp.exe\u2066 <script>alert(1)</script>\x00\x07\x08\ud83d\u200bend"
)
HOSTILE_DIFF = (
    "diff --git a/<img src=x onerror=alert(1)>.py b/\u202eyp.\x1b[31mevil.py\n"
    "--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ \x1b[2Jdef f():\n"
    " access = 'user\u202e \u2066# admin'\n--- a/removed\n"
    "+\x1b]8;;https://evil.test\x07go\x1b]8;;\x07 \x00```<!channel> </script>\n"
    "+++ b/added\n@@ -9 +9 @@\n-one\r\n\\ No newline at end of file\n+two"
)


def hostile(turn: Turn) -> Iterator[Emitted]:
    """A run in which every text is a stranger's, who means harm."""
    step = {"id": "fix", "title": HOSTILE, "verb": "code.fix", "state": "waiting", "needs": [], "service": ["sandbox"]}
    started = {"actor": turn.actor, "channel": turn.channel, "conversation": turn.conversation, "text": turn.text}
    yield 0, "run.started", started
    yield 0, "plan.updated", {"revision": 1, "steps": [step]}
    yield 0, "step.started", {"id": "fix", "title": HOSTILE}
    made = (
        ("agent.says", {"text": HOSTILE}, "", 0.0, "", True),
        ("sandbox.run", {"command": ["sh", "-c", HOSTILE]}, HOSTILE * 3, 0.0, HOSTILE, False),
        ("sandbox." + HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, 0.0, HOSTILE, True),
    )
    yield from calls("fix", made)
    run = {**run_of(1, 0, 0, HOSTILE), "command": HOSTILE, "passed": HOSTILE, "failed": None}
    tests = {"before": run, "after": run, "base_tests": HOSTILE, "verdict": HOSTILE}
    files = [{"path": HOSTILE, "added": HOSTILE, "removed": -3}]
    for kind, data in (
        ("tests", tests),
        ("diff", {"diff": HOSTILE_DIFF, "files": files}),
        ("diff", {"diff": HOSTILE}),
        ("code", {"language": HOSTILE, "code": HOSTILE}),
        ("chart", {"png": "//evil.test/x.png"}),
        ("chart", {"png": "https://evil.test/x.png"}),
        ("file", {"name": HOSTILE, "url": "javascript:alert(1)", "size": HOSTILE}),
        ("file", {"name": HOSTILE, "url": "/api/files/f1", "size": 12}),
        ("file", {"name": HOSTILE, "url": "/\\evil.test", "size": 12}),
    ):
        ident = f"{kind}{len(str(data))}"
        yield 0, "artifact.created", {"id": ident, "kind": kind, "title": HOSTILE, "data": data, "alt": HOSTILE}
    yield 0, "step.finished", {"id": "fix", "state": "done", "summary": "", "ms": 5}
    yield 0, "message.completed", {"text": "Done.", "claims": [], "citations": [], "suggestions": []}
    yield 0, "run.finished", {"status": "answered", "error": None, "usage": usage(0.1, 1, 2)["usage"]}
