/** A Docker image as its reference names it. */
export interface ImageName {
  /** The canonical form: `registry/repository:tag`. */
  reference: string;
  registry: string;
  repository: string;
  tag: string;
}

const DEFAULT_REGISTRY = 'docker.io';
const OFFICIAL = 'library/';
const MAX_NAME = 255;
const MAX_REFERENCE = 500;

// The grammar of github.com/distribution/reference (regexp.go).
const host = /(?:[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)*|\[[a-f\d:]+\])/i;
const registryName = new RegExp(`^${host.source}(?::\\d{1,5})?$`, 'i');
const component = /[a-z\d]+(?:(?:[._]|__|-+)[a-z\d]+)*/;
const repositoryName = new RegExp(`^${component.source}(?:/${component.source})*$`);
const tagName = /^\w[\w.-]{0,127}$/;

/**
 * Reads an image's reference as Docker does: without a registry it is of docker.io, there without a namespace an
 * official one, without a tag `latest`. A digest is refused: an image is known by its tag, its digest is found out
 * (product.md, Words).
 * @returns its parts and canonical form, or what is wrong with it
 */
export function parseReference(text: string): ImageName | { problem: string } {
  if (text.includes('@')) return { problem: 'must name a tag and no digest, which is found by resolving' };
  // A colon before the last slash is that of a port.
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const name = colon < 0 ? text : text.slice(0, colon);
  const tag = colon < 0 ? 'latest' : text.slice(colon + 1);
  if (!tagName.test(tag)) {
    return { problem: 'must have a tag of letters, digits, dots, dashes and underscores, at most 128' };
  }
  const { registry, repository } = splitName(name);
  if (!registryName.test(registry)) return { problem: 'must have a host name as registry' };
  if (repository !== repository.toLowerCase()) return { problem: 'must have a repository in lower case' };
  if (!repositoryName.test(repository)) {
    return { problem: 'must be a Docker image reference, as in registry.example.com/team/image:1.0' };
  }
  // Docker takes such a name for an image's id.
  if (/^[a-f\d]{64}$/.test(name)) return { problem: 'must be a name and not the id of an image' };
  const reference = `${registry}/${repository}:${tag}`;
  if (registry.length > MAX_NAME || repository.length > MAX_NAME || reference.length > MAX_REFERENCE) {
    return { problem: `must not be longer than ${MAX_NAME} in a name and ${MAX_REFERENCE} in all` };
  }
  return { reference, registry, repository, tag };
}

/** What stands before the first slash is a registry if it looks like a host (distribution/reference, splitDockerDomain). */
function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  const host = isHost ? first.toLowerCase() : DEFAULT_REGISTRY;
  const registry = host === 'index.docker.io' ? DEFAULT_REGISTRY : host;
  const rest = isHost ? name.slice(slash + 1) : name;
  const isOfficial = registry === DEFAULT_REGISTRY && !rest.includes('/');
  return { registry, repository: isOfficial ? OFFICIAL + rest : rest };
}
