// Drives @alicloud/pop-core 1: signature V1, with everything in the query (GET) or in the form body (POST).
'use strict';

const { RPCClient } = require('@alicloud/pop-core');
const kitx = require('kitx');

const { CLIENT_TOKEN, PAGE_SIZE, drive } = require('./scenarios');

class PopCore {
  constructor({ key, secret, endpoint, variant }) {
    this.method = variant.toUpperCase();
    this.rpc = new RPCClient({
      accessKeyId: key,
      accessKeySecret: secret,
      endpoint: `http://${endpoint}`,
      apiVersion: '2014-08-15',
    });
  }

  call(action, parameters) {
    return this.rpc.request(action, parameters, { method: this.method });
  }

  async createBackup(instance) {
    return (await this.call('CreateBackup', { DBInstanceId: instance })).BackupJobId;
  }

  async backupJobs(instance, job) {
    const filters = job === undefined ? {} : { BackupJobId: job };
    const parameters = { DBInstanceId: instance, ClientToken: CLIENT_TOKEN, ...filters };
    return (await this.call('DescribeBackupTasks', parameters)).Items.BackupJob;
  }

  async backupSets(instance, page) {
    const answer = await this.call('DescribeBackups', { DBInstanceId: instance, PageNumber: page, PageSize: PAGE_SIZE });
    return [answer.Items.Backup, answer.TotalRecordCount];
  }

  async deleteBackup(instance, backup) {
    await this.call('DeleteBackup', { DBInstanceId: instance, BackupId: backup });
  }

  fixNonce(nonce) {
    kitx.makeNonce = () => nonce;
  }

  refusalName(code) {
    return `${code}Error`;
  }

  refusal(error) {
    if (error.entry === undefined) return null;
    return {
      exception: error.name,
      code: error.code,
      http_status: error.entry.response.statusCode,
      message: error.message,
      request_id: error.data.RequestId,
    };
  }
}

drive('@alicloud/pop-core 1', ['get', 'post'], (given) => new PopCore(given));
