import { ACTIONS } from '../access/rights/actions.ts';
import { PROCEDURE_ACTIONS } from '../access/rights/procedure_actions.ts';
import { PROCEDURES } from '../contract/procedures.ts';
import { HTTPS_PREFIX, type ProcedureName } from '../contract/routes.ts';

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'message', 'help'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'One of docs/errors.md' },
    message: { type: 'string' },
    help: { type: 'string' },
  },
};

const KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: 257 },
  description: 'A repeat with the same key and content gets the first answer again, and changes nothing.',
};

/** The API by HTTPS as an OpenAPI 3.1 document, made of the contract and of who may do what. */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const name of Object.keys(PROCEDURES) as ProcedureName[]) {
    const { method, path } = PROCEDURES[name];
    const shown = `${HTTPS_PREFIX}${path}`.replace(/:(\w+)/g, '{$1}');
    paths[shown] = { ...paths[shown], [method.toLowerCase()]: operationOf(name) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Causeway', version, description: 'What else is worth knowing: docs/api.md' },
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: '__Host-causeway' },
        csrf: { type: 'apiKey', in: 'header', name: 'X-CSRF-Token' },
      },
    },
  };
}

function operationOf(name: ProcedureName): object {
  const { method, params, body, result } = PROCEDURES[name];
  const isGet = method === 'GET';
  const parameters = [...parametersOf(params, 'path'), ...(isGet ? parametersOf(body, 'query') : [KEY])];
  const hasBody = !isGet && Object.keys((body as ObjectSchema).properties ?? {}).length > 0;
  const required = ((body as ObjectSchema).required ?? []).length > 0;
  return {
    operationId: name,
    description: whoMay(name),
    ...(parameters.length > 0 && { parameters }),
    ...(hasBody && { requestBody: { required, content: { 'application/json': { schema: body } } } }),
    responses: {
      200: { description: 'Done', content: { 'application/json': { schema: result } } },
      default: {
        description: 'Refused, or failed',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    security: securityOf(name, isGet),
  };
}

function parametersOf(schema: ObjectSchema, place: 'path' | 'query'): object[] {
  return Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    name,
    in: place,
    required: place === 'path' || schema.required?.includes(name) === true,
    schema: one,
  }));
}

function whoMay(name: ProcedureName): string {
  const action = PROCEDURE_ACTIONS[name];
  if (action === 'open') return 'For anybody.';
  if (action === 'signed-in') return 'For whoever has signed in.';
  const { role, reach } = ACTIONS[action];
  return `${action}: role ${role}, reach ${reach}.`;
}

function securityOf(name: ProcedureName, isGet: boolean): object[] {
  if (PROCEDURE_ACTIONS[name] === 'open') return [];
  return [{ token: [] }, isGet ? { cookie: [] } : { cookie: [], csrf: [] }];
}
