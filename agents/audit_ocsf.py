"""Audit rows as events of the Open Cybersecurity Schema Framework, class API Activity (6003)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from agents.audit import AuditRow

# Required in this class: activity_id, actor, api, category_uid, class_uid, metadata, severity_id, src_endpoint, time
# and type_uid (ocsf-schema, events/application/api_activity.json and base_event.json).
VERSION = "1.6.0"
CATEGORY, CLASS = 6, 6003
CREATE, READ, UPDATE, DELETE, OTHER = 1, 2, 3, 4, 99
ACTIVITIES = {CREATE: "Create", READ: "Read", UPDATE: "Update", DELETE: "Delete", OTHER: "Other"}
KINDS = {"tool.called": READ, "tool.answered": READ, "conversation.deleted": DELETE, "service.forgotten": DELETE}
VERBS = {"create": CREATE, "comment": CREATE, "send": CREATE}
INFORMATIONAL, LOW, MEDIUM = 1, 2, 3
SEVERITIES = {INFORMATIONAL: "Informational", LOW: "Low", MEDIUM: "Medium"}


def ocsf(row: AuditRow, workspace: str) -> dict[str, Any]:
    """One row as an OCSF event. What the schema has no place for is below `unmapped`, the row's own names."""
    data = json.loads(row.data)
    activity = _activity(row.kind, data)
    severity = {"failure": LOW, "refusal": MEDIUM, "egress.refused": MEDIUM}.get(row.kind, INFORMATIONAL)
    failed = row.kind in ("failure", "refusal", "egress.refused")
    service = data.get("service")
    event: dict[str, Any] = {
        "category_uid": CATEGORY,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "activity_id": activity,
        "activity_name": ACTIVITIES[activity] if activity != OTHER else row.kind,
        "type_uid": CLASS * 100 + activity,
        "type_name": f"API Activity: {ACTIVITIES[activity]}",
        "severity_id": severity,
        "severity": SEVERITIES[severity],
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "time": round(datetime.fromisoformat(row.at).timestamp() * 1000),
        "message": f"{row.kind} by {row.actor}",
        "metadata": {
            "version": VERSION,
            "product": {"name": "Deus", "vendor_name": "Deus"},
            "uid": f"{workspace}:{row.n}",
            "sequence": row.n,
            "original_time": row.at,
            "event_code": row.kind,
            "log_name": "audit",
            "tenant_uid": workspace,
            **({"correlation_uid": row.run} if row.run else {}),
        },
        "actor": {"user": {"name": row.actor or "deus"}, "app_name": "Deus"},
        "api": {"operation": str(data.get("verb") or row.kind), "service": {"name": str(service or "deus")}},
        "src_endpoint": {"name": str(data.get("channel") or "deus"), "svc_name": "deus"},
        "unmapped": {"data": data, "hash": row.hash, "previous": row.previous},
    }
    if service:
        event["resources"] = [{"name": str(service), "type": "service"}]
    return event


def _activity(kind: str, data: dict[str, Any]) -> int:
    if kind in KINDS:
        return KINDS[kind]
    if kind in ("write", "undo"):
        return VERBS.get(str(data.get("verb", "")).rpartition(".")[2], UPDATE)
    return OTHER
