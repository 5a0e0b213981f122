// Runs samples as run.py does, and prints the same rows.
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

import core from '@alicloud/openapi-core';
import darabonba from '@darabonba/typescript';

let mistyped = [];
let sent = {};

// Every model validates itself before it is sent.
darabonba.Model.prototype.validate = function () {
  const types = this.constructor.types();
  for (const [property, value] of Object.entries(this)) {
    const declared = types[property];
    const fits = Array.isArray(value)
      ? value.every((item) => typeof item === declared.itemType || item.constructor === declared.itemType)
      : typeof value === declared;
    if (!fits) mistyped.push(`${this.constructor.name}.${property}`);
  }
};

// A model drops what it does not know, so what is about to be sent is noted.
const callApi = core.default.prototype.callApi;
core.default.prototype.callApi = function (params, request, runtime) {
  sent = { ...request.query };
  return callApi.call(this, params, request, runtime);
};

async function run(file) {
  const printed = [];
  const row = {};
  [mistyped, sent] = [[], {}];
  const log = console.log;
  console.log = (text) => printed.push(text);
  try {
    await import(pathToFileURL(path.resolve(file)));
  } catch (error) {
    if (error instanceof core.AlibabaCloudError) row.refusal = error.code;
    else row.failure = String(error.stack);
  } finally {
    console.log = log;
  }
  return { ...row, printed: printed.join('\n'), mistyped, sent };
}

const rows = [];
for (const file of process.argv.slice(2)) rows.push(await run(file));
process.stdout.write(`${JSON.stringify(rows)}\n`);
