// Drives @alicloud/rds20140815 15: signature V3, or V1 on request; over HTTPS without a protocol setting, with a
// permanent key, a temporary one (its token in BACKSTOP_SECURITY_TOKEN) or a bearer token (BACKSTOP_BEARER_TOKEN). The CA
// is in NODE_EXTRA_CA_CERTS.
'use strict';

const { $OpenApiUtil, OpenApiUtil } = require('@alicloud/openapi-core');
const rds20140815 = require('@alicloud/rds20140815');

const { CLIENT_TOKEN, PAGE_SIZE, drive } = require('./scenarios');

const SIGNATURE_ALGORITHMS = { v3: undefined, v1: 'v2' };
const HTTPS_VARIANTS = ['https', 'https-sts', 'https-bearer'];

function config({ key, secret, endpoint, variant }) {
  if (variant in SIGNATURE_ALGORITHMS) {
    const signatureAlgorithm = SIGNATURE_ALGORITHMS[variant];
    return { accessKeyId: key, accessKeySecret: secret, endpoint, protocol: 'http', signatureAlgorithm };
  }
  if (variant === 'https-bearer') return { bearerToken: process.env.BACKSTOP_BEARER_TOKEN, endpoint };
  const securityToken = variant === 'https-sts' ? process.env.BACKSTOP_SECURITY_TOKEN : undefined;
  return { accessKeyId: key, accessKeySecret: secret, securityToken, endpoint };
}

class NewSdk {
  constructor(given) {
    this.rds = new rds20140815.default(new $OpenApiUtil.Config(config(given)));
  }

  async createBackup(instance) {
    const { body } = await this.rds.createBackup(new rds20140815.CreateBackupRequest({ DBInstanceId: instance }));
    return body.backupJobId;
  }

  async backupJobs(instance, job) {
    const { body } = await this.rds.describeBackupTasks(new rds20140815.DescribeBackupTasksRequest({
      DBInstanceId: instance,
      backupJobId: job === undefined ? undefined : Number(job),
      clientToken: CLIENT_TOKEN,
    }));
    return (body.items.backupJob ?? []).map((found) => found.toMap());
  }

  async backupSets(instance, page) {
    const { body } = await this.rds.describeBackups(new rds20140815.DescribeBackupsRequest({
      DBInstanceId: instance,
      pageNumber: page,
      pageSize: PAGE_SIZE,
    }));
    return [(body.items.backup ?? []).map((found) => found.toMap()), body.totalRecordCount];
  }

  async deleteBackup(instance, backup) {
    await this.rds.deleteBackup(new rds20140815.DeleteBackupRequest({ DBInstanceId: instance, backupId: backup }));
  }

  fixNonce(nonce) {
    OpenApiUtil.getNonce = () => nonce;
  }

  refusalName() {
    return 'ClientError';
  }

  refusal(error) {
    if (error.statusCode === undefined) return null;
    return {
      exception: error.name,
      code: error.code,
      http_status: error.statusCode,
      message: error.message,
      request_id: error.requestId,
    };
  }
}

const variants = [...Object.keys(SIGNATURE_ALGORITHMS), ...HTTPS_VARIANTS];
drive('@alicloud/rds20140815 15', variants, (given) => new NewSdk(given));
