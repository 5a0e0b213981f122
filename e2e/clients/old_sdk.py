"""Drives aliyun-python-sdk-core 2: by the request classes of aliyun-python-sdk-rds, or by CommonRequest in JSON or XML."""

import json
import time
import warnings
from xml.etree import ElementTree

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkcore.utils import parameter_helper
from aliyunsdkrds.request.v20140815.CreateBackupRequest import CreateBackupRequest
from aliyunsdkrds.request.v20140815.DeleteBackupRequest import DeleteBackupRequest
from aliyunsdkrds.request.v20140815.DescribeBackupsRequest import DescribeBackupsRequest
from aliyunsdkrds.request.v20140815.DescribeBackupTasksRequest import DescribeBackupTasksRequest

from scenarios import CLIENT_TOKEN, PAGE_SIZE, Client, drive

REQUEST_CLASSES = {
    "CreateBackup": CreateBackupRequest,
    "DeleteBackup": DeleteBackupRequest,
    "DescribeBackups": DescribeBackupsRequest,
    "DescribeBackupTasks": DescribeBackupTasksRequest,
}


class OldSdk(Client):
    """The request classes: POST with all parameters in the query, answers in JSON."""

    refusal_name = "ServerException"
    # The SDK compares its own string to sign with the service's and so knows that only the secret can be wrong.
    own_codes = {"wrong-secret": "InvalidAccessKeySecret"}

    def __init__(self, arguments):
        self.endpoint = arguments.endpoint
        self.acs = AcsClient(arguments.key, arguments.secret, "cn-hangzhou")

    def call(self, action, **parameters):
        request = REQUEST_CLASSES[action]()
        request.set_endpoint(self.endpoint)
        for name, value in parameters.items():
            getattr(request, f"set_{name}")(value)
        return json.loads(self.acs.do_action_with_exception(request))

    def create_backup(self, instance):
        return self.call("CreateBackup", DBInstanceId=instance)["BackupJobId"]

    def backup_jobs(self, instance, job=None):
        filters = {} if job is None else {"BackupJobId": int(job)}
        return self.call("DescribeBackupTasks", DBInstanceId=instance, ClientToken=CLIENT_TOKEN, **filters)["Items"][
            "BackupJob"
        ]

    def backup_sets(self, instance, page):
        answer = self.call("DescribeBackups", DBInstanceId=instance, PageNumber=page, PageSize=PAGE_SIZE)
        return answer["Items"]["Backup"], answer["TotalRecordCount"]

    def delete_backup(self, instance, backup):
        self.call("DeleteBackup", DBInstanceId=instance, BackupId=backup)

    def shift_clock(self, seconds):
        then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        parameter_helper.get_iso_8061_date = lambda: then

    def fix_nonce(self, nonce):
        parameter_helper.get_uuid = lambda: nonce

    def refusal(self, error):
        if not isinstance(error, ServerException):
            return None
        return {
            "exception": type(error).__name__,
            "code": error.get_error_code(),
            "http_status": error.get_http_status(),
            "message": error.get_error_msg(),
            "request_id": error.get_request_id(),
        }


class OldSdkCommonRequest(OldSdk):
    """CommonRequest: GET, answers in JSON."""

    # Here the SDK loses its own string to sign and so reports the service's code.
    own_codes = {}

    def common_request(self, action, parameters):
        request = CommonRequest(domain=self.endpoint, version="2014-08-15", action_name=action)
        request.set_protocol_type("http")
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return request

    def call(self, action, **parameters):
        return json.loads(self.acs.do_action_with_exception(self.common_request(action, parameters)))


class XmlRefusal(Exception):
    """An error body in XML. It is ours: the SDK itself returns it like any other body."""

    def __init__(self, http_status, error):
        super().__init__(error.findtext("Code"))
        self.http_status = http_status
        self.error = error


class OldSdkXml(OldSdkCommonRequest):
    """CommonRequest: GET, answers in XML, which the SDK hands over as they are."""

    refusal_name = None

    def call(self, action, **parameters):
        request = self.common_request(action, parameters)
        request.set_accept_format("XML")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's only way to XML
            status, headers, body = self.acs.get_response(request)
        content_type = headers.get("Content-Type")
        if content_type != "text/xml;charset=utf-8":
            raise ValueError(f"Content-Type is {content_type!r}")
        root = ElementTree.fromstring(body)
        if root.tag == "Error":
            raise XmlRefusal(status, root)
        if status != 200 or root.tag != f"{action}Response":
            raise ValueError(f"HTTP {status} with the element {root.tag}")
        return root

    def create_backup(self, instance):
        return self.call("CreateBackup", DBInstanceId=instance).findtext("BackupJobId")

    def backup_jobs(self, instance, job=None):
        filters = {} if job is None else {"BackupJobId": job}
        root = self.call("DescribeBackupTasks", DBInstanceId=instance, ClientToken=CLIENT_TOKEN, **filters)
        return [fields(job) for job in root.findall("Items/BackupJob")]

    def backup_sets(self, instance, page):
        root = self.call("DescribeBackups", DBInstanceId=instance, PageNumber=page, PageSize=PAGE_SIZE)
        return [fields(backup) for backup in root.findall("Items/Backup")], root.findtext("TotalRecordCount")

    def refusal(self, error):
        if not isinstance(error, XmlRefusal):
            return None
        return {
            "exception": None,
            "code": error.error.findtext("Code"),
            "http_status": error.http_status,
            "message": error.error.findtext("Message"),
            "request_id": error.error.findtext("RequestId"),
        }


def fields(element):
    return {child.tag: child.text or "" for child in element}


VARIANTS = {"classes": OldSdk, "common": OldSdkCommonRequest, "common-xml": OldSdkXml}

if __name__ == "__main__":
    drive("aliyun-python-sdk 2", list(VARIANTS), lambda arguments: VARIANTS[arguments.variant](arguments))
