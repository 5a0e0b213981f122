"""Drives alibabacloud_rds20140815 1: signature V1 over parameters that are split between query and form body."""

import re
from datetime import datetime, timedelta, timezone

from alibabacloud_rds20140815 import models
from alibabacloud_rds20140815.client import Client as RdsClient
from alibabacloud_rpc_util.client import Client as RpcUtil
from alibabacloud_tea_rpc.models import Config
from alibabacloud_tea_util.client import Client as TeaUtil
from Tea.exceptions import TeaException

from scenarios import CLIENT_TOKEN, PAGE_SIZE, Client, drive


class FirstSdk(Client):
    refusal_name = "TeaException"

    def __init__(self, arguments):
        self.rds = RdsClient(
            Config(
                access_key_id=arguments.key,
                access_key_secret=arguments.secret,
                endpoint=arguments.endpoint,
                protocol="http",
            )
        )

    def create_backup(self, instance):
        return self.rds.create_backup(models.CreateBackupRequest(dbinstance_id=instance)).backup_job_id

    def backup_jobs(self, instance, job=None):
        request = models.DescribeBackupTasksRequest(
            dbinstance_id=instance, backup_job_id=job and int(job), client_token=CLIENT_TOKEN
        )
        return [job.to_map() for job in self.rds.describe_backup_tasks(request).items.backup_job or []]

    def backup_sets(self, instance, page):
        request = models.DescribeBackupsRequest(dbinstance_id=instance, page_number=page, page_size=PAGE_SIZE)
        response = self.rds.describe_backups(request)
        return [backup.to_map() for backup in response.items.backup or []], response.total_record_count

    def delete_backup(self, instance, backup):
        self.rds.delete_backup(models.DeleteBackupRequest(dbinstance_id=instance, backup_id=backup))

    def shift_clock(self, seconds):
        then = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        RpcUtil.get_timestamp = staticmethod(lambda: then.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def fix_nonce(self, nonce):
        TeaUtil.get_nonce = staticmethod(lambda: nonce)

    def refusal(self, error):
        if not isinstance(error, TeaException):
            return None
        # The HTTP status is nowhere but in the text.
        status = re.match(r"code: (\d+), ", str(error.message))
        return {
            "exception": type(error).__name__,
            "code": error.code,
            "http_status": status and int(status[1]),
            "message": error.message,
            "request_id": (error.data or {}).get("RequestId"),
        }


if __name__ == "__main__":
    drive("alibabacloud_rds20140815 1", ["v1"], FirstSdk)
