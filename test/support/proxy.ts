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
  /** What the server says arrives so many milliseconds late; 0: at once. */
  delay(milliseconds: number): void;
  /**
   * Once: cuts the connection on which a COMMIT comes, before it is passed on (`before`), or when the server has
   * answered it and the program has not heard (`after`). Resolves when that has happened.
   */
  cutAtCommit(when: 'before' | 'after'): Promise<void>;
}

/** Starts a proxy on a free port; it ends with the suite. */
export async function proxyTo(address: string): Promise<Proxy> {
  const target = new URL(address);
  const sockets = new Set<Socket>();
  let stopped = false;
  let late = 0;
  let atCommit: { when: 'before' | 'after'; done: () => void } | undefined;
  let server: Server | undefined;
  let port = 0;
  const pass = (near: Socket) => {
    const far = connect(Number(target.port), target.hostname);
    const ways = [
      { from: near, to: far },
      { from: far, to: near },
    ];
    far.setNoDelay();
    near.setNoDelay();
    const end = () => [near, far].forEach((socket) => socket.destroy());
    /** Whether this connection is the one to be cut, and when. */
    let cutting: typeof atCommit;
    near.prependListener('data', (data) => {
      if (!atCommit || !data.includes('COMMIT')) return;
      cutting = atCommit;
      atCommit = undefined;
      if (cutting.when === 'after') return;
      end();
      cutting.done();
    });
    far.prependListener('data', () => {
      if (cutting?.when !== 'after') return;
      end();
      cutting.done();
    });
    for (const { from, to } of ways) {
      sockets.add(from);
      from.on('data', (data) => {
        if (stopped || near.destroyed) return;
        if (from === far && late > 0) setTimeout(() => to.write(data), late);
        else to.write(data);
      });
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
  return {
    url: url.href,
    cut,
    close,
    open,
    stop: () => (stopped = true),
    resume: () => (stopped = false),
    delay: (milliseconds) => (late = milliseconds),
    cutAtCommit: (when) => new Promise((resolve) => (atCommit = { when, done: resolve })),
  };
}
