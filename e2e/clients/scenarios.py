"""What every Python client must live through, and the command line that all drivers share."""

import argparse
import json
import re
import secrets
import sys
import time

SIXTEEN_MINUTES = 16 * 60
PAGE_SIZE = 30

# A token with every character that clients encode in different ways and that the service accepts.
CLIENT_TOKEN = "a b*~/+!'()%&=:?#"

# Row by row the table of the stages that a job passes: BackupStatus, BackupProgressStatus, least and greatest Process.
STAGES = [
    ("NoStart", "NoStart", 0, 0),
    ("Checking", "NoStart", 0, 5),
    ("Preparing", "Preparing", 5, 10),
    ("Waiting", "Waiting", 10, 10),
    ("Uploading", "Uploading", 10, 90),
    ("Uploading", "Checking", 90, 99),
    ("Finished", "Finished", 100, 100),
]

REFUSALS = {
    "wrong-secret": ("SignatureDoesNotMatch", 400),
    "expired-timestamp": ("InvalidTimeStamp.Expired", 400),
    "replayed-nonce": ("SignatureNonceUsed", 400),
    "replayed-backup": ("SignatureNonceUsed", 400),
    "unknown-instance": ("InvalidDBInstanceId.NotFound", 404),
}

REQUEST_ID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")


class Unexpected(Exception):
    """The service did something that a user of this client does not know; `seen` is what was seen until then."""

    def __init__(self, message, seen=None):
        super().__init__(message)
        self.seen = seen or {}


class Client:
    """What a driver must offer. Jobs and sets are dictionaries with the field names of the API."""

    # The name of the exception that the client raises for a refusal; None when it raises none and returns the body.
    refusal_name = None
    # Codes that this client makes of the service's own, by scenario.
    own_codes = {}

    def create_backup(self, instance):
        """Starts a backup and returns the id of its job."""
        raise NotImplementedError

    def backup_jobs(self, instance, job=None):
        """DescribeBackupTasks, with CLIENT_TOKEN: the list of jobs."""
        raise NotImplementedError

    def backup_sets(self, instance, page):
        """DescribeBackups: the sets of a page of PAGE_SIZE and the number of sets on all pages."""
        raise NotImplementedError

    def delete_backup(self, instance, backup):
        """DeleteBackup of one set."""
        raise NotImplementedError

    def shift_clock(self, seconds):
        """Makes the SDK believe that it is so many seconds later."""
        raise NotImplementedError

    def fix_nonce(self, nonce):
        """Makes the SDK use this nonce for every request."""
        raise NotImplementedError

    def refusal(self, error):
        """What the user learns from `error`: code, http_status, message, request_id; None for any other exception."""
        raise NotImplementedError


def expect(condition, message, seen=None):
    if not condition:
        raise Unexpected(message, seen)


def stage_of(job):
    """The place of the job's state in STAGES."""
    process = job.get("Process")
    expect(isinstance(process, str) and process.isdecimal(), f"Process is no decimal text: {job}")
    for place, (status, progress, least, greatest) in enumerate(STAGES):
        if (job.get("BackupStatus"), job.get("BackupProgressStatus")) == (status, progress):
            expect(least <= int(process) <= greatest, f"Process {process} does not belong to this state: {job}")
            return place
    raise Unexpected(f"no such pair of states: {job}")


def watch_job(client, instance, job_id, deadline, seen):
    """Asks for the job until it is Finished and returns the id of its set."""
    while True:
        jobs = client.backup_jobs(instance, job_id)
        expect(len(jobs) == 1, f"DescribeBackupTasks with BackupJobId gave {len(jobs)} jobs", seen)
        job = jobs[0]
        expect(job.get("BackupJobId") == job_id, f"BackupJobId is not {job_id!r}: {job}", seen)
        expect(job.get("JobMode") == "Manual", f"JobMode is not Manual: {job}", seen)
        expect(job.get("TaskAction") == "TempBackupTask", f"TaskAction is not TempBackupTask: {job}", seen)
        expect(job.get("BackupStatus") != "Failed", f"the job failed: {job}", seen)

        state = [job.get("BackupStatus"), job.get("BackupProgressStatus")]
        place, process = stage_of(job), int(job["Process"])
        expect(place >= seen["place"], f"the job went back to {state}", seen)
        expect(not seen["process"] or process >= seen["process"][-1], f"Process fell to {process}", seen)
        if place > seen["place"]:
            seen["place"] = place
            seen["states"].append(state)
        if process not in seen["process"]:
            seen["process"].append(process)

        if job["BackupStatus"] == "Finished":
            backup_id = job.get("BackupId")
            expect(isinstance(backup_id, str) and backup_id.isdecimal(), f"no BackupId: {job}", seen)
            return backup_id
        expect(not job.get("BackupId"), f"a BackupId before the job is Finished: {job}", seen)
        expect(time.monotonic() < deadline, f"not Finished in time: {job}", seen)
        time.sleep(0.1)


def all_backup_sets(client, instance):
    """The sets of all pages, by id."""
    found, page = {}, 1
    while True:
        rows, total = client.backup_sets(instance, page)
        found.update((row.get("BackupId"), row) for row in rows)
        if not rows or page * PAGE_SIZE >= int(total):
            return found
        page += 1


def lifecycle(client, arguments):
    instance = arguments.instance
    seen = {"states": [], "process": [], "place": -1}
    job_id = client.create_backup(instance)
    expect(isinstance(job_id, str) and job_id.isdecimal(), f"BackupJobId is no decimal text: {job_id!r}")
    backup_id = watch_job(client, instance, job_id, time.monotonic() + arguments.timeout, seen)

    unfinished = [job.get("BackupJobId") for job in client.backup_jobs(instance)]
    expect(job_id not in unfinished, "a finished job is listed without being asked for", seen)

    backup = all_backup_sets(client, instance).get(backup_id)
    expect(backup is not None, f"DescribeBackups does not list set {backup_id}", seen)
    for field, value in {"BackupStatus": "Success", "BackupMode": "Manual", "DBInstanceId": instance}.items():
        expect(backup.get(field) == value, f"{field} is not {value}: {backup}", seen)

    client.delete_backup(instance, backup_id)
    expect(backup_id not in all_backup_sets(client, instance), f"set {backup_id} is listed after DeleteBackup", seen)
    return {"job_id": job_id, "backup_id": backup_id, "states": seen["states"], "process": seen["process"]}


def prepare_refusal(client, scenario, instance):
    """Sees to it that the next request must be refused. A wrong secret was given to the client when it was made.

    Returns what the scenario's line tells beside the refusal.
    """
    if scenario == "expired-timestamp":
        client.shift_clock(-SIXTEEN_MINUTES)
    elif scenario == "replayed-nonce":
        client.fix_nonce(secrets.token_hex(16))
        client.backup_jobs(instance)
    elif scenario == "replayed-backup":
        client.fix_nonce(secrets.token_hex(16))
        return {"job_id": client.create_backup(instance)}
    return {}


def refused(client, arguments):
    scenario, instance = arguments.scenario, arguments.instance
    told = prepare_refusal(client, scenario, instance)
    try:
        if scenario == "replayed-backup":
            client.create_backup(instance)
        else:
            client.backup_jobs(f"{instance}-absent" if scenario == "unknown-instance" else instance)
    except Exception as error:  # what is no refusal is raised again
        refusal = client.refusal(error)
        if refusal is None:
            raise
    else:
        raise Unexpected("the service answered as if nothing were wrong")

    code, http_status = REFUSALS[scenario]
    code = client.own_codes.get(scenario, code)
    for field, value in {"exception": client.refusal_name, "code": code, "http_status": http_status}.items():
        expect(refusal[field] == value, f"{field} is {refusal[field]!r}, not {value!r}", refusal)
    expect(REQUEST_ID.fullmatch(str(refusal["request_id"])), "the request id is no upper-case UUID", refusal)
    return {**refusal, **told}


def parse_arguments(variants):
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=variants, default=variants[0])
    parser.add_argument("--endpoint", required=True, metavar="HOST:PORT")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--timeout", type=float, default=300, help="seconds until the backup must be Finished")
    parser.add_argument("scenario", choices=["lifecycle", *REFUSALS])
    arguments = parser.parse_args()
    if arguments.scenario == "wrong-secret":
        arguments.secret += "-wrong"
    return arguments


def drive(name, variants, make_client):
    """Runs one scenario, prints one line of JSON and ends the process: 0 when all was as expected, else 1."""
    arguments = parse_arguments(variants)
    line = {"client": name, "variant": arguments.variant, "scenario": arguments.scenario}
    run = lifecycle if arguments.scenario == "lifecycle" else refused
    try:
        line.update(run(make_client(arguments), arguments))
        status = 0
    except Exception as error:  # whatever went wrong belongs into the line
        line.update(getattr(error, "seen", {}))
        line["unexpected"] = f"{type(error).__name__}: {error}"
        status = 1
    print(json.dumps(line), flush=True)
    sys.exit(status)
