"""Drives aliyun-rds-bkp 0.1.30, a program that downloads the sets that it lists and encrypts what it has downloaded.

`--into` is an empty folder for its configuration, its log and the files. The files are decrypted again, with the program's own
key, beside where it left them.
"""

import json
import os
from pathlib import Path

import pyAesCrypt
from aliyunrdsbkp.encryption import get_secret_key
from aliyunrdsbkp.mysql_backup import MySQLBackup

from tools import REGION, arguments, point_at, report

EVERY_MINUTE = "* * * * *"
NEVER = "60 * * * *"
NOBODYS_PORT = 9  # "discard": the report by mail fails, which the program only logs


def settings(options, folder):
    """The configuration that the program's own description shows."""
    long_ago = {"BackupEndTime": "2001-01-01 00:00:00"}
    instance = {
        "DBInstanceId": options.instance,
        "IntranetDownload": options.network == "intranet",
        "LastFullBackup": dict(long_ago),
        "LastBinlogBackup": dict(long_ago),
        "BackupRetentionDays": 21,
        "Schedule": {
            "FullBackup": {"Plan": EVERY_MINUTE},
            "BinlogBackup": {"Plan": EVERY_MINUTE if options.logs == "yes" else NEVER},
        },
    }
    mail = {"SMTPServer": "127.0.0.1", "SMTPPort": NOBODYS_PORT, "SMTPLogin": "", "SMTPPassword": "", "TTLS": False}
    return {
        "AccessKeyId": options.key,
        "AccessKeySecret": options.secret,
        "Regions": [{"RegionID": REGION, "DBInstances": [instance]}],
        "BackupHome": str(folder / "files"),
        "FailedDownloads": str(folder / "failed"),
        "ErrorLog": str(folder / "log"),
        "MailConfig": {**mail, "From": "a@localhost", "To": ["b@localhost"], "Cc": [], "Subject": "backups"},
    }


def main():
    options = arguments(__doc__, "into", "network", "logs")
    folder = Path(options.into)
    configuration = folder / "settings.json"
    configuration.write_text(json.dumps(settings(options, folder)), encoding="utf-8")
    point_at(options.endpoint)
    program = MySQLBackup(str(configuration))
    program.backup()
    files = []
    for done in program.succeeded_files:
        end = done.get_end_time()
        place = folder / "files" / REGION / options.instance / str(end.year) / str(end.month) / str(end.day)
        plain = place / done.get_file_name()
        pyAesCrypt.decryptFile(f"{plain}.encrypted", str(plain), get_secret_key(), 64 * 1024)
        files.append({"path": str(plain), "bytes": os.path.getsize(plain), "listed": done.get_file_size()})
    failed = [file.get_file_name() for file in program.failed_files]
    wrong = f"not downloaded: {failed}" if failed else None
    report(wrong, client="aliyun-rds-bkp", files=files, log=(folder / "log").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
