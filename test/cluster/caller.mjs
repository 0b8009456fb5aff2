/**
 * Calls the API from inside the cluster, through the Service. The run's script executes it in a pod:
 *   caller.mjs write TITLE       signs in, makes a demo and reads it; prints its id
 *   caller.mjs read ID           whether the demo is there; prints its title
 *   caller.mjs stream            calls until standard input ends; prints what failed, and the longest silence
 *   caller.mjs reach HOST PORT   whether a connection opens; prints yes or no
 *   caller.mjs listen PORT       takes connections, for ever
 */
import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';

const { API, ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = process.env;
const [command, ...args] = process.argv.slice(2);
await { write, read, stream, reach, listen }[command](...args);

async function write(title) {
  const token = await signIn();
  const demo = {
    title,
    summary: 'A demo.',
    category: 'test',
    launch: { kind: 'link', url: 'https://demo.example' },
  };
  const made = await call('POST', '/demos', { token, body: demo });
  if (made.status !== 201) throw new Error(`${made.status} ${made.text}`);
  const { id } = JSON.parse(made.text);
  console.log(id);
}

async function read(id) {
  const { status, text } = await call('GET', `/demos/${id}`, { token: await signIn() });
  console.log(status === 200 ? JSON.parse(text).title : `status ${status}`);
}

/** Three callers: one that keeps its connection, one that opens a new one each time, and one that writes. */
async function stream() {
  const token = await signIn();
  const [failures, gaps] = [[], []];
  let [count, ended, last] = [0, false, Date.now()];
  process.stdin.resume().on('end', () => (ended = true));
  const loop = async (method, options, body) => {
    while (!ended) {
      const began = Date.now();
      try {
        const { status } = await call(method, '/demos', { token, body: body?.(), ...options });
        if (status >= 400) throw new Error(`status ${status}`);
        gaps.push(Date.now() - last);
        last = Date.now();
      } catch (error) {
        failures.push(
          `${new Date(began).toISOString().slice(11, 23)} ${method} ${error.code ?? error.message}`,
        );
      }
      count += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const demo = () => ({
    title: `Stream ${count}`,
    summary: 'A demo.',
    category: 'test',
    launch: { kind: 'link', url: 'https://demo.example' },
  });
  await Promise.all([
    loop('GET', { agent: new Agent({ keepAlive: true, maxSockets: 1 }) }),
    loop('GET', { agent: new Agent({ keepAlive: false }) }),
    loop('POST', { agent: new Agent({ keepAlive: false }) }, demo),
  ]);
  gaps.push(Date.now() - last);
  console.log(
    JSON.stringify({
      count,
      failed: failures.length,
      silenceMs: Math.max(...gaps),
      failures: failures.slice(0, 20),
    }),
  );
}

async function reach(host, port) {
  const socket = connect({ host, port: Number(port) });
  const open = await new Promise((resolve) => {
    socket
      .setTimeout(4000, () => resolve(false))
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false));
  });
  socket.destroy();
  console.log(open ? 'yes' : 'no');
}

function listen(port) {
  createServer((socket) => socket.end()).listen(Number(port));
  return new Promise(() => {});
}

async function signIn() {
  const { status, text } = await call('POST', '/auth/login', { body: { email, password } });
  if (status !== 200) throw new Error(`sign-in: ${status} ${text}`);
  return JSON.parse(text).accessToken;
}

function call(method, path, { token, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${API}${path}`,
      {
        method,
        agent,
        timeout: 20_000,
        headers: {
          ...(body && { 'content-type': 'application/json' }),
          ...(token && { authorization: `Bearer ${token}` }),
        },
      },
      (reply) => {
        let text = '';
        reply.setEncoding('utf8').on('data', (part) => (text += part));
        reply.on('end', () => resolve({ status: reply.statusCode, text })).on('error', reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 20 s'))).on('error', reject);
    outgoing.end(body && JSON.stringify(body));
  });
}
