"""Faults on demand: delays and failures of a stack's resources, from a file read at every step.

    {"delay": 0.3,
     "create": {"Endpoint": {"delay": 5}, "churn/Model": {"error": "no capacity", "times": 1, "skip": 0}},
     "update": {"AWS::SageMaker::Endpoint": {"error": "…"}}, "delete": {"*": {"delay": 1}}}

A rule is found by `stack/logical id`, logical id, type or `*`, in this order. `skip` lets so
many steps pass first, `times` ends the failures after so many; both count from the file's last
change. A file that isn't there, or is being written, means no faults.
"""

import json
import logging
import os
import pathlib
import threading
import time

from ministack.services.cloudformation import stacks

_LOCK = threading.Lock()
_SEEN: dict[tuple, int] = {}


def _rules() -> tuple[int, dict]:
    """The file's age stamp and contents."""
    path = pathlib.Path(os.environ["SMSTACK_LOCAL_FAULTS"])
    try:
        return path.stat().st_mtime_ns, json.loads(path.read_text())
    except FileNotFoundError:
        return 0, {}
    except ValueError as error:
        logging.getLogger("faults").warning("%s is not JSON yet: %s", path, error)
        return 0, {}


def _strike(step: str, stack_name: str, logical_id: str, type_name: str) -> None:
    """Delay, then fail, if a rule says so."""
    stamp, rules = _rules()
    of_step = rules.get(step) or {}
    keys = (f"{stack_name}/{logical_id}", logical_id, type_name, "*")
    key = next((key for key in keys if key in of_step), None)
    rule = of_step.get(key, {})
    time.sleep(rule.get("delay", rules.get("delay", 0)))
    if "error" not in rule:
        return
    with _LOCK:
        count = _SEEN[stamp, step, key] = _SEEN.get((stamp, step, key), 0) + 1
    skipped = rule.get("skip", 0)
    if skipped < count <= skipped + rule.get("times", count):
        raise ValueError(rule["error"])


def install() -> None:
    """Put the faults before each step, and the steps on worker threads.

    There a delay doesn't hold up the server, so that what is in progress can be watched; and
    handlers may call this server.
    """
    stacks._runs_on_worker_thread = lambda _type_name: True
    create, update, delete = stacks._provision_resource, stacks._update_resource, stacks._delete_resource

    def faulty_create(type_name, logical_id, properties, stack_name):
        _strike("create", stack_name, logical_id, type_name)
        return create(type_name, logical_id, properties, stack_name)

    def faulty_update(type_name, physical_id, old, new, stack_name, logical_id=None, attributes=None):
        if old != new:
            _strike("update", stack_name, logical_id, type_name)
        return update(type_name, physical_id, old, new, stack_name, logical_id, attributes)

    def faulty_delete(type_name, physical_id, properties, stack_name=None, logical_id=None):
        _strike("delete", stack_name, logical_id, type_name)
        return delete(type_name, physical_id, properties, stack_name, logical_id)

    stacks._provision_resource = faulty_create
    stacks._update_resource = faulty_update
    stacks._delete_resource = faulty_delete
