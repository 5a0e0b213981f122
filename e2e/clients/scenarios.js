// What every Node client must live through, and the command line that all drivers share. As scenarios.py, for Node.
//
// A client offers: createBackup(instance) -> job id; backupJobs(instance, job?) -> jobs; backupSets(instance, page) ->
// [sets, number of sets on all pages]; deleteBackup(instance, backup); fixNonce(nonce); refusal(error) -> what the user
// learns, or null; refusalName(code). Jobs and sets are objects with the field names of the API.
'use strict';

const { randomBytes } = require('node:crypto');
const { setTimeout: wait } = require('node:timers/promises');
const { parseArgs } = require('node:util');

const SIXTEEN_MINUTES = 16 * 60;
const PAGE_SIZE = 30;

// A token with every character that clients encode in different ways and that the service accepts.
const CLIENT_TOKEN = "a b*~/+!'()%&=:?#";

// Row by row the table of the stages that a job passes: BackupStatus, BackupProgressStatus, least and greatest Process.
const STAGES = [
  ['NoStart', 'NoStart', 0, 0],
  ['Checking', 'NoStart', 0, 5],
  ['Preparing', 'Preparing', 5, 10],
  ['Waiting', 'Waiting', 10, 10],
  ['Uploading', 'Uploading', 10, 90],
  ['Uploading', 'Checking', 90, 99],
  ['Finished', 'Finished', 100, 100],
];

const REFUSALS = {
  'wrong-secret': ['SignatureDoesNotMatch', 400],
  'expired-timestamp': ['InvalidTimeStamp.Expired', 400],
  'replayed-nonce': ['SignatureNonceUsed', 400],
  'replayed-backup': ['SignatureNonceUsed', 400],
  'unknown-instance': ['InvalidDBInstanceId.NotFound', 404],
};

const REQUEST_ID = /^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$/;

// The service did something that a user of this client does not know; `seen` is what was seen until then.
class Unexpected extends Error {
  constructor(message, seen = {}) {
    super(message);
    this.name = 'Unexpected';
    this.seen = seen;
  }
}

function expect(condition, message, seen) {
  if (!condition) throw new Unexpected(message, seen);
}

const isDecimal = (value) => typeof value === 'string' && /^[0-9]+$/.test(value);

// The place of the job's state in STAGES.
function stageOf(job) {
  expect(isDecimal(job.Process), `Process is no decimal text: ${JSON.stringify(job)}`);
  const process = Number(job.Process);
  const place = STAGES.findIndex(([status, progress]) => job.BackupStatus === status && job.BackupProgressStatus === progress);
  expect(place >= 0, `no such pair of states: ${JSON.stringify(job)}`);
  const [, , least, greatest] = STAGES[place];
  expect(least <= process && process <= greatest, `Process does not belong to this state: ${JSON.stringify(job)}`);
  return place;
}

// Asks for the job until it is Finished and returns the id of its set.
async function watchJob(client, instance, jobId, deadline, seen) {
  for (;;) {
    const jobs = await client.backupJobs(instance, jobId);
    expect(jobs.length === 1, `DescribeBackupTasks with BackupJobId gave ${jobs.length} jobs`, seen);
    const job = jobs[0];
    const shown = JSON.stringify(job);
    expect(job.BackupJobId === jobId, `BackupJobId is not ${jobId}: ${shown}`, seen);
    expect(job.JobMode === 'Manual', `JobMode is not Manual: ${shown}`, seen);
    expect(job.TaskAction === 'TempBackupTask', `TaskAction is not TempBackupTask: ${shown}`, seen);
    expect(job.BackupStatus !== 'Failed', `the job failed: ${shown}`, seen);

    const place = stageOf(job);
    const process = Number(job.Process);
    expect(place >= seen.place, `the job went back: ${shown}`, seen);
    expect(seen.process.every((earlier) => earlier <= process), `Process fell: ${shown}`, seen);
    if (place > seen.place) {
      seen.place = place;
      seen.states.push([job.BackupStatus, job.BackupProgressStatus]);
    }
    if (!seen.process.includes(process)) seen.process.push(process);

    if (job.BackupStatus === 'Finished') {
      expect(isDecimal(job.BackupId), `no BackupId: ${shown}`, seen);
      return job.BackupId;
    }
    expect(!job.BackupId, `a BackupId before the job is Finished: ${shown}`, seen);
    expect(performance.now() < deadline, `not Finished in time: ${shown}`, seen);
    await wait(100);
  }
}

// The sets of all pages, by id.
async function allBackupSets(client, instance) {
  const found = new Map();
  for (let page = 1; ; page += 1) {
    const [rows, total] = await client.backupSets(instance, page);
    for (const row of rows) found.set(row.BackupId, row);
    if (rows.length === 0 || page * PAGE_SIZE >= Number(total)) return found;
  }
}

async function lifecycle(client, { instance, timeout }) {
  const seen = { states: [], process: [], place: -1 };
  const jobId = await client.createBackup(instance);
  expect(isDecimal(jobId), `BackupJobId is no decimal text: ${JSON.stringify(jobId)}`);
  const backupId = await watchJob(client, instance, jobId, performance.now() + timeout * 1000, seen);

  const unfinished = (await client.backupJobs(instance)).map((job) => job.BackupJobId);
  expect(!unfinished.includes(jobId), 'a finished job is listed without being asked for', seen);

  const backup = (await allBackupSets(client, instance)).get(backupId);
  expect(backup !== undefined, `DescribeBackups does not list set ${backupId}`, seen);
  for (const [field, value] of Object.entries({ BackupStatus: 'Success', BackupMode: 'Manual', DBInstanceId: instance })) {
    expect(backup[field] === value, `${field} is not ${value}: ${JSON.stringify(backup)}`, seen);
  }

  await client.deleteBackup(instance, backupId);
  expect(!(await allBackupSets(client, instance)).has(backupId), `set ${backupId} is listed after DeleteBackup`, seen);
  return { job_id: jobId, backup_id: backupId, states: seen.states, process: seen.process };
}

// Both SDKs take the time from `new Date()`.
function shiftClock(seconds) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...parts) {
      if (parts.length > 0) super(...parts);
      else super(RealDate.now() + seconds * 1000);
    }
  };
}

// Sees to it that the next request must be refused. A wrong secret was given to the client when it was made.
// Resolves to what the scenario's line tells beside the refusal.
async function prepareRefusal(client, scenario, instance) {
  if (scenario === 'expired-timestamp') {
    shiftClock(-SIXTEEN_MINUTES);
  } else if (scenario === 'replayed-nonce') {
    client.fixNonce(randomBytes(16).toString('hex'));
    await client.backupJobs(instance);
  } else if (scenario === 'replayed-backup') {
    client.fixNonce(randomBytes(16).toString('hex'));
    return { job_id: await client.createBackup(instance) };
  }
  return {};
}

async function refused(client, { scenario, instance }) {
  const told = await prepareRefusal(client, scenario, instance);
  let refusal = null;
  try {
    if (scenario === 'replayed-backup') await client.createBackup(instance);
    else await client.backupJobs(scenario === 'unknown-instance' ? `${instance}-absent` : instance);
  } catch (error) {
    refusal = client.refusal(error);
    if (refusal === null) throw error;
  }
  expect(refusal !== null, 'the service answered as if nothing were wrong');

  const [code, httpStatus] = REFUSALS[scenario];
  for (const [field, value] of Object.entries({ exception: client.refusalName(code), code, http_status: httpStatus })) {
    expect(refusal[field] === value, `${field} is ${refusal[field]}, not ${value}`, refusal);
  }
  expect(REQUEST_ID.test(refusal.request_id), 'the request id is no upper-case UUID', refusal);
  return { ...refusal, ...told };
}

function parseArguments(variants) {
  const scenarios = ['lifecycle', ...Object.keys(REFUSALS)];
  const usage = `usage: [--variant ${variants.join('|')}] --endpoint HOST:PORT --key ID --secret S --instance ID `
    + `[--timeout SECONDS] ${scenarios.join('|')}`;
  const text = { type: 'string' };
  let parsed;
  try {
    parsed = parseArgs({
      options: {
        variant: { type: 'string', default: variants[0] },
        timeout: { type: 'string', default: '300' },
        endpoint: text,
        key: text,
        secret: text,
        instance: text,
      },
      allowPositionals: true,
    });
  } catch (error) {
    parsed = { values: {}, positionals: [] };
    process.stderr.write(`${error.message}\n`);
  }
  const { variant, timeout, endpoint, key, secret, instance } = parsed.values;
  const [scenario] = parsed.positionals;
  const isUsable = parsed.positionals.length === 1 && scenarios.includes(scenario) && variants.includes(variant)
    && [endpoint, key, secret, instance].every((value) => value) && Number(timeout) > 0;
  if (!isUsable) {
    process.stderr.write(`${usage}\n`);
    process.exit(2);
  }
  const usedSecret = scenario === 'wrong-secret' ? `${secret}-wrong` : secret;
  return { variant, timeout: Number(timeout), endpoint, key, secret: usedSecret, instance, scenario };
}

// Runs one scenario, prints one line of JSON and ends the process: 0 when all was as expected, else 1.
async function drive(name, variants, makeClient) {
  const given = parseArguments(variants);
  const line = { client: name, variant: given.variant, scenario: given.scenario };
  const run = given.scenario === 'lifecycle' ? lifecycle : refused;
  try {
    Object.assign(line, await run(makeClient(given), given));
  } catch (error) {
    Object.assign(line, error.seen, { unexpected: `${error.name}: ${error.message}` });
    process.exitCode = 1;
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

module.exports = { CLIENT_TOKEN, PAGE_SIZE, drive };
