import { parseReference } from './image.rules.js';

const hex64 = 'a1'.repeat(32);

describe('an image reference', () => {
  it.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['bitnami/redis', 'docker.io/bitnami/redis:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/library/alpine:1', 'docker.io/library/alpine:1'],
    ['registry.example.com/demos/crm:1.0', 'registry.example.com/demos/crm:1.0'],
    ['registry.example.com:5000/crm', 'registry.example.com:5000/crm:latest'],
    ['Registry.Example.COM/crm:1', 'registry.example.com/crm:1'],
    ['localhost/crm', 'localhost/crm:latest'],
    ['localhost:5000/a/b/c:v1_2-3.4', 'localhost:5000/a/b/c:v1_2-3.4'],
    ['[2001:db8::1]:5000/crm:1', '[2001:db8::1]:5000/crm:1'],
    ['a__b/c-----d/e.f', 'docker.io/a__b/c-----d/e.f:latest'],
    [`x/${hex64}`, `docker.io/x/${hex64}:latest`],
    [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`],
  ])('%s is %s', (text, reference) => {
    const parsed = parseReference(text);
    expect(parsed).toMatchObject({ reference });
    expect(parseReference(reference)).toEqual(parsed);
  });

  it.each([
    ['', 'must be a Docker image'],
    [':1', 'must be a Docker image'],
    ['/alpine', 'must be a Docker image'],
    ['alpine/', 'must be a Docker image'],
    ['a//b', 'must be a Docker image'],
    ['Alpine', 'lower case'],
    ['LTP/crm', 'lower case'],
    ['registry.example.com/Demos/crm', 'lower case'],
    ['a..b', 'must be a Docker image'],
    ['a___b', 'must be a Docker image'],
    ['-a', 'must be a Docker image'],
    ['a-', 'must be a Docker image'],
    ['alpine:', 'tag'],
    ['alpine:.1', 'tag'],
    ['alpine:-1', 'tag'],
    [`alpine:${'t'.repeat(129)}`, 'tag'],
    ['alpine:1:2', 'tag'],
    ['alpine:1;id', 'tag'],
    ['alpine:1; rm -rf /', 'registry'],
    ['alpine:$(id)', 'tag'],
    ['alpine`id`', 'must be a Docker image'],
    ['alpine|cat', 'must be a Docker image'],
    ['alpine&&id', 'must be a Docker image'],
    ['alpine\nid', 'must be a Docker image'],
    ['al pine', 'must be a Docker image'],
    ['álpine', 'must be a Docker image'],
    ['https://registry.example.com/crm', 'registry'],
    ['user:secret@registry.example.com/crm', 'digest'],
    ['-registry.example.com/crm', 'registry'],
    ['registry..example.com/crm', 'registry'],
    ['registry.example.com:port/crm', 'registry'],
    ['registry.example.com:123456/crm', 'registry'],
    [hex64, 'id of an image'],
    [`alpine@sha256:${hex64}`, 'digest'],
    [`alpine:1@sha256:${hex64}`, 'digest'],
    [`registry.example.com/${'a'.repeat(256)}`, 'longer'],
    [`${'a'.repeat(200)}.example.com/${'b'.repeat(200)}:${'c'.repeat(128)}`, 'longer'],
  ])('%j is refused: %s', (text, problem) => {
    expect(parseReference(text)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
