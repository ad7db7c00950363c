"""Records of named SageMaker resources: what was said at creation is what is said back.

One `Kind` describes a family of operations (`CreateModel`, `DescribeModel`, `ListModels`,
`DeleteModel`); `records(kind)` are those of the caller's account and region.
"""

import dataclasses
import itertools
import re
import threading
import time

from bridge import Refused, scope

# Every change of the store happens under this lock; it may be taken again by its holder.
LOCK = threading.RLock()

# The pattern of most SageMaker names, from the API's own shapes (e.g. `ModelName`).
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_SEQUENCE = itertools.count()
_STORE: dict[tuple[str, str, str], dict[str, dict]] = {}
_TAGS: dict[str, dict[str, str]] = {}

# Members of a request that no Describe operation repeats.
_UNSAID = ("Tags", "ClientToken", "ClientRequestToken")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A family of SageMaker resources."""

    family: str  # as in the operations' names
    segment: str  # of the ARN
    listing: str  # the member of the List response
    summary: tuple[str, ...] = ()  # besides name, ARN and creation time
    prefix: str = ""  # of the name and ARN members, where it isn't the family's name
    ascending: bool = False  # the List operation's default order
    missing: str = "ValidationException"  # the error code for one that isn't there
    taken: str = "ValidationException"  # the error code for one that is there already
    listed_as: str = ""  # the prefix of name and ARN in the List response, where it differs

    @property
    def name(self) -> str:
        """The member that holds the name."""
        return (self.prefix or self.family) + "Name"

    @property
    def arn(self) -> str:
        """The member that holds the ARN."""
        return (self.prefix or self.family) + "Arn"

    @property
    def words(self) -> str:
        """The kind as AWS writes it in a message: `endpoint configuration` is `endpoint config` here."""
        return self.segment.replace("-", " ")


def arn_of(segment: str, name: str) -> str:
    """A SageMaker ARN in the caller's account and region."""
    account, region = scope()
    return f"arn:aws:sagemaker:{region}:{account}:{segment}/{name}"


def now() -> float:
    """A timestamp of the JSON protocol, to the millisecond as AWS's are."""
    return round(time.time(), 3)


def records(kind: Kind) -> dict[str, dict]:
    """The caller's records of one kind, by name, oldest first."""
    return _STORE.setdefault((*scope(), kind.family), {})


def create(kind: Kind, request: dict, **more) -> dict:
    """Keep a request as a new record; `more` are members that AWS adds."""
    name = request.get(kind.name) or ""
    if not _NAME.fullmatch(name):
        raise Refused(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at '{kind.name}' failed "
            "to satisfy constraint: Member must satisfy regular expression pattern: "
            "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        )
    arn = arn_of(kind.segment, name)
    if name in records(kind):
        raise Refused(kind.taken, f'Cannot create already existing {kind.words} "{arn}".')
    record = {member: value for member, value in request.items() if member not in _UNSAID}
    record |= {kind.arn: arn, "CreationTime": now(), **more}
    records(kind)[name] = record
    record["_order"] = next(_SEQUENCE)
    set_tags(arn, request.get("Tags"))
    return record


def find(kind: Kind, name: str) -> dict:
    """The record of a name or an ARN, or AWS's refusal."""
    record = records(kind).get(name.rsplit("/", 1)[-1]) if name else None
    if record is None or (name.startswith("arn:") and record[kind.arn] != name):
        arn = name if name.startswith("arn:") else arn_of(kind.segment, name)
        raise Refused(kind.missing, f'Could not find {kind.words} "{arn}".')
    return record


def remove(kind: Kind, name: str) -> None:
    """Forget a record and its tags."""
    record = find(kind, name)
    _TAGS.pop(record[kind.arn], None)
    del records(kind)[record[kind.name]]


def told(record: dict) -> dict:
    """A record as a Describe operation tells it."""
    return {
        member: value for member, value in record.items() if not member.startswith("_") and value is not None
    }


def listed(kind: Kind, request: dict) -> dict:
    """A List response: filtered, sorted and paged as the request asks."""
    found = [record for record in records(kind).values() if _wanted(kind, record, request)]
    page, token = page_of(sort(found, request, kind.name, kind.ascending), request)
    prefix = kind.listed_as or kind.prefix or kind.family
    return {
        kind.listing: [
            {prefix + "Name": record[kind.name], prefix + "Arn": record[kind.arn]}
            | {m: member(record, m) for m in ("CreationTime", *kind.summary) if member(record, m) is not None}
            for record in page
        ]
    } | token


def member(record: dict, name: str):
    """A member that a summary has; where Describe hasn't got it, the record keeps it aside."""
    return record.get(name, record.get("_" + name))


def _wanted(kind: Kind, record: dict, request: dict) -> bool:
    return within(record, request) and all(
        (
            request.get("NameContains", "") in record[kind.name],
            request.get("EndpointName") in (None, member(record, "EndpointName")),
            request.get("StatusEquals") in (None, record.get(kind.family + "Status")),
        )
    )


def within(record: dict, request: dict) -> bool:
    """Whether a record lies within the creation times that a List request asks for."""
    after, before = request.get("CreationTimeAfter"), request.get("CreationTimeBefore")
    created = record["CreationTime"]
    return (after is None or created > after) and (before is None or created < before)


def sort(found: list[dict], request: dict, name: str, ascending: bool) -> list[dict]:
    """Records in the order that a List request asks for; equal times keep the order of creation."""
    by = {"Name": name}.get(request.get("SortBy", ""), "CreationTime")
    ascending = request.get("SortOrder", "Ascending" if ascending else "Descending") == "Ascending"
    return sorted(found, key=lambda record: (record.get(by), record["_order"]), reverse=not ascending)


def page_of(found: list[dict], request: dict) -> tuple[list[dict], dict]:
    """One page, and the token of the next if there is one."""
    token = request.get("NextToken") or "0"
    if not token.isdecimal():
        raise Refused("ValidationException", f"Invalid NextToken: {token}")
    start = int(token)
    end = start + int(request.get("MaxResults") or 100)
    return found[start:end], {"NextToken": str(end)} if end < len(found) else {}


def set_tags(arn: str, tags: list[dict] | None) -> None:
    """Add tags to an ARN; one more of the same key replaces the former."""
    _TAGS.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags or []})


def tags_of(arn: str) -> dict[str, str] | None:
    """The tags of an ARN, or nothing where this store doesn't know it."""
    return _TAGS.get(arn)


def forget_tags(arn: str) -> None:
    """Drop an ARN that went away in the other store."""
    _TAGS.pop(arn, None)


def reset() -> None:
    """Forget everything, of every account and region."""
    with LOCK:
        _STORE.clear()
        _TAGS.clear()
