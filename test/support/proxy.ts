import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { closeAfterSuite } from './cleanup.js';

/** What stands between a program and its PostgreSQL server, and can fail as a network does. */
export interface Proxy {
  /** The address through the proxy. */
  readonly url: string;
  /** Ends every connection. */
  cut(): void;
  /** Ends every connection and refuses new ones, as where no server runs. */
  close(): Promise<void>;
  /** Listens again. */
  open(): Promise<void>;
  /** Takes connections but passes nothing on. */
  stop(): void;
  resume(): void;
}

/** Starts a proxy on a free port; it ends with the suite. */
export async function proxyTo(address: string): Promise<Proxy> {
  const target = new URL(address);
  const sockets = new Set<Socket>();
  let stopped = false;
  let server: Server | undefined;
  let port = 0;
  const pass = (near: Socket) => {
    const far = connect(Number(target.port), target.hostname);
    const ways = [
      { from: near, to: far },
      { from: far, to: near },
    ];
    for (const { from, to } of ways) {
      sockets.add(from);
      from.on('data', (data) => !stopped && to.write(data));
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
    }
  };
  const open = async () => {
    server = createServer(pass).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const close = async () => {
    if (!server) return;
    const closed = once(server.close(), 'close');
    server = undefined;
    cut();
    await closed;
  };
  await open();
  closeAfterSuite(sockets, close);
  const url = new URL(address);
  url.port = String(port);
  return { url: url.href, cut, close, open, stop: () => (stopped = true), resume: () => (stopped = false) };
}
