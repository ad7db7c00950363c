"""Ways from one half of the local cloud to the other, and the account and region in force.

A request's account and region live in context variables of ministack; they travel into the
worker threads on which it deploys a stack. Everything here reads them, so every half answers
for the caller's account (a 12-digit access key is its own) and the caller's region.
"""

import functools
import json
import os
import threading

import boto3
from botocore.config import Config
from ministack.core.responses import get_account_id, get_region

# moto's stores are plain dictionaries: one request at a time.
_MOTO_LOCK = threading.Lock()


class Refused(Exception):
    """A service says no, with AWS's error code and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def scope() -> tuple[str, str]:
    """The account and the region of the request that is being served."""
    return get_account_id(), get_region()


@functools.lru_cache(maxsize=256)
def _client(service: str, account: str, region: str):
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        aws_access_key_id=account,
        aws_secret_access_key="local",
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
    )


def client(service: str):
    """A boto3 client of this very server, for the caller's account and region.

    Only for worker threads: on the event loop it would wait for itself.
    """
    return _client(service, *scope())


@functools.cache
def _moto():
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import Client

    return Client(DomainDispatcherApplication(create_backend_app))


def ask_moto(service: str, method: str, path: str, headers: dict, body: bytes):
    """Hand a request to moto, as the caller's account and region; status, headers, body."""
    account, region = scope()
    dropped = ("host", "content-length", "transfer-encoding")
    kept = {key: value for key, value in headers.items() if key.lower() not in dropped}
    kept["Host"] = f"{service}.{region}.amazonaws.com"
    kept["x-moto-account-id"] = account
    signed_for = f"{account}/20260101/{region}/{service.rpartition('.')[2]}/aws4_request"
    kept.setdefault(
        "authorization", f"AWS4-HMAC-SHA256 Credential={signed_for}, SignedHeaders=host, Signature=x"
    )
    with _MOTO_LOCK:
        try:
            response = _moto().open(path, method=method, headers=kept, data=body)
        except NotImplementedError as error:
            operation = headers.get("x-amz-target", path).rsplit(".", 1)[-1]
            raise Refused(
                "UnknownOperationException", f"{operation} is not part of the local cloud"
            ) from error
        return response.status_code, dict(response.headers), response.get_data()


def warm_up() -> None:
    """Load moto's models and botocore's, which take seconds, before the first request needs them."""
    for service in ("api.sagemaker", "application-autoscaling"):
        target = {"x-amz-target": "SageMaker.ListTrainingJobs", "content-type": "application/x-amz-json-1.1"}
        if service == "application-autoscaling":
            target["x-amz-target"] = "AnyScaleFrontendService.DescribeScalableTargets"
        ask_moto(service, "POST", "/", target, b'{"ServiceNamespace": "sagemaker"}')
    for service in ("sagemaker", "s3", "application-autoscaling", "cloudwatch", "sns", "iam", "scheduler"):
        client(service)


def reset_moto() -> None:
    """Empty every account and region of moto."""
    from moto.moto_api._internal.models import moto_api_backend

    with _MOTO_LOCK:
        moto_api_backend.reset()


def answer(body: dict, status: int = 200):
    """A response in the JSON protocol."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return status, headers, json.dumps(body).encode()


def refusal(error: Refused):
    """An error in the JSON protocol."""
    status, headers, body = answer({"__type": error.code, "message": error.message}, error.status)
    return status, {**headers, "x-amzn-errortype": error.code}, body
