// services/web/src/positions.ts: what was heard before, and what is new.
import assert from 'node:assert/strict';
import { Positions } from '../../../services/web/src/positions.ts';
import { run } from './run.mjs';

await run({
  'what was heard is not heard again, and channels do not know of one another': async () => {
    const positions = new Positions();
    assert.deepEqual([7, 8, 8, 7, 9].map((id) => positions.reach('orders', id)), [true, true, false, false, true]);
    assert.equal(positions.reach('videos', 7), true);
    assert.equal(positions.asJson(), '{"orders":9,"videos":7}');
  },

  'after a doubt the server is right, even with less': async () => {
    const positions = new Positions();
    positions.reach('orders', 900);
    positions.doubt('orders');
    assert.equal(positions.asJson(), '{"orders":900}'); // it is still what we ask from, if the line is lost before more comes
    assert.deepEqual([3, 3, 4].map((id) => positions.reach('orders', id)), [true, false, true]);
  },

  'a channel that was left is begun anew': async () => {
    const positions = new Positions();
    positions.reach('orders', 5);
    positions.forget('orders');
    assert.equal(positions.asJson(), '{}');
    assert.equal(positions.reach('orders', 5), true);
  },
});
