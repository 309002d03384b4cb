"""Permissions and built-in roles. An act is denied unless a role of the actor grants it.

A grant is a permission's name, `scope.*` for a whole scope, or `*` for everything in a tenant. Permissions
across tenants (`platform.`) are not covered by `*`, and no role that a tenant defines can grant them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

PERMISSIONS: Mapping[str, str] = {
    "workorders.read": "see work orders",
    "workorders.discuss": "comment on work orders, ask for an approval",
    "workorders.write": "create, change, assign and cancel work orders",
    "workorders.execute": "do the work: start, hold, complete, answer checklists, log labour and parts, sign",
    "workorders.approve": "decide an approval step (never on one's own order)",
    "workorders.close": "close and reopen work orders, add costs, void entries",
    "workrequests.read": "see work requests",
    "workrequests.submit": "ask for work",
    "workrequests.convert": "accept a request as a work order, or reject it",
    "assets.read": "see assets",
    "assets.write": "create, change, move and decommission assets",
    "inventory.read": "see parts and their stock",
    "inventory.manage": "create parts, receive and adjust stock",
    "pm.read": "see maintenance plans, meters and calendars",
    "pm.write": "create and revise maintenance plans, meters and calendars",
    "pm.run": "run a plan now, override an occurrence",
    "offline.submit": "send work done offline",
    "offline.review": "decide on others' conflicts, and on work done offline by who may no longer do it",
    "importexport.import": "import files",
    "importexport.export": "export files",
    "reports.read": "see reports",
    "reports.build": "define reports",
    "reports.export": "export reports",
    "users.read": "see who works here",
    "users.manage": "create, change and deactivate users",
    "roles.read": "see roles",
    "roles.manage": "define roles and give them to users",
    "integrations.read": "see webhooks",
    "integrations.manage": "set webhooks",
    "audit.read": "read the audit trail",
    "ops.read": "see commands of everyone, dead letters and conservation of one's own tenant",
    "ops.replay": "replay dead commands, as they were or edited",
    "ops.discard": "give a dead command up for good",
    "platform.read": "see queues, workers, locks and global schedules of all tenants",
    "platform.manage": "pause, resume, run and release them",
}

PLATFORM = "platform"
"""The tenant of those who run the installation, the role of its users, and the scope of their permissions."""

ROLES: Mapping[str, frozenset[str]] = {
    "admin": frozenset({"*"}),
    "manager": frozenset(
        {
            "workorders.read", "workorders.discuss",
            "workorders.write", "workorders.approve", "workorders.close",
            "workrequests.read", "workrequests.submit", "assets.*", "inventory.*", "pm.*",
            "importexport.*", "reports.*", "users.read", "roles.read", "audit.read", "ops.read",
            "offline.review",
        }
    ),
    "planner": frozenset(
        {
            "workorders.read", "workorders.discuss",
            "workorders.write", "workrequests.*", "assets.*", "inventory.*", "pm.*",
            "importexport.*", "reports.read", "reports.export", "users.read", "offline.*",
        }
    ),
    "supervisor": frozenset(
        {
            "workorders.read", "workorders.discuss",
            "workorders.write", "workorders.execute", "workorders.close",
            "workrequests.*", "assets.read", "inventory.read", "pm.read", "importexport.export",
            "reports.read", "users.read", "offline.*",
        }
    ),
    "technician": frozenset(
        {
            "workorders.read", "workorders.discuss",
            "workorders.execute", "workrequests.read", "workrequests.submit",
            "assets.read", "inventory.read", "pm.read", "users.read", "offline.submit",
        }
    ),
    "requester": frozenset({"workrequests.read", "workrequests.submit", "assets.read"}),
    "viewer": frozenset(
        {"workorders.read", "workrequests.read", "assets.read", "inventory.read", "pm.read", "reports.read"}
    ),
    "operator": frozenset(
        {"workorders.read", "workrequests.read", "assets.read", "inventory.read", "audit.read", "ops.*"}
    ),
    PLATFORM: frozenset({"platform.*", "audit.read"}),
}  # fmt: skip
"""The built-in roles. Only users of the platform tenant have the role `platform`; they read the audit
trail of that tenant."""

TENANT_ROLES = frozenset(ROLES) - {PLATFORM}
"""Built-in roles that a tenant may give to its users."""


LEAVES: Mapping[str, str] = {"workorders.execute": "workorders.write"}
"""By permission: what is needed instead to vouch for work that another did. Planners may vouch for work."""


def leave_for(permission: str) -> str:
    """The permission needed to vouch for an act of another that needed this one; the same, except for
    LEAVES."""
    return LEAVES.get(permission, permission)


def granted(roles: Iterable[str], table: Mapping[str, Collection[str]] = ROLES) -> frozenset[str]:
    """The union of the roles' grants, wildcards kept; a role that is not in the table grants nothing.

    A table may hold a tenant's own roles: platform permissions in those are ignored.
    """
    return frozenset(
        grant
        for role in roles
        for grant in table.get(role, ())
        if not _is_platform(grant) or grant in ROLES.get(role, ())
    )


def allows(granted: Collection[str], permission: str) -> bool:
    """Whether the grants cover the permission; `*` covers all but platform permissions."""
    if permission in granted:
        return True
    scope, dot, _ = permission.rpartition(".")
    if dot and f"{scope}.*" in granted:
        return True
    return "*" in granted and not _is_platform(permission)


def covers(held: Collection[str], grants: Iterable[str]) -> bool:
    """Whether `held` grants all that `grants` do."""
    return all(_covers(held, grant) for grant in grants)


def _covers(held: Collection[str], grant: str) -> bool:
    if grant == "*":
        return "*" in held
    scope, dot, name = grant.rpartition(".")
    if not (dot and name == "*"):
        return allows(held, grant)
    inside = [permission for permission in PERMISSIONS if permission.rpartition(".")[0] == scope]
    return grant in held or all(allows(held, permission) for permission in inside)


def is_grant(text: str) -> bool:
    """Whether a role of a tenant may grant this: a permission, a scope or all, but the platform's."""
    scopes = {permission.rpartition(".")[0] for permission in PERMISSIONS}
    known = text == "*" or text in PERMISSIONS or (text.endswith(".*") and text[:-2] in scopes)
    return known and not _is_platform(text)


def _is_platform(name: str) -> bool:
    return name.partition(".")[0] == PLATFORM
