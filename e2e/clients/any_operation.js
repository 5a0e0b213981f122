// Calls any operations of @alicloud/rds20140815 15. Input and output are those of any_operation.py.
'use strict';

const { $OpenApiUtil } = require('@alicloud/openapi-core');
const rds20140815 = require('@alicloud/rds20140815');

// A model from a map with the API's names.
function fromWire(Model, map) {
  const types = Model.types();
  const model = new Model({});
  for (const [property, name] of Object.entries(Model.names())) {
    if (map[name] === undefined) continue;
    const itemType = types[property].itemType;
    model[property] = typeof itemType === 'function' ? map[name].map((item) => fromWire(itemType, item)) : map[name];
  }
  return model;
}

const PLAIN_TYPES = { string: 'str', number: 'int', boolean: 'bool' };

// The fields of a model, as pairs of path and type.
function fieldsOf(Model, path = '') {
  const types = Model.types();
  return Object.entries(Model.names()).flatMap(([property, name]) => {
    const type = types[property];
    const isList = type.type === 'array';
    const inner = isList ? type.itemType : type;
    const here = path + name + (isList ? '[]' : '');
    if (typeof inner === 'function') return [[here, 'object'], ...fieldsOf(inner, `${here}.`)];
    return [[here, PLAIN_TYPES[inner] ?? inner]];
  });
}

function methodOf(client, operation) {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(client));
  return names.find((name) => name.toLowerCase() === operation.toLowerCase());
}

async function call(client, operation, parameters) {
  const method = methodOf(client, operation);
  if (method === undefined) return { operation, absent: true };
  const fields = fieldsOf(rds20140815[`${operation}ResponseBody`]).sort();
  const row = { operation, fields };
  try {
    const { body } = await client[method](fromWire(rds20140815[`${operation}Request`], parameters));
    body.validate();
    row.answer = body.toMap();
  } catch (error) {
    if (error.statusCode === undefined) throw error;
    row.refusal = { code: error.code, http_status: error.statusCode };
  }
  return row;
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { endpoint, key, secret, calls } = JSON.parse(Buffer.concat(chunks).toString());
  const client = new rds20140815.default(new $OpenApiUtil.Config({
    accessKeyId: key,
    accessKeySecret: secret,
    endpoint,
    protocol: 'http',
  }));
  const rows = [];
  for (const { operation, parameters } of calls) rows.push(await call(client, operation, parameters));
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}

main();
