import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'requestId'],
  properties: {
    type: { type: 'string', format: 'uri', example: 'urn:ecatalog:problem:validation' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: "The request's path." },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      description: 'Each wrong field.',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' }, line: { type: 'integer' } },
      },
    },
  },
} as const;

const TAGS: Record<string, string> = {
  auth: 'Sign in and out, own sessions, password and second factor, users, API keys.',
  clients: "Outsiders' accounts, their access windows and grants.",
  demos: 'The catalog.',
  'demo-sessions': 'Openings of demos.',
  images: 'Docker images that demos are made of.',
  notifications: 'The own inbox: what a mail would say.',
  analytics: 'Who uses what.',
  audit: 'Who did what to what, append-only and hash-chained.',
  settings: "The product's settings.",
  health: 'For probes and operators.',
};

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** Makes the OpenAPI document of the app's routes; deterministic, so that a copy can be kept and compared. */
export function makeOpenApiDocument(app: INestApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('LTP Labs E-Catalog')
    .setDescription(
      'Shows software demos to outside clients for a limited time.\n\n' +
        'Try it: `POST /api/v1/auth/login`, then **Authorize** with the `accessToken`. Errors are problem details ' +
        '(RFC 9457). `PATCH` and `DELETE` of what has a `version` need `If-Match` with the `ETag` you saw. Lists take ' +
        '`limit`, `cursor` and `sort`. Instants are ISO 8601 in UTC.',
    )
    .setVersion('1')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The access token of a sign-in.' },
      'session',
    )
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'eck_…', description: 'An API key.' },
      'key',
    );
  for (const [name, description] of Object.entries(TAGS)) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: PROBLEM as never },
  };
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path) as Operation[]) {
      describeProblems(operation);
      closeInput(operation.requestBody, document);
      allowNoBody(operation, document);
      // What a token adds to a public answer is optional.
      if (operation['x-access' as never] === 'public') operation.security?.unshift({});
    }
  }
  return document;
}

/** Unknown fields are refused: a schema that is sent says so, with all it is made of. */
function closeInput(part: unknown, document: OpenAPIObject): void {
  for (const [, name] of JSON.stringify(part ?? {}).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    const schema = document.components?.schemas?.[name ?? ''];
    if (!schema || '$ref' in schema || schema.additionalProperties !== undefined) continue;
    schema.additionalProperties = false;
    closeInput(schema, document);
  }
}

/** A body all of whose fields may be left out may be left out itself. */
function allowNoBody({ requestBody }: Operation, document: OpenAPIObject): void {
  if (!requestBody || '$ref' in requestBody) return;
  const schema = requestBody.content['application/json']?.schema;
  const name = schema && '$ref' in schema ? schema.$ref.split('/').at(-1) : undefined;
  const body = document.components?.schemas?.[name ?? ''];
  if (body && !('$ref' in body) && !body.required?.length) requestBody.required = false;
}

/** Every refusal of every operation is a problem. */
function describeProblems(operation: Operation): void {
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const { responses } = operation;
  const takesInput = operation.requestBody !== undefined || (operation.parameters ?? []).length > 0;
  if (takesInput)
    responses['400'] ??= { description: 'Bad input; `errors` names each field (`validation`).' };
  responses.default ??= { description: 'Any other problem.' };
  for (const [status, response] of Object.entries(responses)) {
    const refusal = status === 'default' || Number(status) >= 400;
    if (refusal && response && !('$ref' in response) && !response.content) response.content = content;
  }
}
