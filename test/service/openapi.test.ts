import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Check, Errors } from 'typebox/value';
import { PROCEDURES } from '../../src/contract/procedures.ts';
import { type ProcedureName, ROUTES } from '../../src/contract/routes.ts';
import { DaemonRig } from './rig.ts';
import type { WebClient } from './web_client.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly security: readonly object[];
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe('the OpenAPI document', () => {
  let rig: DaemonRig;
  let ann: WebClient;
  before(async () => {
    rig = await DaemonRig.start();
    ann = await rig.ann();
    await ann.call('addVm', {}, { name: 'web-1', endpoint: { kind: 'listen' } });
    await ann.call('createToken', {}, { label: 'x' });
  });
  after(() => rig[Symbol.asyncDispose]());

  it('is for who has signed in, and has every procedure where the daemon answers it', async () => {
    assert.equal((await rig.client().send('/api/v1/openapi.json')).status, 401);
    const document = (await ann.send('/api/v1/openapi.json')).json as Document;
    assert.match(document.openapi, /^3\.1\./);
    const found = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
    );
    const expected = Object.entries(ROUTES).map(
      ([name, { method, path }]) =>
        `${name} ${method.toLowerCase()} /api${path.replace(/:(\w+)/g, (_, one: string) => `{${one}}`)}`,
    );
    assert.deepEqual(found.sort(), expected.sort());
    const nobody = rig.client();
    for (const [path, operations] of Object.entries(document.paths))
      for (const [method, { parameters = [], security, operationId }] of Object.entries(operations)) {
        const named = parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`);
        assert.deepEqual(named, path.match(/\{\w+\}/g) ?? [], operationId);
        const url = path.replace(/\{\w+\}/g, '0123456789abcdef');
        const { status } = await nobody.send(url, { method: method.toUpperCase() });
        // what is described is there: a body that is missing is told first where there has to be one
        assert.ok(
          security.length === 0 ? status === 400 : status === 401 || status === 400,
          `${operationId} ${status}`,
        );
      }
  });

  it('tells truly what comes back', async () => {
    const looks = (Object.keys(PROCEDURES) as ProcedureName[]).filter((name) => {
      const { method, path } = ROUTES[name];
      return method === 'GET' && !path.includes(':');
    });
    assert.ok(looks.length >= 10);
    for (const name of [...looks, 'showVm', 'showUser'] as ProcedureName[]) {
      const { status, json } = await ann.tryCall(name, { name: name === 'showVm' ? 'web-1' : 'ann' }, {});
      assert.equal(status, 200, name);
      const schema = PROCEDURES[name].result;
      assert.ok(Check(schema, json), `${name}: ${JSON.stringify(Errors(schema, json)).slice(0, 400)}`);
    }
  });
});
