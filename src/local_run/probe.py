"""Which modules code imports that this Python does not have.

Reads `{"entries": [path, …], "all": false}` from standard input: scripts, each with what lies
beside it. Writes `{"version": […], "missing": [{"module", "entry", "file", "line"}, …]}`.
Only imports at a module's top level count: others may be meant to fail. With
`all`, what this Python has counts as well.
"""

import ast
import importlib.util
import json
import os
import sys


def beside(directory, name):
    """The file of a module of the code's own, if it is one."""
    for at in (name + ".py", os.path.join(name, "__init__.py")):
        path = os.path.join(directory, at)
        if os.path.exists(path):
            return path
    return None


def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def look(entry):
    directory = os.path.dirname(entry)
    waiting, seen = [entry], set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.endswith(".py"):
            continue
        seen.add(path)
        try:
            with open(path, "rb") as file:
                body = ast.parse(file.read()).body
        except (OSError, SyntaxError, ValueError):
            continue  # the interpreter will say it better
        for node in body:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            for name in (name.split(".")[0] for name in names):
                own = beside(directory, name)
                if own or os.path.isdir(os.path.join(directory, name)):
                    waiting.append(own or "")
                elif name not in sys.stdlib_module_names and (asked["all"] or not is_there(name)):
                    yield {"module": name, "entry": entry, "file": path, "line": node.lineno}


asked = json.load(sys.stdin)
found = [missing for entry in asked["entries"] for missing in look(entry)]
print(json.dumps({"version": sys.version_info[:3], "missing": found}))
