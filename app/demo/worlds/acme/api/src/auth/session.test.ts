import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { db } from '../db';
import { refreshSession } from './session';
import { read } from './tokens';

const hour = 60 * 60 * 1000;

beforeEach(async () => {
  await db.sessions.insert({ id: 's1', userId: 'u1', expiresAt: new Date(Date.now() + hour) });
  await db.sessions.insert({ id: 's2', userId: 'u1', expiresAt: new Date(Date.now() - hour) });
});

test('a session in force gets a new token', async () => {
  assert.deepEqual(read(await refreshSession('s1')), { sub: 'u1', sid: 's1' });
});

test('a session past its end is never extended', async () => {
  await assert.rejects(refreshSession('s2'), { name: 'Unauthorized', message: 'session expired' });
});
