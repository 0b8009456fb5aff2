/** Valid bodies for the POSTs of api.md, each different from the one before; `over` replaces fields. */
import { randomBytes } from 'node:crypto';

type Fields = Record<string, unknown>;

/** A short text no other call returns. */
export function unique(): string {
  return randomBytes(5).toString('hex');
}

/** Strong, and derived from no account. */
export function newPassword(): string {
  return `Violet-${unique()}-harbour-${unique()}`;
}

export function clientInput(over: Fields = {}): Fields & { email: string; password: string } {
  const id = unique();
  return {
    name: `Client ${id}`,
    email: `client-${id}@example.com`,
    company: 'Example Lda',
    accessDays: 30,
    password: newPassword(),
    ...over,
  };
}

export function userInput(over: Fields = {}): Fields & { email: string; password: string } {
  const id = unique();
  return {
    name: `User ${id}`,
    email: `user-${id}@example.com`,
    role: 'viewer',
    password: newPassword(),
    ...over,
  };
}

export function demoInput(over: Fields = {}): Fields {
  const id = unique();
  return {
    title: `Demo ${id}`,
    summary: 'What it shows, in a line.',
    category: 'analytics',
    tags: ['sample'],
    launch: { kind: 'link', url: `https://demos.example.com/${id}` },
    ...over,
  };
}

export function imageInput(over: Fields = {}): Fields {
  return { reference: `registry.example.com/demos/${unique()}:1.0`, ...over };
}
