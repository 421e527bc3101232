"""What tests ask Dagster's webserver: every GraphQL text stands here, since none is promised."""

from dataclasses import dataclass
from typing import Any

import httpx

_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
    name
    locationOrLoadError { __typename ... on PythonError { message } }
} } } }
"""
_DAEMONS = """
{ instance { daemonHealth { allDaemonStatuses { required healthy lastHeartbeatTime } } } }
"""
_LAUNCH_BACKFILL = """
mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_BACKFILL_STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""
_CANCEL_BACKFILL = """
mutation ($id: String!) {
  cancelPartitionBackfill(backfillId: $id) {
    __typename ... on PythonError { message }
  }
}
"""
_RUN_AGAIN = """
mutation ($backfill: String!) {
  reexecutePartitionBackfill(
    reexecutionParams: {parentRunId: $backfill, strategy: FROM_FAILURE}
  ) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_START_SENSOR = """
mutation ($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { __typename ... on PythonError { message } }
}
"""
_START_SCHEDULE = """
mutation ($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on PythonError { message } }
}
"""
_SENSOR_TICKS = """
query ($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor {
    sensorState { ticks(limit: 20) { status skipReason runIds error { message } } }
  } }
}
"""
_LAUNCH_RUN = """
mutation ($parameters: ExecutionParams!) {
  launchPipelineExecution(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_RUNS = """
query ($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status tags { key value } } } }
}
"""
_STEPS = """
query ($run: ID!) {
  runOrError(runId: $run) { ... on Run { stepStats { stepKey startTime endTime } } }
}
"""
_WORKER = """
query ($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events {
    __typename
    ... on EngineEvent { metadataEntries { label ... on TextMetadataEntry { text } } }
  } } }
}
"""
_TERMINATE = """
mutation ($run: String!) {
  terminateRun(runId: $run) { __typename ... on PythonError { message } }
}
"""
_MESSAGES = """
query ($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events {
    ... on MessageEvent { message }
  } } }
}
"""
_MATERIALIZATIONS = """
query ($key: AssetKeyInput!, $partitions: [String!]!) {
  assetOrError(assetKey: $key) { ... on Asset {
    assetMaterializations(partitions: $partitions) {
      partition
      runId
      metadataEntries {
        label
        ... on IntMetadataEntry { intValue }
        ... on FloatMetadataEntry { floatValue }
        ... on TextMetadataEntry { text }
        ... on PathMetadataEntry { path }
        ... on MarkdownMetadataEntry { mdStr }
      }
    }
  } }
}
"""
_VALUES = ("intValue", "floatValue", "text", "path", "mdStr")


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the page shows it."""

    id: str
    status: str
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Materialization:
    """One partition of one asset; metadata of other kinds than text and numbers is None."""

    partition: str
    run_id: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """A webserver at its address, with one code location."""

    url: str
    location: str

    def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=120).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def is_loaded(self) -> bool:
        """Whether the webserver answers and its code location is there; an error in it raises."""
        try:
            entries = self.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]
        except httpx.TransportError:
            return False
        loaded = {entry["name"]: entry["locationOrLoadError"] for entry in entries}
        found = loaded.get(self.location)
        assert not found or found["__typename"] != "PythonError", found
        return found is not None

    def daemons_are_healthy(self, since: float) -> bool:
        """Whether each has said so since a moment; one that was killed is called well for long."""
        health = self.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all(
            daemon["healthy"] and daemon["lastHeartbeatTime"] > since
            for daemon in health
            if daemon["required"]
        )

    def launch_backfill(self, assets: list[list[str]], partitions: list[str]) -> str:
        """Ask for a backfill of some assets, as the page of an asset does, and give its id."""
        parameters = {
            "assetSelection": [{"path": path} for path in assets],
            "partitionNames": partitions,
        }
        answer = self.ask(_LAUNCH_BACKFILL, parameters=parameters)["launchPartitionBackfill"]
        assert "LaunchBackfillSuccess" == answer["__typename"], answer
        return str(answer["backfillId"])

    def launch_job_backfill(self, job: str, partitions: list[str]) -> str:
        """Ask for a backfill of a job, as its page does, and give its id."""
        repository = {
            "repositoryName": "__repository__",
            "repositoryLocationName": self.location,
        }
        selector = {"partitionSetName": f"{job}_partition_set", "repositorySelector": repository}
        parameters = {"selector": selector, "partitionNames": partitions}
        answer = self.ask(_LAUNCH_BACKFILL, parameters=parameters)["launchPartitionBackfill"]
        assert "LaunchBackfillSuccess" == answer["__typename"], answer
        return str(answer["backfillId"])

    def cancel_backfill(self, backfill: str) -> None:
        answer = self.ask(_CANCEL_BACKFILL, id=backfill)["cancelPartitionBackfill"]
        assert "CancelBackfillSuccess" == answer["__typename"], answer

    def run_again_from_failure(self, backfill: str) -> str:
        """Ask for what failed of a backfill, as its page does, and give the new one's id."""
        answer = self.ask(_RUN_AGAIN, backfill=backfill)["reexecutePartitionBackfill"]
        assert "LaunchBackfillSuccess" == answer["__typename"], answer
        return str(answer["backfillId"])

    def start_sensor(self, name: str) -> None:
        answer = self.ask(_START_SENSOR, selector=self._named("sensorName", name))["startSensor"]
        assert "Sensor" == answer["__typename"], answer

    def start_schedule(self, name: str) -> None:
        selector = self._named("scheduleName", name)
        answer = self.ask(_START_SCHEDULE, selector=selector)["startSchedule"]
        assert "ScheduleStateResult" == answer["__typename"], answer

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """Give the last ticks of a sensor, the newest first."""
        answer = self.ask(_SENSOR_TICKS, selector=self._named("sensorName", sensor))
        found: list[dict[str, Any]] = answer["sensorOrError"]["sensorState"]["ticks"]
        return found

    def _named(self, kind: str, name: str) -> dict[str, str]:
        return {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
            kind: name,
        }

    def backfill_status(self, backfill: str) -> str:
        return str(self.ask(_BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"])

    def launch_run(self, job: str, partition: str) -> str:
        """Ask for one partition of a job, as the schedule's daemon does, and give the run's id."""
        selector = {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        tags = [{"key": "dagster/partition", "value": partition}]
        parameters = {
            "selector": selector,
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {"tags": tags},
        }
        answer = self.ask(_LAUNCH_RUN, parameters=parameters)["launchPipelineExecution"]
        assert "LaunchRunSuccess" == answer["__typename"], answer
        return str(answer["run"]["runId"])

    def runs(self, **wanted: Any) -> list[Run]:
        """Give the runs that a RunsFilter selects."""
        return [
            Run(run["runId"], run["status"], {tag["key"]: tag["value"] for tag in run["tags"]})
            for run in self.ask(_RUNS, filter=wanted)["runsOrError"]["results"]
        ]

    def terminate_run(self, run: str) -> None:
        """Stop a run as its page does."""
        answer = self.ask(_TERMINATE, run=run)["terminateRun"]
        assert "TerminateRunSuccess" == answer["__typename"], answer

    def messages(self, run: str) -> list[str]:
        """Give the lines of a run's log."""
        return [event["message"] for event in self.ask(_MESSAGES, run=run)["logsForRun"]["events"]]

    def step_times(self, run: str) -> dict[str, tuple[float, float]]:
        """Give when each step of a run began and ended."""
        stats = self.ask(_STEPS, run=run)["runOrError"]["stepStats"]
        return {step["stepKey"]: (step["startTime"], step["endTime"]) for step in stats}

    def worker(self, run: str) -> int | None:
        """Give the process of a run, once its first step has begun."""
        events = self.ask(_WORKER, run=run)["logsForRun"]["events"]
        if not any(event["__typename"] == "ExecutionStepStartEvent" for event in events):
            return None
        entries = [entry for event in events for entry in event.get("metadataEntries", ())]
        return next(int(entry["text"]) for entry in entries[::-1] if entry["label"] == "pid")

    def materializations(self, asset: list[str], partition: str) -> list[Materialization]:
        answer = self.ask(_MATERIALIZATIONS, key={"path": asset}, partitions=[partition])
        return [
            Materialization(
                found["partition"],
                found["runId"],
                {entry["label"]: _value(entry) for entry in found["metadataEntries"]},
            )
            for found in answer["assetOrError"]["assetMaterializations"]
        ]


def _value(entry: dict[str, Any]) -> Any:
    return next((entry[name] for name in _VALUES if name in entry), None)
