"""The local cloud: ministack and moto as one server, on one loopback port.

    python cloud.py STATE_DIR [PORT]

It writes `STATE_DIR/ready.json` (`pid`, `port`) as soon as it listens, and nothing outside of
`STATE_DIR`. Health: `GET /_smstack/health`. Emptied by: `POST /_smstack/reset`. Ended by: SIGTERM.
"""

import asyncio
import importlib.metadata
import json
import os
import pathlib
import platform
import socket
import sys
import time
import traceback

HOST = "127.0.0.1"
HEALTH = "/_smstack/health"
RESET = "/_smstack/reset"
TOKEN = "SMSTACK_LOCAL_TOKEN"  # what health answers, so that a caller knows its own server
FAULTS = "SMSTACK_LOCAL_FAULTS"  # the faults file; `faults.json` of the state directory if unset
ACCOUNT = "123456789012"  # of callers whose access key isn't a 12-digit account itself

# The services that a stack and its tests touch; the rest would only open ports and cost memory.
SERVICES = (
    "cloudformation,s3,iam,sts,kms,sns,sqs,logs,events,scheduler,monitoring,ecr,ssm,ec2,tagging,states,"
    "lambda,secretsmanager"
)
PACKAGES = ("ministack", "moto", "boto3", "hypercorn")


def listen(port: int) -> socket.socket:
    """The listening socket; port 0 takes a free one, and no other can snatch it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    sock.set_inheritable(False)
    return sock


def configure(state_dir: pathlib.Path, port: int) -> None:
    """Set what the emulators read from the environment when they are imported."""
    for name in ("tmp", "data"):
        (state_dir / name).mkdir(parents=True, exist_ok=True)
    os.environ.update(
        GATEWAY_PORT=str(port),
        BIND_HOST=HOST,
        MINISTACK_HOST=HOST,
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION="us-east-1",
        SERVICES=SERVICES,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        PERSIST_STATE="0",
        S3_PERSIST="0",
        STATE_DIR=str(state_dir / "data"),
        S3_DATA_DIR=str(state_dir / "data/s3"),
        TMPDIR=str(state_dir / "tmp"),
        HOME=str(state_dir),
        DOCKER_HOST=f"unix://{state_dir}/no-docker.sock",  # never touch the user's containers
        AWS_ACCESS_KEY_ID=ACCOUNT,
        AWS_SECRET_ACCESS_KEY="local",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )
    os.environ.setdefault(FAULTS, str(state_dir / "faults.json"))
    os.chdir(state_dir)


def autoscaling_mount():
    """Application Auto Scaling is moto's, but a variant that isn't there cannot be scaled."""
    import records
    import sagemaker
    from bridge import Refused, ask_moto, refusal

    def serve(method, path, headers, body):
        if headers.get("x-amz-target", "").endswith(".RegisterScalableTarget"):
            request = json.loads(body or b"{}")
            with records.LOCK:
                there = sagemaker.variant_exists(request.get("ResourceId", ""))
            if request.get("ServiceNamespace") == "sagemaker" and not there:
                return refusal(
                    Refused(
                        "ValidationException",
                        f"Could not find variant of resource {request.get('ResourceId')}",
                    )
                )
        try:
            return ask_moto("application-autoscaling", method, path, headers, body)
        except Refused as error:
            return refusal(error)

    async def handler(method, path, headers, body, _query):
        return await asyncio.to_thread(serve, method, path, dict(headers), body)

    return handler


def assemble():
    """ministack with our services mounted and its CloudFormation completed."""
    import cloudformation
    import faults
    import sagemaker
    import triggers
    from ministack import app

    app.SERVICE_HANDLERS["sagemaker"] = sagemaker.handler
    app.SERVICE_HANDLERS["application-autoscaling"] = autoscaling_mount()
    cloudformation.install()
    faults.install()
    triggers.install()
    return app


def health(port: int, started: float) -> dict:
    """What `/_smstack/health` answers."""
    return {
        "service": "smstack-local",
        "pid": os.getpid(),
        "port": port,
        "token": os.environ.get(TOKEN, ""),
        "started": started,
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def front(app, port: int):
    """The ASGI application: our two paths, and ministack for everything else."""
    started = round(time.time(), 3)

    async def reset():
        import bridge
        import records

        async with app._get_reset_lock():
            await asyncio.to_thread(app._reset_all_state)
            await asyncio.to_thread(records.reset)
            await asyncio.to_thread(bridge.reset_moto)

    async def answer(send, status: int, body: dict):
        text = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def serve(scope, receive, send):
        path, method = scope.get("path"), scope.get("method")
        if scope["type"] == "http" and path in (HEALTH, RESET):
            if path == RESET and method == "POST":
                await reset()
                await answer(send, 200, {"reset": "ok"})
            elif path == HEALTH and method in ("GET", "HEAD"):
                await answer(send, 200, health(port, started))
            else:
                await answer(send, 405, {"error": "method not allowed"})
        else:
            await app.app(scope, receive, send)

    return serve


def load_services(app) -> None:
    """Import the modules of all mounted services, which ministack does at their first request."""
    for service in app.SERVICE_HANDLERS:
        module = app.SERVICE_REGISTRY.get(service, {}).get("module")
        if module:
            app._get_module(module)


def announce(state_dir: pathlib.Path, port: int) -> None:
    """Write `ready.json` aside, then rename it: a reader sees it whole or not at all."""
    aside = state_dir / "ready.json.new"
    aside.write_text(json.dumps({"pid": os.getpid(), "port": port}))
    aside.rename(state_dir / "ready.json")


def main() -> None:
    """Listen, assemble, serve until SIGTERM."""
    state_dir = pathlib.Path(sys.argv[1]).resolve()
    sock = listen(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    port = sock.getsockname()[1]
    configure(state_dir, port)
    app = assemble()
    application = front(app, port)

    import bridge
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.graceful_timeout = 0.5
    config.keep_alive_timeout = 75
    config.include_server_header = False
    # All of it before the first request: modules that two requests begin to load at the same time
    # can leave one of them without an answer.
    load_services(app)
    bridge.warm_up()
    announce(state_dir, port)
    code = 0
    try:
        asyncio.run(serve(application, config))
    except Exception:
        traceback.print_exc()
        code = 1
    # Threads of deployments under way would be waited for; there is nothing of them to save.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
