import type { AccessRule, KeyScope, Principal } from './access.js';
import { refusal } from './access.rules.js';
import { type ClientStatus, clientStatus, type Role } from './accounts.js';

const user = (role: Role): Principal => ({ kind: 'user', id: 'u', sessionId: 's', role, mustEnrol: false });
const client = (status: ClientStatus): Principal => ({ kind: 'client', id: 'c', sessionId: 's', status });
const key = (...scopes: KeyScope[]): Principal => ({ kind: 'key', id: 'k', scopes });

describe('refusal', () => {
  it.each<[AccessRule, Principal, string | undefined]>([
    [{ users: 'viewer' }, user('viewer'), undefined],
    [{ users: 'viewer' }, user('admin'), undefined],
    [{ users: 'admin' }, user('admin'), undefined],
    [{ users: 'admin' }, user('viewer'), 'forbidden'],
    [{ clients: 'restricted' }, user('admin'), 'forbidden'],
    [{}, user('admin'), 'forbidden'],
    [{ clients: 'active' }, client('active'), undefined],
    [{ clients: 'active' }, client('expired'), 'access-expired'],
    [{ clients: 'active' }, client('scheduled'), 'access-not-started'],
    [{ clients: 'expired' }, client('expired'), undefined],
    [{ clients: 'expired' }, client('scheduled'), 'access-not-started'],
    [{ clients: 'restricted' }, client('scheduled'), undefined],
    [{ clients: 'restricted' }, client('revoked'), 'forbidden'],
    [{ users: 'viewer' }, client('active'), 'forbidden'],
    [{ users: 'viewer' }, client('expired'), 'access-expired'],
    [{ key: 'demos:read' }, key('demos:read'), undefined],
    [{ key: 'demos:read' }, key('demos:write'), undefined],
    [{ key: 'demos:write' }, key('demos:read'), 'forbidden'],
    [{ key: 'demos:read' }, key('clients:read', 'images:write'), 'forbidden'],
    [{ key: 'demos:read' }, key(), 'forbidden'],
    [{ key: 'demo-sessions:verify' }, key('demo-sessions:read'), 'forbidden'],
    [{ users: 'viewer' }, key('clients:write'), 'forbidden'],
  ])('of a route for %j for %j is %s', (rule, principal, expected) => {
    expect(refusal(rule, principal)).toBe(expected);
  });
});

describe('clientStatus', () => {
  const at = (text: string) => new Date(`2026-${text}Z`);
  const window = { accessStartsAt: at('03-01T00:00'), accessEndsAt: at('04-01T00:00'), revokedAt: null };
  it.each<[string, Date | null, ClientStatus]>([
    ['02-28T23:59:59.999', null, 'scheduled'],
    ['03-01T00:00', null, 'active'],
    ['03-31T23:59:59.999', null, 'active'],
    ['04-01T00:00', null, 'expired'],
    ['03-15T00:00', at('03-14T00:00'), 'revoked'],
    ['03-14T00:00', at('03-14T00:00'), 'revoked'],
    ['03-13T23:59:59.999', at('03-14T00:00'), 'active'],
    ['05-01T00:00', at('03-14T00:00'), 'revoked'],
    ['02-01T00:00', at('01-14T00:00'), 'revoked'],
  ])('at %s, revoked %s, is %s', (now, revokedAt, status) => {
    expect(clientStatus({ ...window, revokedAt }, at(now))).toBe(status);
  });
});
