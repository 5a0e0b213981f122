"""Drives alibabacloud_rds20140815 16: signature V3 (SHA-256 or SM3), or V1 on request; over HTTPS without a protocol
setting, with a permanent key, a temporary one (its token in BACKSTOP_SECURITY_TOKEN) or a bearer token
(BACKSTOP_BEARER_TOKEN), the CA in BACKSTOP_CA_FILE."""

import os
from datetime import datetime, timedelta, timezone

from alibabacloud_rds20140815 import models
from alibabacloud_rds20140815.client import Client as RdsClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_openapi.utils import Utils

from scenarios import CLIENT_TOKEN, PAGE_SIZE, Client, drive

SIGNATURE_ALGORITHMS = {"v3": None, "v1": "v2", "sm3": "ACS3-HMAC-SM3"}
HTTPS_VARIANTS = ["https", "https-sts", "https-bearer"]


def config(arguments):
    if arguments.variant in SIGNATURE_ALGORITHMS:
        return Config(
            access_key_id=arguments.key,
            access_key_secret=arguments.secret,
            endpoint=arguments.endpoint,
            protocol="http",
            signature_algorithm=SIGNATURE_ALGORITHMS[arguments.variant],
        )
    common = {"endpoint": arguments.endpoint, "ca": os.environ["BACKSTOP_CA_FILE"]}
    if arguments.variant == "https-bearer":
        return Config(bearer_token=os.environ["BACKSTOP_BEARER_TOKEN"], **common)
    token = os.environ["BACKSTOP_SECURITY_TOKEN"] if arguments.variant == "https-sts" else None
    return Config(
        access_key_id=arguments.key, access_key_secret=arguments.secret, security_token=token, **common
    )


class NewSdk(Client):
    refusal_name = "ClientException"

    def __init__(self, arguments):
        self.rds = RdsClient(config(arguments))

    def create_backup(self, instance):
        return self.rds.create_backup(models.CreateBackupRequest(dbinstance_id=instance)).body.backup_job_id

    def backup_jobs(self, instance, job=None):
        request = models.DescribeBackupTasksRequest(
            dbinstance_id=instance, backup_job_id=job and int(job), client_token=CLIENT_TOKEN
        )
        return [job.to_map() for job in self.rds.describe_backup_tasks(request).body.items.backup_job or []]

    def backup_sets(self, instance, page):
        request = models.DescribeBackupsRequest(dbinstance_id=instance, page_number=page, page_size=PAGE_SIZE)
        body = self.rds.describe_backups(request).body
        return [backup.to_map() for backup in body.items.backup or []], body.total_record_count

    def delete_backup(self, instance, backup):
        self.rds.delete_backup(models.DeleteBackupRequest(dbinstance_id=instance, backup_id=backup))

    def shift_clock(self, seconds):
        then = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        Utils.get_timestamp = staticmethod(lambda: then.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def fix_nonce(self, nonce):
        Utils.get_nonce = staticmethod(lambda: nonce)

    def refusal(self, error):
        if not isinstance(error, AlibabaCloudException):
            return None
        return {
            "exception": type(error).__name__,
            "code": error.code,
            "http_status": error.status_code,
            "message": error.message,
            "request_id": error.request_id,
        }


if __name__ == "__main__":
    drive("alibabacloud_rds20140815 16", [*SIGNATURE_ALGORITHMS, *HTTPS_VARIANTS], NewSdk)
