/**
 * Every route declares who may call it, and answers the status that the document says. Read from the controllers
 * themselves, so that a new one cannot be forgotten.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HTTP_CODE_METADATA, METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { RequestMethod } from '@nestjs/common';
import { Access, ACCESS, Public, type AccessRule } from '../src/auth/access.js';

const root = join(import.meta.dirname, '..');

interface Operation {
  operationId: string;
  'x-access'?: AccessRule | 'public';
  responses: Record<string, unknown>;
}
interface Route {
  name: string;
  handler: object;
  method: RequestMethod;
}

async function routesOnDisk(): Promise<Route[]> {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const routes: Route[] = [];
  for (const file of files.filter((name) => name.endsWith('.controller.ts'))) {
    const exported = Object.values((await import(join(root, 'src', file))) as object) as unknown[];
    for (const Controller of exported) {
      if (typeof Controller !== 'function' || !Reflect.hasMetadata(PATH_METADATA, Controller)) continue;
      for (const name of Object.getOwnPropertyNames(Controller.prototype)) {
        const handler: unknown = (Controller.prototype as Record<string, unknown>)[name];
        if (typeof handler !== 'function' || !Reflect.hasMetadata(METHOD_METADATA, handler)) continue;
        const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod;
        routes.push({ name: `${Controller.name.replace(/Controller$/, '')}_${name}`, handler, method });
      }
    }
  }
  return routes;
}

describe('every route', () => {
  let routes: Route[];
  let documented: Map<string, Operation>;
  beforeAll(async () => {
    routes = await routesOnDisk();
    const document = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8')) as {
      paths: Record<string, Record<string, Operation>>;
    };
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    documented = new Map(operations.map((operation) => [operation.operationId, operation]));
  });

  it('is documented, and nothing else is', () => {
    expect(routes.length).toBeGreaterThan(30);
    expect(routes.map(({ name }) => name).sort()).toEqual([...documented.keys()].sort());
  });

  it('declares who may call it, and the document says the same', () => {
    const declared = routes.map(({ name, handler }) => [
      name,
      Reflect.getMetadata(ACCESS, handler) as unknown,
    ]);
    expect(declared.filter(([, rule]) => rule === undefined)).toEqual([]);
    const published = routes.map(({ name }) => [name, documented.get(name)?.['x-access']]);
    expect(published).toEqual(declared);
  });

  it('lets somebody in', () => {
    for (const { handler } of routes) {
      const rule = Reflect.getMetadata(ACCESS, handler) as AccessRule | 'public';
      if (rule !== 'public') expect(Object.values(rule).length).toBeGreaterThan(0);
    }
  });

  it('answers the success status that the document says', () => {
    for (const { name, handler, method } of routes) {
      const byItself = method === RequestMethod.POST ? 201 : 200;
      const status = (Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined) ?? byItself;
      const responses = documented.get(name)?.responses ?? {};
      const successes = Object.keys(responses).filter((code) => code.startsWith('2'));
      expect([name, successes]).toEqual([name, expect.arrayContaining([String(status)])]);
      // A second one is a decision of the handler: opening a demo again.
      if (name !== 'Opening_open') expect([name, successes.length]).toEqual([name, 1]);
    }
  });

  it('cannot declare it twice', () => {
    const twice = () => {
      class Twice {
        both(): void {}
      }
      const descriptor = Object.getOwnPropertyDescriptor(
        Twice.prototype,
        'both',
      ) as TypedPropertyDescriptor<unknown>;
      Access({ users: 'admin' })(Twice.prototype, 'both', descriptor);
      Public()(Twice.prototype, 'both', descriptor);
    };
    expect(twice).toThrow('Twice.both declares twice');
  });
});
