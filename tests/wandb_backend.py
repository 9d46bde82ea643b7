"""A stand-in for the W&B server on loopback: enough of it for the unmodified `wandb sweep`, `wandb agent` and runs.

It hands out the trials of a sweep, keeps what the runs send, stops a run and has a preempted one run again. It samples
no hyperparameters as W&B does and knows neither Bayes nor Hyperband: what runs against it shows the plumbing alone.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

ENTITY, PROJECT, SWEEP = "lab", "capacity", "sweep001"
WHERE = {"id": "1", "name": PROJECT, "entity": {"id": "1", "name": ENTITY}}


@dataclass
class Run:
    """State of a run on the server."""

    id: str
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)  # their types
    exit_codes: list[int] = field(default_factory=list)  # one for each time that the run ended
    preempting: bool = False
    starts: int = 0
    project: str | None = None
    sweep: str | None = None

    def ended(self) -> bool:
        """Whether no process of the run is active."""
        return len(self.exit_codes) == self.starts > 0


def sample(parameter: dict[str, Any], trial: int) -> Any:
    """A value of a sweep's parameter: its only one, the trial's place in the list, or the middle of the range.

    Where parameters are nested, so are the values, as W&B hands them to an agent.
    """
    if "parameters" in parameter:
        return {name: sample(inner, trial) for name, inner in parameter["parameters"].items()}
    if "values" in parameter:
        return parameter["values"][trial % len(parameter["values"])]
    if "value" in parameter:
        return parameter["value"]
    low, high, kind = parameter["min"], parameter["max"], parameter.get("distribution", "uniform")
    middle = math.sqrt(low * high) if kind.startswith(("log_", "q_log_")) else (low + high) / 2
    if kind.startswith("q_"):
        return round(middle / parameter["q"]) * parameter["q"]
    return round(middle) if kind == "int_uniform" else middle


class Backend:
    """Stand-in for the W&B server, as a context manager.

    Args:
        stop: Whether a sweep is to stop a run now, as Hyperband does; called with the run at each heartbeat.
    """

    def __init__(self, stop: Callable[[Run], bool] = lambda run: False) -> None:
        self.stop = stop
        self.stop_from_page: set[str] = set()
        """Runs that a person stops in the browser."""
        self.runs: dict[str, Run] = {}
        self.sweep: dict[str, Any] = {}
        self.trials: list[str] = []
        self.unknown: list[str] = []
        """Requests that the stand-in server does not support."""
        self.lock = threading.RLock()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with backend.lock:
                    reply = backend.reply(self.path, body)
                content = json.dumps(reply if reply is not None else {}).encode()
                self.send_response(404 if reply is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def handle(self) -> None:
                with contextlib.suppress(ConnectionResetError):  # a client that is done
                    super().handle()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> Backend:
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    def environment(self, home: Path) -> dict[str, str]:
        """Environment variables that direct W&B clients to this server only."""
        return {
            "HOME": str(home),
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": "0" * 40,
            "WANDB_ENTITY": ENTITY,
            "WANDB_PROJECT": PROJECT,
            "WANDB_MODE": "online",
            "WANDB_ERROR_REPORTING": "false",
            "NO_PROXY": "127.0.0.1",
        }

    def reply(self, path: str, body: bytes) -> dict[str, Any] | None:
        """Return the response to a request; None if the request is unknown."""
        if path == "/graphql":
            request = json.loads(body)
            name = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
            operation = getattr(self, f"on_{name[1]}", None) if name else None
            if operation is not None:
                return {"data": operation(request.get("variables") or {})}
        elif found := re.match(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", path):
            return self.on_stream(self.run(found[1]), json.loads(body))
        elif path.startswith("/sdk/otel/"):  # how W&B's own program fares
            return {}
        elif found := re.match(r"/storage/([^/]+)/(.+)", path):
            self.run(found[1]).files[found[2]] = body
            return {}
        self.unknown.append(path if path != "/graphql" else body.decode()[:400])
        return None

    def run(self, name: str) -> Run:
        return self.runs.setdefault(name, Run(name))

    def on_stream(self, run: Run, sent: dict[str, Any]) -> dict[str, Any]:
        """Receive a run's history, summary, logs and exit code; respond whether the run must stop."""
        files = sent.get("files", {})
        lines = {name: part["content"] for name, part in files.items()}
        run.history += [json.loads(line) for line in lines.get("wandb-history.jsonl", [])]
        for line in lines.get("wandb-summary.json", []):
            run.summary = json.loads(line)
        run.output += "".join(lines.get("output.log", []))
        run.preempting |= bool(sent.get("preempting"))
        if sent.get("complete"):
            run.exit_codes.append(sent["exitcode"])
        return {"exitcode": None, "limits": {}, "stopped": run.id in self.stop_from_page}

    def on_Viewer(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"viewer": {"id": "1", "entity": ENTITY, "username": ENTITY, "flags": "{}", "teams": {"edges": []}}}

    def on_ServerFeaturesQuery(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def on_OrganizationCoreWeaveOrganizationID(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def on_RunResumeStatus(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(variables["name"])
        found = (
            run
            and run.starts
            and {
                "name": run.id,
                "historyLineCount": len(run.history),
                "eventsLineCount": 0,
                "logLineCount": 0,
                "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
                "eventsTail": "[]",
                "summaryMetrics": json.dumps(run.summary),
                "config": json.dumps(run.config),
                "tags": [],
                "wandbConfig": json.dumps({"t": {}}),  # a run that has begun, not one that a sweep has only planned
            }
        )
        return {"model": {**WHERE, "bucket": found or None}}

    def on_UpsertBucket(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Create a run or update its state."""
        run = self.run(variables["name"])
        run.config = json.loads(variables["config"] or "{}")
        run.project = run.project or variables.get("project")
        run.sweep = variables.get("sweep") or run.sweep
        if variables.get("host"):
            run.starts += 1
        bucket = {"id": run.id, "name": run.id, "displayName": run.id, "sweepName": run.sweep, "project": WHERE}
        return {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0}, "inserted": run.starts == 1}}

    def on_CreateRunFiles(self, variables: dict[str, Any]) -> dict[str, Any]:
        here = f"{self.url}/storage/{variables['run']}"
        files = [{"name": name, "uploadUrl": f"{here}/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def on_CreateArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Respond that the artifact's content has been uploaded already."""
        given = variables["input"]
        self.run(given["runName"]).artifacts.append(given["artifactTypeName"])
        artifact = {"id": "1", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}

    def on_ArtifactType(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"artifact": {"artifactType": {"name": "run_table"}}}}

    def on_UpsertSweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.sweep = yaml.safe_load(variables["config"])
        return {"upsertSweep": {"sweep": {"name": SWEEP, "project": WHERE}, "configValidationWarnings": []}}

    def on_SweepWithRuns(self, variables: dict[str, Any]) -> dict[str, Any]:
        sweep = {"id": SWEEP, "name": SWEEP, "state": "RUNNING", "config": yaml.safe_dump(self.sweep)}
        return {"project": {"sweep": {**sweep, "runs": {"edges": []}}}}

    def on_CreateAgent(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": "agent"}}}

    def on_Heartbeat(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Command the agent to stop its run, to resume a preempted trial, or to start a new one if it runs none."""
        running = json.loads(variables["runState"])
        stopped = [name for name in running if name in self.runs and self.stop(self.runs[name])]
        self.stop_from_page |= set(stopped)
        commands: list[dict[str, Any]] = [{"type": "stop", "run_id": name} for name in stopped]
        if not running:
            again = [run for run in self.runs.values() if run.preempting and run.ended() and run.exit_codes[-1]]
            for run in again[:1]:
                run.preempting = False
            trial = self.trials.index(again[0].id) if again else len(self.trials)
            if not again:
                self.trials.append(f"trial{trial:03d}")
            values = {name: {"value": sample(given, trial)} for name, given in self.sweep["parameters"].items()}
            kind = "resume" if again else "run"
            program = self.sweep.get("program")
            commands.append({"type": kind, "run_id": self.trials[trial], "program": program, "args": values})
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}
