import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address and how many of its bits make a network (CIDR). */
export type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

/**
 * Reads a list of addresses and networks, as EGRESS_ALLOW has it.
 * @throws Error naming what is neither
 */
export function parseNetworks(entries: string[]): Network[] {
  return entries.map((entry) => {
    if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
    if (!ipaddr.isValid(entry) || isIP(entry) === 0) throw new Error(`${entry} is no address or network`);
    const address = ipaddr.parse(entry);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
}

/**
 * Tells whether the server may connect to an address: a public one, or one in a network that is allowed. An IPv4
 * address in the clothes of IPv6 is what it is.
 */
export function mayConnect(address: string, allowed: Network[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const real = ipaddr.process(address);
  if (real.range() === 'unicast') return true;
  return allowed.some((network) => network[0].kind() === real.kind() && real.match(network));
}
