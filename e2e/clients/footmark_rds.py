"""Drives footmark 1.26.0, the library under the Ansible collection: lists an instance's sets and deletes the newest."""

import footmark.rds

from tools import REGION, arguments, point_at, report


def main():
    options = arguments(__doc__)
    point_at(options.endpoint)
    rds = footmark.rds.connect_to_region(
        REGION, acs_access_key_id=options.key, acs_secret_access_key=options.secret
    )

    def listed():
        return [backup.read() for backup in rds.describe_backups(db_instance_id=options.instance)]

    before = listed()
    newest = before[0]
    deleted = rds.delete_backup(db_instance_id=options.instance, backup_id=newest["backup_id"])
    after = listed()
    gone = [backup["backup_id"] for backup in after] == [backup["backup_id"] for backup in before[1:]]
    wrong = None if deleted and gone else f"delete_backup returned {deleted!r}"
    report(wrong, client="footmark", before=before, after=after)


if __name__ == "__main__":
    main()
